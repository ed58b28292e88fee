"""WAMP over WebSocket, the client's end (RFC 6455; spec, "WebSocket Transport").

`websockets` does the protocol without I/O; here its events meet Twisted's transport.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, Final

from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import CONNECTING, OPEN
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from edge_router import registry
from edge_router.client.connection import Connection
from edge_router.client.failures import CannotConnect
from edge_router.config.schema import Deflate
from edge_router.wamp.codecs import CODECS, Codec
from edge_router.wamp.errors import ProtocolViolation

#: octets of an answer to the handshake
MAX_HEAD: Final = 65_536
#: status of answers by what serves pages, and nothing else, at that path
ELSEWHERE: Final = (200, 301, 302, 303, 307, 308, 404, 405)

#: `websockets` writes lines of its own about each connection; errors say here what counts
_SILENT: Final = logging.getLogger("edge_router.client.websocket")
_SILENT.setLevel(logging.CRITICAL)


class WebSocketConnection(Connection):
    """One connection; see `Connection`."""

    def begin(self) -> None:
        """Ask for a WebSocket."""
        config: Any = self.plan.transport
        self._codecs: dict[str, Codec] = {CODECS[name].subprotocol: CODECS[name] for name in config.serializers}
        self._ws = ClientProtocol(
            parse_uri(config.url),
            subprotocols=[Subprotocol(name) for name in self._codecs],
            extensions=_extensions(config.options.compression.deflate),
            max_size=config.options.max_message_size,
            logger=_SILENT,
        )
        self._closes_within = config.options.close_handshake_timeout / 1000
        self._message: bytearray | None = None
        self._head_size = 0
        self._ws.send_request(self._ws.connect())
        self._flush()

    def read(self, data: bytes) -> None:
        """Octets of the handshake, then of frames."""
        ws = self._ws
        ws.receive_data(data)
        if ws.state is CONNECTING:
            self._head_size += len(data)
            if self._head_size > MAX_HEAD:
                raise CannotConnect(f"{self.plan.place}: the answer to the WebSocket handshake does not end")
        for event in ws.events_received():
            if isinstance(event, Response):
                self._shake_hands(event)
            elif isinstance(event, Frame):
                self._received_frame(event)
        if ws.handshake_exc is not None and self.codec is None:
            raise CannotConnect(f"{self.plan.place}: no WebSocket: {ws.handshake_exc}")
        self._flush()
        if ws.close_rcvd is not None and self.session is not None and self.session.is_open:
            self.session.lost(f"the router at {self.plan.place} closed the WebSocket: {ws.close_rcvd}")
            self.expect_end(self._closes_within)

    def _shake_hands(self, response: Response) -> None:
        ws = self._ws
        if response.status_code != 101:
            plain = response.headers.get("Content-Type", "").startswith("text/plain")
            text = bytes(response.body or b"").decode("utf-8", "replace").strip()[:200] if plain else ""
            status = f"{response.status_code} {response.reason_phrase}"
            hint = "; the path of the url may be wrong" if response.status_code in ELSEWHERE else ""
            raise CannotConnect(
                f"{self.plan.place}: the router refused the WebSocket: {status}{f': {text}' if text else ''}{hint}"
            )
        if ws.handshake_exc is not None or ws.subprotocol is None:
            spoken = ", ".join(self._codecs)
            reason = ws.handshake_exc or f"it names no subprotocol; one of {spoken} would be right"
            raise CannotConnect(f"{self.plan.place}: no WebSocket for WAMP: {reason}")
        codec = self._codecs[ws.subprotocol]
        self._opcode = Opcode.BINARY if codec.binary else Opcode.TEXT
        self.opened(codec, 2**31)

    def _received_frame(self, frame: Frame) -> None:
        if self.codec is None:
            return
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY):
            if frame.opcode is not self._opcode:
                raise ProtocolViolation(f"a {frame.opcode.name} frame; {self._opcode.name} would be right")
            if frame.fin:
                self.received(bytes(frame.data))
            else:
                self._message = bytearray(frame.data)
        elif frame.opcode is Opcode.CONT and self._message is not None:
            self._message += frame.data
            if frame.fin:
                whole, self._message = self._message, None
                self.received(bytes(whole))

    def write(self, encoded: bytes) -> None:
        """Write one message."""
        if self._ws.state is OPEN:
            if self._opcode is Opcode.TEXT:
                self._ws.send_text(encoded)
            else:
                self._ws.send_binary(encoded)
            self._flush()

    def finish(self) -> None:
        """Start the closing handshake; the router closes the connection (RFC 6455 section 7.1.1)."""
        if self._ws.state is OPEN:
            self._ws.send_close(1000)
            self._flush()
            self.expect_end(self._closes_within)
        else:
            super().finish()

    def ping(self) -> None:
        """Ask for a sign of life."""
        if self._ws.state is OPEN:
            self._ws.send_ping(b"")
            self._flush()

    def _flush(self) -> None:
        """Write what the protocol has to say."""
        for data in self._ws.data_to_send():
            if data:
                self.transport.write(data)
            else:
                super().finish()


def _extensions(deflate: Deflate | None) -> Sequence[Any] | None:
    """permessage-deflate as configured, or none. zlib is loaded only for the former."""
    if deflate is None:
        return None
    factory = registry.load("websockets.extensions.permessage_deflate:ClientPerMessageDeflateFactory")
    return [
        factory(
            server_no_context_takeover=deflate.no_context_takeover,
            client_no_context_takeover=deflate.no_context_takeover,
            server_max_window_bits=deflate.max_window_bits,
            client_max_window_bits=deflate.max_window_bits,
            compress_settings={"memLevel": deflate.memory_level},
        )
    ]
