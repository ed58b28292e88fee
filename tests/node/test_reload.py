"""A reload in a node of fakes: in which order, and what a part that fails or hangs does to the others."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from edge_router import registry
from edge_router.config.parts import to_config
from edge_router.config.schema import Limits
from edge_router.node.node import PATIENCE, Node
from edge_router.node.record import Record
from edge_router.node.reload import Reload
from edge_router.router.interfaces import TransportDetails
from edge_router.wamp.codecs import JSON
from edge_router.wamp.errors import CLOSE_REALM, CLOSE_SYSTEM_SHUTDOWN
from edge_router.wamp.messages import Event, Goodbye, Message, Subscribed, Welcome
from edge_router.wamp.outgoing import Outgoing
from tests.node.parts import diary

Tree = dict[str, Any]


@pytest.fixture(autouse=True)
def fake_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The registry knows the fakes; the diary is new."""
    here = "tests.node.parts"
    for kind, config, part in (
        ("transport", "TransportConfig", "FakeTransport"), ("bridge", "BridgeConfig", "FakeBridge"),
    ):  # fmt: skip
        monkeypatch.setitem(registry.PARTS[kind], "fake", registry.Part(f"{here}:{config}", f"{here}:{part}"))
    diary.clear()


def fake(name: str, **more: Any) -> Tree:
    return {"type": "fake", "id": name, **more}


def tree() -> Tree:
    allowed = {"uri": "", "match": "prefix", "allow": {"subscribe": True, "publish": True}}
    realms = [{"name": name, "roles": [{"name": "anonymous", "permissions": [allowed]}]} for name in ("one", "two")]
    return {
        "version": 2,
        "workers": [{"type": "router", "realms": realms, "transports": [fake("t1"), fake("t2")]}],
        "bridges": [fake("b1", realm="one"), fake("b2", realm="two")],
    }


class Peer:
    """A client in memory that answers GOODBYE, unless it is silent."""

    codec = JSON
    details = TransportDetails("rawsocket", "tcp4:10.0.0.7:4711")

    def __init__(self, world: World, door: str, realm: str, silent: bool = False) -> None:
        self.received: list[Message] = []
        self._silent = silent
        transport = next(each.transport for each in world.node.workers[0].doors.all if each.section.id == door)
        self.session = transport.host.attach(self, None, Limits())  # type: ignore[attr-defined]
        self.says(f'[1, "{realm}", {{"roles": {{"subscriber": {{}}, "publisher": {{}}}}}}]')
        assert isinstance(self.received.pop(), Welcome)

    def send_message(self, message: Message) -> None:
        self.received.append(message)
        if isinstance(message, Goodbye) and not self._silent:
            self.session.router.clock.callLater(0, self.says, '[6, {}, "wamp.close.goodbye_and_out"]')

    def send(self, outgoing: Outgoing) -> None:
        self.received.append(outgoing.message_for(JSON))

    def close(self) -> None:
        """The router closes the connection."""

    def says(self, text: str) -> None:
        self.session.receive(JSON.decode(text.encode()))


