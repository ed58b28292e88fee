"""Figures of the node's parts, put together when somebody asks: realms, sessions, bridges."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edge_router.router.meta_sessions import session_details
from edge_router.router.statistics import counts_of

if TYPE_CHECKING:
    from edge_router.node.bridges import RunningBridge
    from edge_router.node.node import Node
    from edge_router.node.router import RouterWorker
    from edge_router.router.session import RouterSession


def realm_figures(worker: RouterWorker) -> list[dict[str, Any]]:
    """Those of all realms of a router. worker: the router."""
    return [{"worker": worker.name, **realm} for realm in worker.info()["realms"]]


def session_figures(session: RouterSession) -> dict[str, Any]:
    """A session, as `wamp.session.get` has it, and how much it has sent and been sent."""
    counts = counts_of(session)
    return {
        **session_details(session),
        "subscriptions": len(session.subscriptions),
        "registrations": len(session.registrations),
        "seconds": round(session.router.clock.seconds() - session.joined_at, 1),
        "events_dropped": session.peer.dropped,
        "bytes_waiting": getattr(session.peer, "waiting", 0),
        **({} if counts is None else counts.shown()),
    }


def slow_readers(worker: RouterWorker) -> list[dict[str, Any]]:
    """The sessions of a router for which something waits, or was dropped."""
    return [
        {"worker": worker.name, "realm": realm.name, **session_figures(session)}
        for realm in worker.router.realms.values()
        for session in realm.sessions.values()
        if session.peer.dropped or getattr(session.peer, "waiting", 0)
    ]


def bridge_figures(node: Node, bridge: RunningBridge) -> dict[str, Any]:
    """A bridge, with what its session has sent to the router and been sent, while it has one."""
    info = bridge.info()
    worker = next((worker for worker in node.workers if worker.has_realm(info["realm"])), None)
    session = worker.router.realms[info["realm"]].sessions.get(bridge.session) if worker is not None else None
    counts = None if session is None else counts_of(session)
    if counts is None:
        return info
    return {**info, "messages_received": counts.messages_received, "messages_sent": counts.messages_sent}
