"""The node: what starts and ends in which order, and what a part that fails or hangs does to the others."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec
import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent

from edge_router import registry
from edge_router.config.parts import to_config
from edge_router.config.schema import AnonymousAuth, Auth, Limits
from edge_router.node.logins import authenticators
from edge_router.node.node import PATIENCE, Node
from edge_router.node.router import LOOK_EVERY
from edge_router.router.interfaces import TransportDetails
from edge_router.transports.listen import CannotListen
from edge_router.wamp.codecs import JSON
from edge_router.wamp.errors import CLOSE_SYSTEM_SHUTDOWN
from edge_router.wamp.messages import Abort, Goodbye, Message, Welcome
from edge_router.wamp.outgoing import Outgoing
from tests.node.parts import diary


@pytest.fixture(autouse=True)
def fake_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The registry knows the fakes; the diary is new."""
    here = "tests.node.parts"
    monkeypatch.setitem(
        registry.PARTS["transport"], "fake", registry.Part(f"{here}:TransportConfig", f"{here}:FakeTransport")
    )
    monkeypatch.setitem(registry.PARTS["bridge"], "fake", registry.Part(f"{here}:BridgeConfig", f"{here}:FakeBridge"))
    diary.clear()


class Peer:
    """A client in memory."""

    codec = JSON
    details = TransportDetails("rawsocket", "tcp4:10.0.0.7:4711")

    def __init__(self, node: Node, auth: Auth | None = None) -> None:
        self.received: list[Message] = []
        self.is_closed = False
        host = node.workers[0].doors.all[0].transport.host
        self.session = host.attach(self, auth, Limits())

    def send_message(self, message: Message) -> None:
        self.received.append(message)

    def send(self, outgoing: Outgoing) -> None:
        self.received.append(outgoing.message_for(JSON))

    def close(self) -> None:
        self.is_closed = True

    def says(self, text: str) -> Message:
        """Say something; the latest answer."""
        self.session.receive(JSON.decode(text.encode()))
        return self.received[-1]

    def joins(self) -> Message:
        return self.says('[1, "realm1", {"roles": {"subscriber": {}}}]')


class World:
    """A node and its clock."""

    def __init__(self, transports: list[Any], bridges: list[Any] = []) -> None:  # noqa: B006 - never changed
        self.clock = Clock()
        allowed = {"uri": "", "match": "prefix", "allow": {"subscribe": True}}
        realm = {"name": "realm1", "roles": [{"name": "anonymous", "permissions": [allowed]}]}
        tree = {
            "version": 2,
            "controller": {"id": "kitchen-pi"},
            "workers": [{"type": "router", "id": "main", "realms": [realm], "transports": transports}],
            "bridges": bridges,
        }
        self.node = Node(to_config(tree), Path("/nowhere"), self.clock)

    def run(self, coroutine: Any) -> list[Any]:
        """Start something. Result: a list that gets its outcome."""
        outcome: list[Any] = []
        Deferred.fromCoroutine(coroutine).addBoth(outcome.append)
        return outcome


def transport(name: str, behaviour: str = "") -> dict[str, str]:
    return {"type": "fake", "id": name, "behaviour": behaviour}


bridge = transport


def test_workers_then_bridges_and_back() -> None:
    """What is started last is stopped first, so a bridge can still say that it stops."""
    world = World([transport("t1"), transport("t2")], [bridge("b1"), bridge("b2")])
    assert diary == []
    assert world.run(world.node.start()) == [None]
    assert diary == ["t1 starts", "t2 starts", "b1 starts", "b2 starts"]
    client = Peer(world.node)
    assert isinstance(client.joins(), Welcome)
    client.says('[32, 1, {"match": "prefix"}, ""]')
    diary.clear()
    ended = world.run(world.node.stop())
    assert diary == ["b2 stops", "b1 stops"]
    events = (message for message in client.received if type(message).__name__ == "Event")
    said = [event for event in events if not event.details.topic.startswith("wamp.")]
    assert [message.details.topic for message in said] == ["b2.status", "b1.status"]
    assert client.received[-1] == Goodbye(client.received[-1].details, CLOSE_SYSTEM_SHUTDOWN)
    assert ended == []
    client.says('[6, {}, "wamp.close.goodbye_and_out"]')
    assert client.is_closed
    world.clock.advance(LOOK_EVERY)
    assert diary == ["b2 stops", "b1 stops", "t2 stops", "t1 stops"]
    assert ended == [None]


def test_a_client_that_does_not_answer_is_given_up() -> None:
    """After PATIENCE its transport is closed all the same. One that comes meanwhile is told why it may not join."""
    world = World([transport("t1")])
    world.run(world.node.start())
    silent, late = Peer(world.node), Peer(world.node)
    silent.joins()
    ended = world.run(world.node.stop())
    answer = late.joins()
    assert isinstance(answer, Abort)
    assert answer.reason == CLOSE_SYSTEM_SHUTDOWN
    world.clock.pump([LOOK_EVERY] * int(PATIENCE / LOOK_EVERY - 1))
    assert "t1 stops" not in diary
    world.clock.pump([LOOK_EVERY] * 3)
    assert diary[-1] == "t1 stops"
    assert ended == [None]


