"""`edge-router decode`: the same frames, fields and rejects as the bridge's."""

from __future__ import annotations

import json
import select
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bridges.serial.recording import Record, head, line
from bridges.serial.terminal import Terminal
from edge_router.__main__ import dispatch
from edge_router.cli.decode.show import _PARTICULAR
from edge_router.cli.decode.timers import Timers
from tests.cli.running import PATIENCE, configuration, run

SECTION = """
type: serial
id: room
fields:
  t: {unit: "°C", scale: 0.1, round: 1, deadband: 0.5, max: 50}
"""
RECORDS = [
    Record(0.2, "<", b'{"t": 215}\r\n'),
    Record(0.7, "<", b'{"t": 21'),
    Record(0.75, ">", b'{"t": 0}\n'),
    Record(0.8, "<", b'8}\n{"t": 900}\nxx\n{"t": 99'),
]

Decode = Callable[..., tuple[int, list[dict[str, Any]], str]]


@pytest.fixture
def room(tmp_path: Path) -> Path:
    """A section, and a recording beside it."""
    (tmp_path / "room.yaml").write_text(SECTION)
    (tmp_path / "room.rec").write_text(head({}) + "".join(map(line, RECORDS)))
    return tmp_path


@pytest.fixture
def decode(room: Path, capsys: pytest.CaptureFixture[str]) -> Decode:
    """Runs it with --json; `@` is the directory. Result: status, objects, what stderr says."""

    def run_it(*words: str) -> tuple[int, list[dict[str, Any]], str]:
        status = dispatch(["decode", "--json", *(word.replace("@", str(room)) for word in words)])
        said = capsys.readouterr()
        return status, [json.loads(text) for text in said.out.splitlines()], said.err

    return run_it


def test_a_recording(decode: Decode) -> None:
    """Frames with their fields as they are published, field topics after deadband, rejects, what is left, a summary."""
    status, told, _ = decode("--config", "@/room.yaml", "--raw", "@/room.rec")
    assert status == 0
    assert told[:-1] == [
        {"time": 0.2, "frame": {"t": 21.5}, "raw": '{"t": 215}'},
        {"time": 0.2, "topic": "room.t", "value": 21.5, "unit": "°C"},
        {"time": 0.8, "frame": {"t": 21.8}, "raw": '{"t": 218}'},
        {"time": 0.8, "bad": "t: 90.0 is above max 50", "raw": '{"t": 900}'},
        {"time": 0.8, "bad": "no JSON: invalid character (byte 0), in b'xx'", "raw": "xx"},
        {"time": 0.8, "note": "the bytes end in the middle of a frame"},
    ]
    summary = told[-1]["summary"]
    assert summary["frames"] == 2 and summary["bad"] == 2 and summary["bytes"] == 45
    assert summary["reasons"] == {"t: … is above max …": 1, "no JSON: invalid character (byte …), in …": 1}


