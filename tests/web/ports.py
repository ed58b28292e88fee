"""A web port in memory, and answers taken apart."""

from __future__ import annotations

from http.client import HTTPResponse
from io import BytesIO
from pathlib import Path
from typing import Any

from edge_router.config.schema import WebOptions
from edge_router.web.site import Site
from tests.transports.wires import MemoryNode, MemoryTransport


class Answer:
    """One HTTP answer: `status`, `headers`, `body`."""

    def __init__(self, data: bytes, method: str = "GET") -> None:
        class Socket:
            def makefile(self, mode: str) -> BytesIO:
                return BytesIO(data)

        response = HTTPResponse(Socket(), method=method)  # type: ignore[arg-type]
        response.begin()
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()


class WebPort:
    """A port that serves `paths`. directory: the node's. `node`: a MemoryNode."""

    def __init__(self, paths: dict[str, Any], directory: Path = Path("/nonexistent"), **options: Any) -> None:
        self.node = MemoryNode(directory, options.pop("info", None))
        self.site = Site(paths, WebOptions(**options), self.node.host)
        self.connections = self.node.connections(self.site.channel)

    def connect(self) -> MemoryTransport:
        return self.node.connect(self.connections)

    def ask(self, path: str, method: str = "GET", **headers: str) -> Answer:
        """One request on a connection of its own. headers: `If_None_Match="..."`."""
        transport = self.connect()
        transport.protocol.dataReceived(request(path, method, **headers))
        answer = Answer(transport.sent(), method)
        transport.protocol.connectionLost(None)
        return answer


def request(path: str, method: str = "GET", **headers: str) -> bytes:
    """The bytes of a request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: pi.local"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"
