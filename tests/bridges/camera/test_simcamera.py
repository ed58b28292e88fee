"""The simulated camera: JPEGs that are whole, taken apart as a decoder does; and one through a whole node."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path

import pytest

from bridges.camera.bridge import SIMULATOR
from bridges.camera.simcamera import picture


def segments(jpeg: bytes) -> dict[int, bytes]:
    """Marker -> what is in its segment (ISO/IEC 10918-1, annex B); 0 is the entropy-coded data."""
    assert jpeg[:2] == b"\xff\xd8"
    found: dict[int, bytes] = {}
    at = 2
    while jpeg[at + 1] != 0xDA:
        assert jpeg[at] == 0xFF
        length = int.from_bytes(jpeg[at + 2 : at + 4], "big")
        found[jpeg[at + 1] if jpeg[at + 1] != 0xC4 else 0xC400 + jpeg[at + 4]] = jpeg[at + 4 : at + 2 + length]
        at += 2 + length
    length = int.from_bytes(jpeg[at + 2 : at + 4], "big")
    assert jpeg[-2:] == b"\xff\xd9"
    found[0] = jpeg[at + 2 + length : -2]
    return found


def huffman(table: bytes) -> dict[str, int]:
    """Codes by their lengths (annex C)."""
    codes: dict[str, int] = {}
    code, place = 0, 17
    for length in range(1, 17):
        for _ in range(table[length]):
            codes[f"{code:0{length}b}"] = table[place]
            code, place = code + 1, place + 1
        code <<= 1
    return codes


def brightnesses(jpeg: bytes) -> list[int]:
    """Of the blocks, from left to right and from top to bottom."""
    parts = segments(jpeg)
    dc, ac = huffman(parts[0xC400]), huffman(parts[0xC410])
    bits = iter("".join(f"{octet:08b}" for octet in parts[0].replace(b"\xff\0", b"\xff")))
    height, width = int.from_bytes(parts[0xC0][1:3], "big"), int.from_bytes(parts[0xC0][3:5], "big")

    def symbol(codes: dict[str, int]) -> int:
        code = ""
        while code not in codes:
            code += next(bits)
        return codes[code]

    found: list[int] = []
    value = 0
    for _ in range(-(-width // 8) * -(-height // 8)):
        length = symbol(dc)
        low = int("".join(next(bits) for _ in range(length)) or "0", 2)
        value += low if length == 0 or low >> length - 1 else low - (1 << length) + 1
        assert symbol(ac) == 0, "the end of the block"
        found.append(value * parts[0xDB][1] // 8 + 128)
    assert set(bits) <= {"1"}, "filled up with ones"
    return found


@pytest.mark.parametrize(("width", "height"), [(16, 16), (64, 24), (101, 37), (640, 480)])
def test_it_is_a_whole_jpeg(width: int, height: int) -> None:
    """Each block has its brightness."""
    jpeg = picture(width, height, 12.5)
    columns, rows = -(-width // 8), -(-height // 8)
    assert brightnesses(jpeg) == [(c * 4 + r * 2 + 100) % 256 for r in range(rows) for c in range(columns)]


def test_it_changes_with_time() -> None:
    assert picture(64, 64, 1.0) != picture(64, 64, 2.0)


@pytest.mark.parametrize(("fault", "status"), [("ok", 0), ("garble", 0), ("drop", 1), ("unplug", 1)])
def test_as_a_program(fault: str, status: int) -> None:
    command = [sys.executable, "-I", "-S", str(SIMULATOR), "32", "16", "3", fault]
    done = subprocess.run(command, capture_output=True, check=False, timeout=30)
    assert done.returncode == status
    assert (done.stdout == picture(32, 16, 3)) == (fault == "ok")
    assert bool(done.stderr) == bool(status)


@pytest.mark.slow
def test_through_a_node(tmp_path: Path) -> None:
    """The example with a simulated camera: a client calls for a picture."""
    example = Path(__file__).parents[3] / "examples" / "camera" / "config.yaml"
    text = example.read_text().replace("device: csi0", "device: sim:camera").replace("port: 8080", "port: 0")
    (tmp_path / "config.yaml").write_text(text)
    command = [sys.executable, "-m", "edge_router", "start", "--cbdir", str(tmp_path), "--logformat", "none"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as node:
        try:
            assert node.stderr is not None
            while "ready" not in (line := node.stderr.readline()):
                assert line, "it has not started"
            call = [sys.executable, "-m", "edge_router", "call", "--cbdir", str(tmp_path), "com.example.yard.snapshot"]
            done = subprocess.run(call, capture_output=True, text=True, check=False, timeout=30)
            assert done.returncode == 0, done.stderr
        finally:
            node.terminate()
    (shown,) = json.loads(done.stdout)["args"]
    jpeg = base64.b64decode(shown.removeprefix("\0"))
    assert segments(jpeg)[0xC0][1:5] == (720).to_bytes(2, "big") + (1280).to_bytes(2, "big")
