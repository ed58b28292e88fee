"""Two boards and a centre, each a process: over TCP and TLS, RawSocket and WebSocket, in two encodings."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from edge_router.client.address import transport_for
from edge_router.client.connect import connect
from edge_router.client.session import Session
from edge_router.client.values import CallError, Invoked, Received
from tests.client.routers import prepare
from tests.transports.loop import Loop, running_loop
from tests.uplink.nodes import BoardNode, Centre, Example

pytestmark = pytest.mark.slow

Join = Callable[[Any], Session]


@pytest.fixture(scope="module")
def loop() -> Iterator[Loop]:
    """A private reactor that the test turns by hand."""
    with running_loop() as running:
        yield running


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With certificates."""
    found = tmp_path_factory.mktemp("u")
    prepare(found)
    return found


def _at(directory: Path, name: str) -> Path:
    """A node directory with the certificates."""
    shutil.copytree(directory / "tls", directory / name / "tls")
    return directory / name


@pytest.fixture(scope="module")
def centre(directory: Path) -> Iterator[Centre]:
    """The central router."""
    node = Centre(_at(directory, "centre"))
    node.start()
    yield node
    node.stop()


@pytest.fixture(scope="module")
def boards(directory: Path, centre: Centre) -> Iterator[tuple[BoardNode, BoardNode]]:
    """One by RawSocket with TLS, one by WebSocket in JSON."""
    a = BoardNode(_at(directory, "a"), "a", centre.way("raw-tls"), "cryptosign")
    b = BoardNode(_at(directory, "b"), "b", centre.way("ws"), "wampcra")
    a.start()
    b.start()
    yield a, b
    a.stop()
    b.stop()
    assert a.complaints() == b.complaints() == centre.complaints() == []


@pytest.fixture
def join(loop: Loop) -> Iterator[Join]:
    """Joins a node by its open door."""
    sessions: list[Any] = []

    def joined(node: Any) -> Session:
        realm = "central" if isinstance(node, Centre) else "realm1"
        session = loop.result(connect(transport_for(node.places["open"]), realm, reactor=loop.reactor))
        assert isinstance(session, Session)
        sessions.append(session)
        return session

    yield joined
    for session in sessions:
        loop.result(session.leave())


def _is_up(loop: Loop, session: Session) -> None:
    """Wait until the link is up."""
    found: list[Any] = []
    loop.result(session.subscribe("edge.uplink.hq.status", found.append, get_retained=True))
    loop.until(lambda: found and found[-1].args == ["up"], 20)


def test_a_procedure_of_one_board_called_from_the_other(
    loop: Loop, boards: tuple[BoardNode, BoardNode], join: Join
) -> None:
    """With progress, an error, a timeout and cancel; by two links, over TLS, and from MsgPack to JSON and back."""
    a, b = join(boards[0]), join(boards[1])
    _is_up(loop, a)
    _is_up(loop, b)
    canceled: list[Any] = []

    def served(invoked: Invoked, what: str, **more: Any) -> Any:
        if what == "fail":
            raise CallError("com.example.bad", 1, why="no")
        if what == "hang":
            return Deferred(canceled.append)
        if invoked.progress is not None:
            for number in range(3):
                invoked.progress(number)
        return [what, more, invoked.details.caller_authrole]

    loop.result(a.register("com.example.serve", served, details=True))
    name = "site.a.com.example.serve"
    progress: list[Any] = []

    def there() -> bool:
        found: list[Any] = []
        b.call(name, ["x"]).addBoth(found.append)
        loop.until(lambda: found)
        return not isinstance(found[0], Failure)

    loop.until(there)
    working = b.call(name, ["work"], {"k": b"\x00\xff"}, on_progress=lambda each: progress.append(each.value))
    result: Any = loop.result(working)
    assert result.value == ["work", {"k": b"\x00\xff"}, "anonymous"]
    assert progress == [0, 1, 2]
    with pytest.raises(CallError) as error:
        loop.result(b.call(name, ["fail"]))
    assert (error.value.uri, error.value.error_args) == ("com.example.bad", [1])
    with pytest.raises(CallError, match="timeout"):
        loop.result(b.call(name, ["hang"], timeout=100))
    loop.until(lambda: len(canceled) == 1)
    call = b.call(name, ["hang"])
    call.addErrback(lambda _failure: None)
    loop.result(b.call(name, ["x"]))
    call.cancel()
    loop.until(lambda: len(canceled) == 2)


def test_an_event_from_edge_to_cloud_to_edge(
    loop: Loop, centre: Centre, boards: tuple[BoardNode, BoardNode], join: Join
) -> None:
    """Once everywhere, and who sent it is known where permissions say so."""
    a, b, c = join(boards[0]), join(boards[1]), join(centre)
    _is_up(loop, a)
    _is_up(loop, b)
    heard: dict[str, list[Received]] = {"a": [], "b": [], "c": []}
    for name, session in (("a", a), ("b", b), ("c", c)):
        loop.result(session.subscribe("com.all.", heard[name].append, "prefix"))
    other = join(boards[0])
    for number in range(20):
        other.publish("com.all.news", [number], {"from": "a"})
    loop.until(lambda: all(len(events) >= 20 for events in heard.values()))
    loop.result(b.publish("com.all.end", acknowledge=True))
    loop.until(lambda: all(events[-1].topic == "com.all.end" for events in (heard["a"], heard["c"])))
    assert [[event.args for event in heard[name][:20]] for name in "abc"] == [[[number] for number in range(20)]] * 3
    assert len(heard["a"]) == len(heard["c"]) == 21
    assert heard["b"][0].details.publisher == other.id


