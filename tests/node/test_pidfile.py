"""node.pid: one node a directory, and no pid left behind keeps a node from starting."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from edge_router.node.pidfile import NodeRunningError, PidFile, find_running


def taken(directory: Path) -> PidFile:
    pid_file = PidFile(directory)
    pid_file.take({"cbdir": str(directory)})
    return pid_file


def test_without_a_file_no_node_runs(tmp_path: Path) -> None:
    """A directory in which no node was ever started says so, also one that does not exist."""
    assert find_running(tmp_path) is None
    assert find_running(tmp_path / "nowhere") is None


def test_the_file_says_pid_argv_and_options(tmp_path: Path) -> None:
    """The content is Crossbar's: JSON {pid, argv, options}."""
    pid_file = taken(tmp_path)
    content = json.loads((tmp_path / "node.pid").read_text())
    assert content == {"pid": os.getpid(), "argv": sys.orig_argv, "options": {"cbdir": str(tmp_path)}}
    pid_file.release()


def test_who_may_enter_the_directory_may_ask(tmp_path: Path) -> None:
    """The service's umask is for its stores: `edge-router status` is for everybody in its group."""
    before = os.umask(0o077)
    pid_file = taken(tmp_path)
    os.umask(before)
    assert stat.S_IMODE(pid_file.path.stat().st_mode) == 0o644
    pid_file.release()


def test_a_node_that_runs_is_found(tmp_path: Path) -> None:
    """Who holds the lock runs, and its pid is that of the process."""
    pid_file = taken(tmp_path)
    node = find_running(tmp_path)
    assert node is not None
    assert node.pid == os.getpid()
    assert node.is_process(os.getpid())
    assert not node.is_process(os.getppid())
    pid_file.release()
    assert find_running(tmp_path) is None
    assert not (tmp_path / "node.pid").exists()


def test_a_second_node_is_refused_and_told_the_pid(tmp_path: Path) -> None:
    """Two nodes in one directory would share sockets and spools."""
    pid_file = taken(tmp_path)
    with pytest.raises(NodeRunningError, match=f"already running here .process {os.getpid()}.") as refusal:
        taken(tmp_path)
    assert refusal.value.pid == os.getpid()
    pid_file.release()


@pytest.mark.parametrize(
    "content",
    ["", "{", "4711", '{"pid": "x", "argv": []}', '{"pid": -1, "argv": []}', '{"pid": true, "argv": []}', "[" * 60_000],
)
def test_a_corrupt_file_without_an_owner_is_replaced(tmp_path: Path, content: str) -> None:
    """What a power cut left is no reason not to start."""
    (tmp_path / "node.pid").write_text(content)
    assert find_running(tmp_path) is None
    pid_file = taken(tmp_path)
    assert json.loads((tmp_path / "node.pid").read_text())["pid"] == os.getpid()
    pid_file.release()


def test_a_stale_pid_that_another_process_has_by_now_is_replaced(tmp_path: Path) -> None:
    """After a reboot the number in the file may be anybody's; here it is that of a process that lives."""
    stale = {"pid": os.getppid(), "argv": ["edge-router", "start"], "options": {}}
    (tmp_path / "node.pid").write_text(json.dumps(stale))
    assert find_running(tmp_path) is None
    assert PidFile(tmp_path).take({}) is True


def test_its_own_pid_is_no_reason_to_refuse(tmp_path: Path) -> None:
    """In a container every run of the node is process 1."""
    (tmp_path / "node.pid").write_text(json.dumps({"pid": os.getpid(), "argv": sys.orig_argv, "options": {}}))
    assert PidFile(tmp_path).take({}) is True


def test_somebody_who_only_asks_does_not_keep_a_node_from_starting(tmp_path: Path) -> None:
    """`status` at the very moment of a start: the lock of the one who asks is shared and short."""
    (tmp_path / "node.pid").write_text("")
    assert find_running(tmp_path) is None
    assert PidFile(tmp_path).take({}) is False


def test_releasing_twice_and_without_a_file_is_fine(tmp_path: Path) -> None:
    """`release` is idempotent, and somebody may have removed the file."""
    pid_file = taken(tmp_path)
    (tmp_path / "node.pid").unlink()
    pid_file.release()
    pid_file.release()


@pytest.mark.slow
def test_the_kernel_frees_the_directory_of_a_killed_node(tmp_path: Path) -> None:
    """SIGKILL leaves the file; whoever asks then is told that no node runs."""
    program = (
        "import sys; from pathlib import Path; from edge_router.node.pidfile import PidFile\n"
        "PidFile(Path(sys.argv[1])).take({}); print('taken', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"taken\n"
        node = find_running(tmp_path)
        assert node is not None
        assert node.pid == process.pid
        assert node.is_process(process.pid)
        process.kill()
    assert (tmp_path / "node.pid").exists()
    assert find_running(tmp_path) is None


def test_a_signal_may_interrupt_the_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is impatient sends SIGTERM twice; the second may find the file half released."""
    pid_file = taken(tmp_path)
    close = os.close

    def close_and_be_interrupted(descriptor: int) -> None:
        close(descriptor)
        pid_file.release()

    monkeypatch.setattr(os, "close", close_and_be_interrupted)
    pid_file.release()
    assert not pid_file.path.exists()
