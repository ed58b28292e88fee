"""Any frame gives a message or a protocol violation; what was let in can be sent on, or said to have no form."""

from __future__ import annotations

import json
from typing import Any

import cbor2
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_router.wamp.codecs import CODECS, Codec
from edge_router.wamp.errors import ProtocolViolation, TranscodeError
from edge_router.wamp.messages import WITH_PAYLOAD, Message
from edge_router.wamp.payload import transcode
from tests.fuzz.strategies import ARGS, KWARGS, REQUESTS, VALUES, frames
from tests.scenarios.spoken import SPOKEN

each_encoding = pytest.mark.parametrize("encoding", CODECS)


def _decoded(codec: Codec, frame: bytes) -> Message | None:
    try:
        return codec.decode(frame)
    except ProtocolViolation:
        return None


@each_encoding
@given(data=st.data())
def test_any_frame_is_a_message_or_a_violation(encoding: str, data: st.DataObject) -> None:
    """Whatever the bytes, `decode` raises nothing but ProtocolViolation; what it lets in can be sent on."""
    codec = CODECS[encoding]
    message = _decoded(codec, data.draw(frames(encoding)))
    if message is None:
        return
    again = codec.decode(codec.encode(message))
    assert again == message or type(message) not in WITH_PAYLOAD
    for target in CODECS.values():
        try:
            told = transcode(message, codec, target)
        except TranscodeError:
            continue
        assert type(target.decode(target.encode(told))) is type(message)


@each_encoding
@given(data=st.data())
def test_what_is_let_in_is_valid_for_everybody(encoding: str, data: st.DataObject) -> None:
    """A payload that is let through undecoded does not break a receiver that decodes it with another library."""
    frame = data.draw(frames(encoding))
    message = _decoded(CODECS[encoding], frame)
    if message is not None and type(message) in WITH_PAYLOAD:
        _STRICT[encoding](CODECS[encoding].encode(message))


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def _cbor_loads(frame: bytes) -> None:
    try:
        cbor2.loads(frame)
    except cbor2.CBORDecodeEOF:
        raise
    except (cbor2.CBORDecodeError, TypeError, OverflowError):
        pass  # tags with contents that this library has no value for, dicts as keys of dicts: well-formed all the same


_STRICT = {
    "json": lambda frame: json.loads(frame.decode("utf-8"), parse_constant=_no_constant),
    "msgpack": lambda frame: msgspec.msgpack.decode(frame),
    "cbor": _cbor_loads,
}


@each_encoding
@given(value=VALUES)
def test_values_survive_an_encoding(encoding: str, value: Any) -> None:
    """What one encodes, it decodes to the same; so does a library that is not ours."""
    codec = CODECS[encoding]
    raw = codec.dumps(value)
    assert codec.loads(raw) == value
    assert SPOKEN[encoding].loads(bytes(raw)) == value


@pytest.mark.parametrize("target", CODECS)
@each_encoding
@given(args=ARGS, kwargs=KWARGS)
def test_payloads_survive_transcoding(encoding: str, target: str, args: list[Any], kwargs: dict[str, Any]) -> None:
    """From any encoding to any other and back, nothing changes."""
    source, other = CODECS[encoding], CODECS[target]
    frame = SPOKEN[encoding].dumps([16, 1, {}, "com.x", args, kwargs])
    message = source.decode(frame)
    there = transcode(message, source, other)
    assert SPOKEN[target].loads(other.encode(there)) == [16, 1, {}, "com.x", args, kwargs]
    back = transcode(other.decode(other.encode(there)), other, source)
    assert SPOKEN[encoding].loads(source.encode(back)) == [16, 1, {}, "com.x", args, kwargs]


@given(array=REQUESTS)
def test_encodings_agree_on_what_is_a_message(array: list[Any]) -> None:
    """The same array is a message in all encodings, with the same fields, or in none."""
    found = {name: _decoded(codec, SPOKEN[name].dumps(array)) for name, codec in CODECS.items()}
    kinds = {name: message and type(message) for name, message in found.items()}
    assert len(set(kinds.values())) == 1, kinds
    if found["json"] is not None:
        plain = [_plain(CODECS[name], message) for name, message in found.items()]
        assert plain[0] == plain[1] == plain[2]


def _plain(codec: Codec, message: Any) -> list[Any]:
    return [
        codec.loads(value) if isinstance(value, msgspec.Raw) and value else value
        for value in msgspec.structs.astuple(message)
    ]
