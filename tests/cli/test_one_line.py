"""What keeps a node from starting is said in one line, with an exit status of 1: disks, files, ports, certificates."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.running import PATIENCE, Client, RunningNode, configuration, run, write

pytestmark = pytest.mark.slow

Start = Callable[..., RunningNode]
MOUNTS = shutil.which("unshare") is not None and not subprocess.run(
    ["unshare", "-rm", "true"], capture_output=True, check=False
).returncode


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    """The one line of a command that failed."""
    assert done.returncode == 1, done
    (line,) = done.stderr.splitlines()
    assert "Traceback" not in line
    assert "Errno" not in line
    return line


def on_a_disk(
    directory: Path, prepare: str, *arguments: str, after: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run `edge-router` with a small file system of its own over the node directory.

    prepare: shell commands that see to what is on it; the directory is `$1` there. after: those to end with.
    """
    script = f"""
    config=$(cat "$1/config.json" 2>/dev/null)
    mount -t tmpfs -o size={DISK}k none "$1"
    [ -z "$config" ] || printf %s "$config" > "$1/config.json"
    directory=$1
    {prepare}
    shift
    "$@" || status=$?
    {after}
    exit $status
    """
    command = [sys.executable, "-m", "edge_router", *arguments, "--cbdir", str(directory)]
    return subprocess.run(
        ["unshare", "-rm", "sh", "-c", script, "sh", str(directory), *command],
        capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip


#: KiB
DISK = 16
FULL = 'dd if=/dev/zero of="$1/fill" bs=1k count=100 2>/dev/null'
READ_ONLY = 'mount -o remount,ro "$1"'


@pytest.mark.skipif(not MOUNTS, reason="this user may mount nothing")
@pytest.mark.parametrize(
    ("prepare", "command", "file", "words"),
    [
        (FULL, "start", "node.pid", "No space left on device; `df -h` shows what is full"),
        (FULL, "keys", "key.priv", "No space left on device"),
        ('rm "$1/config.json"; ' + FULL, "init", "config.yaml", "No space left on device"),
        (READ_ONLY, "start", "node.pid", "Read-only file system; it has to be mounted for writing"),
        (READ_ONLY, "keys", "key.priv", "Read-only file system"),
        ('rm "$1/config.json"; ' + READ_ONLY, "init", "config.yaml", "Read-only file system"),
    ],
)
def test_a_disk_that_takes_nothing(tmp_path: Path, prepare: str, command: str, file: str, words: str) -> None:
    """Full, or mounted for reading."""
    write(tmp_path, configuration())
    line = one_line(on_a_disk(tmp_path, prepare, command))
    assert line.startswith(f"edge-router: {tmp_path / file}: {words}")


@pytest.mark.skipif(not MOUNTS, reason="this user may mount nothing")
def test_a_disk_that_takes_the_first_file_only(tmp_path: Path) -> None:
    """Whichever file it is that finds no room any more."""
    model, directory = tmp_path / "model", tmp_path / "node"
    directory.mkdir()
    assert run("init", "--cbdir", model).returncode == 0
    pages = -((model / "config.yaml").stat().st_size // -4096)
    room = f'dd if=/dev/zero of="$1/fill" bs=4k count={DISK // 4 - pages} 2>/dev/null'
    line = one_line(on_a_disk(directory, room, "init"))
    assert line.startswith(f"edge-router: {directory}/web/index.html: No space left on device")


@pytest.mark.skipif(not MOUNTS, reason="this user may mount nothing")
@pytest.mark.parametrize("command", ["init", "keys"])
def test_nothing_half_written_is_left(tmp_path: Path, command: str) -> None:
    """Or the next try would take it for somebody's file."""
    done = on_a_disk(tmp_path, f'rm -f "$1/config.json"; {FULL}', command, after='ls "$directory"')
    assert done.returncode == 1
    assert done.stdout.split() == ["fill"]


@pytest.mark.skipif(not MOUNTS, reason="this user may mount nothing")
def test_a_log_file_that_cannot_be_written(tmp_path: Path) -> None:
    """Another directory would be right."""
    write(tmp_path, configuration())
    done = run("start", "--cbdir", tmp_path, "--logtofile", "--logdir", tmp_path / "missing")
    assert one_line(done) == (
        f"edge-router: {tmp_path}/missing/node.log: No such file or directory; --logdir names another directory"
    )


def test_a_certificate_that_is_not_there(tmp_path: Path) -> None:
    """File, place in the configuration, and which file."""
    config = configuration()
    config["workers"][0]["transports"][0]["endpoint"]["tls"] = {"certificate": "cert.pem", "key": "key.pem"}
    write(tmp_path, config)
    lines = run("start", "--cbdir", tmp_path).stderr.splitlines()
    assert lines
    assert all(re.match(r".*config\.json:\d+: workers\.0\.transports\.0\.endpoint\.tls", line) for line in lines)
    assert any("cert.pem" in line for line in lines)
    for name in ("cert.pem", "key.pem"):
        (tmp_path / name).write_text("nonsense")
    lines = run("start", "--cbdir", tmp_path).stderr.splitlines()
    assert sorted(re.sub(r".*tls\.(\w+): .*: ", r"\1: ", line) for line in lines) == [
        "certificate: holds no certificate in PEM form that can be read",
        "key: holds no private key in PEM form that OpenSSL knows",
    ]


def last_line(node: RunningNode) -> str:
    """The error of a node that ended by itself."""
    assert node.ended() == 1
    assert "Traceback" not in node.stderr
    (line,) = (line for line in node.stderr.splitlines() if " error " in line)
    return line


def test_a_busy_unix_socket(tmp_path: Path, start_node: Start) -> None:
    """Of another program that lives; one that is dead is replaced."""
    write(tmp_path, configuration())
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(tmp_path / "router.sock"))
        other.listen()
        assert "another program listens on this socket" in last_line(start_node())
    node = start_node()
    node.wait_until_ready()
    Client(tmp_path / "router.sock").close()


@pytest.mark.parametrize("content", ["", "{", json.dumps({"pid": 1, "argv": ["init"]}), "x" * 100_000])
def test_a_stale_pid_file_keeps_nobody(tmp_path: Path, start_node: Start, content: str) -> None:
    """Whatever is in it: the lock tells, and one that is gone left none."""
    write(tmp_path, configuration())
    (tmp_path / "node.pid").write_text(content)
    assert run("status", "--cbdir", tmp_path).stdout.startswith("stopped")
    assert run("stop", "--cbdir", tmp_path).returncode == 69
    node = start_node()
    node.wait_until_ready()
    assert json.loads((tmp_path / "node.pid").read_text())["pid"] == node.process.pid


def test_the_exit_status(tmp_path: Path) -> None:
    """0: as it should be; 1: it cannot be; 2: nobody could know what was meant; 69: there is no node."""
    write(tmp_path, configuration())
    statuses: dict[Any, int] = {
        ("start", "--shutdownafter", "0.1"): 0,
        ("start", "--config", "missing.json"): 1,
        ("start", "--colour"): 2,
        ("start", "--logsize", "1"): 2,
        ("stop",): 69,
        ("status",): 0,
        ("status", "--assert", "running"): 69,
        ("check",): 0,
    }
    found = {arguments: run(*arguments, "--cbdir", tmp_path).returncode for arguments in statuses}
    assert found == statuses
