"""The encodings of WAMP: one instance each, by name and by RawSocket serializer id."""

from __future__ import annotations

from typing import Final

from edge_router.wamp.codecs.cbor import CborCodec
from edge_router.wamp.codecs.codec import Codec
from edge_router.wamp.codecs.json import JsonCodec
from edge_router.wamp.codecs.msgpack import MsgPackCodec

JSON: Final = JsonCodec()
MSGPACK: Final = MsgPackCodec()
CBOR: Final = CborCodec()

CODECS: Final[dict[str, Codec]] = {codec.name: codec for codec in (JSON, MSGPACK, CBOR)}
BY_SERIALIZER: Final[dict[int, Codec]] = {codec.id: codec for codec in CODECS.values()}

__all__ = ["BY_SERIALIZER", "CBOR", "CODECS", "JSON", "MSGPACK", "Codec"]
