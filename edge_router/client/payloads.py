"""Payloads between plain values and the encoding of a session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Raw

from edge_router.client.values import Result
from edge_router.wamp.codecs import Codec
from edge_router.wamp.messages import EMPTY


def payload_of(codec: Codec, args: Sequence[Any], kwargs: Mapping[str, Any] | None) -> tuple[Raw, Raw]:
    """Args and kwargs as a message carries them; what is empty is left out. Raises TranscodeError."""
    return codec.dumps(list(args)) if args else EMPTY, codec.dumps(dict(kwargs)) if kwargs else EMPTY


def result_of(codec: Codec, message: Any) -> Result:
    """Args and kwargs of a message that carries a payload. Raises TranscodeError."""
    loads = codec.loads
    return Result(loads(message.args) if message.args else (), loads(message.kwargs) if message.kwargs else {})
