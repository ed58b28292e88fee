"""For whom a message is handed on, in `forward_for`: so that receivers may know, and so that nothing goes in circles.

The session that it began with comes first, where the router at whose end it came in makes that known; then each link.
A router refuses what came through a session of its own. (`forward_for` is Crossbar's; see `router.disclosure`.)
"""

from __future__ import annotations

from edge_router.client.session import Session
from edge_router.wamp.messages import EventDetails, Hop, Hops, InvocationDetails


def of_event(details: EventDetails, own: Session) -> Hops:
    """`forward_for` of an event. own: the session that received it."""
    return _trail(details.publisher, details.publisher_authid, details.publisher_authrole, details.forward_for, own)


def of_call(details: InvocationDetails, own: Session) -> Hops:
    """`forward_for` of a call. own: the session that was invoked."""
    return _trail(details.caller, details.caller_authid, details.caller_authrole, details.forward_for, own)


def _trail(first: int | None, authid: str | None, authrole: str | None, before: Hops | None, own: Session) -> Hops:
    """Texts are never left out: autobahn, and Crossbar with it, ends a session that leaves one out."""
    began = before or ((Hop(first, authid, authrole),) if first else ())
    return tuple(
        Hop(hop.session, hop.authid or "", hop.authrole or "")
        for hop in (*began, Hop(own.id, own.authid, own.authrole))
    )