def test_for_people(room: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Lines with times, without colours where there is no terminal."""
    assert dispatch(["decode", "--config", str(room / "room.yaml"), str(room / "room.rec")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ['    0.200  {"t":21.5}', "    0.200    room.t 21.5 °C"]
    assert "    0.800  BAD t: 90.0 is above max 50" in lines
    assert "good frames: 2; bad: 2; bytes: 45; seconds: 0.8; noise: 0" in lines
    assert "       1  t: … is above max …" in lines


def test_colours_on_a_terminal(room: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless NO_COLOR is set, or --json asks for JSON."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    for more, variable, coloured in (([], "", True), ([], "1", False), (["--json"], "", False)):
        monkeypatch.setenv("NO_COLOR", variable)
        dispatch(["decode", "--config", str(room / "room.yaml"), *more, str(room / "room.rec")])
        assert ("\x1b[31mBAD" in capsys.readouterr().out) == coloured


def test_plain_bytes_and_options(decode: Decode, room: Path) -> None:
    """Without any configuration."""
    (room / "frames.bin").write_bytes(b"\x05abcd\x00\x03ab\x00\x09ab\x00")
    status, told, _ = decode("-o", "framing=cobs", "-o", "decode=raw", "-o", "encoding=binary", "--raw", "@/frames.bin")
    assert status == 0
    assert [(entry.get("frame"), entry.get("raw")) for entry in told[:2]] == [("\0YWJjZA==", "abcd"), ("\0YWI=", "ab")]
    assert "COBS" in told[2]["bad"]


def test_lines_that_are_no_frames_and_sentences_that_nobody_wants(decode: Decode, room: Path) -> None:
    """They are no rejects: the bridge publishes the ones to `log`, and passes over the others."""
    (room / "boot").write_bytes(b'booting...\n{"t": 1}\n\x01\x02\n')
    _, told, _ = decode("-o", "log=true", "@/boot")
    assert told[0] == {"time": 0.0, "log": "booting..."}
    assert told[-1]["summary"]["logged"] == 1 and told[-1]["summary"]["bad"] == 1
    (room / "gps").write_bytes(b"$GPGLL,4808.22,N,01134.53,E,101530.00,A,A*6A\n$GPZDA,101530.00,21,11,2026,00,00*65\n")
    _, told, _ = decode("-o", "decode=nmea", "-o", "sentences=[ZDA]", "@/gps")
    assert len([entry for entry in told if "frame" in entry]) == 1, told
    assert told[-1]["summary"]["unwanted"] == 1


def test_standard_input(room: Path) -> None:
    """Live, as from a pipe."""
    done = run("decode", "-o", "decode=csv", "-o", "columns=[a, b]", "-", input="1,2\n3,4\n5\n", cwd=room)
    assert done.returncode == 0
    assert (
        '{"a":1,"b":2}' in done.stdout
        and '{"a":3,"b":4}' in done.stdout
        and "BAD 1 columns instead of 2" in done.stdout
    )


def test_a_gap_is_the_recordings(decode: Decode, room: Path) -> None:
    """Frames that end with silence need times; the last one ends with the recording."""
    records = [Record(0.1, "<", b"a"), Record(0.101, "<", b"b"), Record(0.5, "<", b"c"), Record(0.501, "<", b"d")]
    (room / "gap.rec").write_text(head({}) + "".join(map(line, records)))
    words = ("-o", "framing=gap", "-o", "gap={seconds: 0.02}", "-o", "decode=raw")
    _, told, _ = decode(*words, "@/gap.rec")
    assert [entry["frame"] for entry in told if "frame" in entry] == ["ab", "cd"]
    (room / "plain").write_bytes(b"abcd")
    status, told, said = decode(*words, "@/plain")
    assert status == 1 and not told
    assert "has no times, so there are no gaps; record with `edge-router record`" in said


def test_what_takes_time_takes_the_recordings(decode: Decode, room: Path) -> None:
    """Stale values, windows: with the times of the recording, as fast as it can be read."""
    (room / "slow.rec").write_text(head({}) + "0.0 < t=1\\n\n100.0 < t=3\\n\n")
    _, told, _ = decode("-o", "decode=keyvalue", "-o", "fields={t: {stale_after: 60}}", "@/slow.rec")
    assert told[:-1] == [
        {"time": 0.0, "frame": {"t": 1}},
        {"time": 0.0, "topic": "decode.t", "value": 1},
        {"time": 60.0, "topic": "decode.t", "value": 1, "stale": True},
        {"time": 60.0, "note": "t is stale: no reading came in time (stale_after)"},
        {"time": 100.0, "frame": {"t": 3}},
        {"time": 100.0, "topic": "decode.t", "value": 3},
    ]


def test_bridges_of_a_node(decode: Decode, room: Path) -> None:
    """By id, in the node's directory or in a file; the only serial one needs no name. Roles do not matter."""
    serial = {"type": "serial", "realm": "realm1", "role": "sensors", "device": "/dev/x", "decode": "json"}
    config = configuration(bridges=[{"id": "a", **serial, "decode": "raw"}, {"id": "b", **serial}])
    (room / "config.json").write_text(json.dumps(config))
    for bridge in ("@/config.json#a", "a"):
        _, told, _ = decode("--config", bridge, "--cbdir", "@", "--count", "1", "@/room.rec")
        assert told[0]["frame"] == '{"t": 215}'
    status, _, said = decode("--config", "@/config.json", "@/room.rec")
    assert status == 1
    assert "has 2 serial bridges; name one as" in said and said.endswith("there are a, b\n")
    config["bridges"].pop()
    (room / "config.json").write_text(json.dumps(config))
    assert decode("--config", "@/config.json", "@/room.rec")[0] == 0


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (
            ["--config", "@/bad.yaml", "@/room.rec"],
            "@/bad.yaml:3: bridges.0.framing: found 'cobz' (text); expected one",
        ),
        (["--config", "@/bad.yaml", "@/room.rec"], "@/bad.yaml:5: bridges.0.fields.t.unit: found 5"),
        (["-o", "decode=yson", "@/room.rec"], "the command line: bridges.0.decode: found 'yson' (text)"),
        (["-o", "decode", "@/room.rec"], "-o decode: NAME=VALUE would be right"),
        (
            ["--config", "nothing", "--cbdir", "@", "@/room.rec"],
            "there is no file nothing, and no node's configuration",
        ),
        (["--config", "@/node.yaml#c", "@/room.rec"], "@/node.yaml has no bridge 'c'; there are b"),
        (["--config", "@/node.yaml#b", "@/room.rec"], "bridge b is of type gpio; only bytes of serial ones"),
        (["--config", "@/list.yaml", "@/room.rec"], "@/list.yaml: a section of a bridge would be right"),
        ([], "no bytes are named: give a FILE, a DEVICE or -"),
        (["@/none"], "@/none: No such file or directory"),
        (["@"], "@: Is a directory"),
        (["/dev/null"], "/dev/null: it is no serial device"),
        (["-o", "device=sim:echo"], "sim:echo lives in a node only; name a FILE or a DEVICE"),
        (["-o", "decode=json", "sim:echo"], "sim:echo lives in a node only; name a FILE or a DEVICE"),
        (["@/broken.rec"], "@/broken.rec:3: "),
    ],
)
def test_what_cannot_be_done(decode: Decode, room: Path, words: list[str], problem: str) -> None:
    """Status 1, and why."""
    (room / "bad.yaml").write_text("type: serial\nid: room\nframing: cobz\nfields:\n  t: {unit: 5}\n")
    (room / "node.yaml").write_text("version: 2\nbridges:\n- {type: gpio, id: b, realm: realm1}\n")
    (room / "list.yaml").write_text("- 1\n")
    (room / "broken.rec").write_text(head({}) + "0.1 < 1\\n\n0.2 ? 2\n")
    status, _, said = decode(*words)
    assert status == 1
    assert problem.replace("@", str(room)) in said


