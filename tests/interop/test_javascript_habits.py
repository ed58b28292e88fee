"""What libraries of JavaScript write and the spec does not foresee, made by hand: no Node is needed here."""

from __future__ import annotations

import cbor2
import msgspec
import pytest

from edge_router.wamp.codecs import CODECS
from edge_router.wamp.errors import ProtocolViolation
from edge_router.wamp.messages import Publish, Subscribe, SubscribeOptions

ENCODE = {"json": msgspec.json.encode, "msgpack": msgspec.msgpack.encode, "cbor": cbor2.dumps}
UNDEFINED = {"json": None, "msgpack": msgspec.msgpack.Ext(0, b"\0"), "cbor": cbor2.undefined}
ENCODINGS = sorted(ENCODE)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("nothing", ["null", "undefined"])
def test_option_that_is_nothing_counts_as_left_out(encoding: str, nothing: str) -> None:
    """wampy.js: SUBSCRIBE with {match: undefined, get_retained: undefined}."""
    value = None if nothing == "null" else UNDEFINED[encoding]
    frame = ENCODE[encoding]([32, 1, {"match": value, "get_retained": value}, "com.x"])
    assert CODECS[encoding].decode(frame) == Subscribe(1, SubscribeOptions(), "com.x")


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_session_ids_as_floats(encoding: str) -> None:
    """cbor-x and msgpackr write integers over 2**32 as floats; the payload stays as it is."""
    frame = ENCODE[encoding]([16, float(2**40), {"exclude": [float(2**41)]}, "com.x", [1.0]])
    message = CODECS[encoding].decode(frame)
    assert isinstance(message, Publish)
    assert message.request == 2**40
    assert message.options.exclude == (2**41,)
    assert bytes(message.args) == ENCODE[encoding]([1.0])


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("number", [1.5, -1.0, 0.0, 1e300, float("inf"), float("nan")])
def test_floats_that_are_no_ids_stay_violations(encoding: str, number: float) -> None:
    """An id is an integer from 1 to 2**53."""
    with pytest.raises(ProtocolViolation):
        CODECS[encoding].decode(ENCODE[encoding]([34, 1, number]))


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("value", [7, [], {}, True, 1.5])
def test_options_of_a_wrong_type_stay_violations(encoding: str, value: object) -> None:
    """Only nothing counts as nothing."""
    with pytest.raises(ProtocolViolation):
        CODECS[encoding].decode(ENCODE[encoding]([32, 1, {"match": value, "get_retained": None}, "com.x"]))


@pytest.mark.parametrize("encoding", ["msgpack", "cbor"])
def test_undefined_in_a_payload_is_null_in_other_encodings(encoding: str) -> None:
    """`{value: undefined}` reaches a browser that speaks JSON as null."""
    raw = ENCODE[encoding]([UNDEFINED[encoding], {"a": [UNDEFINED[encoding]]}])
    assert CODECS[encoding].loads(raw) == [None, {"a": [None]}]


def test_typed_array_of_octets_is_octets_in_other_encodings() -> None:
    """CBOR tag 64 (RFC 8746) is a Uint8Array; other tags have no form elsewhere and stay what they are."""
    raw = cbor2.dumps([cbor2.CBORTag(64, b"\x01\x02"), {"a": cbor2.CBORTag(64, b"")}])
    assert CODECS["cbor"].loads(raw) == [b"\x01\x02", {"a": b""}]
