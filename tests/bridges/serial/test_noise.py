"""Whatever comes over the line, the bridge goes on, and what it publishes can be sent to everybody."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from bridges.serial.bridge import SerialBridge
from bridges.serial.config import SerialConfig
from bridges.stamps import Stamps
from edge_router.wamp.codecs import CODECS
from tests.bridges.harness import FakeSession

KINDS: dict[str, dict[str, Any]] = {
    "json": {"fields": {"a": {"type": "number", "min": 0, "scale": 2, "deadband": 0.1}, "b.c": {"enum": {"1": "on"}}}},
    "csv": {"columns": ["a", "b"], "fields": {"a": {"type": "int", "min_interval": 1, "max_interval": 2}}},
    "keyvalue": {"fields": {"a": {"type": "bool"}}},
    "raw": {"max_frame": 10},
    "regex": {"patterns": [r"(?P<a>\d+),(?P<b>.*)", r"a=(?P<a>.)"], "fields": {"a": {"type": "int"}}},
    "nmea": {"unsealed": True, "fields": {"lat": {"deadband": 0.1}}},
    "cbor": {},
    "msgpack": {"max_frame": 10},
    "struct": {"layout": {"items": [{"name": "a", "type": "float16"}, {"name": "b", "type": "string"}]}},
}
#: noise, and lines that are nearly right
PIECES = st.one_of(
    st.binary(max_size=20),
    st.sampled_from([b"\n", b"\r\n", b'{"a": ', b"1", b"}", b"1,2", b"a=1", b"NaN", b'"\\ud83d"', b"[" * 40, b"1e999"]),
    st.sampled_from(
        [b"$GPGLL,4916.45,N,12311.12,W,225444,A\n", b"$GPMTW,nan,C", b"\xa1\x61a\xf9\x7e\x00", b"\x81\x01"]
    ),
    st.builds(lambda a: b'{"a": %s, "b": {"c": 1}}\n' % str(a).encode(), st.one_of(st.integers(), st.floats())),
)


@pytest.mark.parametrize("decode", sorted(KINDS))
@given(pieces=st.lists(PIECES, max_size=40))
def test_any_bytes(decode: str, pieces: list[bytes]) -> None:
    """Every frame is published, bad or dropped; status events stay few; every value has a form in every encoding."""
    clock = Clock()
    section = {"type": "serial", "id": "k", "realm": "r", "device": "/dev/x", "decode": decode, **KINDS[decode]}
    stamps = Stamps(clock, wall=lambda: 1.7e9 + clock.seconds(), synchronized=lambda: True)
    bridge = SerialBridge(msgspec.convert(section, SerialConfig), clock, stamps)
    session = FakeSession()
    bridge._session = session
    frames = [line for line in b"".join(pieces).split(b"\n")[:-1] if line not in (b"", b"\r")]
    for piece in pieces:
        bridge.port_received(piece)
        clock.advance(0.01)
    about = bridge.details()
    rest = b"".join(pieces).rpartition(b"\n")[2]
    overlong_rest = len(rest) > bridge.config.max_frame
    assert about["frames"] + about["bad"] + about["dropped"] == len(frames) + overlong_rest
    assert len(session.values("k")) == about["frames"]
    assert len(session.values("k.status")) <= 2
    for _, value, kwargs in session.events:
        for codec in CODECS.values():
            codec.dumps([value])
            codec.dumps(kwargs)
