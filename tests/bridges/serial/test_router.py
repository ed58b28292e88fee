"""The serial bridge through the real routing core: one line from the device reaches a subscriber, a call the device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from bridges.serial.bridge import SerialBridge
from edge_router.client import CallError, Received, Result, Session, local
from edge_router.config.schema import Realm
from edge_router.router.router import Router
from edge_router.transports.outbox import Outbox
from tests.bridges.harness import FakeDevice, PtyReactor

Join = Callable[[str], Session]


@pytest.fixture
def join(reactor: PtyReactor) -> Join:
    """Joins realm1 in a role: `trusted`; `viewer`, which may subscribe to what the kitchen says; `server`, which may
    register but not publish.
    """
    viewer = {"name": "viewer", "permissions": [{"uri": "kitchen.", "match": "prefix", "allow": {"subscribe": True}}]}
    server = {"name": "server", "permissions": [{"uri": "kitchen.", "match": "prefix", "allow": {"register": True}}]}
    router = Router(reactor)
    realm = router.add_realm(msgspec.convert({"name": "realm1", "roles": [viewer, server]}, Realm))
    outbox = Outbox(reactor)
    return lambda role: local.join(lambda peer: realm.admit(peer, role, f"the-{role}"), outbox)


class Seen:
    """Events of a subscription: topic -> [(value, kwargs)]."""

    def __init__(self) -> None:
        self.events: dict[str, list[tuple[Any, dict[str, Any]]]] = {}

    def __call__(self, event: Received) -> None:
        self.events.setdefault(event.topic, []).append((event.args[0], event.kwargs))

    def values(self, topic: str) -> list[Any]:
        return [value for value, _ in self.events.get(topic, [])]


def test_a_line_reaches_a_subscriber_and_a_call_the_device(
    join: Join, make_bridge: Callable[..., SerialBridge], device: FakeDevice, reactor: PtyReactor
) -> None:
    """The viewer finds the topics by a prefix; a program writes; unplugged, writing fails with its error URI."""
    bridge = make_bridge(fields={"t": {"unit": "°C", "scale": 0.1, "round": 1}})
    viewer, program = join("viewer"), join("trusted")
    seen = Seen()
    viewer.subscribe("kitchen.", seen, match="prefix")
    bridge.start(join("trusted"))
    reactor.until(lambda: seen.values("kitchen.status") == ["open"])

    device.say(b'{"t": 215}\n')
    reactor.until(lambda: seen.values("kitchen.t"))
    value, about = seen.events["kitchen.t"][0]
    assert value == 21.5
    assert about == {"bridge": "kitchen", "seq": 1, "ts": about["ts"], "ts_quality": "synced", "unit": "°C"}

    results: list[Result] = []
    program.call("kitchen.write", ["led on"]).addCallback(results.append)
    reactor.until(lambda: results)
    assert device.heard() == b"led on\n"
    program.call("kitchen.get_status").addCallback(results.append)
    reactor.until(lambda: len(results) == 2)
    assert results[1].value == "open"
    assert results[1].kwargs["frames"] == 1

    device.unplug()
    reactor.until(lambda: seen.values("kitchen.status") == ["open", "away"])
    failures: list[Any] = []
    program.call("kitchen.write", ["led on"]).addErrback(failures.append)
    reactor.until(lambda: failures)
    assert failures[0].check(CallError)
    assert failures[0].value.uri == "edge.error.device_away"

    bridge.stop()
    program.call("kitchen.get_status").addErrback(failures.append)
    reactor.until(lambda: len(failures) == 2)
    assert failures[1].value.uri == "wamp.error.no_such_procedure"
    assert seen.values("kitchen.status")[-1] == "stopped"


def test_who_comes_late_sees_how_things_are(
    join: Join, make_bridge: Callable[..., SerialBridge], device: FakeDevice, reactor: PtyReactor
) -> None:
    """Values and status are retained events: a page that is opened while a sensor is silent has them at once."""
    viewer = join("viewer")
    seen = Seen()
    bridge = make_bridge(fields={"t": {}, "h": {}})
    bridge.start(join("trusted"))
    reactor.until(lambda: bridge.status.state == "open")
    device.say(b'{"t": 215, "h": 1}\n')
    reactor.until(lambda: bridge.details()["frames"] == 1)
    viewer.subscribe("kitchen.", seen, match="prefix", get_retained=True)
    reactor.until(lambda: len(seen.events) == 3)
    assert {topic: seen.values(topic) for topic in seen.events} == {
        "kitchen.status": ["open"], "kitchen.t": [215], "kitchen.h": [1]
    }


def test_a_role_that_may_not_register_fails_the_start(
    join: Join, make_bridge: Callable[..., SerialBridge], reactor: PtyReactor
) -> None:
    """The node logs the router's reason and tries again later."""
    failures: list[Any] = []
    make_bridge().start(join("viewer")).addErrback(failures.append)
    reactor.until(lambda: failures)
    assert failures[0].value.uri == "wamp.error.not_authorized"


def test_a_role_that_may_not_publish_is_told(
    join: Join,
    make_bridge: Callable[..., SerialBridge],
    device: FakeDevice,
    reactor: PtyReactor,
    logged: list[str],
) -> None:
    """Once a topic, in the log and in the status; else a sensor would only seem to say nothing."""
    bridge = make_bridge()
    bridge.start(join("server"))
    reactor.until(lambda: len(logged) == 2)
    device.say(b"1\n2\n3\n")
    reactor.until(lambda: bridge.details()["frames"] == 3)
    reactor.advance(1)
    reasons = [text.split(": ")[1:3] for text in logged if "nothing can be published" in text]
    assert reasons == [
        ["nothing can be published to kitchen.status", "wamp.error.not_authorized"],
        ["nothing can be published to kitchen", "wamp.error.not_authorized"],
    ]
    assert "nothing can be published to kitchen:" in bridge.status.kwargs()["last_error"]


def test_a_second_bridge_of_the_same_topic_fails_the_start(
    join: Join, make_bridge: Callable[..., SerialBridge], reactor: PtyReactor
) -> None:
    failures: list[Any] = []
    make_bridge().start(join("trusted"))
    make_bridge().start(join("trusted")).addErrback(failures.append)
    reactor.until(lambda: failures)
    assert failures[0].value.uri == "wamp.error.procedure_already_exists"


def test_a_session_that_ended_first_does_not_keep_the_bridge_from_stopping(
    join: Join, make_bridge: Callable[..., SerialBridge], reactor: PtyReactor, logged: list[str]
) -> None:
    """The router may say GOODBYE before the node stops its bridges; that is no news for the log."""
    bridge = make_bridge()
    session = join("trusted")
    bridge.start(session)
    reactor.until(reactor.getReaders)
    session.leave()
    bridge.stop()
    reactor.advance(1)
    assert logged == []
