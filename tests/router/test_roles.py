"""Roles that change while sessions have them, and sessions with several roles."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_router.config.schema import Allow, Disclose, Permission, Role
from edge_router.router.permissions import RolePermissions
from edge_router.router.roles import MOST_COMBINED
from edge_router.router.several import SeveralRoles
from edge_router.wamp.errors import DISCLOSE_ME_DISALLOWED, NO_SUCH_PROCEDURE, NO_SUCH_ROLE, NOT_AUTHORIZED
from edge_router.wamp.messages import (
    Call,
    CallOptions,
    CloseDetails,
    Error,
    Event,
    Goodbye,
    Invocation,
    Publish,
    Published,
    PublishOptions,
    Register,
    Registered,
    RegisterOptions,
    RevokedRegistration,
    RevokedSubscription,
    Subscribe,
    Subscribed,
    SubscribeOptions,
    Unregistered,
    Unsubscribed,
    Yield,
    YieldOptions,
)
from tests.router.asking import ASKS, Asked
from tests.router.naive import Pattern, fits
from tests.router.players import EVERYTHING, Player, args, make_router, open_realm
from tests.router.test_permissions import RULES, _role
from tests.router.test_properties import PATTERNS, URIS

REVOCATIONS = {
    "callee": {"features": {"registration_revocation": True}},
    "subscriber": {"features": {"subscription_revocation": True}},
}
ALL = Permission(uri="", match="prefix", allow=EVERYTHING)


def role(name: str, *permissions: Permission, **more: Any) -> Role:
    return Role(name=name, permissions=list(permissions), **more)


def allow(uri: str, match: Any = "exact", **actions: bool) -> Permission:
    return Permission(uri=uri, match=match, allow=Allow(**actions))


class House:
    """A realm with some roles, and players who understand revocations."""

    def __init__(self, *roles: Role) -> None:
        self.router = make_router(open_realm(roles=roles))
        self.realm = self.router.realms["realm1"]

    def joins(self, authrole: str) -> Player:
        return Player(self.router, authrole).joins(**REVOCATIONS)


# --- permissions change ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "granted"),
    [
        (Publish(1, PublishOptions(acknowledge=True), "com.x"), Published),
        (Subscribe(1, SubscribeOptions(), "com.x"), Subscribed),
        (Register(1, RegisterOptions(), "com.x"), Registered),
        (Call(1, CallOptions(), "com.x"), Error),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_change_takes_effect_between_two_messages(message: Any, granted: type) -> None:
    """Both ways, whatever was remembered."""
    house = House(role("a"))
    client = house.joins("a")
    for permissions in ([], [ALL], []):
        house.realm.roles.set(role("a", *permissions))
        client.inbox.clear()
        client.sends(message)
        answer = client.next()
        assert type(answer) is (granted if permissions else Error)
        if type(answer) is Error:
            assert answer.uri == (NO_SUCH_PROCEDURE if permissions else NOT_AUTHORIZED)


def test_what_is_not_granted_any_more_is_revoked() -> None:
    """With the spec's messages; the rest stays, and so does what others have."""
    house = House(role("a", ALL), role("b", ALL))
    client, other = house.joins("a"), house.joins("b")
    ids = {}
    for uri in ("com.kept", "com.gone"):
        for player in (client, other):
            player.sends(Subscribe(1, SubscribeOptions(), uri))
            player.sends(Register(2, RegisterOptions(invoke="first"), uri))
            ids[uri] = (player.next().subscription, player.next().registration)
    house.realm.roles.set(role("a", allow("com.kept", subscribe=True, register=True)))
    subscription, registration = ids["com.gone"]
    client.gets(Unsubscribed(0, RevokedSubscription(subscription, "no longer authorized")))
    client.gets(Unregistered(0, RevokedRegistration(registration, "no longer authorized")))
    client.gets_nothing()
    other.gets_nothing()
    other.sends(Publish(3, PublishOptions(), "com.gone"))
    other.sends(Publish(4, PublishOptions(), "com.kept"))
    assert client.next().subscription == ids["com.kept"][0]
    client.gets_nothing()
    other.sends(Call(5, CallOptions(), "com.gone"))
    assert type(other.next()) is Invocation
    other.sends(Call(6, CallOptions(), "com.kept"))
    assert type(client.next()) is Invocation


