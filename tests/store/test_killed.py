"""The power goes: a writer is killed in the middle of its work, again and again.

KILLS says how often, 20 unless given.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from twisted.internet.task import Clock

from edge_router.store.sqlite import SqliteStore as Store
from edge_router.wamp.codecs import MSGPACK
from tests.store.writer import EACH, HISTORY, config

ROOT = Path(__file__).parent.parent.parent
KILLS = int(os.environ.get("KILLS", "20"))


@pytest.mark.slow
def test_nothing_that_was_written_is_missing_and_nothing_is_half_there(tmp_path: Path) -> None:
    """After each kill the file opens, has all that was said to be written, and no transaction in part."""
    path = tmp_path / "events.sqlite"
    draw = random.Random(2026)
    first = 1
    for _ in range(KILLS):
        said = _run_and_kill(path, first, draw.uniform(0.0, 0.2))
        last = _look(path, said)
        assert last < first + (1 << 20)
        first = last + 1


def _run_and_kill(path: Path, first: int, after: float) -> int:
    """Result: the last number that the writer said was written."""
    command = [sys.executable, "-m", "tests.store.writer", str(path), str(first)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as writer:
        assert writer.stdout is not None and writer.stderr is not None
        lines = [writer.stdout.readline()]  # it works
        time.sleep(after)  # somewhere in the middle of something
        writer.kill()
        lines += [line for line in writer.stdout.read().splitlines(keepends=True) if line.endswith(b"\n")]
        assert writer.stderr.read() == b""
    return int(lines[-1])


def _look(path: Path, said: int) -> int:
    """Whether the file is whole. Result: the last number in it."""
    problems: list[str] = []
    store = Store(config(path), path.parent, Clock(), problems.append)
    store.open()
    try:
        history = [MSGPACK.loads(record.args) for record in store.history("exact com.history")]
        retained = {record.topic: MSGPACK.loads(record.args)[0] for record in store.retained()}
    finally:
        store.close()
    assert not problems
    numbers = [number for number, _ in history]
    last = numbers[-1]
    assert last >= said
    assert last % EACH == 0
    assert numbers == list(range(max(1, last - HISTORY + 1), last + 1))
    assert all(len(text) == number * 37 % 900 for number, text in history)
    assert retained == {f"com.retained{number % 8}": number for number in range(last - 7, last + 1)}
    return last
