"""What a plan says of two configurations: what stays, what follows, what has to be closed. Nothing runs here."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from edge_router.config.parts import to_config
from edge_router.config.schema import AnonymousAuth, Auth, TicketAuth, TicketPrincipal
from edge_router.node.changes import Plan, affects, differing, plan
from edge_router.node.node import named

Change = Callable[[dict[str, Any]], object]

TICKETS = {"joe": {"ticket": "secret1", "role": "user"}, "sue": {"ticket": "secret2", "role": "user"}}
BASE: dict[str, Any] = {
    "version": 2,
    "workers": [
        {
            "type": "router",
            "realms": [
                {"name": "realm1", "roles": [{"name": "anonymous"}, {"name": "user"}]},
                {"name": "realm2", "roles": [{"name": "user"}]},
            ],
            "transports": [
                {"type": "rawsocket", "endpoint": {"type": "tcp", "port": 8080}},
                {"type": "rawsocket", "id": "local", "endpoint": {"type": "unix", "path": "a.sock"},
                 "auth": {"ticket": {"type": "static", "principals": TICKETS}}},
                {"type": "web", "endpoint": {"type": "tcp", "port": 8000}, "paths": {
                    "/": {"type": "nodeinfo"},
                    "ws": {"type": "websocket", "auth": {"anonymous": {"type": "static", "role": "user"}}},
                }},
            ],
            "components": [{"type": "class", "classname": "a.B", "realm": "realm2", "id": "clock"}],
        },
        {"type": "guest", "executable": "a"},
        {"type": "guest", "executable": "b"},
    ],
    "bridges": [
        {"type": "serial", "id": "kitchen", "realm": "realm1", "device": "/dev/ttyUSB0"},
        {"type": "serial", "id": "garage", "realm": "realm2", "device": "/dev/ttyUSB1"},
    ],
}  # fmt: skip


def compared(change: Change) -> Plan:
    """The plan for what a change makes of the configuration."""
    changed = copy.deepcopy(BASE)
    change(changed)
    old, new = to_config(BASE), to_config(changed)
    return plan(old, named(old), new, named(new))


def router(tree: dict[str, Any]) -> Any:
    return tree["workers"][0]


def said(plan: Plan) -> list[str]:
    """A plan in short, as the table below has it."""
    lines = []
    for sign, pairs in ((" worker ", plan.workers), (" bridge ", plan.bridges)):
        named = (lambda each: each[0]) if pairs is plan.workers else (lambda each: each.id)
        lines += _signs(sign, pairs, named)
    for each in plan.routers:
        lines += _signs(" realm ", each.realms, lambda realm: realm.name)
        lines += [f"! realm {old.name}" for old, _ in each.reopened]
        lines += [f"+ role {role.name} of {realm}" for realm, role in each.roles]
        lines += [f"- role {role} of {realm}" for realm, role in each.lost_roles]
        lines += _signs(" transport ", each.transports, lambda section: section.id or section.endpoint.port)
        lines += [f"= logins of {entry.old.id or entry.old.endpoint.port} {len(entry.auths)}" for entry in each.entries]
        lines += _signs(" component ", each.components, lambda section: section.id)
    return [*lines, *(f"restart {key}" for key in plan.restart)]


def _signs(what: str, pairs: Any, name: Callable[[Any], object]) -> list[str]:
    changed = [old for old, _ in pairs.changed]
    signs = (("-", pairs.removed), ("~", changed), ("+", pairs.added))
    return [f"{sign}{what}{name(section)}" for sign, sections in signs for section in sections]


def principals(tree: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = router(tree)["transports"][1]["auth"]["ticket"]["principals"]
    return found


CASES: dict[str, tuple[Change, list[str]]] = {
    "nothing": (lambda tree: None, []),
    "the order of things": (lambda tree: [part.reverse() for part in router(tree).values() if type(part) is list], []),
    "a role": (
        lambda tree: router(tree)["realms"][0]["roles"][1].update(permissions=[{"uri": "a"}]),
        ["~ realm realm1", "+ role user of realm1"],
    ),
    "a role more and one less": (
        lambda tree: router(tree)["realms"][1].update(roles=[{"name": "reader"}]),
        ["~ realm realm2", "+ role reader of realm2", "- role user of realm2"],
    ),
    "how many sessions": (
        lambda tree: router(tree)["realms"][0].update(options={"max_sessions": 5}),
        ["~ realm realm1"],
    ),
    "a realm that cannot follow takes its own along": (
        lambda tree: router(tree)["realms"][1].update(options={"uri_check": "strict"}),
        ["~ bridge garage", "! realm realm2", "~ component clock"],
    ),
    "a store": (
        lambda tree: router(tree)["realms"][0].update(store={"type": "memory", "limit": 5}),
        ["~ bridge kitchen", "! realm realm1"],
    ),
    "a realm more": (lambda tree: router(tree)["realms"].append({"name": "realm3"}), ["+ realm realm3"]),
    "a realm less": (
        lambda tree: (router(tree)["realms"].pop(), router(tree)["components"].pop(), tree["bridges"].pop()),
        ["- bridge garage", "- realm realm2", "- component clock"],
    ),
    "a port": (lambda tree: router(tree)["transports"][0]["endpoint"].update(port=8081), ["~ transport 8080"]),
    "an option": (
        lambda tree: router(tree)["transports"][1].update(max_connections=3),
        ["~ transport local"],
    ),
    "a user more": (lambda tree: principals(tree).update(ann={"ticket": "c", "role": "user"}), ["= logins of local 1"]),
    "logins of a path": (
        lambda tree: router(tree)["transports"][2]["paths"]["ws"]["auth"]["anonymous"].update(role="anonymous"),
        ["= logins of 8000 1"],
    ),
    "no logins any more": (lambda tree: router(tree)["transports"][1].pop("auth"), ["= logins of local 1"]),
    "logins where none were": (
        lambda tree: router(tree)["transports"][0].update(auth={"anonymous": {"type": "static", "role": "user"}}),
        ["~ transport 8080"],
    ),
    "a path": (lambda tree: router(tree)["transports"][2]["paths"].pop("ws"), ["~ transport 8000"]),
    "a transport less": (lambda tree: router(tree)["transports"].pop(), ["- transport 8000"]),
    "a component": (lambda tree: router(tree)["components"][0].update(extra=1), ["~ component clock"]),
    "a bridge": (lambda tree: tree["bridges"][0].update(baudrate=1200), ["~ bridge kitchen"]),
    "a bridge by another name": (
        lambda tree: tree["bridges"][0].update(id="cellar"),
        ["- bridge kitchen", "+ bridge cellar"],
    ),
    "a guest": (lambda tree: tree["workers"][2].update(arguments=["x"]), ["~ worker worker003"]),
    "a guest without a name goes, the one after it stays": (
        lambda tree: tree["workers"].pop(1),
        ["- worker worker002"],
    ),
    "a guest comes before others": (
        lambda tree: tree["workers"].insert(1, {"type": "guest", "executable": "c"}),
        ["+ worker worker004"],
    ),
    "a guest that is disabled": (
        lambda tree: tree["workers"][1].update(options={"disabled": True}),
        ["- worker worker002"],
    ),
    "a router gets a name": (lambda tree: router(tree).update(id="main"), []),
    "a router more": (
        lambda tree: tree["workers"].append({"type": "router", "id": "second", "realms": [{"name": "realm3"}]}),
        ["+ worker second"],
    ),
    "a realm moves to another router": (
        lambda tree: (
            tree["workers"].append({"type": "router", "id": "second", "realms": [router(tree)["realms"].pop()]}),
            router(tree)["components"].pop(),
        ),
        ["+ worker second", "~ bridge garage", "- realm realm2", "- component clock"],
    ),
    "what takes a restart": (
        lambda tree: router(tree).update(options={"expose_shared": True}),
        ["restart workers.worker001.options.expose_shared"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_plan(case: str) -> None:
    """Only what differs is in it; whoever is not named there notices nothing."""
    change, expected = CASES[case]
    assert said(compared(change)) == expected


def test_keys_that_nobody_sees_to_take_a_restart() -> None:
    """An option that comes into the schema later is told, never passed over: the table is of what can be done."""
    old = to_config(BASE)
    new = to_config({**BASE, "$schema": "x", "controller": {"id": "y"}})
    assert plan(old, named(old), new, named(new)).restart == []
    assert differing(old, new) == ["$schema", "controller.id"]


LOGINS = {
    "the same": (Auth(ticket=TicketAuth()), Auth(ticket=TicketAuth()), "ticket", "joe", False),
    "the method is gone": (Auth(ticket=TicketAuth()), Auth(), "ticket", "joe", True),
    "all is gone": (Auth(anonymous=AnonymousAuth()), None, "anonymous", "x", True),
    "another method": (Auth(ticket=TicketAuth()), Auth(), "anonymous", "joe", False),
    "another role for all": (
        Auth(anonymous=AnonymousAuth(role="a")), Auth(anonymous=AnonymousAuth(role="b")), "anonymous", "x", True,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", LOGINS)
def test_who_could_not_come_in_any_more(case: str) -> None:
    """A login that the new section does not give in the same way ends; others go on."""
    old, new, method, authid, expected = LOGINS[case]
    assert affects(old, new, method, authid) is expected


@pytest.mark.parametrize(
    ("authid", "method", "expected"),
    [("joe", "ticket", True), ("sue", "ticket", False), ("joe", "cookie", True), ("sue", "cookie", False)],
)
def test_one_user_of_many(authid: str, method: str, expected: bool) -> None:
    """Who has another ticket now leaves, also if a cookie stood for the login; the other users stay."""
    one, other, same = (TicketPrincipal(ticket=text, role="user") for text in ("one", "other", "same"))
    old = Auth(ticket=TicketAuth(principals={"joe": one, "sue": same}))
    new = Auth(ticket=TicketAuth(principals={"joe": other, "sue": same, "ann": one}))
    assert affects(old, new, method, authid) is expected