def test_of_a_pattern_that_is_still_granted_only_what_is_allowed_comes() -> None:
    """And all of it again when that is allowed again."""
    house = House(role("a", ALL), role("b", ALL))
    client, other = house.joins("a"), house.joins("b")
    client.sends(Subscribe(1, SubscribeOptions(match="prefix"), "com."))
    client.sends(Register(2, RegisterOptions(match="prefix"), "com."))
    client.inbox.clear()
    for closed in (True, False):
        house.realm.roles.set(role("a", ALL, *([allow("com.secret")] if closed else [])))
        client.gets_nothing()
        other.sends(Publish(3, PublishOptions(), "com.secret"))
        other.sends(Call(4, CallOptions(), "com.secret"))
        assert [type(message) for message in client.everything()] == ([] if closed else [Event, Invocation])
        assert [message.uri for message in other.everything()] == ([NO_SUCH_PROCEDURE] if closed else [])


def test_calls_under_way_go_on() -> None:
    """The answer comes, though nothing could be called or served any more."""
    house = House(role("a", ALL), role("b", ALL))
    callee, caller = house.joins("a"), house.joins("b")
    callee.sends(Register(1, RegisterOptions(), "com.x"))
    callee.next()
    caller.sends(Call(1, CallOptions(), "com.x"))
    invocation = callee.next()
    house.realm.roles.set(role("a"))
    house.realm.roles.set(role("b"))
    assert type(callee.next()) is Unregistered
    callee.sends(Yield(invocation.request, YieldOptions(), args(1)))
    assert caller.loads(caller.next().args) == [1]


def test_sessions_of_other_roles_notice_nothing() -> None:
    """Nor do those of the same role if nothing has changed."""
    house = House(role("a", ALL), role("b", ALL))
    client = house.joins("a")
    before = client.session.permissions
    house.realm.roles.set(role("b"))
    house.realm.roles.set(role("a", ALL))
    assert client.session.permissions is before


def test_a_new_role_can_be_had_at_once() -> None:
    """And a role that is taken out cannot; whoever has it is told why it ends."""
    house = House(role("a", ALL))
    house.realm.roles.set(role("new", ALL))
    client, other = house.joins("new"), house.joins("a")
    house.realm.roles.remove("new")
    client.gets(Goodbye(CloseDetails("the role 'new' was taken out of this realm"), NO_SUCH_ROLE))
    assert list(house.realm.sessions) == [other.session.id]
    with pytest.raises(AssertionError):
        house.joins("new")
    with pytest.raises(LookupError):
        house.realm.roles.remove("new")


@pytest.mark.parametrize("name", ["", "trusted", "a,b"])
def test_names_that_no_role_can_have(name: str) -> None:
    """The node's own role cannot be changed."""
    house = House()
    with pytest.raises(ValueError, match="is no name for a role"):
        house.realm.roles.set(role(name, ALL))
    assert house.realm.roles.find("trusted") is None


def test_permissions_give_way_to_an_authorizer() -> None:
    """It is asked about each thing that a session has, one after another; what it does not allow is revoked."""
    asked = Asked(role("asks", ALL)).serves()
    client = Player(asked.router, "asks").joins(**REVOCATIONS)
    client.sends(Subscribe(1, SubscribeOptions(match="prefix"), "com.s"))
    client.sends(Subscribe(2, SubscribeOptions(), "com.t"))
    client.sends(Register(3, RegisterOptions(), "com.p"))
    client.inbox.clear()
    asked.realm.roles.set(ASKS)
    assert asked.asked() == ("com.s", "subscribe", {"match": "prefix"})
    asked.says({"allow": True, "cache": True})
    assert asked.asked() == ("com.t", "subscribe", {"match": "exact"})
    asked.says(False)
    assert type(client.next()) is Unsubscribed
    assert asked.asked() == ("com.p", "register", {"match": "exact"})
    asked.fails("com.error.broken")
    assert type(client.next()) is Unregistered
    client.gets_nothing()
    client.sends(Subscribe(4, SubscribeOptions(match="prefix"), "com.s"))
    assert type(client.next()) is Subscribed


