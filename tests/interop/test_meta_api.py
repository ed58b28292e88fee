"""The meta API as the client libraries see it: ids as they write them, meta events, testaments, revocation."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.interop.puppet import Refused, Session
from tests.interop.stage import Stage

pytestmark = pytest.mark.slow

Cast = Callable[[str], Session]

MEMBERS = [
    "twisted/websocket/json",
    "twisted/rawsocket/cbor",
    "asyncio/websocket/msgpack",
    "autobahn-js/websocket/json",
    "autobahn-js/websocket/msgpack",
    "autobahn-js/websocket/cbor",
    "wampy/websocket/json",
    "wampy/websocket/msgpack",
    "wampy/websocket/cbor",
]


@pytest.fixture(params=MEMBERS)
def member(request: pytest.FixtureRequest, cast: Cast) -> str:
    """A client library, its transport and encoding; skipped where it cannot be had."""
    cast(request.param)
    name: str = request.param
    return name


@pytest.fixture
def admin(member: str, cast: Cast) -> Session:
    """The session that asks."""
    return cast(member)


@pytest.fixture
def guest(member: str, stage: Stage) -> Iterator[Session]:
    """A session that may be ended."""
    session = stage.enter(member)
    yield session
    session.ask("leave")


def test_details_of_a_session(admin: Session, guest: Session) -> None:
    """An id goes to the router and back as the number that it is."""
    (listed,), _ = admin.call("wamp.session.list")
    assert {admin.id, guest.id} <= set(listed)
    (details,), _ = admin.call("wamp.session.get", guest.id)
    assert details["session"] == guest.id
    assert details["transport"]["protocol"] == guest.serializer
    with pytest.raises(Refused) as refused:
        admin.call("wamp.session.get", 1)
    assert refused.value.uri == "wamp.error.no_such_session"


def test_events_of_a_subscription(admin: Session, guest: Session, uri: str) -> None:
    """From the first subscriber to the end; by the time of the answer the client knows its own subscription."""
    created, deleted = admin.subscribe("wamp.subscription.on_create"), admin.subscribe("wamp.subscription.on_delete")
    handle = guest.subscribe(uri)
    found = admin.event(created)["args"]
    while found[1]["uri"] != uri:
        found = admin.event(created)["args"]
    assert found[0] == guest.id
    guest.unsubscribe(handle)
    assert admin.event(deleted)["args"] == [guest.id, found[1]["id"]]
    admin.unsubscribe(created)
    admin.unsubscribe(deleted)


def test_a_killed_session_has_its_testament(admin: Session, member: str, stage: Stage, uri: str) -> None:
    """The testament, then GOODBYE with the reason that was given."""
    will = admin.subscribe(uri)
    guest = stage.enter(member)
    guest.call("wamp.session.add_testament", uri, ["gone"], {"who": "guest"})
    admin.call("wamp.session.kill", guest.id, reason="com.example.bye")
    event = admin.event(will)
    assert (event["args"], event["kwargs"]) == (["gone"], {"who": "guest"})
    left = guest.puppet.wait(note="left", session=guest.name)
    assert left
    admin.unsubscribe(will)


def test_a_session_outlives_the_end_of_its_registration(admin: Session, guest: Session, uri: str) -> None:
    """Whether or not a library knows of revocation, it goes on with the rest of its session."""
    guest.register(uri, "echo")
    (registration,), _ = admin.call("wamp.registration.lookup", uri)
    admin.call("wamp.registration.remove_callee", registration, guest.id, "enough")
    assert guest.call("wamp.session.get", guest.id)[0][0]["session"] == guest.id


def test_a_session_outlives_the_end_of_its_subscription(member: str, admin: Session, guest: Session, uri: str) -> None:
    """Whether or not a library knows of revocation, it goes on with the rest of its session."""
    if member.startswith(("twisted", "asyncio")):
        pytest.skip("autobahn-python announces subscription_revocation, and ends its session over it")
    guest.subscribe(uri)
    (subscription,), _ = admin.call("wamp.subscription.lookup", uri)
    admin.call("wamp.subscription.remove_subscriber", subscription, guest.id, "enough")
    assert guest.call("wamp.session.get", guest.id)[0][0]["session"] == guest.id
