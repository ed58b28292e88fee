"""What a role may do: the best permission decides, and a pattern never gives more than its URIs one by one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_router.config.schema import Allow, Disclose, Permission, Role
from edge_router.router.permissions import RolePermissions
from edge_router.router.urimap import REMEMBERED
from edge_router.wamp.errors import INVALID_URI, NOT_AUTHORIZED, WampError
from edge_router.wamp.messages import CloseDetails, Goodbye, Publish, PublishOptions, Subscribe, SubscribeOptions
from tests.router.naive import Pattern, best, fits
from tests.router.players import EVERYTHING, Player, args, make_router, open_realm
from tests.router.test_properties import PATTERNS, URIS

RULES = st.dictionaries(PATTERNS, st.booleans(), max_size=5)


def _role(rules: dict[Pattern, bool], default: bool = False) -> Role:
    permissions = [
        Permission(uri=uri, match=match, allow=Allow(subscribe=yes, register=yes, publish=yes, call=yes))  # type: ignore[arg-type]
        for (match, uri), yes in rules.items()
    ]
    return Role(name="r", permissions=permissions, allow_by_default=default)


def _may(rules: dict[Pattern, bool], default: bool, uri: str) -> bool:
    """What the permissions say of one URI, by the naive matcher."""
    matching = {pattern for pattern in rules if fits(pattern, uri)}
    return rules[best(matching)] if matching else default


@given(rules=RULES, default=st.booleans(), uri=URIS)
def test_the_best_match_decides(rules: dict[Pattern, bool], default: bool, uri: str) -> None:
    """As for registrations; without a match, the default."""
    grant = RolePermissions("r", _role(rules, default), "loose").grant(uri)
    assert {grant.call, grant.publish, grant.subscribe, grant.register} == {_may(rules, default, uri)}


@given(rules=RULES, default=st.booleans(), pattern=PATTERNS, uris=st.lists(URIS, min_size=1, max_size=20))
def test_a_uniform_pattern_gives_nothing_that_a_uri_would_not(
    rules: dict[Pattern, bool], default: bool, pattern: Pattern, uris: list[str]
) -> None:
    """Where `is_uniform` spares the question for each URI, the answer is always yes."""
    permissions = RolePermissions("r", _role(rules, default), "loose")
    match: Any = pattern[0]
    granted = permissions.grant_pattern(pattern[1], match).subscribe
    if granted and permissions.is_uniform(pattern[1], match, "subscribe"):
        for uri in uris:
            assert not fits(pattern, uri) or _may(rules, default, uri)


@given(rules=RULES, pattern=PATTERNS, uris=st.lists(URIS, min_size=1, max_size=8))
def test_a_subscriber_gets_no_event_that_its_role_may_not_subscribe_to(
    rules: dict[Pattern, bool], pattern: Pattern, uris: list[str]
) -> None:
    """Whatever pattern it subscribes to; and it gets all others, if the pattern was granted."""
    writer = Role(name="w", permissions=[Permission(uri="", match="prefix", allow=EVERYTHING)])
    router = make_router(open_realm(roles=[_role(rules), writer], enable_meta_api=False))
    reader, publisher = Player(router, "r").joins(), Player(router, "w").joins()
    reader.sends(Subscribe(1, SubscribeOptions(match=pattern[0]), pattern[1]))  # type: ignore[arg-type]
    granted = type(reader.next()).__name__ == "Subscribed"
    expected = []
    for number, uri in enumerate(uris, 1):
        publisher.sends(Publish(number, PublishOptions(), uri, args(number)))
        if granted and fits(pattern, uri) and _may(rules, False, uri):
            expected.append([number])
    assert [reader.loads(event.args) for event in reader.everything()] == expected
    reader.sends(Goodbye(CloseDetails(), "wamp.close.normal"))


def test_grants_are_remembered_and_the_memory_is_bounded() -> None:
    """For sessions that never use a URI twice."""
    permissions = RolePermissions("r", _role({("prefix", ""): True}), "loose")
    assert permissions.grant("com.x") is permissions.grant("com.x")
    for number in range(2 * REMEMBERED + 10):
        assert permissions.grant(f"com.x{number}").publish
    assert len(permissions.remembered) <= REMEMBERED


def test_what_is_no_uri_is_told_and_not_remembered() -> None:
    """A megabyte is not repeated."""
    permissions = RolePermissions("r", _role({("prefix", ""): True}), "loose")
    for uri in ("com..x", "", "x" * 1_000_000):
        with pytest.raises(WampError) as caught:
            permissions.grant(uri)
        assert caught.value.uri == INVALID_URI
        assert len(str(caught.value)) < 300
    assert not permissions.remembered


def test_a_refusal_names_role_action_and_uri() -> None:
    """And nothing about what exists."""
    error = RolePermissions("visitor", Role(name="visitor"), "loose").refuse("call", "com.x")
    assert error.uri == NOT_AUTHORIZED
    assert all(word in str(error) for word in ("visitor", "call", "com.x"))


def test_disclosure_comes_from_the_permission_that_decides() -> None:
    """Not from a broader one."""
    role = Role(
        name="r",
        permissions=[
            Permission(uri="com.", match="prefix", allow=EVERYTHING, disclose=Disclose(caller=True, publisher=True)),
            Permission(uri="com.quiet.", match="prefix", allow=EVERYTHING),
        ],
    )
    permissions = RolePermissions("r", role, "loose")
    assert permissions.grant("com.x").disclose_publisher
    assert permissions.grant("com.x").disclose_caller
    assert not permissions.grant("com.quiet.x").disclose_publisher


def test_of_the_same_pattern_the_last_counts() -> None:
    """As in Crossbar, whose configurations have such permissions; `check` tells of them."""
    first = Permission(uri="a.", match="prefix", allow=Allow(call=True))
    last = Permission(uri="a.*", allow=Allow(publish=True))
    grant = RolePermissions("r", Role(name="r", permissions=[first, last]), "loose").grant("a.b")
    assert (grant.call, grant.publish) == (False, True)


def test_the_trusted_role_may_do_everything() -> None:
    """Also what belongs to the protocol."""
    permissions = RolePermissions("trusted", None, "loose")
    assert permissions.grant("wamp.session.on_join").publish
    assert permissions.grant_pattern("wamp.", "prefix").register
