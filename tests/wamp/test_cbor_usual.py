"""The short way to read usual messages in CBOR says the same as the long one, whatever the octets."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_router.wamp.codecs import CBOR
from edge_router.wamp.errors import ProtocolViolation
from edge_router.wamp.messages import Call, CallOptions, Publish, PublishOptions

REQUESTS = st.sampled_from([1, 23, 24, 255, 256, 65_535, 65_536, 2**32 - 1, 2**32, 2**53])
URIS = st.one_of(st.text(max_size=30), st.integers(0, 300).map("x".__mul__))
ARGS = st.lists(st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary()), max_size=30)
KWARGS = st.one_of(st.just({}), st.dictionaries(st.text(max_size=3), st.integers(), max_size=3))


@st.composite
def frames(draw: st.DrawFn) -> bytes:
    """A message that may be a usual one, as it is sent, or with an octet that is another, too much or not there."""
    request, args, kwargs = draw(REQUESTS), CBOR.dumps(draw(ARGS)), draw(KWARGS)
    more: Any = (args, CBOR.dumps(kwargs)) if kwargs else (args,)
    frame = draw(
        st.sampled_from(
            [
                Publish(request, PublishOptions(acknowledge=draw(st.booleans())), draw(URIS), *more),
                Call(request, CallOptions(), draw(URIS), *more),
            ]
        ).map(CBOR.encode)
    )
    at = draw(st.integers(0, min(len(frame), 40)))
    octet = draw(st.binary(min_size=1, max_size=1))
    rest = draw(st.sampled_from([frame[at:], frame[at + 1 :]]))
    return draw(st.sampled_from([frame, frame[:at], frame[:at] + octet + rest]))


def decoded(frame: bytes) -> Any:
    """The message; None if it is refused, which may be for another reason where several things are wrong."""
    try:
        message = CBOR.decode(frame)
    except ProtocolViolation:
        return None
    fields = [getattr(message, name) for name in message.__struct_fields__]
    return type(message), [bytes(field) if type(field).__name__ == "Raw" else field for field in fields]


@given(frames())
def test_both_ways_say_the_same(frame: bytes) -> None:
    short = decoded(frame)
    with patch.object(CBOR, "_usual", return_value=None):
        assert decoded(frame) == short


@pytest.mark.parametrize(
    "message",
    [
        Publish(1, PublishOptions(), "com.example.topic", CBOR.dumps([21.5])),
        Call(70_000, CallOptions(), "com.example.a_procedure_with_a_long_name", CBOR.dumps([{"a": [1, 2]}, "é"])),
        Call(300, CallOptions(timeout=5), "x", CBOR.dumps([])),
    ],
)
def test_usual_messages_take_the_short_way(message: Any) -> None:
    """Else the test above would compare nothing."""
    frame = CBOR.encode(message)
    code, at = (frame[1], 2) if frame[1] != 0x18 else (frame[2], 3)
    assert type(CBOR._usual(frame, code, at)) is type(message)
