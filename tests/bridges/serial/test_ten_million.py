"""Ten million bytes of noise into each framing and each decoder, and noise among good frames.

No crash, memory within its bounds, and no value that a checksum could have caught.
"""

from __future__ import annotations

import itertools
import json
import random
import struct
from collections.abc import Callable, Iterator
from typing import Any

import cbor2
import msgspec
import pytest

from bridges.serial.decoders import DECODERS, decoder
from bridges.values import BadValue, check
from tests.bridges.serial.framings import SHAPES, Line, configured
from tests.bridges.serial.test_nmea import sealed

pytestmark = pytest.mark.slow

NOISE = 10_000_000
MIXED = 200_000
READ = 4_096
#: shapes that try every byte as a begin, or make a frame of every few: less of it, they take microseconds a byte
THOROUGH = {"length-crc": 10, "fixed-crc": 40, "fixed": 10}
SEALED = [name for name, options in SHAPES.items() if "checksum" in options]


def noise(size: int, seed: int = 5) -> Iterator[bytes]:
    chance = random.Random(seed)
    for _ in range(size // READ):
        yield chance.randbytes(READ)


@pytest.mark.parametrize("name", SHAPES)
def test_each_framing(name: str) -> None:
    """What has a checksum lets nothing pass but by chance: one in 256 for `sum`, in 65,536 for 16 bits."""
    line = Line(SHAPES[name])
    for data in noise(NOISE // THOROUGH.get(name, 1)):
        line.feed(data)
        assert len(line.framing._buffer) <= 4_096 + READ  # type: ignore[attr-defined]
        line.bad.clear()
        if "checksum" not in SHAPES[name]:
            line.frames.clear()
    line.silent()
    by_chance = {"line-sum": 3, "cobs-crc": 3, "length-ubx": 3, "enclosed-hdlc": 3, "gap-crc": 0}
    assert len(line.frames) <= (by_chance.get(name, 0) if "checksum" in SHAPES[name] else 0)


VALUES: dict[str, tuple[dict[str, Any], Callable[[int, float], bytes]]] = {
    "json": ({}, lambda n, t: json.dumps({"n": n, "t": t}).encode()),
    "csv": ({"columns": ["n", "t"]}, lambda n, t: f"{n},{t}".encode()),
    "keyvalue": ({}, lambda n, t: f"n={n} t={t}".encode()),
    "regex": ({"patterns": [r"N(?P<n>\d+) T(?P<t>-?[0-9.]+)"]}, lambda n, t: f"N{n} T{t}".encode()),
    "nmea": ({}, lambda n, t: sealed(f"GPXXX,{n},{t}")),
    "raw": ({"encoding": "binary"}, lambda n, t: struct.pack("<Id", n, t)),
    "cbor": ({}, lambda n, t: cbor2.dumps({"n": n, "t": t})),
    "msgpack": ({}, lambda n, t: msgspec.msgpack.encode({"n": n, "t": t})),
    "struct": (
        {"layout": {"items": [{"name": "n", "type": "uint32"}, {"name": "t", "type": "float64"}]}},
        lambda n, t: struct.pack("<Id", n, t),
    ),
}


@pytest.mark.parametrize("name", DECODERS)
def test_each_decoder(name: str) -> None:
    """Noise by lines, and by single bytes where a format says much with few."""
    decode = decoder(configured(decode=name, **VALUES[name][0]))
    for data in noise(NOISE):
        for frame in data.split(data[:1]):
            try:
                check(decode(frame))
            except BadValue:
                pass


def spoiled(frames: list[bytes], chance: random.Random) -> Iterator[tuple[bytes, bytes]]:
    """What arrives, and the frame if it came whole: one in four has a bit turned, a byte less, or noise before it."""
    for frame in frames:
        fault = chance.randrange(12)
        at = chance.randrange(len(frame))
        if fault == 0:
            yield frame[:at] + bytes([frame[at] ^ 1 << chance.randrange(8)]) + frame[at + 1 :], b""
        elif fault == 1:
            yield frame[:at] + frame[at + 1 :], b""
        elif fault == 2:
            yield chance.randbytes(chance.randrange(1, 30)) + frame, frame
        else:
            yield frame, frame


@pytest.mark.parametrize("name", SEALED)
def test_among_good_frames_each_framing_takes_no_bad_one(name: str) -> None:
    """Every frame that is taken came over the line as it should, checksum and all; most of the good ones are taken."""
    chance = random.Random(6)
    line, writer = Line(SHAPES[name]), Line(SHAPES[name]).framing
    size = 6 if name == "fixed-crc" else 16
    bodies = [bytes(chance.choices(b"0123456789abcdef", k=size)) for _ in range(MIXED // 40)]
    arrived, whole = bytearray(), 0
    for data, frame in spoiled([writer.encode(body) for body in bodies], chance):
        line.feed(data)
        arrived += data
        whole += bool(frame)
        if name.startswith("gap"):
            line.silent()
    line.silent()
    for body in set(line.frames) - set(bodies):  # by chance: what came had a right checksum
        wire = writer.encode(body).strip(b"\xc0~\n")
        assert wire in arrived or wire.lower() in arrived.lower(), f"{body!r} never came"
    by_chance = {"line-sum": 256}.get(name, 65_536)
    assert len(set(line.frames) - set(bodies)) <= 2 + 2 * len(bodies) / by_chance
    assert len(line.frames) >= whole * (0.99 if name.startswith(("length", "fixed")) else 0.85)


@pytest.mark.parametrize("name", DECODERS)
def test_among_good_frames_no_value_is_made_up(name: str) -> None:
    """Of each decoder, behind a CRC-32."""
    chance = random.Random(7)
    options, pack = VALUES[name]
    shape = {**SHAPES["cobs-crc"], "checksum": {"type": "crc-32"}}
    decode = decoder(configured(decode=name, **shape, **options))
    line = Line(shape)
    sent = [pack(n, round(chance.uniform(-50, 50), 2)) for n in range(MIXED // 40)]
    right = [decode(frame) for frame in sent]
    for data, _ in spoiled([line.framing.encode(frame) for frame in sent], chance):
        line.feed(data)
    got = [decode(frame) for frame in line.frames]
    remaining = iter(right)
    assert all(value in remaining for value in got), "each was sent, in that order"
    assert len(got) > 0.7 * len(right)
    assert not line.silent().framing.overlong


def test_all_are_tried() -> None:
    """A decoder or a framing that is new has its noise, too."""
    assert set(VALUES) == set(DECODERS)
    assert {options.get("framing", "line") for options in SHAPES.values()} == {
        "line", "slip", "cobs", "length", "fixed", "enclosed", "gap",
    }  # fmt: skip
    assert len(list(itertools.islice(noise(READ), 2))) == 1
