"""The simulated sensor as a process with a pseudo terminal."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

TIMEOUT = 20


@contextmanager
def device(link: Path, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """A device process that is there: its link can be opened."""
    command = [sys.executable, "-m", "edge_router.demo.device", str(link), "--rate", "20", "--with-parent", *options]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            told(process, "is plugged in")
            yield process
        finally:
            process.terminate()


def told(process: subprocess.Popen[bytes], what: str) -> None:
    """Wait until the process says it."""
    assert process.stdout is not None
    assert process.stdout.readline().decode().endswith(f"{what}\n")


class Line:
    """The program's end."""

    def __init__(self, path: Path) -> None:
        self.descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY)
        self._rest = b""

    def write(self, data: bytes) -> None:
        os.write(self.descriptor, data)

    def read(self) -> dict[str, Any]:
        while b"\n" not in self._rest:
            readable, _, _ = select.select([self.descriptor], [], [], TIMEOUT)
            assert readable, "the device is silent"
            data = os.read(self.descriptor, 4096)
            if not data:
                raise EOFError
            self._rest += data
        line, self._rest = self._rest.split(b"\n", 1)
        found: dict[str, Any] = json.loads(line)
        return found

    def read_until(self, key: str) -> dict[str, Any]:
        for _ in range(200):
            found = self.read()
            if key in found:
                return found
        raise AssertionError(f"no line with {key}")


@pytest.fixture
def link(tmp_path: Path) -> Path:
    return tmp_path / "sensor"


def test_speaks_and_obeys(link: Path) -> None:
    """Readings come by themselves; a command is answered and changes them."""
    with device(link):
        line = Line(link)
        assert line.read_until("temperature")["led"] is False
        line.write(b"led ")
        line.write(b"on\n")
        assert line.read_until("answer") == {"answer": "led on", "ok": True}
        assert line.read_until("temperature")["led"] is True
        os.close(line.descriptor)


def test_unplug_hangs_up_and_comes_back(link: Path) -> None:
    """After `unplug` the line is gone with its name; then the device is there again as another terminal."""
    with device(link) as process:
        line = Line(link)
        line.write(b"unplug 0.2\n")
        with pytest.raises((OSError, EOFError)):
            line.read_until("nothing says this")
        os.close(line.descriptor)
        told(process, "is unplugged")
        told(process, "is plugged in")
        again = Line(link)
        again.read_until("temperature")
        os.close(again.descriptor)


def test_an_endless_line_is_dropped(link: Path) -> None:
    """What never ends is no command, and is not kept; the next one is obeyed."""
    with device(link):
        line = Line(link)
        for _ in range(4):
            line.write(b"x" * 1000)
            line.read_until("temperature")
        line.write(b"\nled on\n")
        while line.read_until("answer")["answer"] != "led on":
            pass
        os.close(line.descriptor)


def test_ends_with_its_parent(link: Path) -> None:
    """When its standard input is closed it ends, and takes its link away."""
    with device(link) as process:
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(TIMEOUT) == 0
        assert not link.is_symlink()


def test_ends_in_order_with_sigterm(link: Path) -> None:
    """SIGTERM ends it with status 0, and its link is gone."""
    with device(link) as process:
        process.terminate()
        assert process.wait(TIMEOUT) == 0
        assert not link.is_symlink()


def test_replaces_a_link_but_no_file(link: Path) -> None:
    """A link that a killed device left is replaced; a file is somebody's, and is left alone with a clear error."""
    link.symlink_to("/nowhere")
    with device(link):
        assert str(link.readlink()).startswith("/dev/pts/")
    link.write_text("mine")
    command = [sys.executable, "-m", "edge_router.demo.device", str(link)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT)
    assert done.returncode == 1
    assert "exists and is no link" in done.stderr
    assert link.read_text() == "mine"


@pytest.mark.parametrize("options", [["--rate", "0"], ["--rate", "1000"], ["--day", "0"], []])
def test_wrong_usage(options: list[str]) -> None:
    """Wrong options are told, with status 2."""
    command = [sys.executable, "-m", "edge_router.demo.device", *options, *(["x"] if options else [])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT)
    assert done.returncode == 2
    assert "usage:" in done.stderr
