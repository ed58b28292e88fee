"""An uplink in the node: joined to its realm as a bridge is, and kept going.

A link that is down is the uplink's own affair; here it is about one that cannot join its own realm.
"""

from __future__ import annotations

from functools import partial
from random import uniform
from typing import TYPE_CHECKING, Any

from bridges.stamps import is_synchronized
from edge_router import registry
from edge_router.config.schema import Uplink
from edge_router.node.bridges import RunningBridge

if TYPE_CHECKING:
    from edge_router.node.node import Node

_UPLINK = "edge_router.uplink.uplink:Uplink"
_SESSION = "edge_router.uplink.session:LinkSession"


class RunningUplink(RunningBridge):
    """One uplink of the node."""

    def leave_to(self, config: Any) -> None:
        """Nothing is left behind: what waits is in the store."""

    def take_over(self, before: Any) -> None:
        """Nothing is taken over; see above."""

    def info(self) -> dict[str, Any]:
        """Facts for the node's info page, JSON-like; `link` is `up` or `down`."""
        return {**super().info(), **self._bridge.figures()}

    def in_short(self) -> dict[str, Any]:
        """For `edge-router status`."""
        info = self.info()
        if self.state != "running":
            return {"type": "uplink", "id": info["id"], "state": self.state}
        rows = info["rows"]
        waiting = [f"{rows} events wait" if rows != 1 else "1 event waits"] if rows else []
        why = [info["peer"]] if "peer" in info else [info["error"]]
        return {"type": "uplink", "id": info["id"], "state": info["link"], "details": ", ".join(why + waiting)}


def uplink(node: Node, section: Uplink) -> RunningUplink:
    """An uplink of a node, not started yet."""
    worker = next(worker for worker in node.workers if worker.has_realm(section.realm))
    part = registry.load(_UPLINK)(section, node.id, node.directory, node.reactor, uniform, is_synchronized)
    join = partial(worker.join_local, kind=registry.load(_SESSION))
    running = RunningUplink(section, part, join, node.reactor)
    part.changed = lambda: running.changed()
    return running
