"""A client without manners: octets, frames and messages by hand, over RawSocket and WebSocket.

It checks nothing on the way out, so that every mistake can be made, and reads what the router answers.
"""

from __future__ import annotations

import base64
import os
import socket
from collections.abc import Callable
from typing import Any, Final

import cbor2
import msgspec

from tests.interop.running_node import RunningNode

SERIALIZERS: Final = {"json": 1, "msgpack": 2, "cbor": 3}
DUMPS: Final[dict[str, Callable[[Any], bytes]]] = {
    "json": msgspec.json.encode,
    "msgpack": msgspec.msgpack.encode,
    "cbor": cbor2.dumps,
}
LOADS: Final[dict[str, Callable[[bytes], Any]]] = {
    "json": msgspec.json.decode,
    "msgpack": msgspec.msgpack.decode,
    "cbor": cbor2.loads,
}
CLIENT_ROLES: Final = {
    "publisher": {},
    "subscriber": {},
    "caller": {"features": {"call_canceling": True, "progressive_call_results": True}},
    "callee": {"features": {"call_canceling": True, "progressive_call_results": True}},
}
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
PROTOCOL_VIOLATION: Final = "wamp.error.protocol_violation"
PATIENCE: Final = 10.0


class Closed(Exception):
    """The router has closed the connection."""


class Client:
    """A connection that has shaken hands.

    node, door: where to (`universal-ws` and `universal-raw` name the two ways of one, as of any other). serializer:
    `json`, `msgpack` or `cbor`. receive_buffer: octets that the kernel keeps for it; 0: as usual. Messages are lists;
    payloads are decoded.
    """

    more_headers: tuple[str, ...] = ()

    def __init__(self, node: RunningNode, door: str, serializer: str = "json", receive_buffer: int = 0) -> None:
        self.serializer = serializer
        self.is_websocket = door in {"websocket", "calm", "web"} or door.endswith("-ws")
        self.close_code: int | None = None
        self._unread = b""
        self.socket = self._connect(node, door.partition("-")[0], receive_buffer)
        path = "/" if door in {"websocket", "calm"} else "/ws"
        if self.is_websocket:
            self._upgrade(path)
        else:
            self.socket.sendall(bytes((0x7F, 0xF0 | SERIALIZERS[serializer], 0, 0)))
            assert self._exactly(4)[:1] == b"\x7f"

    @staticmethod
    def _connect(node: RunningNode, name: str, receive_buffer: int) -> socket.socket:
        place = node.places[name]
        made = socket.socket(socket.AF_INET if isinstance(place, tuple) else socket.AF_UNIX)
        if receive_buffer:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        made.connect(place)
        if made.family == socket.AF_INET:
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as clients do; else latencies are our own
        made.settimeout(PATIENCE)
        return made

    def _upgrade(self, path: str) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [
            f"GET {path} HTTP/1.1",
            "Host: localhost",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {key}",
            f"Sec-WebSocket-Protocol: wamp.2.{self.serializer}",
            *self.more_headers,
        ]
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode())
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self._exactly(1)
        assert head.startswith(b"HTTP/1.1 101 "), head

    # --- octets ------------------------------------------------------------------------------------------------

    def _exactly(self, count: int) -> bytes:
        while len(self._unread) < count:
            try:
                more = self.socket.recv(65_536)
            except ConnectionError:
                more = b""
            if not more:
                raise Closed(f"{len(self._unread)} octets of {count} came")
            self._unread += more
        octets, self._unread = self._unread[:count], self._unread[count:]
        return octets

    def sip(self, count: int) -> None:
        """Take at most so many octets of what has come, for `receive` to find later."""
        patience = self.socket.gettimeout()
        self.socket.settimeout(0)
        try:
            self._unread += self.socket.recv(count)
        except BlockingIOError:
            pass
        finally:
            self.socket.settimeout(patience)

    def send_octets(self, octets: bytes) -> None:
        """Send whatever it is, past all framing. A connection that the router has closed meanwhile is all right."""
        try:
            self.socket.sendall(octets)
        except ConnectionError:
            pass

    def frame(self, payload: bytes, kind: int | None = None) -> bytes:
        """A frame around a payload. kind: the opcode of a WebSocket frame, or the type of a RawSocket frame."""
        if not self.is_websocket:
            return ((kind or 0) << 24 | len(payload)).to_bytes(4, "big") + payload
        opcode = kind if kind is not None else TEXT if self.serializer == "json" else BINARY
        return websocket_frame(opcode, payload)

    def send_frame(self, payload: bytes, kind: int | None = None) -> None:
        """Send one frame."""
        self.send_octets(self.frame(payload, kind))

    def receive_frame(self) -> tuple[int, bytes]:
        """The next frame: its type or opcode, and its payload. Raises Closed."""
        if not self.is_websocket:
            head = int.from_bytes(self._exactly(4), "big")
            return head >> 24, self._exactly(head & 0xFFFFFF)
        first, length = self._exactly(2)
        if length > 125:
            length = int.from_bytes(self._exactly(2 if length == 126 else 8), "big")
        return first & 15, self._exactly(length)

    # --- messages ----------------------------------------------------------------------------------------------

    def send(self, message: Any) -> None:
        """Send one message."""
        self.send_frame(DUMPS[self.serializer](message))

    def receive(self) -> Any:
        """The next message; pings are answered on the way. Raises Closed, with `close_code` set if there was one."""
        while True:
            kind, payload = self.receive_frame()
            if self.is_websocket and kind == CLOSE:
                self.close_code = int.from_bytes(payload[:2], "big")
                raise Closed(f"close code {self.close_code}")
            if kind == (PING if self.is_websocket else 1):
                self.send_frame(payload, PONG if self.is_websocket else 2)
            elif kind == (PONG if self.is_websocket else 2):
                continue
            else:
                return LOADS[self.serializer](payload)

    def hello(self, realm: str = "realm1") -> int:
        """Join. Result: the session id."""
        self.send([1, realm, {"roles": CLIENT_ROLES}])
        welcome = self.receive()
        assert welcome[0] == 2, welcome
        session: int = welcome[1]
        return session

    def ask(self, message: list[Any]) -> Any:
        """Send a request and take the answer to it, which must be the next message."""
        self.send(message)
        return self.receive()

    def expect_end(self) -> list[Any]:
        """Everything that still comes until the router closes the connection."""
        messages = []
        try:
            while True:
                messages.append(self.receive())
        except Closed:
            return messages

    def expect_abort(self) -> str:
        """ABORT with a protocol violation must come, and the end. Result: what its message says."""
        messages = self.expect_end()
        assert messages, "closed without ABORT"
        assert messages[-1][0] == 3, messages
        assert messages[-1][2] == PROTOCOL_VIOLATION
        text: str = messages[-1][1]["message"]
        return text

    def close(self) -> None:
        """Cut the connection."""
        self.socket.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def websocket_frame(opcode: int, payload: bytes, fin: bool = True, masked: bool = True) -> bytes:
    """A WebSocket frame as a client sends it; the mask is zero, so that the payload can be read in a dump."""
    mask_bit = 0x80 if masked else 0
    size = len(payload)
    if size < 126:
        length = bytes((mask_bit | size,))
    elif size < 65_536:
        length = bytes((mask_bit | 126,)) + size.to_bytes(2, "big")
    else:
        length = bytes((mask_bit | 127,)) + size.to_bytes(8, "big")
    return bytes(((0x80 if fin else 0) | opcode,)) + length + (bytes(4) if masked else b"") + payload
