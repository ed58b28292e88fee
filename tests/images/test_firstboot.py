"""What a card takes from its boot partition: the script of the first start, with programs that do as they are told."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from images.version import ROOT

pytestmark = pytest.mark.anywhere
FIRSTBOOT = ROOT / "images/card/usr/libexec/edge-router/firstboot"
PROGRAMS = {
    "mount": "",
    "chgrp": "",
    "systemctl": "echo yes\n",
    # edge-router check --config FILE, for the service's user
    "systemd-run": """\
case " $* " in *" User=edge-router "*" ProtectHome=yes "*) ;; *) exit 1 ;; esac
while [ "$1" != --config ]; do shift; done
if grep -q wrong "$2"; then echo "$2:1: wrong"; exit 1; fi
""",
}
ERROR = "edge-router-error.txt"


class Start:
    """A start of a board. place: for the files of its partitions."""

    def __init__(self, place: Path) -> None:
        self.boot, self._data, self._programs = place / "boot", place / "data", place / "programs"
        for directory in (self.boot, self._data, self._programs):
            directory.mkdir()
        for name, text in PROGRAMS.items():
            (self._programs / name).write_text(f"#!/bin/sh\n{text}")
            (self._programs / name).chmod(0o755)
        self.config = place / "config.yaml"
        self.config.write_text("before\n")

    def takes(self) -> str:
        """Run the part that takes the configuration. Result: what it says on BOOT is wrong, as Windows reads it."""
        environment = {
            "PATH": f"{self._programs}:{os.environ['PATH']}",
            "BOOT": str(self.boot),
            "DATA": str(self._data),
            "CONFIG": str(self.config),
        }
        done = subprocess.run([FIRSTBOOT, "take"], env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert not self.config.with_name("config.yaml.new").exists()
        error = self.boot / ERROR
        return error.read_bytes().decode() if error.exists() else ""


@pytest.fixture
def start(tmp_path: Path) -> Start:
    return Start(tmp_path)


def test_a_configuration_is_taken_once(start: Start) -> None:
    """With lines that end as Windows ends them; what is changed on the board afterwards stays."""
    (start.boot / "edge-router.yaml").write_bytes(b"version: 2\r\nworkers: []\r\n")
    assert start.takes() == ""
    assert start.config.read_bytes() == b"version: 2\nworkers: []\n"
    start.config.write_text("changed by hand\n")
    assert start.takes() == ""
    assert start.config.read_text() == "changed by hand\n"


def test_what_is_wrong_is_told_until_it_is_right(start: Start) -> None:
    """Also when right is what was taken before, or nothing at all."""
    file = start.boot / "edge-router.yaml"
    file.write_text("version: 2\n")
    start.takes()
    file.write_text("wrong\n")
    assert start.takes().endswith("\r\nedge-router.yaml:1: wrong\r\n")
    assert start.config.read_text() == "version: 2\n"
    file.write_text("version: 2\n")
    assert start.takes() == ""
    file.write_text("wrong\n")
    start.takes()
    file.unlink()
    assert start.takes() == ""


@pytest.mark.parametrize("content", [b"", b"\r\n \r\n"])
def test_an_empty_file_is_no_configuration(start: Start, content: bytes) -> None:
    """It would be a valid one, of a router that does nothing; a card that was pulled out too soon has such files."""
    (start.boot / "edge-router.yaml").write_bytes(content)
    assert "it is empty" in start.takes()
    assert start.config.read_text() == "before\n"


@pytest.mark.parametrize("name", ["edge-router.yaml.txt", "edge-router.yml"])
def test_a_name_that_is_not_meant_is_told(start: Start, name: str) -> None:
    """Windows hides `.txt`, and adds it."""
    (start.boot / name).write_text("version: 2\n")
    assert f"it is called {name}; rename it" in start.takes()
    (start.boot / name).rename(start.boot / "edge-router.yaml")
    assert start.takes() == ""
    assert start.config.read_text() == "version: 2\n"