def test_a_transport_that_cannot_listen_ends_the_start() -> None:
    """Nothing after it is started; what had been opened is closed by `stop`, and nothing else is."""
    world = World([transport("t1"), transport("t2", "cannot_listen"), transport("t3")], [bridge("b1")])
    (failure,) = world.run(world.node.start())
    assert failure.check(CannotListen)
    assert str(failure.value) == "t2: the port is in use"
    assert world.run(world.node.stop()) == [None]
    assert diary == ["t1 starts", "t2 starts", "t1 stops"]


def test_a_bridge_that_cannot_start_does_not_keep_the_node() -> None:
    """It is told, and shows on the info page."""
    world = World([transport("t1")], [bridge("b1", "cannot_start"), bridge("b2")])
    with capturedLogs() as events:
        assert world.run(world.node.start()) == [None]
    assert any("no such device" in formatEvent(event) for event in events)
    assert [part["state"] for part in world.node.info()["bridges"]] == ["failed", "running"]
    world.run(world.node.stop())
    world.clock.advance(60)
    assert diary.count("b1 starts") == 1


@pytest.mark.parametrize("behaviour", ["hangs", "breaks"])
def test_a_transport_that_does_not_end_does_not_keep_the_others(behaviour: str) -> None:
    """It gets its time and no more; a failure is logged, if it has words."""
    world = World([transport("t1"), transport("t2", behaviour)])
    world.run(world.node.start())
    ended = world.run(world.node.stop())
    world.clock.advance(PATIENCE)
    assert diary[-2:] == ["t2 stops", "t1 stops"]
    assert ended == [None]


def test_a_bridge_that_does_not_end_does_not_keep_the_others() -> None:
    """As with transports."""
    world = World([transport("t1")], [bridge("b1"), bridge("b2", "hangs")])
    world.run(world.node.start())
    ended = world.run(world.node.stop())
    assert diary[-1] == "b2 stops"
    world.clock.advance(PATIENCE)
    assert diary[-2:] == ["b1 stops", "t1 stops"]
    assert ended == [None]


def test_refused_sessions_are_told() -> None:
    """With the address, the reason and a sentence."""
    world = World([transport("t1")])
    world.run(world.node.start())
    with capturedLogs() as events:
        Peer(world.node).says('[1, "nowhere", {"roles": {"caller": {}}}]')
    (line,) = (formatEvent(event) for event in events)
    assert line.startswith("tcp4:10.0.0.7:4711 refused: wamp.error.no_such_realm: ")
    assert world.node.info()["workers"][0]["sessions_refused"] == 1


def test_logins_are_those_of_the_transport() -> None:
    """Without `auth` everybody is anonymous; with it, only what it names is offered; the role is the configured one."""
    assert list(authenticators(None, Path(), Clock())) == ["anonymous"]
    assert authenticators(Auth(), Path(), Clock()) == {}
    world = World([transport("t1")])
    world.run(world.node.start())
    auth = Auth(anonymous=AnonymousAuth(role="anonymous", authid="panel"))
    for _ in range(2):
        welcome = Peer(world.node, auth).joins()
        assert isinstance(welcome, Welcome)
        assert welcome.details.authid == "panel"
    refusal = Peer(world.node, Auth()).joins()
    assert isinstance(refusal, Abort)
    assert refusal.reason == "wamp.error.no_matching_auth_method"
    no_role = Peer(world.node, Auth(anonymous=AnonymousAuth(role="trusted"))).joins()
    assert isinstance(no_role, Abort)


def test_the_facts_about_the_node() -> None:
    """What the info page shows, JSON-like; and the line for `systemctl status`."""
    world = World([transport("t1"), transport("t2")], [bridge("b1")])
    assert world.node.status() == "running, listening nowhere"
    world.run(world.node.start())
    Peer(world.node).joins()
    world.clock.advance(61.5)
    assert world.node.status() == "listening on place of t1, place of t2"
    info = msgspec.json.decode(msgspec.json.encode(world.node.info()))
    assert (info["node"], info["pid"], info["uptime"]) == ("kitchen-pi", os.getpid(), 61.5)
    assert info["workers"] == [
        {
            "id": "main",
            "transports": ["place of t1", "place of t2"],
            "ports": [{"place": f"place of {each}", "connections": 0} for each in ("t1", "t2")],
            "realms": [
                {
                    "name": "realm1",
                    "sessions": 2,
                    "subscriptions": 0,
                    "registrations": 0,
                    "messages_received": 0,
                    "bytes_received": 0,
                    "messages_sent": 0,
                    "bytes_sent": 0,
                    "retained": 0,
                    "retained_dropped": 0,
                    "events_repeated": 0,
                    "origins_forgotten": 0,
                }
            ],
            "sessions_refused": 0,
            "events_dropped": 0,
        }
    ]
    (b1,) = info["bridges"]
    assert b1 == {"id": "b1", "realm": "realm1", "state": "running", "messages_received": 0, "messages_sent": 0}
