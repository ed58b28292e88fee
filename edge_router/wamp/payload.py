"""Payloads from one encoding to another: only for a receiver whose encoding is not the sender's.

A payload stays in the bytes it arrived in; receivers of the same encoding get those. For another encoding it is decoded
and made anew, once per message and encoding (`outgoing` keeps the result).
"""

from __future__ import annotations

from msgspec import Raw
from msgspec.structs import replace

from edge_router.wamp.codecs import Codec
from edge_router.wamp.messages import EMPTY, WITH_PAYLOAD, Message


def transcode_raw(raw: Raw, source: Codec, target: Codec) -> Raw:
    """One payload value from the encoding `source` to `target`; what is absent stays absent. Raises TranscodeError."""
    return target.dumps(source.loads(raw)) if raw else EMPTY


def transcode(message: Message, source: Codec, target: Codec) -> Message:
    """The message with args and kwargs in the encoding `target`. Raises TranscodeError if they have no form there."""
    if source is target or type(message) not in WITH_PAYLOAD:
        return message
    return replace(
        message,
        args=transcode_raw(message.args, source, target),  # type: ignore[attr-defined]
        kwargs=transcode_raw(message.kwargs, source, target),  # type: ignore[attr-defined]
    )
