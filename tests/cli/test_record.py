"""`edge-router record` and `replay`, with real pseudo terminals."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bridges.serial.recording import Recording
from bridges.serial.terminal import Terminal
from edge_router.__main__ import dispatch
from tests.cli.running import PATIENCE, run

RECORDING = 'edge-router recording 1\n0.1 < {"t": 1}\\r\\n\n0.3 < \\x00\\xff\n0.5 > ask\\n\n0.6 < told\\n\n'

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts commands, which are ended after the test."""
    started: list[subprocess.Popen[str]] = []

    def begin(*words: object, **options: Any) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "edge_router", *map(str, words)]
        quiet = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options}
        started.append(subprocess.Popen(command, **quiet))
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        select.select([], [], [], 0.01)


def heard_by(port: Terminal, size: int) -> bytes:
    """So many bytes, or what there is when patience ends; the kernel takes its time."""
    heard = b""
    while len(heard) < size and select.select([port], [], [], PATIENCE)[0]:
        heard += port.read()
    return heard


def said(file: Path, direction: str = "<") -> bytes:
    """What is in a recording so far, of one direction."""
    if not file.exists() or not file.stat().st_size:
        return b""
    return b"".join(record.data for record in Recording(file).records() if record.direction == direction)


@pytest.mark.slow
def test_recorded_and_replayed_and_recorded(tmp_path: Path, start: Start) -> None:
    """The same bytes, about the same timing; a device that is gone is waited for."""
    (tmp_path / "first.rec").write_text(RECORDING)
    player = start("replay", tmp_path / "first.rec", "--link", tmp_path / "device")
    until((tmp_path / "device").is_symlink)
    recorder = start("record", tmp_path / "device", tmp_path / "second.rec", "--baudrate", "115200")
    _, told = player.communicate(timeout=PATIENCE)
    assert player.returncode == 0
    assert told.endswith("17 bytes were said\n")
    assert not (tmp_path / "device").exists()
    until(lambda: said(tmp_path / "second.rec", "!"))
    again = start("replay", tmp_path / "first.rec", "--link", tmp_path / "device", "--speed", "50")
    again.communicate(timeout=PATIENCE)
    until(lambda: said(tmp_path / "second.rec").count(b"told") == 2)
    recorder.send_signal(2)
    _, told = recorder.communicate(timeout=PATIENCE)
    assert recorder.returncode == 0
    assert "34 bytes in" in told and "it is there again" in told
    records = list(Recording(tmp_path / "second.rec").records())
    assert b"".join(record.data for record in records if record.direction == "<") == b'{"t": 1}\r\n\0\xfftold\n' * 2
    assert Recording(tmp_path / "second.rec").remarks()["baudrate"] == "115200"
    assert records[2].seconds - records[0].seconds == pytest.approx(0.5, abs=0.2)


@pytest.mark.slow
def test_between_a_device_and_a_program(tmp_path: Path, start: Start) -> None:
    """Both directions are recorded, and both hear each other."""
    device = Terminal(tmp_path / "device")
    recorder = start("record", tmp_path / "device", tmp_path / "both.rec", "--link", tmp_path / "tap")
    until((tmp_path / "tap").is_symlink)
    program = os.open(tmp_path / "tap", os.O_RDWR | os.O_NOCTTY)
    try:
        os.write(program, b"ask\n")
        until(lambda: said(tmp_path / "both.rec", ">"))
        assert heard_by(device, 4) == b"ask\n"
        device.write(b"told\n")
        assert os.read(program, 100) == b"told\n"
        until(lambda: said(tmp_path / "both.rec"))
    finally:
        os.close(program)
        device.close()
    recorder.send_signal(2)
    recorder.communicate(timeout=PATIENCE)
    assert [record.direction for record in Recording(tmp_path / "both.rec").records()][:2] == [">", "<"]
    assert not (tmp_path / "tap").is_symlink()


@pytest.mark.slow
@pytest.mark.parametrize("signal", [2, 15])
def test_ended_in_order(tmp_path: Path, start: Start, signal: int) -> None:
    """Ctrl-C and SIGTERM: the link is gone, and it tells what it did."""
    (tmp_path / "a.rec").write_text(RECORDING)
    player = start("replay", tmp_path / "a.rec", "--loop", "--link", tmp_path / "device", restore_signals=True)
    until((tmp_path / "device").is_symlink)
    player.send_signal(signal)
    player.communicate(timeout=PATIENCE)
    assert player.returncode == 0
    assert not (tmp_path / "device").is_symlink()


