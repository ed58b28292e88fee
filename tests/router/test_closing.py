"""Realms that are closed, and take the place of others, while clients are there."""

from __future__ import annotations

from msgspec import Raw, structs

from edge_router.config.schema import EventHistory, MemoryStore
from edge_router.router.pending import Pending
from edge_router.router.realm import Realm
from edge_router.wamp.errors import CLOSE_REALM, LIMIT_EXCEEDED, NO_SUCH_REALM
from edge_router.wamp.messages import (
    Abort,
    CloseDetails,
    Event,
    Goodbye,
    Hello,
    HelloDetails,
    Publish,
    PublishOptions,
    Subscribe,
    Subscribed,
    SubscribeOptions,
)
from tests.router.players import FEATURES, Player, args, make_router, open_realm

RETAIN = PublishOptions(retain=True)
HELLO = Hello("realm1", HelloDetails(roles=FEATURES))


def test_sessions_of_a_realm_that_closes_are_told() -> None:
    """GOODBYE `wamp.close.close_realm`; the sessions of other realms stay, and nobody joins a closed one."""
    router = make_router(open_realm(), open_realm("realm2"))
    alice, bob = Player(router).joins(), Player(router).joins("realm2")
    told = router.close_realm("realm1", "it was taken out")
    assert told == [alice.session]
    alice.gets(Goodbye(CloseDetails("it was taken out"), CLOSE_REALM))
    assert not bob.inbox
    late = Player(router)
    late.sends(HELLO)
    assert late.next().reason == NO_SUCH_REALM


def test_a_login_that_takes_longer_than_its_realm_lives() -> None:
    """The realm is looked for again when the login is done, and not joined if it has been closed meanwhile."""
    router = make_router()
    alice = Player(router)
    pending: Pending[object] = Pending()
    entrants = alice.session._authenticators["anonymous"]
    accepted = entrants.hello(alice.session._login(HELLO, "anonymous"))  # type: ignore[arg-type]

    class Slow:
        def hello(self, _login: object) -> Pending[object]:
            return pending

    alice.session._authenticators = {"anonymous": Slow()}  # type: ignore[dict-item]
    alice.sends(HELLO)
    router.close_realm("realm1", "")
    pending.settle(accepted)
    answer = alice.next()
    assert isinstance(answer, Abort)
    assert answer.reason == NO_SUCH_REALM


def test_a_realm_in_the_place_of_another_keeps_its_events() -> None:
    """Retained events, and the histories of patterns that both have. What is over the new limits goes, oldest first."""
    store = MemoryStore(event_history=[EventHistory(uri="com.a"), EventHistory(uri="com.b")])
    router = make_router(open_realm(store=store))
    alice = Player(router).joins()
    for topic in ("com.a", "com.a", "com.b"):
        alice.sends(Publish(1, RETAIN, topic, args(topic)))
    snapshot = router.realms["realm1"].broker.snapshot()
    router.close_realm("realm1", "")
    store = MemoryStore(event_history=[EventHistory(uri="com.a", limit=1)])
    realm = router.add_realm(open_realm(store=store))
    realm.broker.take_over(snapshot)
    (history,) = realm.broker.histories.values()
    assert history.history is not None
    assert [record.topic for record in history.history.records()] == ["com.a"]
    bob = Player(router).joins()
    bob.sends(Subscribe(1, SubscribeOptions(get_retained=True, match="prefix"), "com."))
    assert type(bob.next()) is Subscribed
    events = [bob.next(), bob.next()]
    assert all(type(event) is Event for event in events)
    assert [event.details.topic for event in events] == ["com.a", "com.b"]
    assert [event.args for event in events] == [args("com.a"), args("com.b")]


def test_an_event_does_not_grow_younger_in_a_new_realm() -> None:
    """What was to be forgotten after so many seconds is forgotten then, whatever realm keeps it."""
    config = open_realm()
    old = make_router(config)
    alice = Player(old).joins()
    alice.sends(Publish(1, RETAIN, "com.a", Raw(args("old"))))
    (record,) = old.realms["realm1"].broker.snapshot()[None]
    expiring = structs.replace(config, store=MemoryStore(retained=structs.replace(config.store.retained, expiry=60)))
    router = make_router(expiring)
    router.realms["realm1"].broker.take_over({None: [structs.replace(record, time=record.time - 61_000)]})
    assert list(router.realms["realm1"].broker.retained.matching("com.a", "exact")) == []


def test_a_realm_follows_its_limits() -> None:
    """`max_sessions` counts from now on; who is there stays."""
    router = make_router()
    alice = Player(router).joins()
    realm: Realm = router.realms["realm1"]
    realm.follow(structs.replace(realm.config, options=structs.replace(realm.config.options, max_sessions=1)))
    late = Player(router)
    late.sends(HELLO)
    answer = late.next()
    assert answer.reason == LIMIT_EXCEEDED
    assert "1 sessions" in answer.details.message
    assert not alice.inbox
