"""The `health` service: for programs that watch over the node, or send clients to it.

`live`: the process answers. `ready`: the node has started, does not end, and what is wanted of it runs.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import msgspec

from edge_router.config.schema.webserve import HealthPath
from edge_router.transports.host import Host
from edge_router.web.request import WebRequest


class HealthService:
    """Whether the node is well (`type: health`)."""

    def __init__(self, config: HealthPath, host: Host) -> None:
        self._wants_bridges = config.bridges
        self._wants_uplinks = config.uplinks
        self._info = host.info

    def answer(self, request: WebRequest, rest: tuple[str, ...]) -> None:
        """Answer with 200 or 503; without `live` or `ready` it is about the latter."""
        name = rest[0] if rest else ""
        if len(rest) > 1 or name not in ("", "live", "ready"):
            request.page(HTTPStatus.NOT_FOUND, "There are `live` and `ready` here.")
            return
        request.setHeader(b"Cache-Control", b"no-store")
        well, said = (True, {}) if name == "live" else self._readiness()
        status = HTTPStatus.OK if well else HTTPStatus.SERVICE_UNAVAILABLE
        body = msgspec.json.encode({"status": "pass" if well else "fail", **said})
        request.respond(status, body + b"\n", "application/json")

    def _readiness(self) -> tuple[bool, dict[str, Any]]:
        info = self._info()
        bridges = {bridge["id"]: bridge["state"] for bridge in info.get("bridges", ())}
        well = info.get("state", "running") == "running"
        if self._wants_bridges:
            well = well and all(state == "running" for state in bridges.values())
        uplinks = {uplink["id"]: uplink["link"] for uplink in info.get("uplinks", ())}
        if self._wants_uplinks:
            well = well and all(link == "up" for link in uplinks.values())
        return well, {
            "state": info.get("state", "running"), "bridges": bridges, **({"uplinks": uplinks} if uplinks else {})
        }  # fmt: skip
