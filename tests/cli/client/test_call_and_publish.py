"""`call`, `publish` and `subscribe` against a running node."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.client.conftest import Done, Endless, environment
from tests.cli.running import PATIENCE, RunningNode, configuration, write
from tests.transports.tls_clients import make_files

pytestmark = pytest.mark.slow

Run = Callable[..., Done]
Begin = Callable[..., Endless]


def test_call(run: Run) -> None:
    """One value is printed as it is; JSON has all of it."""
    assert run("call", "wamp.session.count") == Done(0, "1\n", "")
    (number,) = run("call", "wamp.session.list", "--json").lines[0]["args"][0]
    assert isinstance(number, int)
    assert run("call", "wamp.session.get", "1").err.startswith("edge-router: wamp.error.no_such_session: ")


def test_a_call_that_fails(run: Run) -> None:
    """Status 1; the error on stderr, or with --json on stdout."""
    done = run("call", "com.none")
    assert (done.status, done.out) == (1, "")
    assert done.err == (
        "edge-router: wamp.error.no_such_procedure: no callee registered for procedure 'com.none'\n"
    )
    done = run("call", "com.none", "--json")
    assert (done.status, done.err) == (1, "")
    assert done.lines[0]["error"] == "wamp.error.no_such_procedure"


def test_options_and_progress_of_a_call(run: Run, begin: Begin, node: RunningNode) -> None:
    """The router acts on the former; the latter is printed as it comes."""
    command = begin("register", "com.who", "--", "sh", "-c", "echo $WAMP_CALLER")
    assert "is served" in command.error()
    assert run("call", "com.who") == Done(0, "", "")
    assert int(run("call", "com.who", "--option", "disclose_me=true").out) > 0
    assert run("call", "wamp.session.count", "--progress", "--json").lines == [{"args": [2], "kwargs": {}}]


def test_publish_and_subscribe(run: Run, begin: Begin) -> None:
    """Values are JSON where they are, text where not; the lines are JSON; --count ends it."""
    reader = begin("subscribe", "com.example.", "com..x", "--count", "3")
    await_subscriber(run, "com.example.")
    await_subscriber(run, "com..x")
    payload = ("1", "on", '{"t": [1]}', "-k", "unit=°C", "--kwargs", '{"n": null}')
    assert run("publish", "com.example.a", *payload).status == 0
    assert run("publish", "com.y.x", "--text", "1").status == 0
    (published,) = run("publish", "com.example.b", "--json").lines
    first, second, third = (json.loads(reader.line()) for _ in range(3))
    assert {key: first[key] for key in ("topic", "args", "kwargs")} == {
        "topic": "com.example.a",
        "args": [1, "on", {"t": [1]}],
        "kwargs": {"unit": "°C", "n": None},
    }
    assert (second["topic"], second["args"]) == ("com.y.x", ["1"])
    assert third["topic"] == "com.example.b"
    assert isinstance(published["publication"], int)
    assert reader.process.wait(10) == 0


def await_subscriber(run: Run, topic: str) -> None:
    """Until somebody has subscribed."""
    deadline = time.monotonic() + PATIENCE / 5
    while time.monotonic() < deadline:
        last = run("topics", "--json")
        if any(row["uri"] == topic for row in last.lines):
            return
    raise AssertionError(f"nobody subscribes to {topic}: {last}")


def test_retained_events_and_a_time_limit(run: Run) -> None:
    """What was kept comes first; --values prints no more than the value; time is up with status 1 if --count is not."""
    run("publish", "com.kept", "21.5", "--retain")
    assert run("subscribe", "com.kept", "--retained", "--count", "1", "--values") == Done(0, "21.5\n", "")
    assert run("subscribe", "com.kept", "--count", "1", "--timeout", "0.05").status == 1
    assert run("subscribe", "com.kept", "--timeout", "0.05") == Done(0, "", "")
    (line,) = run("subscribe", "com.", "--retained", "--count", "1").lines
    assert line["retained"] is True


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_subscribe_in_order(number: int, run: Run, begin: Begin) -> None:
    """That is how it is meant to end; the router has nothing left of it."""
    reader = begin("subscribe", "com.signalled")
    await_subscriber(run, "com.signalled")
    assert reader.end(number) == 0
    assert run("topics", "--json").out == ""


def test_a_reader_that_has_gone_ends_subscribe(run: Run, begin: Begin) -> None:
    """`| head -1` is no failure."""
    reader = begin("subscribe", "com.headed")
    await_subscriber(run, "com.headed")
    run("publish", "com.headed", "1")
    assert reader.line()
    assert reader.process.stdout is not None
    reader.process.stdout.close()
    run("publish", "com.headed", "2")
    assert reader.process.wait(10) == 0
    assert reader.process.stderr is not None
    assert reader.process.stderr.read() == ""


def test_each_line_of_stdin_is_an_event(run: Run, begin: Begin, node: RunningNode, tmp_path: Path) -> None:
    """In order; empty ones are passed over; the last needs no end."""
    reader = begin("subscribe", "com.lines", "--count", "300", "--values")
    await_subscriber(run, "com.lines")
    file = tmp_path / "lines"
    file.write_text("".join(f"{number}\n\n" for number in range(299)) + "last")
    with file.open() as lines:
        done = subprocess.run(
            [sys.executable, "-m", "edge_router", "publish", "com.lines", "--lines", "--cbdir", str(node.directory)],
            stdin=lines, capture_output=True, text=True, timeout=30, env=environment(), check=False,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert [reader.line() for _ in range(300)] == [*(f"{number}\n" for number in range(299)), '"last"\n']


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["publish", "com.x", "-k", "unit"], "-k unit: NAME=VALUE would be right"),
        (["publish", "com.x", "--kwargs", "[1]"], "--kwargs [1]: a JSON object would be right"),
        (["publish", "com.x", "--option", "nope=1"], "--option nope: there are acknowledge, disclose_me,"),
        (["publish", "com.x", "--option", "retain=5"], "Expected `bool`, got `int` - at `$.retain`"),
        (["call", "com.x", "--option", "disclose_me"], "--option disclose_me: NAME=VALUE would be right"),
        (["register", "com.x", "--option", "concurrency=many", "--", "true"], "Expected `int | null`, got `str`"),
        (["call", "com.x", "--timeout", "-1"], "--timeout: 0 or more seconds would be right"),
        (["call", "com.x", "--ticket", "x"], "--ticket needs --authid: whose it is"),
        (["call", "com.x", "--url", "http://x/", "--realm", "r"], "--url: 'http://x/' is no address to connect to"),
        (["call", "com.x", "--url", "ws://x/"], "say which realm by --realm or $EDGE_ROUTER_REALM"),
        (["top", "--interval", "0"], "--interval must be more than 0"),
        (["register", "com.x", "--concurrency", "0", "--", "true"], "--concurrency must be 1 or more"),
        (["register", "com.x"], "say which program: register PROCEDURE -- COMMAND [ARG ...]"),
    ],
)
def test_wrong_usage(words: list[str], text: str, run: Run) -> None:
    """Status 2, and what would be right."""
    done = run(*words)
    assert (done.status, done.out) == (2, "")
    assert text in done.err


def test_options_of_publish(run: Run, begin: Begin) -> None:
    """They reach the router: who is not eligible gets nothing."""
    reader = begin("subscribe", "com.some", "--count", "1", "--values")
    await_subscriber(run, "com.some")
    assert run("publish", "com.some", "1", "--option", 'eligible_authrole=["nobody"]').status == 0
    assert run("publish", "com.some", "2", "--option", 'eligible_authrole=["anonymous"]').status == 0
    assert reader.line() == "2\n"


# --- where, and who ----------------------------------------------------------------------------------------------


def test_the_ways_to_say_where(run: Run, node: RunningNode, monkeypatch: pytest.MonkeyPatch) -> None:
    """A URL, the environment, a node directory, another realm."""
    here, port = node.directory, node.port  # type: ignore[attr-defined]
    count = ("call", "wamp.session.count")
    assert run(*count, "--url", f"rs://127.0.0.1:{port}", "--realm", "realm1").out == "1\n"
    assert run(*count, "--url", f"unix:{here}/router.sock", "--realm", "realm2", "--serializer", "cbor").out == "1\n"
    assert run(*count, "--realm", "realm2").out == "1\n"
    monkeypatch.chdir("/")
    assert run(*count, "--cbdir", str(here)).out == "1\n"
    monkeypatch.setenv("EDGE_ROUTER_URL", f"rs://localhost:{port}")
    monkeypatch.setenv("EDGE_ROUTER_REALM", "realm1")
    assert run(*count).out == "1\n"


@pytest.mark.parametrize("secret", ["s3cret", "env:THE_TICKET", "file:ticket", "-"])
def test_logging_in(secret: str, run: Run, node: RunningNode, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the secret itself, or where it is."""
    monkeypatch.setenv("THE_TICKET", "s3cret")
    monkeypatch.setattr("sys.stdin", io.StringIO("s3cret\n"))
    (node.directory / "ticket").write_text("s3cret\n")
    there = ("--url", f"unix:{node.directory}/ticket.sock", "--realm", "realm1")
    assert run("call", "wamp.session.count", *there, "--authid", "joe", "--ticket", secret).out == "1\n"
    done = run("call", "wamp.session.count", *there, "--authid", "joe", "--ticket", "wrong")
    assert done.status == 1
    assert "the router refused the session: wamp.error.authentication_denied" in done.err