def test_testaments_are_looked_at_too() -> None:
    """At the end of the session there is nobody to wait for an answer."""
    asked = Asked(role("asks", ALL)).serves()
    reader, client = asked.joins("open"), asked.joins("asks")
    reader.sends(Subscribe(1, SubscribeOptions(match="prefix"), "com."))
    reader.inbox.clear()
    for topic in ("com.no", "com.yes"):
        client.sends(Call(1, CallOptions(), "wamp.session.add_testament", args(topic, [topic], {})))
    asked.realm.roles.set(ASKS)
    for topic in ("com.no", "com.yes"):
        assert asked.asked() == (topic, "publish", {})
        asked.says(topic == "com.yes")
    client.session.lost()
    assert [reader.loads(event.args) for event in reader.everything()] == [["com.yes"]]


def test_an_authorizer_gives_way_to_permissions() -> None:
    """What waits for its answer is decided at once, in order; the answer changes nothing any more."""
    asked = Asked().serves()
    client = asked.joins()
    client.sends(Publish(1, PublishOptions(acknowledge=True), "com.x"))
    client.sends(Publish(2, PublishOptions(acknowledge=True), "com.y"))
    client.sends(Publish(3, PublishOptions(acknowledge=True), "com.x"))
    asked.realm.roles.set(role("asks", allow("com.x", publish=True)))
    assert [(type(answer), answer.request) for answer in client.everything()] == [
        (Published, 1), (Error, 2), (Published, 3)
    ]  # fmt: skip
    asked.says(False)
    client.sends(Publish(4, PublishOptions(acknowledge=True), "com.x"))
    assert [type(answer) for answer in client.everything()] == [Published]


def test_an_authorizer_gives_way_to_another() -> None:
    """The first is not waited for, and what it allowed for the session does not count."""
    asked = Asked().serves()
    client = asked.joins()
    client.sends(Publish(1, PublishOptions(acknowledge=True), "com.x"))
    asked.says({"allow": True, "cache": True})
    client.sends(Publish(2, PublishOptions(acknowledge=True), "com.y"))
    first = asked.question()
    asked.serves("com.second")
    asked.realm.roles.set(Role(name="asks", authorizer="com.second"))
    client.sends(Publish(3, PublishOptions(acknowledge=True), "com.x"))
    for topic in ("com.y", "com.x"):
        assert asked.asked()[0] == topic
        asked.says(True)
    asked.authorizer.sends(Yield(first.request, YieldOptions(), args(False)))
    asked.turn()
    assert [(type(answer), answer.request) for answer in client.everything()] == [
        (Published, 1), (Published, 2), (Published, 3)
    ]  # fmt: skip


def test_a_session_that_ends_while_it_is_looked_at() -> None:
    """The answer that comes then is for nobody."""
    asked = Asked(role("asks", ALL)).serves()
    client = asked.joins()
    client.sends(Subscribe(1, SubscribeOptions(), "com.t"))
    client.sends(Subscribe(2, SubscribeOptions(), "com.u"))
    asked.realm.roles.set(ASKS)
    client.session.lost()
    asked.says(False)
    asked.authorizer.gets_nothing()


# --- several roles -----------------------------------------------------------------------------------------------


@given(one=RULES, other=RULES, uri=URIS)
def test_what_any_of_them_allows_is_allowed(one: dict[Pattern, bool], other: dict[Pattern, bool], uri: str) -> None:
    """And nothing else."""
    parts = tuple(RolePermissions("r", _role(rules), "loose") for rules in (one, other))
    grant = SeveralRoles("a,b", ("a", "b"), parts).grant(uri)
    assert grant.publish == any(part.grant(uri).publish for part in parts)