def test_what_is_kept_while_the_centre_is_away(loop: Loop, directory: Path, centre: Centre, join: Join) -> None:
    """It is killed and comes back; the board is killed too, and has the events all the same. Each arrives once."""
    rules = [{"uri": "com.kept.", "match": "prefix", "prefix": "site.{node}.", "buffer": "all"}]
    board = BoardNode(_at(directory, "k"), "k", centre.way("ws-tls"), "scram", rules, store={"commit_seconds": 0.1})
    board.start()
    session = join(board)
    _is_up(loop, session)
    centre.kill()
    try:
        loop.until(lambda: "down: " in board.said())
        for number in range(10):
            loop.result(session.publish("com.kept.x", [number], acknowledge=True))
        status: Any = None

        def written() -> bool:
            nonlocal status
            status = loop.result(session.call("edge.uplink.hq.get_status"))
            return bool(status.kwargs["rows"] >= 10)

        loop.until(written)
        assert status.args == ["down"]
        loop.until(lambda: (board.directory / "uplink-hq.sqlite").exists())
        deadline = loop.reactor.seconds() + 0.5
        loop.until(lambda: loop.reactor.seconds() > deadline)
        board.kill()
    finally:
        centre.start()
    heard: list[Received] = []
    loop.result(join(centre).subscribe("site.k.", heard.append, "prefix"))
    board.start()
    try:
        loop.until(lambda: len(heard) >= 10, 20)
        assert [event.args for event in heard] == [[number] for number in range(10)]
        assert all(event.details.replayed for event in heard)
        assert {event.details.origin.node for event in heard if event.details.origin} == {"k"}
    finally:
        board.stop()


def test_the_log_says_how_it_came_up(boards: tuple[BoardNode, BoardNode], loop: Loop, join: Join) -> None:
    """With the address, and who the board is there."""
    _is_up(loop, join(boards[0]))
    assert "hq: up, by tls:127.0.0.1:" in boards[0].said()
    assert "of realm central as joe (user)" in boards[0].said()


@pytest.mark.parametrize("command", [["status"], ["top", "--once"]])
def test_commands_tell_of_it(
    boards: tuple[BoardNode, BoardNode], loop: Loop, join: Join, command: list[str]
) -> None:
    """With the address."""
    _is_up(loop, join(boards[0]))
    told = boards[0].directory / "node.status"
    loop.until(lambda: told.exists() and '"up"' in told.read_text())
    argv = [sys.executable, "-m", "edge_router", *command, "--cbdir", str(boards[0].directory)]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert re.search(r"uplink hq: up, tls:127\.0\.0\.1:\d+$", done.stdout, re.MULTILINE), done.stdout


def test_the_example(loop: Loop, tmp_path: Path) -> None:
    """Readings arrive with their origin, fast ones are thinned out, and each side calls the other."""
    above = Example(tmp_path / "centre", "centre")
    above.start()
    host, port = above.tcp("0")
    below = Example(tmp_path / "board", "board", f"rs://{host}:{port}")
    below.start()
    board, centre = (
        loop.result(connect(transport_for(str(place)), realm, reactor=loop.reactor))
        for place, realm in ((below.places["0"], "realm1"), (above.places["1"], "central"))
    )
    assert isinstance(board, Session)
    assert isinstance(centre, Session)
    _is_up(loop, board)
    heard: list[Received] = []
    loop.result(centre.subscribe("site.board-17.", heard.append, "prefix"))
    for number in range(3):
        board.publish("com.fast.x", [number])
        board.publish("com.example.x", [number])
    loop.until(lambda: len(heard) == 4)
    assert [event.args[0] for event in heard if event.topic == "site.board-17.com.example.x"] == [0, 1, 2]
    assert {event.details.origin.node for event in heard if event.details.origin} == {"board-17"}
    loop.result(board.register("com.example.hello", lambda name: f"hello {name}"))
    loop.result(centre.register("com.corp.time", lambda: "now"))
    assert loop.result(board.call("com.corp.time")).value == "now"  # type: ignore[attr-defined]
    found: list[Any] = []

    def greeted() -> bool:
        call = centre.call("site.board-17.com.example.hello", ["you"])
        call.addCallbacks(lambda result: found.append(result.value), lambda _failure: None)
        loop.until(lambda: call.called)
        return bool(found)

    loop.until(greeted)
    assert found == ["hello you"]
    for session in (board, centre):
        loop.result(session.leave())
    for node in (below, above):
        node.stop()
        assert node.complaints() == []
