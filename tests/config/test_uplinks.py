"""What is wrong with a section of `uplinks`, and what is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.config.texts import complaints, notices

HEAD = """\
workers:
  - type: router
    realms: [{name: realm1, roles: [{name: reader, permissions: []}, {name: link, forwards: true, permissions: []}]}]
"""
WAY = "transport: {type: rawsocket, url: 'rs://centre:8080'}"
RULES = "rules: [{uri: com., match: prefix}]"
UP = "uplinks.0"


def uplink(*keys: str, rules: str = RULES, way: str = WAY) -> str:
    """A configuration with one uplink."""
    return f"{HEAD}uplinks: [{{{', '.join(('id: hq', 'realm: realm1', way, rules, *keys))}}}]\n"


def rule(text: str) -> str:
    """A configuration with one rule."""
    return uplink(rules=f"rules: [{{{text}}}]")


GOOD = {
    "a name that no URI has": uplink("node: 'hall 3'"),
    "the least": uplink(),
    "several ways": uplink(way="transports: [{type: rawsocket, url: 'rs://a:1'}, {type: websocket, url: 'ws://b/ws'}]"),
    "a Unix socket": uplink(way="transport: {type: rawsocket, endpoint: {type: unix, path: x}}"),
    "a role that forwards": uplink("role: link"),
    "everything of events": rule(
        "uri: com..x, match: wildcard, direction: up, prefix: 'a.{node}.', buffer: all, priority: 9, retain: true, "
        "filter: {deadband: 1, field: t, min_interval: 5, max_rate: 2}"
    ),
    "everything of procedures": rule("uri: com.x, kind: procedures, direction: both, when_down: wait, wait: 3"),
    "both ways, by two rules": uplink(rules="rules: [{uri: com.a}, {uri: com.a, direction: down}]"),
}


@pytest.mark.parametrize("case", GOOD)
def test_good(case: str, tmp_path: Path) -> None:
    """Nothing is said about it."""
    assert notices(GOOD[case], tmp_path) == []


WRONG = {
    "no way": (uplink(way="role: link"), f"4: {UP}: give either `transport`, or several in `transports`"),
    "both ways": (
        uplink("transports: [{type: rawsocket, url: 'rs://a:1'}]"),
        f"4: {UP}: give either `transport`, or several in `transports`",
    ),
    "nowhere to go": (
        uplink(way="transport: {type: rawsocket}"),
        f"4: {UP}.transport: say where to connect, by `endpoint` or by `url`",
    ),
    "a bad address": (
        uplink(way="transport: {type: websocket, url: 'http://x'}"),
        f"4: {UP}.transport.url: 'http://x' is no address to connect to; ws://HOST:PORT or wss://",
    ),
    "no rules": (uplink(rules="rules: []"), f"4: {UP}.rules: "),
    "an id that is no part of a topic": (uplink().replace("id: hq", "id: 'h q'"), f"4: {UP}.id: "),
    "no such realm": (uplink().replace("realm: realm1, ", "realm: x, "), f"4: {UP}.realm: there is no realm 'x'"),
    "no such role": (uplink("role: nobody"), f"4: {UP}.role: realm 'realm1' has no role 'nobody'"),
    "a pattern that matches nothing": (rule("uri: com..x"), f"4: {UP}.rules.0.uri: 'com..x' has an empty component"),
    "a prefix that makes no names": (rule("uri: com.x, prefix: 'a b.'"), f"4: {UP}.rules.0.prefix: makes 'a b.com.x'"),
    "a placeholder that is none": (
        rule("uri: com.x, prefix: 'site.{nod}.'"),
        f"4: {UP}.rules.0.prefix: {{nod}} stands for nothing here; {{node}} does",
    ),
    "a name that is none": (
        uplink("node: 'hall 3', announce: 'at.{node}'"),
        f"4: {UP}.node: 'hall 3' cannot be part of a URI",
    ),
    "a name that is too long": (uplink(f"node: {'n' * 256}"), f"4: {UP}.node: 256 characters long; at most 255"),
    "a node whose name is none": (
        rule("uri: com.x, prefix: '{node}.'").replace("workers", "controller: {id: 'hall #3'}\nworkers", 1),
        f"5: {UP}.node: 'hall #3' (controller.id) cannot be part of a URI",
    ),
    "strip that is not there": (
        rule("uri: com.x, strip: de."),
        f"4: {UP}.rules.0: `strip` is what the names begin with, and `uri` does not begin with 'de.'",
    ),
    "buffer on the way down": (rule("uri: com.x, direction: down, buffer: all"), f"4: {UP}.rules.0: `buffer` is "),
    "buffer with mirror": (rule("uri: com.x, mirror: true, buffer: last"), f"4: {UP}.rules.0: `mirror` follows nobody"),
    "buffer of a procedure": (rule("uri: com.x, kind: procedures, buffer: all"), f"4: {UP}.rules.0: `buffer` is "),
    "waiting events": (rule("uri: com.x, when_down: wait"), f"4: {UP}.rules.0: `when_down` is for procedures"),
    "a field without a deadband": (rule("uri: com.x, filter: {field: t}"), f"4: {UP}.rules.0.filter: `field` says "),
    "a topic that is none": (uplink("announce: 'a b'"), f"4: {UP}.announce: 'a b' is no URI pattern"),
    "the same names twice": (
        uplink(rules="rules: [{uri: com.a, direction: both}, {uri: com.a, direction: down}]"),
        f"4: {UP}.rules.1.uri: rules.0 is about the same names, and comes first; leave one out",
    ),
    "a store in no directory": (
        uplink("store: {path: nowhere/x.sqlite}", rules="rules: [{uri: com.a, buffer: all}]"),
        f"4: {UP}.store.path: there is no directory ",
    ),
    "procedures without meta API": (
        rule("uri: com.x, kind: procedures").replace("{name: realm1", "{options: {enable_meta_api: no}, name: realm1"),
        f"4: {UP}.rules.0: procedures of realm 'realm1' cannot be followed without its meta API; write `mirror: false`",
    ),
    "a missing secret": (
        uplink("auth: {ticket: {authid: a, ticket: {file: nowhere}}}"), f"4: {UP}.auth.ticket.ticket"
    ),
    "a realm of another process": (
        uplink().replace("  - type: router\n", "  - type: router\n    options: {process: own}\n"),
        f"5: {UP}.realm: the router of realm 'realm1' has a process of its own, where uplinks cannot join",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong(case: str, tmp_path: Path) -> None:
    """One complaint, which says what would be right."""
    text, expected = WRONG[case]
    (complaint,) = complaints(text, tmp_path)
    assert complaint.startswith(expected)


def test_a_store_that_is_left_behind(tmp_path: Path) -> None:
    """The events of an uplink that has another name now are still there."""
    kept = "rules: [{uri: com., match: prefix, buffer: all}]"
    (tmp_path / "uplink-hq.sqlite").touch()
    assert notices(uplink(rules=kept), tmp_path) == []
    (notice,) = notices(uplink(rules=kept).replace("id: hq", "id: centre"), tmp_path)
    assert notice.startswith("4: uplinks: uplink-hq.sqlite is the store of none of them")
    assert len(notices(uplink(), tmp_path)) == 1, "nor is it if no rule keeps events"
    assert notices(uplink("store: {path: uplink-hq.sqlite}", rules=kept).replace("id: hq", "id: b"), tmp_path) == []


def test_two_of_one_name(tmp_path: Path) -> None:
    """Their topics would be the same."""
    one = uplink().removeprefix(HEAD).removeprefix("uplinks: [").removesuffix("]\n")
    (complaint,) = complaints(f"{HEAD}uplinks: [{one}, {one}]\n", tmp_path)
    assert complaint.startswith("4: uplinks.1.id: id 'hq' given twice, first at uplinks.0.id")


def test_a_role_that_does_not_forward(tmp_path: Path) -> None:
    """It works, but circles are not noticed."""
    assert notices(uplink("role: reader"), tmp_path) == [
        f"4: {UP}.role: role 'reader' may not say for whom it hands on, so circles are not noticed; give it "
        "`forwards: true`"
    ]