@given(one=RULES, other=RULES, pattern=PATTERNS, uris=st.lists(URIS, min_size=1, max_size=20))
def test_a_uniform_pattern_gives_nothing_that_a_uri_would_not(
    one: dict[Pattern, bool], other: dict[Pattern, bool], pattern: Pattern, uris: list[str]
) -> None:
    """As for a single role."""
    match: Any = pattern[0]
    several = SeveralRoles("a,b", ("a", "b"), tuple(RolePermissions("r", _role(r), "loose") for r in (one, other)))
    granted = several.grant_pattern(pattern[1], match).subscribe
    if granted and several.is_uniform(pattern[1], match, "subscribe"):
        for uri in uris:
            assert not fits(pattern, uri) or several.grant(uri).subscribe


def test_a_login_with_several_roles() -> None:
    """Its authrole names them all, once each."""
    house = House(role("reader", allow("com.x", subscribe=True)), role("writer", allow("com.x", publish=True)))
    client = house.joins("reader, writer,reader")
    assert client.session.permissions.name == "reader,writer"
    client.sends(Subscribe(1, SubscribeOptions(), "com.x"))
    client.sends(Publish(2, PublishOptions(acknowledge=True, exclude_me=False), "com.x"))
    assert [type(message) for message in client.everything()] == [Subscribed, Event, Published]
    client.sends(Call(3, CallOptions(), "com.x"))
    assert client.loads(client.next().args) == ["role 'reader,writer' may not call 'com.x'"]


def test_all_of_them_must_be_there() -> None:
    """And none of them is the node's own."""
    house = House(role("a", ALL))
    for authrole in ("a,b", "a,trusted", "a,", ","):
        assert house.realm.roles.find(authrole) is None
    found = house.realm.roles.find("a,a")
    assert found is not None
    assert found.name == "a"


def test_who_acts_is_made_known_if_a_role_that_allows_it_says_so() -> None:
    """Not one that does not allow it."""
    told = Permission(uri="com.x", allow=Allow(publish=True), disclose=Disclose(publisher=True))
    silent = Permission(uri="com.x", disclose=Disclose(publisher=True))
    house = House(role("a", ALL), role("told", told), role("silent", silent))
    reader = house.joins("a")
    reader.sends(Subscribe(1, SubscribeOptions(), "com.x"))
    reader.next()
    for authrole, known in (("a,told", True), ("a,silent", False)):
        client = house.joins(authrole)
        client.sends(Publish(1, PublishOptions(), "com.x"))
        assert reader.next().details.publisher_authrole == (authrole if known else None)


@pytest.mark.parametrize(
    ("authrole", "granted"),
    [("shy", False), ("shy,a", True), ("shy,barred", False), ("shy,asks", False), ("asks,a", True)],
)
def test_who_acts_may_ask_to_be_made_known_if_a_role_that_allows_it_lets_it(authrole: str, granted: bool) -> None:
    """Not one that does not allow it, and no authorizer, which is not asked where a permission allows."""
    shy = Permission(uri="com.x", allow=Allow(publish=True, call=True), disclose=Disclose(requested="refuse"))
    barred = Permission(uri="com.x", allow=Allow(subscribe=True))
    house = House(role("a", ALL), role("shy", shy), role("barred", barred), Role(name="asks", authorizer="com.decide"))
    house.joins("a").sends(Register(1, RegisterOptions(), "com.x"))
    client = house.joins(authrole)
    client.sends(Publish(1, PublishOptions(disclose_me=True, acknowledge=True), "com.x"))
    assert getattr(client.next(), "uri", None) == (None if granted else DISCLOSE_ME_DISALLOWED)
    client.sends(Call(2, CallOptions(disclose_me=True), "com.x"))
    if granted:
        client.gets_nothing()
    else:
        assert client.next().uri == DISCLOSE_ME_DISALLOWED