@pytest.mark.slow
def test_a_question_is_waited_for(tmp_path: Path, start: Start) -> None:
    """With --wait the answer comes when the question has come, and another question is told."""
    (tmp_path / "a.rec").write_text("edge-router recording 1\n0 > ask\\n\n0 < told\\n\n0 > more\\n\n0 < that\\n\n")
    player = start("replay", tmp_path / "a.rec", "--wait")
    assert player.stdout is not None
    program = os.open(player.stdout.readline().strip(), os.O_RDWR | os.O_NOCTTY)
    try:
        assert not select.select([program], [], [], 0.3)[0]
        os.write(program, b"ask\n")
        assert os.read(program, 100) == b"told\n"
        os.write(program, b"less\n")
        assert os.read(program, 100) == b"that\n"
    finally:
        os.close(program)
    _, told = player.communicate(timeout=PATIENCE)
    assert "at 0.000 s: b'more\\n' was expected, and b'less\\n' was heard" in told


def test_said_on_a_serial_port(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """To whatever is at its other end, with the recording's baud rate."""
    (tmp_path / "a.rec").write_text("edge-router recording 1\n# baudrate: 57600\n0 < one\\n\n0.02 < two\\n\n")
    port = Terminal(None)
    program = os.open(port.name, os.O_RDWR | os.O_NOCTTY)
    try:
        assert dispatch(["replay", str(tmp_path / "a.rec"), port.name]) == 0
        assert termios.tcgetattr(program)[4] == termios.B57600
        assert heard_by(port, 8) == b"one\ntwo\n"
    finally:
        os.close(program)
        port.close()
    assert capsys.readouterr().err == "8 bytes were said\n"


def test_a_recording_is_bounded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It ends before the file is larger than it may be."""
    device = Terminal(tmp_path / "device")
    try:
        program = os.open(device.name, os.O_RDWR | os.O_NOCTTY)
        device.write(b"\0" * 2_000)
        words = ["record", device.name, str(tmp_path / "a.rec"), "--max-size", "4096", "--seconds", "20"]
        pipe = os.fork()
        if pipe == 0:
            for _ in range(500):
                select.select([], [], [], 0.01)
                device.write(b"\0" * 1_000)
            os._exit(0)
        assert dispatch(words) == 0
        os.kill(pipe, 9)
        os.waitpid(pipe, 0)
        os.close(program)
    finally:
        device.close()
    assert "the file is full (--max-size 4096)" in capsys.readouterr().err
    assert (tmp_path / "a.rec").stat().st_size <= 4_096


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["record", "/dev/no-such-device", "@/a"], "/dev/no-such-device: it is not there; `edge-router devices`"),
        (["record", "/etc/hostname", "@/a"], "/etc/hostname: it is no serial device"),
        (["replay", "@/none.rec"], "@/none.rec: No such file"),
        (["replay", "/etc/hostname"], "/etc/hostname:1: no recording"),
        (["replay", "@/silent.rec"], "@/silent.rec: the device says nothing in it"),
        (["replay", "@/good.rec", "--link", "@/good.rec"], "@/good.rec exists and is no link; another path is needed"),
        (["replay", "@/good.rec", "/dev/no-such-device"], "/dev/no-such-device: it is not there"),
    ],
)
def test_what_cannot_be_done(
    words: list[str], problem: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line says it, status 1; nothing is left behind."""
    (tmp_path / "silent.rec").write_text("edge-router recording 1\n0.1 > x\n")
    (tmp_path / "good.rec").write_text(RECORDING)
    assert dispatch([word.replace("@", str(tmp_path)) for word in words]) == 1
    said_ = capsys.readouterr().err
    assert problem.replace("@", str(tmp_path)) in said_
    assert said_.count("\n") == 1
    assert {path.name for path in tmp_path.iterdir()} == {"silent.rec", "good.rec"}


def test_a_file_that_is_there_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Unless --force says otherwise."""
    device = Terminal(tmp_path / "device")
    (tmp_path / "a.rec").write_text("precious")
    words = ["record", str(tmp_path / "device"), str(tmp_path / "a.rec"), "--seconds", "0.01"]
    try:
        assert dispatch(words) == 1
        assert "a.rec is there already; --force writes over it" in capsys.readouterr().err
        assert (tmp_path / "a.rec").read_text() == "precious"
        assert dispatch([*words, "--force"]) == 0
    finally:
        device.close()
    assert list(Recording(tmp_path / "a.rec").records()) == []


@pytest.mark.parametrize(
    "words", [["record", "--seconds", "0"], ["record", "--max-size", "1"], ["replay", "--speed", "0"]]
)
def test_numbers_that_make_no_sense(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Wrong usage."""
    with pytest.raises(SystemExit) as end:
        dispatch([*words, "a", "b"])
    assert end.value.code == 2
    assert words[1] in capsys.readouterr().err


def test_they_do_without_twisted() -> None:
    """So they start at once."""
    code = "import sys, edge_router.cli.record, edge_router.cli.replay; sys.exit('twisted' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_their_help_has_examples() -> None:
    for name in ("record", "replay"):
        assert f"edge-router {name} " in run(name, "--help").stdout
