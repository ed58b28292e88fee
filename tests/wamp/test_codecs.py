"""Encodings: what is left out, what is passed on as it is, and what is refused with which words."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import Raw

from edge_router.wamp.codecs import BY_SERIALIZER, CBOR, CODECS, JSON, MSGPACK, Codec
from edge_router.wamp.codecs.codec import MAX_NESTING
from edge_router.wamp.errors import ProtocolViolation, TranscodeError
from edge_router.wamp.messages import (
    EMPTY,
    Call,
    CallOptions,
    Error,
    Passthru,
    Publish,
    PublishOptions,
    RevokedSubscription,
    Unsubscribed,
    Welcome,
    WelcomeDetails,
)
from tests.scenarios.spoken import SPOKEN

each = pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)


def _array(codec: Codec, message: Any) -> Any:
    return SPOKEN[codec.name].loads(codec.encode(message))


def test_names_and_numbers_are_the_specs() -> None:
    """RawSocket serializers 1 to 3, WebSocket subprotocols."""
    assert {number: codec.subprotocol for number, codec in BY_SERIALIZER.items()} == {
        1: "wamp.2.json",
        2: "wamp.2.msgpack",
        3: "wamp.2.cbor",
    }
    assert [codec.binary for codec in (JSON, MSGPACK, CBOR)] == [False, True, True]


@each
def test_absent_arguments_are_left_out(codec: Codec) -> None:
    """Both, or kwargs; kwargs without args have an empty list before them."""
    args, kwargs = codec.dumps([1]), codec.dumps({"a": 1})
    for given, expected in [
        ((EMPTY, EMPTY), []),
        ((args, EMPTY), [[1]]),
        ((EMPTY, kwargs), [[], {"a": 1}]),
        ((args, kwargs), [[1], {"a": 1}]),
    ]:
        assert _array(codec, Publish(7, PublishOptions(), "com.x", *given)) == [16, 7, {}, "com.x", *expected]
        assert _array(codec, Error(48, 7, Passthru(), "com.e", *given)) == [8, 48, 7, {}, "com.e", *expected]


@each
def test_attributes_with_their_default_are_left_out(codec: Codec) -> None:
    """Only what differs is said."""
    call = Call(1, CallOptions(timeout=5, disclose_me=False), "com.x")
    assert _array(codec, call) == [48, 1, {"timeout": 5}, "com.x"]
    assert _array(codec, Welcome(9, WelcomeDetails(roles={"broker": {}}))) == [2, 9, {"roles": {"broker": {}}}]


@each
def test_an_answer_to_unsubscribe_has_no_details_but_a_revocation_has(codec: Codec) -> None:
    """Spec, "UNSUBSCRIBED" and "Subscription Revocation"."""
    assert _array(codec, Unsubscribed(3)) == [35, 3]
    revoked = Unsubscribed(0, RevokedSubscription(4, "wamp.x"))
    assert _array(codec, revoked) == [35, 0, {"subscription": 4, "reason": "wamp.x"}]
    assert codec.decode(codec.encode(revoked)) == revoked
    assert codec.decode(codec.encode(Unsubscribed(3))) == Unsubscribed(3)


@each
def test_a_payload_is_kept_as_the_bytes_it_came_in(codec: Codec) -> None:
    """Also where our own encoder would write it in another way."""
    odd = {
        "json": b'[ 1.0e0 , "\\u0041" ]',
        "msgpack": b"\xdc\x00\x02\xcf\0\0\0\0\0\0\0\x01\xd9\x01A",
        "cbor": b"\x9f\x1b\0\0\0\0\0\0\0\x01\x7f\x61A\xff\xff",
    }[codec.name]
    message = Publish(1, PublishOptions(), "com.x", Raw(odd))
    decoded = codec.decode(codec.encode(message))
    assert bytes(decoded.args) == odd  # type: ignore[attr-defined]
    assert odd in codec.encode(decoded)
    assert codec.loads(Raw(odd)) == [1, "A"]


@each
def test_nesting_has_a_limit_and_what_is_below_it_is_taken(codec: Codec) -> None:
    """Receivers written in Python break at a thousand."""
    spoken = SPOKEN[codec.name]

    def nested(depth: int) -> Any:
        value: Any = 1
        for _ in range(depth):
            value = [value]
        return value

    codec.decode(spoken.dumps([16, 1, {}, "com.x", nested(MAX_NESTING - 8)]))
    for frame in ([16, 1, {}, "com.x", nested(MAX_NESTING + 1)], [16, 1, {"x": nested(MAX_NESTING + 1)}, "com.x"]):
        with pytest.raises(ProtocolViolation, match=f"more than {MAX_NESTING} deep"):
            codec.decode(spoken.dumps(frame))


@each
def test_many_containers_that_are_not_deep_are_taken(codec: Codec) -> None:
    """A wide message is no deep one."""
    values = [[{"a": []}] for _ in range(3 * MAX_NESTING)]
    assert codec.loads(codec.decode(SPOKEN[codec.name].dumps([16, 1, {}, "com.x", values])).args) == values  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("array", "words"),
    [
        ([16, 1, {"acknowledge": "yes"}, "com.x"], "acknowledge"),
        ([16, -1, {}, "com.x"], "1|unsigned"),
        ([16, 1, {}], "PUBLISH|Publish|array|length|elements"),
        ([16, 1, {}, 7], "str|text"),
        ([99], "99"),
        ([16, 1, {}, "com.x", "args"], "list|array|args"),
        ([16, 1, {}, "com.x", [], 7], "dict|object|map|kwargs"),
    ],
)
@each
def test_what_is_wrong_is_said(codec: Codec, array: list[Any], words: str) -> None:
    """A sentence that helps whoever wrote the client."""
    with pytest.raises(ProtocolViolation, match=words):
        codec.decode(SPOKEN[codec.name].dumps(array))


@each
def test_text_that_is_no_utf8_is_its_senders_violation(codec: Codec) -> None:
    """It must not get a browser disconnected that would receive it."""
    good = SPOKEN[codec.name].dumps([16, 1, {}, "com.x", ["marker"]])
    for bad in (b"mar\xffer", b"mar\xc3er", b"\xed\xa0\x80ker"):
        with pytest.raises(ProtocolViolation):
            codec.decode(good.replace(b"marker", bad))
    with pytest.raises(ProtocolViolation):
        codec.decode(good.replace(b"com.x", b"com.\xff"))


@each
@pytest.mark.parametrize("value", [object(), {1, object()}, 2**20_000], ids=["object", "set", "number"])
def test_a_value_without_a_form_is_told(codec: Codec, value: Any) -> None:
    """TranscodeError, and nothing else."""
    if codec is CBOR and type(value) is int:
        assert codec.loads(codec.dumps(value)) == value
    else:
        with pytest.raises(TranscodeError):
            codec.dumps([value])


def test_json_says_binary_by_the_convention() -> None:
    """U+0000 and base64 (spec, "Binary support in JSON"); its own example."""
    data = bytes.fromhex("10e3ff9053075c526f5fc06d4fe37cdb")
    assert bytes(JSON.dumps(data)) == b'"\\u0000EOP/kFMHXFJvX8BtT+N82w=="'
    assert JSON.loads(JSON.dumps([data, {"k": data}])) == [data, {"k": data}]
    assert JSON.loads(b'"\\u0000no base64!"') == "\0no base64!"
