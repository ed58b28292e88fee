"""Components embedded in a router: autobahn's sessions as users write them, and what becomes of those that fail."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent

from edge_router.config.parts import to_config
from edge_router.node.components import Host, HostedComponent
from edge_router.node.embedded import EmbeddedTransport
from edge_router.node.node import PATIENCE, Node
from edge_router.node.record import Record
from edge_router.node.reload import Reload
from tests.node.applications import diary

HERE = "tests.node.applications"
EVERYTHING = {"uri": "", "match": "prefix", "allow": dict.fromkeys(("call", "register", "publish", "subscribe"), True)}
REALM = {"name": "realm1", "roles": [{"name": "anonymous", "permissions": [EVERYTHING]}, {"name": "nobody"}]}


@pytest.fixture(autouse=True)
def new_diary() -> None:
    """Nothing has happened yet."""
    diary.clear()


class World:
    """A node with components, and its clock."""

    def __init__(self, *components: Any, **options: Any) -> None:
        self.clock = Clock()
        worker = {"type": "router", "realms": [REALM], "components": list(components), "options": options}
        self.node = Node(to_config({"workers": [worker]}), Path("/nowhere"), self.clock)
        self.components = [each.part for each in self.node.workers[0].components]
        self.run(self.node.start())

    def run(self, coroutine: Any) -> list[Any]:
        outcome: list[Any] = []
        Deferred.fromCoroutine(coroutine).addBoth(outcome.append)
        self.settle()
        return outcome

    def settle(self, seconds: float = 0.0) -> None:
        """Let everything happen that is due, and what follows from it."""
        self.clock.advance(seconds)
        for _ in range(30):
            self.clock.advance(0)

    def sessions(self) -> int:
        return len(self.node.workers[0].router.realms["realm1"].sessions)


def cls(name: str, **more: Any) -> dict[str, Any]:
    return {"type": "class", "classname": f"{HERE}.{name}", "realm": "realm1", **more}


def function(**callbacks: str) -> dict[str, Any]:
    named = {event: f"{HERE}.{name}" for event, name in callbacks.items()}
    return {"type": "function", "realm": "realm1", "callbacks": named}


def test_calls_progress_and_errors() -> None:
    """A component is callee and caller like any client, and one that leaves by itself has done its work."""
    world = World(cls("Adder", id="adder", extra={"a": 1}), cls("Caller"))
    diary.remove("registered")  # when it comes to that, the caller is at work already
    assert diary == [
        ("joined", "adder", "anonymous", {"a": 1, "cbdir": "/nowhere"}),
        5,
        3,
        [0, 1, 2],
        ("com.example.broken", ("a", 2), {"why": "so"}),
        "wamp.error.no_such_procedure",
    ]
    assert [component.info()["state"] for component in world.components] == ["running", "left"]
    assert world.sessions() == 1
    world.settle(600)
    assert world.components[1].restarts == 0


def test_events_keep_their_order_and_values() -> None:
    """Events come in the order in which they were published, payloads as they were, binary too."""
    World(cls("Chatter"))
    diary.remove(True)  # the acknowledgement
    assert diary == [
        ("com.talk.a", (0,), {}),
        ("com.talk.a", (1,), {}),
        ("com.talk.a", (2,), {}),
        ("com.talk.b", (b"\0\xff", {"k": [None, 1.5, "ü"]}), {"word": True}),
    ]


def test_a_stop_is_told_to_components() -> None:
    """They leave, with onLeave and onDisconnect, before the router ends."""
    world = World(cls("Adder"))
    diary.clear()
    assert world.run(world.node.stop()) == [None]
    assert diary == [("left", "wamp.close.normal"), "disconnected"]
    assert world.components[0].info() == {
        "id": "component001", "type": "class", "realm": "realm1", "state": "stopped", "restarts": 0,
    }  # fmt: skip


def test_a_component_that_never_leaves_is_left_behind() -> None:
    """The node ends all the same."""
    world = World(cls("Deaf"))
    ended = world.run(world.node.stop())
    assert (diary, ended) == (["never"], [])
    world.settle(PATIENCE)
    assert ended == [None]
    assert world.sessions() == 0


def test_what_raises_in_on_join_is_started_again_later() -> None:
    """The log has the traceback, the session ends, and the delay doubles."""
    with capturedLogs() as events:
        world = World(cls("Broken"))
        assert (diary, world.sessions()) == (["tried"], 0)
        assert world.components[0].info()["state"] == "failed"
        world.settle(1.0)
        assert diary == ["tried"] * 2
        world.settle(0.9)
        assert diary == ["tried"] * 2
        world.settle(1.1)
        assert diary == ["tried"] * 3
    assert world.components[0].restarts == 2
    text = [formatEvent(event) for event in events if event["log_level"].name in ("critical", "error")]
    assert any("component component001: failed: ValueError: broken as ever; started again in" in line for line in text)
    tracebacks = [event["log_failure"].getTraceback() for event in events if event.get("log_failure") is not None]
    assert len(tracebacks) == 3
    assert "applications.py" in tracebacks[0]


def test_who_is_ended_by_the_router_is_started_again() -> None:
    """A session that somebody kills comes back."""
    world = World(cls("Adder"))
    session = next(iter(world.node.workers[0].router.realms["realm1"].sessions.values()))
    session.goodbye("wamp.close.killed", "off with you")
    world.settle()
    assert ("left", "wamp.close.killed") in diary
    assert world.components[0].state == "failed"
    world.settle(1.0)
    assert (world.components[0].state, world.sessions()) == ("running", 1)


def test_functions() -> None:
    """Functions are called with the session; `main` may be a coroutine, and when it is done the session leaves."""
    world = World(cls("Adder"), function(join="on_join", main="main", leave="on_leave", disconnect="on_disconnect"))
    assert [entry for entry in diary[1:] if entry != "registered"] == [
        ("on_join", "component002"),
        42,
        ("on_disconnect", True),
        ("on_leave", "wamp.close.normal"),
    ]
    assert world.components[1].state == "left"


@pytest.mark.parametrize(
    ("component", "why"),
    [
        (function(join="bad_join"), "failed: ValueError: a bad function"),
        (cls("Nobody"), "there is no 'Nobody' in the module 'tests.node.applications'"),
        (cls("main"), "'tests.node.applications.main' is no subclass of autobahn's ApplicationSession"),
        ({"type": "class", "classname": "no_such_module.X", "realm": "realm1"}, "there is no module 'no_such_module'"),
        ({"type": "class", "classname": "tests.node.broken_module.X", "realm": "realm1"}, "ZeroDivisionError"),
        (cls("Elsewhere"), "the router ended its session"),
        (cls("Unserializable"), "failed: SerializationError"),
    ],
)
def test_failures_are_told(component: Any, why: str) -> None:
    """Each way to fail is one line that says which component and why; the router runs on."""
    with capturedLogs() as events:
        world = World(component)
    assert world.components[0].state == "failed"
    lines = [formatEvent(event) for event in events]
    assert any(line.startswith("component component001: ") and why in line for line in lines), lines
    assert world.run(world.node.stop()) == [None]


@pytest.mark.parametrize(
    ("name", "restart", "state"),
    [
        ("Broken", "restart-never", "given up"),
        ("Broken", "restart-always", "failed"),
        ("Caller", "restart-never", "left"),
        ("Caller", "restart-on-failed", "left"),
        ("Caller", "restart-always", "failed"),
    ],
)
def test_the_option_restart(name: str, restart: Any, state: str) -> None:
    """Whether one that has failed, or left, is started again."""
    world = World(cls("Adder"), cls(name))
    component = HostedComponent("x", world.components[1]._section, host(world, restart), connecting(world))
    component.start()
    world.settle()
    assert component.state == state
    world.settle(1)
    assert component.restarts == (1 if state == "failed" else 0)
    component.stop()


def host(world: World, restart: Any) -> Host:
    return Host(Path("/nowhere"), None, "", restart, world.clock, None, lambda: None)


def connecting(world: World) -> Any:
    worker = world.node.workers[0]
    realm = worker.router.realms["realm1"]
    return lambda session, ended: EmbeddedTransport(session, realm, "anonymous", "x", worker._outbox, ended)


def test_joining_elsewhere_is_refused() -> None:
    """A component's realm is the configured one."""
    World(cls("Elsewhere"))
    assert diary == ["wamp.error.no_such_realm"]