def test_where_there_is_nobody(run: Run, tmp_path: Path) -> None:
    """No node, no configuration, no such realm: one line, status 1."""
    done = run("call", "com.x", "--cbdir", str(tmp_path))
    assert (done.status, done.err.count("\n")) == (1, 1)
    assert f"there is no configuration {tmp_path}/config.yaml; say where the node is by --cbdir" in done.err
    transport = "{type: rawsocket, endpoint: {type: unix, path: s}}"
    worker = f"{{type: router, realms: [{{name: r}}], transports: [{transport}]}}"
    (tmp_path / "config.yaml").write_text(f"workers: [{worker}]")
    done = run("call", "com.x", "--cbdir", str(tmp_path))
    assert done == Done(1, "", f"edge-router: unix:{tmp_path}/s: there is no such socket; is the node running?\n")
    assert "wamp.error.no_such_realm" in run("call", "com.x", "--realm", "nowhere").err


def test_a_node_that_stops_ends_what_runs(
    start_node: Callable[..., RunningNode], tmp_path: Path, run: Run
) -> None:
    """In order or not: status 1 and the reason, so that whoever started the command can start it again."""
    write(tmp_path, configuration())
    lost = f"the session ended: the connection to unix:{tmp_path}/router.sock was lost: Connection was closed"
    reasons = {signal.SIGTERM: "the session ended: wamp.close.system_shutdown", signal.SIGKILL: lost}
    for number, reason in reasons.items():
        node = start_node()
        node.wait_until_ready()
        reader = Endless(node, "subscribe", "com.x")
        await_subscriber(lambda *words: run(*words, "--cbdir", str(tmp_path)), "com.x")
        node.process.send_signal(number)
        assert reader.error().startswith(f"edge-router: {reason}")
        assert reader.process.wait(PATIENCE) == 1
        reader.close()
        node.ended()


def test_over_tls(start_node: Callable[..., RunningNode], tmp_path: Path, run: Run) -> None:
    """With the authority that is given, and with none that knows the router."""
    make_files(tmp_path)
    tls = {"key": "tls/node.key", "certificate": "tls/node.crt"}
    config = configuration()
    endpoint = {"type": "tcp", "port": 0, "interface": "127.0.0.1", "tls": tls}
    config["workers"][0]["transports"] = [{"type": "websocket", "endpoint": endpoint}]
    write(tmp_path, config)
    port = start_node().wait_until_ready()
    there = ("call", "wamp.session.count", "--url", f"wss://localhost:{port}/", "--realm", "realm1")
    assert run(*there, "--ca", str(tmp_path / "tls/ca.crt")) == Done(0, "1\n", "")
    done = run(*there)
    assert done.status == 1
    assert "the router's certificate is not trusted: its authority is not known here; give the file" in done.err
