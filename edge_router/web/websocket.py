"""The `websocket` service: WAMP over WebSocket at a path of a web port.

A request that asks for it takes its connection along out of HTTP; everything else gets a page that says what is here.
(RFC 6455 section 4, RFC 9110 section 7.8.)
"""

from __future__ import annotations

from http import HTTPStatus

from edge_router.config.schema import WebSocketPath
from edge_router.transports.host import Host
from edge_router.transports.websocket import WebSockets
from edge_router.web.request import WebRequest


class WebSocketService:
    """WebSockets at a path (`type: websocket`), and at all paths below it, as Crossbar has it."""

    def __init__(self, config: WebSocketPath, host: Host) -> None:
        self._websockets = WebSockets(config, host)

    def answer(self, request: WebRequest, rest: tuple[str, ...]) -> None:  # noqa: ARG002 - as all services
        """Hand the connection over, or say that it takes a WebSocket client."""
        if "websocket" in request.header("Upgrade").lower():
            channel = request.channel
            protocol = self._websockets.protocol(channel.connections)
            head = head_of(request)
            channel.hand_over(protocol)
            protocol.dataReceived(head)
        else:
            request.setHeader(b"Upgrade", b"websocket")
            request.page(
                HTTPStatus.UPGRADE_REQUIRED,
                "This is the address of a WAMP router. It is for programs that speak WAMP over WebSocket, not for "
                "reading; the address of a page of this router may be the same without the last part.",
            )


def head_of(request: WebRequest) -> bytes:
    """The head of a request as it goes over the wire; Twisted has checked that no part holds a line break."""
    lines = [b"%b %b %b" % (request.method, request.uri, request.clientproto)]
    for name, values in request.requestHeaders.getAllRawHeaders():
        lines += [b"%b: %b" % (name, value) for value in values]
    return b"\r\n".join(lines) + b"\r\n\r\n"