def test_roles_are_enforced() -> None:
    """What the role may not do is refused, as for any client; `trusted` may do everything."""
    with capturedLogs() as events:
        World(cls("Adder", role="nobody"))
    assert any("not_authorized" in formatEvent(event) for event in events)
    diary.clear()
    World(cls("Adder", role="trusted"))
    assert diary[-1] == "registered"


def test_a_session_may_join_again_over_its_connection() -> None:
    """As over any other transport."""
    world = World(cls("Rejoining"))
    assert len({session for _, session in diary}) == 3
    assert world.sessions() == 1
    world.settle(60)
    assert (world.sessions(), world.components[0].state) == (1, "running")


def test_what_components_share() -> None:
    """One dict for all of a worker, if the options say so."""
    World(cls("Sharing", id="a"), cls("Sharing", id="b"), expose_shared=True)
    assert diary == [["a"], ["a", "b"]]
    diary.clear()
    World(cls("Sharing"))
    assert diary == [None]


def test_pythonpath(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Modules are looked for beside the node directory if the options say so."""
    monkeypatch.setattr("sys.path", list(__import__("sys").path))
    (tmp_path / "apps").mkdir()
    (tmp_path / "apps" / "my_embedded_app.py").write_text(
        "from autobahn.twisted.wamp import ApplicationSession\n"
        "class App(ApplicationSession):\n    def onJoin(self, details):\n        self.config.extra['seen'].append(1)\n"
    )
    seen: list[int] = []
    component = {
        "type": "class", "classname": "my_embedded_app.App", "realm": "realm1", "extra": {"seen": seen},
    }  # fmt: skip
    worker = {"type": "router", "realms": [REALM], "components": [component], "options": {"pythonpath": ["../apps"]}}
    config = to_config({"workers": [worker]})
    config.workers[0].components[0].extra["seen"] = seen  # type: ignore[union-attr]
    clock = Clock()
    node = Node(config, tmp_path / ".crossbar", clock)
    Deferred.fromCoroutine(node.start())
    for _ in range(10):
        clock.advance(0)
    assert seen == [1]


def test_a_reload_starts_again_what_has_changed() -> None:
    """Another component keeps its session; one that is new is loaded; one that is gone leaves."""
    callbacks = {"join": "on_join", "leave": "on_leave"}
    other = {**function(**callbacks), "id": "other"}
    world = World(cls("Adder", id="adder"), other)
    stays, changes = world.components

    def reload(*components: Any) -> list[str]:
        record = Record()
        worker = {"type": "router", "realms": [REALM], "components": list(components)}
        world.run(Reload(world.node, to_config({"workers": [worker]}), record).carry_out())
        return record.lines

    diary.clear()
    assert reload(cls("Adder", id="adder"), {**other, "extra": {"b": 2}}) == ["component other: started again"]
    assert diary == [("on_leave", "wamp.close.normal"), ("on_join", "other")]
    assert (stays.state, changes.state) == ("running", "stopped")
    assert reload(cls("Adder", id="adder")) == ["component other: stopped"]
    assert [each.part for each in world.node.workers[0].components] == [stays]
    assert world.sessions() == 1
