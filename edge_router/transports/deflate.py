"""permessage-deflate on the way out (RFC 7692).

Frames are made once for all clients and may be dropped for a slow one, but a compressor is of one connection and must
see what is sent, all of it, in order. So it sits between the peer and the transport, where nothing is dropped any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from websockets.frames import Frame, Opcode

from edge_router import registry
from edge_router.config.schema import Deflate


def extensions_for(deflate: Deflate | None) -> Sequence[Any]:
    """The extensions a server offers: permessage-deflate as configured, or none. zlib is loaded only for the former."""
    if deflate is None:
        return ()
    factory = registry.load("websockets.extensions.permessage_deflate:ServerPerMessageDeflateFactory")
    return (
        factory(
            server_no_context_takeover=deflate.no_context_takeover,
            client_no_context_takeover=deflate.no_context_takeover,
            server_max_window_bits=deflate.max_window_bits,
            client_max_window_bits=deflate.max_window_bits,
            compress_settings={"memLevel": deflate.memory_level},
        ),
    )


class Compressor:
    """A transport whose `write` compresses.

    transport: Twisted's. extensions: as negotiated on this connection (`websockets` extensions).
    """

    __slots__ = (
        "_extensions",
        "_transport",
        "abortConnection",
        "loseConnection",
        "pauseProducing",
        "registerProducer",
        "resumeProducing",
        "unregisterProducer",
    )

    def __init__(self, transport: Any, extensions: Sequence[Any]) -> None:
        self._transport = transport
        self._extensions = extensions
        self.registerProducer = transport.registerProducer
        self.unregisterProducer = transport.unregisterProducer
        self.pauseProducing = transport.pauseProducing
        self.resumeProducing = transport.resumeProducing
        self.loseConnection = transport.loseConnection
        self.abortConnection = transport.abortConnection

    def write(self, data: bytes) -> None:
        """Write whole frames as `wsframes` makes them: final, not masked, text or binary."""
        compressed = []
        start = 0
        while start < len(data):
            length, header = data[start + 1], 2
            if length == 126:
                length, header = int.from_bytes(data[start + 2 : start + 4]), 4
            elif length == 127:
                length, header = int.from_bytes(data[start + 2 : start + 10]), 10
            end = start + header + length
            frame = Frame(Opcode(data[start] & 0x0F), data[start + header : end])
            compressed.append(frame.serialize(mask=False, extensions=self._extensions))
            start = end
        self._transport.write(b"".join(compressed))
