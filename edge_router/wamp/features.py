"""The features a router announces in WELCOME: exactly those that work (spec, "Feature Announcement").

A feature is added here in the commit that makes it work and adds its scenario to `tests/scenarios`.
"""

from __future__ import annotations

from typing import Any, Final

#: what a client may announce that changes what the router does; nothing else of its announcement is kept
CLIENT_FEATURES: Final = frozenset(
    {
        "callee.call_canceling",
        "callee.call_reroute",
        "callee.call_timeout",
        "callee.payload_passthru_mode",
        "callee.progressive_call_invocations",
        "callee.progressive_call_results",
        "callee.registration_revocation",
        "caller.payload_passthru_mode",
        "caller.progressive_call_invocations",
        "publisher.payload_passthru_mode",
        "subscriber.subscription_revocation",
    }
)

#: what a part of the node itself can do, by `client.session`
LOCAL_FEATURES: Final = CLIENT_FEATURES - {
    "callee.call_timeout",
    "callee.payload_passthru_mode",
    "callee.progressive_call_invocations",
    "caller.payload_passthru_mode",
}

#: what every router does
ROUTER_ROLES: Final[dict[str, dict[str, Any]]] = {
    "broker": {
        "features": {
            "event_retention": True,
            "pattern_based_subscription": True,
            "payload_passthru_mode": True,
            "publisher_exclusion": True,
            "publisher_identification": True,
            "subscriber_blackwhite_listing": True,
        }
    },
    "dealer": {
        "features": {
            "call_canceling": True,
            "call_reroute": True,
            "call_timeout": True,
            "caller_identification": True,
            "pattern_based_registration": True,
            "payload_passthru_mode": True,
            "progressive_call_invocations": True,
            "progressive_call_results": True,
            "registration_revocation": True,
            "shared_registration": True,
        }
    },
}

#: what a realm with the meta API does besides, by role
META_FEATURES: Final[dict[str, tuple[str, ...]]] = {
    "broker": ("session_meta_api", "subscription_meta_api", "subscription_revocation"),
    "dealer": ("registration_meta_api", "session_meta_api", "testament_meta_api"),
}


def announced(meta_api: bool, history: bool = False) -> dict[str, dict[str, Any]]:
    """The roles and features that a realm's WELCOME announces.

    meta_api: whether it has the meta API. history: whether it keeps events, which are read by the meta API.
    """
    if not meta_api:
        return ROUTER_ROLES
    more = {**META_FEATURES, "broker": (*META_FEATURES["broker"], "event_history")} if history else META_FEATURES
    return {
        role: {"features": {**details["features"], **dict.fromkeys(more[role], True)}}
        for role, details in ROUTER_ROLES.items()
    }
