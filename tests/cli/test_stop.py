"""`edge-router stop`, with nodes that do not do what they should."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from edge_router.__main__ import dispatch
from edge_router.cli import stop
from edge_router.node.pidfile import PidFile

STUBBORN = """
import signal, sys
from pathlib import Path
from edge_router.node.pidfile import PidFile
for name in sys.argv[2:]:
    signal.signal(signal.Signals[name], signal.SIG_IGN)
PidFile(Path(sys.argv[1])).take({})
print("taken", flush=True)
signal.pause()
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("ignored", "ended_by"),
    [([], signal.SIGINT), (["SIGINT"], signal.SIGTERM), (["SIGINT", "SIGTERM"], signal.SIGKILL)],
)
def test_it_asks_then_urges_then_ends(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    ignored: list[str],
    ended_by: signal.Signals,
) -> None:
    """Each signal gets its time; the last one cannot be ignored."""
    monkeypatch.setattr(stop, "STEPS", [(number, 0.1 if number.name in ignored else 30) for number, _ in stop.STEPS])
    command = [sys.executable, "-c", STUBBORN, tmp_path, *ignored]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"taken\n"
        assert dispatch(["stop", "--cbdir", str(tmp_path)]) == 0
        # Python turns SIGINT into KeyboardInterrupt and then ends by the same signal
        assert process.wait(30) == -ended_by
    said = capsys.readouterr()
    assert said.out == f"stopped: {tmp_path}\n"
    assert said.err.count("is still there") == len(ignored)


def said_by_a_node(directory: Path, **content: object) -> PidFile:
    """A pid file that this process holds, as a node would, and that says something else."""
    pid_file = PidFile(directory)
    pid_file.take({})
    (directory / "node.pid").write_text(json.dumps(content) if content else "")
    return pid_file


def test_a_node_in_a_container_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It says that it is process 1; here that is another one, which must not be hit."""
    pid_file = said_by_a_node(tmp_path, pid=1, argv=["python", "-m", "edge_router", "start"], options={})
    assert dispatch(["stop", "--cbdir", str(tmp_path)]) == 1
    assert "process 1 is not the node" in capsys.readouterr().err
    pid_file.release()


def test_a_pid_that_nobody_has_here(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As above, where no process of that number exists."""
    with subprocess.Popen(["/bin/true"]) as process:
        pass
    pid_file = said_by_a_node(tmp_path, pid=process.pid, argv=["/bin/true"], options={})
    assert dispatch(["stop", "--cbdir", str(tmp_path)]) == 1
    assert f"process {process.pid} is not the node" in capsys.readouterr().err
    pid_file.release()


def test_a_node_that_has_only_just_been_started(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The lock is there, the number is not yet. It runs, and `stop` says what to do."""
    pid_file = said_by_a_node(tmp_path)
    assert dispatch(["status", "--cbdir", str(tmp_path), "--assert", "running"]) == 0
    assert dispatch(["stop", "--cbdir", str(tmp_path)]) == 1
    said = capsys.readouterr()
    assert said.out == f"running: {tmp_path}\n"
    assert "try again" in said.err
    pid_file.release()


def test_a_file_that_cannot_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A line and status 1, no traceback."""
    (tmp_path / "node.pid").symlink_to(tmp_path / "node.pid")
    for command in ("status", "stop"):
        assert dispatch([command, "--cbdir", str(tmp_path)]) == 1
        assert "node.pid" in capsys.readouterr().err


def test_the_node_of_another_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not permitted is said as such, with what would help."""

    def refuse(process: int, number: int) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(signal, "pidfd_send_signal", refuse)
    pid_file = PidFile(tmp_path)
    pid_file.take({})
    assert dispatch(["stop", "--cbdir", str(tmp_path)]) == 1
    assert "Operation not permitted; stop the node as the user it runs as, or as root" in capsys.readouterr().err
    pid_file.release()
