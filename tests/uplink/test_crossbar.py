"""Real Crossbar.io as the centre, unchanged, if it is there: `make crossbar`."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_router.client.address import transport_for
from edge_router.client.connect import connect
from edge_router.client.session import Session
from edge_router.client.values import CallError, Invoked, Received
from tests.interop.running_node import EVERYTHING
from tests.transports.loop import Loop, running_loop
from tests.uplink.nodes import RULES, BoardNode

pytestmark = pytest.mark.slow

CROSSBAR = Path(__file__).parent.parent.parent / "build" / "crossbar"
#: seconds that Crossbar has to start
PATIENCE = 60.0


def _free_port() -> int:
    """Crossbar cannot say which one it got."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def _role(name: str, known: bool) -> dict[str, Any]:
    disclose = {"caller": known, "publisher": known}
    permission = {"uri": "", "match": "prefix", "allow": EVERYTHING, "disclose": disclose, "cache": True}
    return {"name": name, "permissions": [permission]}


@pytest.fixture(scope="module")
def crossbar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, int]]:
    """It runs. Result: its ports, for boards and for others."""
    if not (CROSSBAR / "installed").exists():
        pytest.skip("Crossbar is not installed; `make crossbar` does it (380 MB in build/)")
    directory = tmp_path_factory.mktemp("crossbar") / ".crossbar"
    directory.mkdir()
    ports = {"boards": _free_port(), "others": _free_port()}
    endpoint = {"type": "tcp", "interface": "127.0.0.1"}
    ticket = {"type": "static", "principals": {"joe": {"role": "board", "ticket": "p4ssw0rd"}}}
    transports = [
        {"type": "rawsocket", "endpoint": {**endpoint, "port": ports["boards"]}, "auth": {"ticket": ticket}},
        {"type": "rawsocket", "endpoint": {**endpoint, "port": ports["others"]}},
    ]
    realm = {"name": "central", "roles": [_role("board", True), _role("anonymous", False)]}
    worker = {"type": "router", "realms": [realm], "transports": transports}
    (directory / "config.json").write_text(json.dumps({"version": 2, "workers": [worker]}))
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with (directory / "out").open("wb") as out:
        process = subprocess.Popen(
            [CROSSBAR / "bin" / "crossbar", "start", "--cbdir", directory],
            stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environment,
        )  # fmt: skip
    deadline = time.monotonic() + PATIENCE
    while not all(map(_listens, ports.values())):
        assert process.poll() is None and time.monotonic() < deadline, (directory / "out").read_text()[-2000:]
        time.sleep(0.1)
    yield ports
    process.send_signal(signal.SIGTERM)
    process.wait(PATIENCE)


@pytest.fixture(scope="module")
def loop() -> Iterator[Loop]:
    """A private reactor that the test turns by hand."""
    with running_loop() as running:
        yield running


@pytest.fixture(scope="module")
def boards(crossbar: dict[str, int], tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[BoardNode, BoardNode]]:
    """Two of them."""
    way = {"type": "rawsocket", "url": f"rs://127.0.0.1:{crossbar['boards']}"}
    auth = {"ticket": {"authid": "joe", "ticket": "p4ssw0rd"}}
    found = [BoardNode(tmp_path_factory.mktemp(name), name, way, "", RULES, auth=auth) for name in ("a", "b")]
    for board in found:
        board.start()
    yield found[0], found[1]
    for board in found:
        board.stop()
        assert board.complaints() == []


def _join(loop: Loop, where: str, realm: str) -> Session:
    session = loop.result(connect(transport_for(where), realm, reactor=loop.reactor))
    assert isinstance(session, Session)
    return session


def test_events_and_procedures(loop: Loop, crossbar: dict[str, int], boards: tuple[BoardNode, BoardNode]) -> None:
    """Up, across and down; kept ones too; a procedure with progress, an error, and a timeout."""
    a, b = (_join(loop, str(board.places["open"]), "realm1") for board in boards)
    c = _join(loop, f"rs://127.0.0.1:{crossbar['others']}", "central")
    for session in (a, b):
        state: list[Any] = []
        loop.result(session.subscribe("edge.uplink.hq.status", state.append, get_retained=True))
        loop.until(lambda state=state: state and state[-1].args == ["up"], 20)
    above: list[Received] = []
    beside: list[Received] = []
    loop.result(c.subscribe("site.a.", above.append, "prefix"))
    loop.result(b.subscribe("com.all.x", beside.append))
    a.publish("com.example.t", [21])
    for number in range(5):
        a.publish("com.kept.t", [number])
    a.publish("com.all.x", ["hello"])
    loop.until(lambda: len(above) >= 6 and beside)
    assert [event.args for event in above if event.topic == "site.a.com.kept.t"] == [[number] for number in range(5)]
    assert (beside[0].args, beside[0].details.publisher_authrole) == (["hello"], "anonymous")

    def served(invoked: Invoked, what: str) -> Any:
        if what == "fail":
            raise CallError("com.example.bad", 1)
        assert invoked.progress is not None
        invoked.progress("half")
        return [what, invoked.procedure]

    loop.result(a.register("com.example.", served, details=True, match="prefix"))
    progress: list[Any] = []
    found: list[Any] = []

    def called() -> bool:
        call = b.call("site.a.com.example.work", ["x"], on_progress=lambda each: progress.append(each.value))
        call.addCallbacks(lambda result: found.append(result.value), lambda _failure: None)
        loop.until(lambda: call.called)
        return bool(found)

    loop.until(called)
    assert (found, progress) == ([["x", "com.example.work"]], ["half"])
    with pytest.raises(CallError, match=r"com\.example\.bad"):
        loop.result(b.call("site.a.com.example.work", ["fail"]))
    loop.result(a.leave())
    loop.result(b.leave())
    loop.result(c.leave())
