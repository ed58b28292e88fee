"""Who is made known to the receivers of an event or a call, and who may ask for it.

A session that is a link of another router says in `forward_for` whose message it hands on: the session that it began
with, then each link that it came through. Broker and dealer append the link itself. Who is disclosed, is the session
that it began with. (Spec, "Caller Identification", "Publisher Identification"; `forward_for` is Crossbar's.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from msgspec.structs import replace

from edge_router.router.grants import Action, Permissions
from edge_router.wamp.errors import DISCLOSE_ME_DISALLOWED, OPTION_NOT_ALLOWED, WampError
from edge_router.wamp.messages import Call, CallOptions, EventDetails, Hop, Hops, Publish, PublishOptions

if TYPE_CHECKING:
    from edge_router.router.session import RouterSession

#: sessions that a message may have come through
MOST_HOPS: Final = 16

_Sent = TypeVar("_Sent", Publish, Call)


def disclosure_refused(permissions: Permissions, action: Action, uri: str) -> WampError:
    """The error for `disclose_me` where a role may not ask for it."""
    return WampError(
        DISCLOSE_ME_DISALLOWED, f"role '{permissions.name}' may {action} '{uri}', but not with disclose_me"
    )


def handed_on(session: RouterSession, message: _Sent) -> _Sent:
    """The message with the link that handed it on at the end of its `forward_for`.

    Raises WampError `option_not_allowed` where the session's role does not forward, or the message went in a circle.
    """
    trail: Hops = message.options.forward_for or ()
    permissions, realm = session.permissions, session.realm
    if not permissions.forwards:
        raise _not_allowed("role", f"role '{permissions.name}' may not hand on what others send")
    if len(trail) >= MOST_HOPS:
        raise _not_allowed("hops", f"it came through {len(trail)} sessions, and less than {MOST_HOPS} would be right")
    here = [hop.session for hop in trail if realm is not None and hop.session in realm.sessions]
    if here:
        raise _not_allowed("circle", f"it went in a circle: session {here[0]} is one of this realm")
    trail = (*trail, Hop(session.id, session.authid, permissions.name))
    return replace(message, options=replace(message.options, forward_for=trail))


def _not_allowed(reason: str, why: str) -> WampError:
    """reason: in a word, for links that have to know."""
    return WampError(OPTION_NOT_ALLOWED, f"forward_for: {why}", reason=reason)


def sender(session: RouterSession, options: PublishOptions | CallOptions) -> Hop:
    """Who may be made known: who sent the message, or for whom it was handed on."""
    trail = options.forward_for
    return trail[0] if trail else Hop(session.id, session.authid, session.permissions.name)


def trail_for(trail: Hops, disclosed: bool, receiver: RouterSession) -> Hops | None:
    """`forward_for` as a receiver gets it.

    Everything where the sender is disclosed, else nothing; links get the session ids even so, to see circles by.
    """
    if disclosed:
        return trail
    return tuple(Hop(hop.session) for hop in trail) if receiver.permissions.forwards else None


def of_another(details: EventDetails, trail: Hops, disclosed: bool, receiver: RouterSession) -> EventDetails:
    """EVENT.Details of what was handed on, out of those with the link as publisher."""
    told, first = trail_for(trail, disclosed, receiver), trail[0]
    if not disclosed:
        return replace(details, forward_for=told)
    return replace(
        details,
        forward_for=told,
        publisher=first.session,
        publisher_authid=first.authid,
        publisher_authrole=first.authrole,
    )
