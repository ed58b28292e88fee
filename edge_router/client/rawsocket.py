"""WAMP over RawSocket, the client's end (spec, "RawSocket Transport")."""

from __future__ import annotations

from typing import Any

from edge_router.client.connection import Connection
from edge_router.client.failures import CannotConnect
from edge_router.wamp.codecs import CODECS
from edge_router.wamp.rawsocket import (
    HANDSHAKE_LENGTH,
    PING,
    PONG,
    Deframer,
    HandshakeRefused,
    announced_limit,
    control,
    frame,
    hello,
    read_reply,
)


class RawSocketConnection(Connection):
    """One connection; see `Connection`."""

    def begin(self) -> None:
        """Say what is spoken here."""
        config: Any = self.plan.transport
        self._octets = b""
        self._codec = CODECS[config.serializer]
        self._limit = config.options.max_message_size
        self._deframer: Deframer | None = None
        self.transport.write(hello(self._codec.id, self._limit))

    def read(self, data: bytes) -> None:
        """Octets of the handshake, then of frames."""
        if self._deframer is None:
            self._octets += data
            if len(self._octets) < HANDSHAKE_LENGTH:
                return
            octets, data = self._octets[:HANDSHAKE_LENGTH], self._octets[HANDSHAKE_LENGTH:]
            self._shake_hands(octets)
        deframer = self._deframer
        assert deframer is not None
        for encoded in deframer.feed(data):
            self.received(encoded)
        for kind, payload in deframer.controls:
            if kind == PING:
                self.transport.write(control(PONG, payload))
        deframer.controls.clear()
        if deframer.violation is not None:
            raise deframer.violation

    def _shake_hands(self, octets: bytes) -> None:
        try:
            longest = read_reply(octets, self._codec.id)
        except HandshakeRefused as refusal:
            raise CannotConnect(f"{self.plan.place}: no RawSocket: {refusal}") from None
        self._deframer = Deframer(announced_limit(self._limit))
        self.opened(self._codec, longest)

    def write(self, encoded: bytes) -> None:
        """Write one message."""
        self.transport.write(frame(encoded))

    def ping(self) -> None:
        """Ask for a sign of life."""
        self.transport.write(control(PING, b"edge"))
