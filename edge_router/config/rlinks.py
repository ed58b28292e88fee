"""Crossbar's `rlinks` of a realm, read as `uplinks`: events and procedures both ways, as far as either side wants them.

One that leaves something out (`forward_...: false`, `exclude_authid`) is not read: what it lets through, rules have to
say. Loaded only for a file that has them. Source: crossbar.io's documentation of router-to-router links.
"""

from __future__ import annotations

from typing import Any, Final

from edge_router.config.problems import Path

#: what a key may say to be read; others of these are needed
_AS_HERE: Final[dict[str, Any]] = {
    "exclude_authid": [],
    **dict.fromkeys(
        (
            "forward_local_events",
            "forward_remote_events",
            "forward_local_invocations",
            "forward_remote_invocations",
        ),
        True,
    ),
}
_NEEDED: Final = ("realm", "transport")
_KNOWN: Final = ("id", "authid", *_NEEDED)
_RULE: Final = {"uri": "", "match": "prefix", "direction": "both", "mirror": True}
_RULES: Final = [{**_RULE, "kind": kind} for kind in ("events", "procedures")]


def uplinks(realm: dict[str, Any], path: Path) -> tuple[dict[str, Any], list[tuple[dict[str, Any], Path]]]:
    """The uplinks that stand in a realm.

    realm: with `rlinks`. path: of the realm. Result: the realm without those, and each as a section with the path where
    it stood.
    """
    found, left = [], []
    listed = realm["rlinks"]
    for place, link in enumerate(listed if isinstance(listed, list) else ()):
        if _can_be_read(link):
            found.append((_uplink(link, realm.get("name"), place), (*path, "rlinks", place)))
        else:
            left.append(link)
    if not found:
        return realm, []
    rest = {key: value for key, value in realm.items() if key != "rlinks"}
    return ({**rest, "rlinks": left} if left else rest), found


def _can_be_read(link: Any) -> bool:
    if not isinstance(link, dict) or any(key not in link for key in _NEEDED):
        return False
    return all(key in _KNOWN or (key in _AS_HERE and value == _AS_HERE[key]) for key, value in link.items())


def _uplink(link: dict[str, Any], realm: Any, place: int) -> dict[str, Any]:
    """Crossbar logs in with the key of the node, whoever that is known as."""
    login = {"privkey": {"file": "key.priv"}, **({"authid": link["authid"]} if "authid" in link else {})}
    return {
        "id": link.get("id", f"rlink{place:03}"),
        "realm": realm,
        "remote_realm": link["realm"],
        "transport": link["transport"],
        "auth": {"cryptosign": login},
        "rules": _RULES,
    }