def test_lists_of_roles_mean_each_of_them() -> None:
    """Those of publications, and the meta API's."""
    house = House(role("a", ALL), role("b", ALL))
    publisher, client = house.joins("a"), house.joins("a,b")
    client.sends(Subscribe(1, SubscribeOptions(), "com.x"))
    client.next()
    for options, comes in (
        (PublishOptions(eligible_authrole=("b",)), True),
        (PublishOptions(eligible_authrole=("a,b",)), True),
        (PublishOptions(eligible_authrole=("c",)), False),
        (PublishOptions(exclude_authrole=("b",)), False),
        (PublishOptions(exclude_authrole=("c",)), True),
    ):
        publisher.sends(Publish(1, options, "com.x"))
        assert len(list(client.everything())) == comes
    publisher.sends(Call(2, CallOptions(), "wamp.session.list", args(["b"])))
    assert publisher.loads(publisher.next().args) == [[client.session.id]]
    publisher.sends(Call(3, CallOptions(), "wamp.session.kill_by_authrole", args("b")))
    assert publisher.loads(publisher.next().args) == [1]
    assert type(client.next()) is Goodbye


def test_a_change_of_one_changes_all_that_have_it() -> None:
    """And a session ends with the first of its roles that is taken out."""
    house = House(role("a", ALL), role("b", allow("com.x", publish=True)))
    client = house.joins("a,b")
    house.realm.roles.set(role("a"))
    for topic, answer in (("com.x", Published), ("com.y", Error)):
        client.sends(Publish(1, PublishOptions(acknowledge=True), topic))
        assert type(client.next()) is answer
    house.realm.roles.remove("b")
    assert type(client.next()) is Goodbye
    assert house.realm.roles.find("a,b") is None


def test_an_authorizer_is_asked_where_no_other_role_allows() -> None:
    """What is allowed without asking is not asked about."""
    asked = Asked(ASKS, role("reader", allow("com.", "prefix", subscribe=True), allow("com.secret"))).serves()
    client = asked.joins("asks,reader")
    client.sends(Subscribe(1, SubscribeOptions(), "com.x"))
    assert type(client.next()) is Subscribed
    asked.authorizer.gets_nothing()
    client.sends(Publish(2, PublishOptions(acknowledge=True), "com.x"))
    assert client.loads(asked.authorizer.inbox[0].args)[0]["authrole"] == "asks,reader"
    asked.says(True)
    assert type(client.next()) is Published
    client.sends(Subscribe(3, SubscribeOptions(match="prefix"), "com."))
    assert asked.asked()[1] == "subscribe"
    asked.says(False)
    assert type(client.next()) is Error


def test_two_authorizers_are_asked_until_one_allows() -> None:
    """In the order of the roles; if none does, and one could not be asked, that is told."""
    asked = Asked(ASKS, Role(name="second", authorizer="com.second")).serves()
    client = asked.joins("asks,second")
    client.sends(Publish(1, PublishOptions(acknowledge=True), "com.x"))
    asked.says(False)
    asked.turn()
    assert client.next().uri == "wamp.error.authorization_failed"
    asked.serves("com.second")
    client.sends(Publish(2, PublishOptions(acknowledge=True), "com.x"))
    asked.says(False)
    asked.says(True)
    assert type(client.next()) is Published
    client.sends(Publish(3, PublishOptions(acknowledge=True), "com.x"))
    asked.says(True)
    assert type(client.next()) is Published
    asked.authorizer.gets_nothing()


def test_combinations_are_bounded() -> None:
    """A program that gives roles may give any."""
    house = House(*(role(f"r{number}") for number in range(MOST_COMBINED + 2)))
    for number in range(MOST_COMBINED + 1):
        assert house.realm.roles.find(f"r{number},r{number + 1}") is not None
    assert len(house.realm.roles._combined) == 1
