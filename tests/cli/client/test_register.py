"""`register`: programs that answer calls; and the lists of what there is."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_router.cli.client.top import as_lines
from tests.cli.client.conftest import Done, Endless, environment

pytestmark = pytest.mark.slow

Run = Callable[..., Done]
Begin = Callable[..., Endless]

ECHO = """\
import json, os, sys
call = json.loads(sys.stdin.readline())
kind = call["args"][0] if call["args"] else "none"
if kind == "text": print("two\\nlines")
elif kind == "json": print(json.dumps({"call": call, "argv": sys.argv[1:], "procedure": os.environ["WAMP_PROCEDURE"]}))
elif kind == "fail": sys.exit("first\\nno such lamp")
elif kind == "quiet": sys.exit(7)
elif kind == "long": print("x" * 5_000_000)
elif kind == "killed": os.kill(os.getpid(), 9)
elif kind == "sleep":
    import time; open(call["args"][1], "w").write(str(os.getpid())); time.sleep(60)
"""


@pytest.fixture
def served(begin: Begin, tmp_path: Path) -> Callable[..., Endless]:
    """Has a program serve a procedure. Result: the command, which serves."""
    program = tmp_path / "program.py"
    program.write_text(ECHO)

    def serve(procedure: str, *options: str) -> Endless:
        command = begin("register", procedure, *options, "--", sys.executable, str(program), "--")
        assert command.error() == f"edge-router: {procedure} is served; end with Ctrl-C\n"
        return command

    return serve


def test_what_a_program_prints_is_the_result(served: Callable[..., Endless], run: Run) -> None:
    """JSON if it is JSON, else text; nothing is no value. The call is on stdin, and with --arguments in argv."""
    command = served("com.prog", "--arguments")
    assert run("call", "com.prog") == Done(0, "", "")
    assert run("call", "com.prog", "text").out == "two\nlines\n"
    (found,) = run("call", "com.prog", "json", "5", '{"a": 1}', "-k", "unit=°C").lines
    assert found == {
        "call": {"procedure": "com.prog", "args": ["json", 5, {"a": 1}], "kwargs": {"unit": "°C"}},
        "argv": ["--", "json", "5", '{"a":1}'],
        "procedure": "com.prog",
    }
    assert command.end() == 0


def test_a_program_that_fails_is_an_error(served: Callable[..., Endless], run: Run) -> None:
    """Status and stderr are told; the last line is the text."""
    served("com.prog")
    (error,) = run("call", "com.prog", "fail", "--json").lines
    assert error == {
        "error": "wamp.error.runtime_error",
        "args": ["no such lamp"],
        "kwargs": {"status": 1, "stderr": "first\nno such lamp"},
    }
    (error,) = run("call", "com.prog", "quiet", "--json").lines
    assert (error["args"], error["kwargs"]["status"]) == (["the program ended with status 7"], 7)
    (error,) = run("call", "com.prog", "killed", "--json").lines
    assert (error["args"], error["kwargs"]["signal"]) == (["the program ended with signal 9"], 9)
    (error,) = run("call", "com.prog", "long", "--json").lines
    assert error["error"] == "wamp.error.payload_size_exceeded"


def test_a_program_that_takes_too_long_is_ended(served: Callable[..., Endless], run: Run, tmp_path: Path) -> None:
    """By the limit of the command, by the caller's, and when the command ends."""
    command = served("com.prog", "--timeout", "0.3")
    (error,) = run("call", "com.prog", "sleep", str(tmp_path / "a"), "--json").lines
    assert (error["error"], error["args"]) == ("wamp.error.timeout", ["the program took longer than 0.3 s"])
    assert is_gone(tmp_path / "a")
    command.end()
    command = served("com.slow")
    done = run("call", "com.slow", "sleep", str(tmp_path / "b"), "--timeout", "0.3")
    assert "wamp.error.timeout" in done.err
    assert is_gone(tmp_path / "b")
    waiting = subprocess.Popen(
        [sys.executable, "-m", "edge_router", "call", "com.slow", "sleep", str(tmp_path / "c"), "--json"],
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    wait_for(tmp_path / "c")
    assert command.end(signal.SIGTERM) == 0
    out, _ = waiting.communicate(timeout=10)
    assert json.loads(out)["error"] == "wamp.error.canceled"
    assert is_gone(tmp_path / "c")


def wait_for(file: Path) -> int:
    """Until a program has written its process id there. Result: the id."""
    deadline = time.monotonic() + 10
    while not (file.exists() and file.read_text()):
        assert time.monotonic() < deadline, f"nobody wrote {file}"
        time.sleep(0.01)
    return int(file.read_text())


def is_gone(file: Path) -> bool:
    """Whether the program that wrote its process id there ends."""
    place = Path(f"/proc/{wait_for(file)}")
    deadline = time.monotonic() + 10
    while place.exists():
        assert time.monotonic() < deadline, "it still runs"
        time.sleep(0.01)
    return True


def test_a_procedure_that_is_taken(served: Callable[..., Endless], run: Run) -> None:
    """Status 1 and the router's words; and a program that is not there."""
    served("com.prog")
    done = run("register", "com.prog", "--", "true")
    assert done.status == 1
    assert "wamp.error.procedure_already_exists" in done.err
    done = run("register", "com.other", "--", "/no/such/program")
    assert (done.status, done.err) == (1, "edge-router: there is no program '/no/such/program' that can be run\n")


# --- lists -------------------------------------------------------------------------------------------------------


def test_lists(served: Callable[..., Endless], run: Run) -> None:
    """For people as a table, for programs as JSON lines; the command itself is not in them."""
    assert [run(name) for name in ("sessions", "topics", "procedures")] == [Done(0, "", "")] * 3
    command = served("com.prog", "--invoke", "roundrobin")
    (session,) = run("sessions", "--json").lines
    assert session["authrole"] == "anonymous"
    head, line = run("sessions").out.splitlines()
    assert head.split() == ["SESSION", "AUTHID", "ROLE", "METHOD", "PEER", "PROTOCOL", "DROPPED"]
    assert line.split()[0] == str(session["session"])
    assert f"unix:pid={command.process.pid},uid=" in line
    assert run("sessions", "--role", "nobody").out == ""
    head, line = run("procedures").out.splitlines()
    assert line.split()[:4] == ["com.prog", "exact", "roundrobin", "1"]
    (row,) = run("procedures", "--json").lines
    assert (row["uri"], row["count"]) == ("com.prog", 1)


def test_top(served: Callable[..., Endless], run: Run, begin: Begin) -> None:
    """Once for scripts; else again and again, with what has changed."""
    served("com.prog")
    (facts,) = run("top", "--once", "--json").lines
    assert (facts["realm"], facts["sessions"], facts["procedures"], facts["topics"]) == ("realm1", 1, 1, 0)
    assert facts["list"][0]["dropped"] == 0
    assert facts["list"][0]["received"] == 2, "HELLO and REGISTER"
    assert facts["list"][0]["received_per_second"] == 0, "nobody knows yet"
    text = run("top", "--once").out
    assert re.match(r"realm1  ..:..:..   sessions 1   topics 0   procedures 1\n\nSESSION ", text)
    live = begin("top", "--json", "--interval", "0.05")
    assert json.loads(live.line())["topics"] == 0, "what it listens to itself does not count"
    run("call", "wamp.session.count")
    joined = left = 0
    fastest = 0.0
    while left < 1 or not fastest:
        facts = json.loads(live.line())
        joined, left = joined + facts["joined"], left + facts["left"]
        run("call", "com.prog")
        fastest = max(fastest, *(row["sent_per_second"] for row in facts["list"]))
    assert 1 <= left <= joined <= left + 1
    assert live.end() == 0


def test_the_head_of_top() -> None:
    """Who came and went since the last look."""
    facts = {"realm": "r", "sessions": 2, "topics": 0, "procedures": 1, "list": []}
    lines = as_lines({**facts, "joined": 1, "left": 2, "seconds": 2.0})
    assert lines[0].endswith("   sessions 2 (+1 -2 in 2 s)   topics 0   procedures 1")
