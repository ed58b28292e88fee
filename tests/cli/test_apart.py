"""The configuration that a child read is the one that reading it here would give."""

from __future__ import annotations

import argparse
import os
import socket
from pathlib import Path

import pytest

from edge_router.cli import apart
from edge_router.cli.apart import read_apart
from edge_router.cli.init import TEMPLATES
from edge_router.config.load import load

TRICKY = """
version: 2
workers:
  - type: router
    realms:
      - name: realm1
        roles: [{name: anonymous, permissions: [{uri: com.x.*, publish: true}]}]
    transports:
      - {type: rawsocket, endpoint: {type: unix, path: a.sock, mode: "600"}, limits: {send_queue: 5000}}
      - type: web
        endpoint: {type: tcp, port: 8080, version: 6}
        paths:
          /: {type: path, paths: {ws: {type: websocket, options: {compression: {deflate: {}}}}}}
bridges:
  - type: serial
    id: kitchen
    realm: realm1
    device: /dev/ttyUSB0
    fields:
      mode: {enum: {0: off, 1: 1.5, on: true}, deadband: 0.25}
"""


def arguments(directory: Path, config: str | None = None) -> argparse.Namespace:
    return argparse.Namespace(cbdir=str(directory), config=config)


INITIAL = (TEMPLATES / "default" / "config.yaml").read_text().replace("@WEB@", ".")


@pytest.mark.parametrize("text", [TRICKY, INITIAL, "", "version: 2"])
def test_it_is_the_same_configuration(tmp_path: Path, text: str) -> None:
    """Nothing is lost or changed on the way: tags, defaults, keys that are numbers, notices."""
    (tmp_path / "config.yaml").write_text(text)
    here = load(tmp_path / "config.yaml")
    there = read_apart(arguments(tmp_path))
    assert there is not None
    assert there.config == here.config
    assert there.notices == [str(notice) for notice in here.notices]
    assert (there.directory, there.path) == (tmp_path, tmp_path / "config.yaml")


def test_to_the_journal_they_are_errors(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`systemctl status` shows them in red, and `journalctl -p err` has them."""
    (tmp_path / "own.json").write_text('{"version": 2, "wrokers": []}')
    stderr = os.fstat(2)
    monkeypatch.setenv("JOURNAL_STREAM", f"{stderr.st_dev}:{stderr.st_ino}")
    assert read_apart(arguments(tmp_path, "own.json")) is None
    assert capfd.readouterr().err.startswith(f"<3>{tmp_path / 'own.json'}:1: ")


def test_the_service_manager_is_told_the_first_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`systemctl status` shows it where it shows nothing of the journal: between two tries."""
    (tmp_path / "own.json").write_text('{"version": 2, "wrokers": [],\n"x": 1}')
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        assert read_apart(arguments(tmp_path, "own.json")) is None
        manager.setblocking(False)
        said = manager.recv(1000).decode()
    assert said.startswith(f"STATUS={tmp_path / 'own.json'}:1: wrokers: ")
    assert said.endswith(" (1 more; `journalctl -u` the unit)")


def test_problems_are_said_by_the_child(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Once, on stderr; the node is not started."""
    (tmp_path / "own.json").write_text('{"version": 2, "wrokers": []}')
    assert read_apart(arguments(tmp_path, "own.json")) is None
    said = capfd.readouterr()
    assert said.out == ""
    assert len(said.err.splitlines()) == 1
    assert "workers" in said.err


def test_a_child_that_fails_is_told_from_a_bad_configuration(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug shows as a traceback, a killed child by its signal; nothing is started."""
    (tmp_path / "config.yaml").write_text("version: 2")
    monkeypatch.setattr(apart, "READ", f"{__name__}:raises")
    assert read_apart(arguments(tmp_path)) is None
    assert "ZeroDivisionError" in capfd.readouterr().err
    monkeypatch.setattr(apart, "READ", f"{__name__}:is_killed")
    assert read_apart(arguments(tmp_path)) is None
    assert "ended by signal 9" in capfd.readouterr().err


def raises(_args: argparse.Namespace) -> None:
    """A reader with a bug."""
    raise ZeroDivisionError


def is_killed(_args: argparse.Namespace) -> None:
    """A reader that the kernel ends, for want of memory, say."""
    os.kill(os.getpid(), 9)