def test_nothing_good_is_a_failure(decode: Decode, room: Path) -> None:
    """So that a script sees it; the summary is told all the same."""
    (room / "noise").write_bytes(b"\xff\xfe\n\x01\n")
    status, told, _ = decode("-o", "decode=json", "@/noise")
    assert status == 1
    assert told[-1]["summary"]["bad"] == 2


@pytest.mark.slow
def test_a_device_live(tmp_path: Path) -> None:
    """Frames are told as they come. What came while it was being opened may be lost, so the device says it again."""
    device = Terminal(tmp_path / "device")
    command = [sys.executable, "-m", "edge_router", "decode", str(tmp_path / "device"), "--count", "2"]
    end = time.monotonic() + PATIENCE
    try:
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            while process.poll() is None:
                assert time.monotonic() < end, process.kill()
                device.write(b'{"n": 1}\n')
                select.select([], [], [], 0.05)
            assert process.stdout is not None
            told = process.stdout.read()
    finally:
        device.close()
    assert process.returncode == 0
    assert told.count('{"n":1}') == 2
    assert "good frames: 2; bad: 0" in told


def test_reasons_are_told_together() -> None:
    """What is quoted and numbers differ from frame to frame; long texts are cut off in the middle of a quote."""
    for reason in (
        "the text 'a\\'b' begins", "the text b'\\x00\\xff' begins", "the text '\\x01abc\\... begins",
        'the text "it\'s" begins', "the text '" + "\\x00" * 12 + "... begins",
    ):  # fmt: skip
        assert _PARTICULAR.sub("…", reason) == "the text … begins"
    assert _PARTICULAR.sub("…", "the checksum crc-8 is 1F, not 0xa0 at byte -3.5") == (
        "the checksum crc-8 is …, not … at byte …"
    )


def test_time_passes_in_order() -> None:
    """Calls of calls included; what is canceled is not made."""
    timers, made = Timers(), list[tuple[str, float]]()

    def again() -> None:
        made.append(("first", timers.seconds()))
        timers.callLater(1, lambda: made.append(("second", timers.seconds())))

    timers.callLater(2, again)
    timers.callLater(1, made.append, ("early", 1.0))
    timers.callLater(1.5, made.append, ("never", 0.0)).cancel()
    assert timers.next_due() == 1
    timers.advance(10)
    assert made == [("early", 1.0), ("first", 2.0), ("second", 3.0)]
    assert timers.next_due() is None and timers.seconds() == 10


def test_it_does_without_twisted() -> None:
    code = "import sys, edge_router.cli.decode.command; sys.exit('twisted' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