class World:
    """A node that has started, and its reloads."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.tree = tree()
        self.node = Node(to_config(copy.deepcopy(self.tree)), Path("/nowhere"), self.clock)
        Deferred.fromCoroutine(self.node.start())
        diary.clear()

    def reload(self) -> Record:
        """Bring about what is in `tree` now."""
        record = Record()
        done: list[Any] = []
        config = to_config(copy.deepcopy(self.tree))
        Deferred.fromCoroutine(Reload(self.node, config, record).carry_out()).addBoth(done.append)
        for _ in range(20):
            if done:
                break
            self.clock.pump([0.02] * int(PATIENCE / 0.02))
        assert done == [None]
        return record

    @property
    def router(self) -> Any:
        return self.tree["workers"][0]


@pytest.fixture
def world() -> World:
    return World()


def test_what_is_the_same_is_left_alone(world: World) -> None:
    """Nothing is started, stopped or told."""
    client = Peer(world, "t1", "one")
    assert world.reload().lines == []
    assert (diary, client.received) == ([], [])


def test_bridges_end_first_and_begin_last(world: World) -> None:
    """So a bridge finds its realm there, and can still say that it stops."""
    world.tree["bridges"][0]["behaviour"] = "other"
    world.router["transports"][0]["behaviour"] = "other"
    world.router["transports"].append(fake("t3"))
    assert world.reload().failures == 0
    assert diary == ["t1 starts", "t3 starts", "b1 stops", "t1 stops", "b1 starts"]
    assert [bridge.config.id for bridge in world.node.bridges] == ["b2", "b1"]
    assert sorted(world.node.workers[0].places) == ["place of t1", "place of t2", "place of t3"]


def test_only_the_sessions_of_a_transport_that_closes_are_told(world: World) -> None:
    """Whatever realm they are in."""
    stays, one, two = Peer(world, "t1", "one"), Peer(world, "t2", "one"), Peer(world, "t2", "two")
    del world.router["transports"][1]
    assert world.reload().lines == ["transport fake t2 (place of t2): closed"]
    assert [peer.received[-1].reason for peer in (one, two)] == [CLOSE_SYSTEM_SHUTDOWN] * 2  # type: ignore[attr-defined]
    assert stays.received == []


def test_who_does_not_answer_is_not_waited_for(world: World) -> None:
    """After PATIENCE the transport is closed all the same, and all else goes on."""
    Peer(world, "t2", "one", silent=True)
    world.router["transports"][1]["behaviour"] = "hangs"
    assert world.reload().failures == 0
    world.router["transports"].pop()
    world.tree["bridges"].pop()
    assert world.reload().failures == 0
    assert diary == ["t2 starts", "t2 stops", "b2 stops", "t2 stops"]


def test_a_realm_that_changes_takes_its_bridges_along(world: World) -> None:
    """Its sessions are told; those of other realms are not; its retained events are there for those who come back."""
    one, two = Peer(world, "t1", "one"), Peer(world, "t1", "two")
    one.says('[16, 1, {"retain": true}, "com.kept", ["value"]]')
    world.router["realms"][0]["options"] = {"uri_check": "strict"}
    lines = world.reload().lines
    assert lines == [
        "realm one: closed and opened again, since it was changed (options.uri_check)",
        "bridge b1: started again, since it was changed (realm one)",
    ]
    assert diary == ["b1 stops", "b1 starts"]
    assert one.received[-1].reason == CLOSE_REALM  # type: ignore[attr-defined]
    assert two.received == []
    again = Peer(world, "t1", "one")
    again.says('[32, 1, {"get_retained": true}, "com.kept"]')
    assert [type(message) for message in again.received] == [Subscribed, Event]


def test_a_transport_that_cannot_listen(world: World) -> None:
    """The one before it stays, with its sessions; a new one is tried again by the next reload; the rest is done."""
    client = Peer(world, "t1", "one")
    world.router["transports"][0]["behaviour"] = "cannot_listen"
    world.router["transports"].append(fake("t3", behaviour="cannot_listen"))
    world.tree["bridges"].pop()
    record = world.reload()
    assert record.failures == 2
    assert record.lines == [
        "error: transport fake t1: t1: the port is in use; fake t1 (place of t1) stays as it was",
        "error: transport fake t3: t3: the port is in use; `edge-router reload` tries it again",
        "bridge b2: stopped",
    ]
    assert client.received == []
    assert world.node.workers[0].places == ["place of t1", "place of t2"]
    world.router["transports"][2]["behaviour"] = world.router["transports"][0]["behaviour"] = ""
    assert world.reload().lines == ["transport fake t3 (place of t3): opened"]


def test_routers_come_and_go(world: World) -> None:
    """A router more is as one at the start; one less takes its realms and bridges along."""
    world.tree["workers"].append({"type": "router", "id": "second", "realms": [world.router["realms"].pop()],
                                  "transports": [fake("t3")]})  # fmt: skip
    record = world.reload()
    assert record.failures == 0
    assert diary == ["t3 starts", "b2 stops", "b2 starts"]
    assert [worker.name for worker in world.node.workers] == ["worker001", "second"]
    assert world.node.workers[1].has_realm("two")
    diary.clear()
    world.tree["workers"].pop()
    world.tree["bridges"].pop()
    assert world.reload().failures == 0
    assert diary == ["b2 stops", "t3 stops"]
    assert [worker.name for worker in world.node.workers] == ["worker001"]


def test_names(world: World) -> None:
    """Of the node and of a router: nobody has to be told."""
    world.tree["controller"] = {"id": "kitchen"}
    world.router["id"] = "main"
    assert world.reload().lines == ["node: its id is kitchen"]
    assert (world.node.info()["node"], world.node.workers[0].name, diary) == ("kitchen", "main", [])
    assert world.reload().lines == []


def test_a_role_changed_by_hand_is_as_the_file_says_after_a_reload(world: World) -> None:
    """What counts is what runs, not what the file said before."""
    roles = world.node.workers[0].router.realms["one"].roles
    before = roles.declared["anonymous"]
    roles.remove("anonymous")
    assert world.reload().lines == ["realm one: role anonymous set"]
    assert roles.declared["anonymous"] == before
