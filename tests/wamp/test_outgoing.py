"""A message is encoded once per encoding and framed once per wire, however many receive it."""

from __future__ import annotations

import gc
import sys
from typing import Any

import pytest
from msgspec import Raw

from edge_router.wamp.codecs import CBOR, JSON, MSGPACK, Codec
from edge_router.wamp.errors import TranscodeError
from edge_router.wamp.messages import EMPTY, Event, EventDetails, Message, Subscribed
from edge_router.wamp.outgoing import Outgoing, Wire


class Counted:
    """A codec and a framing that count how often they are used."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self.encoded = self.framed = self.dumped = 0
        self.name = codec.name
        self.wire = Wire(self, self._frame)  # type: ignore[arg-type]

    def _frame(self, data: bytes) -> bytes:
        self.framed += 1
        return b"<" + data + b">"

    def encode(self, message: Message) -> bytes:
        self.encoded += 1
        return self._codec.encode(message)

    def loads(self, raw: Any) -> Any:
        return self._codec.loads(raw)

    def dumps(self, value: Any) -> Raw:
        self.dumped += 1
        return self._codec.dumps(value)


def _event(codec: Codec, *values: Any) -> Event:
    return Event(1, 2, EventDetails(), codec.dumps(list(values)) if values else EMPTY)


def test_a_frame_is_made_once_for_all_receivers_of_a_wire() -> None:
    """A hundred receivers, one encoding, one framing, no look at the payload."""
    json = Counted(JSON)
    outgoing = Outgoing(_event(JSON, 1), json)  # type: ignore[arg-type]
    frames = {outgoing.frame(json.wire) for _ in range(100)}
    assert frames == {b"<[36,1,2,{},[1]]>"}
    assert (json.encoded, json.framed, json.dumped) == (1, 1, 0)


def test_a_wire_that_is_there_is_found_without_a_call() -> None:
    """What `StreamPeer.send` looks at."""
    json = Counted(JSON)
    outgoing = Outgoing(_event(JSON, 1), json)  # type: ignore[arg-type]
    assert outgoing.wire is None
    data = outgoing.frame(json.wire)
    assert outgoing.wire is json.wire
    assert outgoing.data is data


def test_other_encodings_are_made_once_each_in_any_order() -> None:
    """Receivers of three encodings, mixed."""
    json, msgpack, cbor = Counted(JSON), Counted(MSGPACK), Counted(CBOR)
    outgoing = Outgoing(_event(JSON, 1, "x"), json)  # type: ignore[arg-type]
    for _ in range(10):
        for counted in (cbor, json, msgpack):
            outgoing.frame(counted.wire)
    for counted in (json, msgpack, cbor):
        assert (counted.encoded, counted.framed) == (1, 1)
    assert CBOR.decode(outgoing.frame(cbor.wire)[1:-1]) == _event(CBOR, 1, "x")
    assert MSGPACK.decode(outgoing.frame(msgpack.wire)[1:-1]) == _event(MSGPACK, 1, "x")


@pytest.mark.parametrize("first", [True, False])
def test_a_payload_without_a_form_fails_for_its_wire_alone(first: bool) -> None:
    """Whoever is served first."""
    cbor, msgpack = Wire(CBOR, bytes), Wire(MSGPACK, bytes)
    outgoing = Outgoing(_event(CBOR, 2**70), CBOR)
    if not first:
        outgoing.frame(cbor)
    for _ in range(2):
        with pytest.raises(TranscodeError):
            outgoing.frame(msgpack)
    assert CBOR.decode(outgoing.frame(cbor)) == outgoing.message


def test_nothing_is_left_of_one_that_had_no_form_for_somebody() -> None:
    """The garbage collector does not look at them, so there must be no circle."""
    gc.collect()
    before = sum(map(sys.getrefcount, (CBOR, MSGPACK)))
    for _ in range(10):
        outgoing = Outgoing(_event(CBOR, 2**70), CBOR)
        outgoing.frame(Wire(CBOR, bytes))
        for _ in range(2):
            with pytest.raises(TranscodeError):
                outgoing.frame(Wire(MSGPACK, bytes))
    del outgoing
    gc.collect()
    assert sum(map(sys.getrefcount, (CBOR, MSGPACK))) == before


def test_messages_without_payload_need_no_transcoding() -> None:
    """They are the same for all."""
    message = Subscribed(1, 2)
    assert Outgoing(message, JSON).message_for(CBOR) is message
    assert Outgoing(message, JSON).frame(Wire(CBOR, bytes)) == CBOR.encode(message)
