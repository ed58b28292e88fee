"""CBOR can say more than WAMP needs; what is dangerous of it is not decoded (RFC 8949, section 3.4)."""

from __future__ import annotations

from datetime import UTC, datetime

import cbor2
import pytest
from msgspec import Raw

from edge_router.wamp.codecs import CBOR, CODECS, JSON
from edge_router.wamp.errors import ProtocolViolation, TranscodeError
from edge_router.wamp.messages import EMPTY, Publish, PublishOptions
from edge_router.wamp.payload import transcode


def _doubling(levels: int) -> bytes:
    """A list in which each item has the one before it twice, by reference: 2**levels items in a few bytes."""
    items = [b"\xd8\x1c\x80"]
    items += [b"\xd8\x1c\x82" + (b"\xd8\x1d" + cbor2.dumps(level)) * 2 for level in range(levels)]
    return bytes((0x98, len(items))) + b"".join(items)


HOSTILE = {
    "shared references that double": _doubling(40),
    "a list that contains itself": b"\xd8\x1c\x81\xd8\x1d\x00",
    "the same, and undefined": b"\xd8\x1c\x82\xf7\xd8\x1d\x00",
    "references to strings": b"\xd9\x01\x00\x82\x6abbbbbbbbbb\xd8\x19\x00",
    "a decimal fraction of many digits, which takes minutes": b"\x81\xc4\x82\x01\xc2\x5a\0\x01\0\0" + b"\xff" * 65536,
    "a regular expression": b"\x81\xd8\x23\x62((",
    "a long way to write a short tag": b"\xda\x00\x00\x00\x1c\x81\xd9\x00\x1d\x00",
}


@pytest.mark.parametrize("payload", HOSTILE.values(), ids=HOSTILE)
def test_a_payload_with_dangerous_tags_is_passed_on_but_not_decoded(payload: bytes) -> None:
    """Receivers of CBOR get it as it is; for those of other encodings it has no form."""
    frame = b"\x85\x10\x01\xa0\x65com.x" + (payload if payload[0] >> 5 == 4 else b"\x81" + payload)
    message = CBOR.decode(frame)
    assert CBOR.encode(message) == frame
    with pytest.raises(TranscodeError, match="tag"):
        transcode(message, CBOR, JSON)


@pytest.mark.parametrize("payload", HOSTILE.values(), ids=HOSTILE)
def test_options_with_dangerous_tags_are_a_violation(payload: bytes) -> None:
    """Options are decoded, so they must not have such tags, not even in attributes that nobody knows."""
    with pytest.raises(ProtocolViolation, match="tag"):
        CBOR.decode(b"\x84\x18\x20\x01\xa1\x61x" + payload + b"\x65com.x")


@pytest.mark.parametrize(
    ("payload", "value"),
    [
        (b"\xc2\x42\x01\x00", 256),
        (b"\xd9\xd9\xf7\x01", 1),
        (b"\xd8\x40\x43abc", b"abc"),
        (b"\xc1\x00", datetime(1970, 1, 1, tzinfo=UTC)),
    ],
)
def test_harmless_tags_are_decoded(payload: bytes, value: object) -> None:
    """Big numbers that are small, self-described CBOR, typed arrays of octets, dates."""
    assert CBOR.loads(payload) == value


def test_octets_that_look_like_tags_are_none() -> None:
    """What stands in strings is no tag."""
    value = [b"\xd8\x1c\xd8\x1d\x00", "Ü\u0600", -1.5e300, {"\u0618": b"\xc4"}]
    assert CBOR.loads(CBOR.dumps(value)) == value


@pytest.mark.parametrize(
    ("name", "payload"), [("json", b'["1970-01-01T00:00:00Z"]'), ("msgpack", b"\x91\xd6\xff\0\0\0\0")]
)
def test_dates_have_a_form_in_every_encoding(name: str, payload: bytes) -> None:
    """A date is a string in JSON and a timestamp in MsgPack."""
    message = Publish(1, PublishOptions(), "com.x", Raw(b"\x81\xc1\x00"), EMPTY)
    assert bytes(transcode(message, CBOR, CODECS[name]).args) == payload  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "kwargs", [b"\xa1\x01\x02", b"\xa2\x61a\x01\x41b\x02", b"\xbf\x20\x01\xff", b"\xa1\x80\x01", b"\xa0\xff"]
)
def test_keys_of_keyword_arguments_are_text(kwargs: bytes) -> None:
    """As the other encodings have it; receivers take them for names."""
    with pytest.raises(ProtocolViolation):
        CBOR.decode(b"\x86\x10\x01\xa0\x65com.x\x80" + kwargs)


@pytest.mark.parametrize(
    "kwargs", [b"\xa0", b"\xa1\x61a\xa1\x01\x02", b"\xbf\x61a\x01\xff", b"\xb8\x01\x7f\x61a\xff\x01", b"\xbf\xff"]
)
def test_keyword_arguments_may_be_written_in_any_way(kwargs: bytes) -> None:
    """Of definite length or not; inside them keys may be anything."""
    message = CBOR.decode(b"\x86\x10\x01\xa0\x65com.x\x80" + kwargs)
    assert bytes(message.kwargs) == kwargs  # type: ignore[attr-defined]
