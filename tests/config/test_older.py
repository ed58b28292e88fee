"""Forms of before version 2: how they are read, and that problems are told at the place in the user's file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edge_router.config import endpoint_text
from edge_router.config.load import from_tree
from edge_router.config.older import Upgraded
from edge_router.config.problems import ConfigErrors
from tests.config.texts import complaints, notices

ACTIONS = {"publish": True, "subscribe": True, "call": True, "register": True}

#: The configuration of Crossbar's README of February 2014, the first one on WAMP 2.
OLDEST: dict[str, Any] = {
    "processes": [
        {
            "type": "router",
            "options": {"classpaths": ["."]},
            "realms": {
                "realm1": {
                    "roles": {
                        "com.example.anonymous": {
                            "authentication": None,
                            "grants": {"create": True, "join": True, "access": {"*": ACTIONS}},
                        }
                    },
                    "classes": ["demo.TimeService"],
                }
            },
            "transports": [
                {"type": "websocket", "endpoint": "tcp:9000", "url": "ws://localhost:9000"},
                {"type": "websocket", "endpoint": "unix:/tmp/mysocket", "url": "ws://localhost"},
            ],
        },
        {
            "type": "component.python",
            "options": {"classpaths": ["."]},
            "class": "demo.TickService",
            "router": {
                "type": "websocket",
                "endpoint": "unix:/tmp/mysocket",
                "url": "ws://localhost",
                "realm": "realm1",
            },
        },
    ]
}


def test_the_form_of_2014() -> None:
    """Processes become workers, mappings by name lists, texts endpoints; grants become permissions."""
    upgraded = Upgraded(OLDEST)
    router, container = upgraded.tree["workers"]  # type: ignore[index]
    assert router["options"] == container["options"] == {"pythonpath": ["."]}
    assert router["realms"] == [
        {
            "name": "realm1",
            "roles": [{"name": "anonymous", "permissions": [{"uri": "", "match": "prefix", "allow": ACTIONS}]}],
        }
    ]
    assert router["components"] == [{"type": "class", "realm": "realm1", "classname": "demo.TimeService"}]
    assert [transport["endpoint"] for transport in router["transports"]] == [
        {"type": "tcp", "port": 9000}, {"type": "unix", "path": "/tmp/mysocket"}
    ]  # fmt: skip
    assert (container["type"], container["components"]) == (
        "container",
        [
            {
                "type": "class",
                "classname": "demo.TickService",
                "realm": "realm1",
                "transport": {
                    "type": "websocket",
                    "endpoint": {"type": "unix", "path": "/tmp/mysocket"},
                    "url": "ws://localhost",
                },
            }
        ],
    )


def test_places_in_the_form_of_2014(tmp_path: Path) -> None:
    """A problem is told where the user wrote it, in the user's words."""
    tree = json.loads(json.dumps(OLDEST))
    del tree["processes"][1], tree["processes"][0]["realms"]["realm1"]["classes"], tree["processes"][0]["options"]
    role = tree["processes"][0]["realms"]["realm1"]["roles"]["com.example.anonymous"]
    role["grants"]["access"]["*"]["call"] = "maybe"
    text = json.dumps(tree, indent=1)
    line = next(n for n, each in enumerate(text.splitlines(), 1) if '"call"' in each)
    path = "processes.0.realms.realm1.roles.com.example.anonymous.grants.access.*.call"
    (complaint,) = complaints(text, tmp_path, "config.json")
    assert complaint == f"{line}: {path}: found 'maybe' (text); expected true or false"


def test_classpaths_and_classes() -> None:
    """In a configuration of today's shape: of a realm, or of a worker with one realm."""
    realm = {"name": "r", "classes": ["a.B", "a.C"]}
    worker = {"type": "router", "realms": [realm], "classes": "x.Y", "components": [{"type": "class"}]}
    upgraded = Upgraded({"workers": [worker]})
    (new,) = upgraded.tree["workers"]  # type: ignore[index]
    assert [part.get("classname") for part in new["components"]] == [None, "x.Y", "a.B", "a.C"]
    assert {part.get("realm") for part in new["components"][1:]} == {"r"}
    assert new["realms"] == [{"name": "r"}]
    assert upgraded.original(("workers", 0, "components", 3, "classname")) == (
        "workers", 0, "realms", 0, "classes", 1
    )  # fmt: skip
    assert realm["classes"] == ["a.B", "a.C"], "what was given stays as it was"
    assert "classes" in worker


def test_pythonpath_goes_before_classpaths() -> None:
    """Who gives both means the newer one; the older then is an unknown key."""
    options = {"classpaths": ["a"], "pythonpath": ["b"]}
    assert Upgraded({"workers": [{"options": options}]}).tree == {"workers": [{"options": options}]}


def test_transports_of_version_1(tmp_path: Path) -> None:
    """One `serializer` of a RawSocket; `pusher`, also nested. Problems are told at the old key."""
    pusher = {"type": "pusher", "realm": "r", "role": "a"}
    transports = [
        {"type": "rawsocket", "endpoint": {"type": "tcp", "port": 1}, "serializer": "msgpack"},
        {"type": "web", "endpoint": {"type": "tcp", "port": 2}, "paths": {
            "a": pusher, "b": {"type": "path", "paths": {"c": pusher}}}},
    ]  # fmt: skip
    worker = {"type": "router", "realms": [{"name": "r", "roles": [{"name": "a"}]}], "transports": transports}
    loaded = from_tree({"workers": [worker]}, "c", tmp_path)
    raw, web = loaded.config.workers[0].transports  # type: ignore[union-attr]
    assert raw.serializers == ["msgpack"]  # type: ignore[attr-defined]
    assert web.paths["b"].paths["c"].realm == "r"  # type: ignore[attr-defined]
    paths = [found.path.removeprefix("workers.0.transports.") for found in loaded.notices if "read as" in found.text]
    assert paths == ["0.serializer", "1.paths.a.type", "1.paths.b.paths.c.type"]
    transports[0]["serializer"] = "jason"
    with pytest.raises(ConfigErrors, match=r"transports\.0\.serializer\.0: found 'jason'"):
        from_tree({"workers": [worker]}, "c", tmp_path)


def test_many_permissions_are_one_notice(tmp_path: Path) -> None:
    """A line a permission would drown what else is to be said at the start of a node."""
    permissions = json.dumps([{"uri": f"a{number}", "call": True} for number in range(30)])
    text = f"workers: [{{type: router, realms: [{{name: a, roles: [{{name: b, permissions: {permissions}}}]}}]}}]"
    assert notices(text, tmp_path) == [
        "1: workers.0.realms.0.roles.0.permissions.0: version 1 form, read as {uri: 'a0', allow: {call: true}}, "
        "and 29 more; `edge-router upgrade` rewrites the file"
    ]


MALFORMED: list[Any] = [
    {"processes": 1},
    {"processes": [1, {}, {"type": "router", "realms": {"a": 1, "b": {"roles": 2}, "c": {"roles": {"d": 3}}}}]},
    {"processes": [{"type": "router", "realms": {"a": {"roles": {"b": {"grants": {"access": {"*": 4}}}}}}}]},
    {"processes": [{"type": "component.python", "router": 5}, {"type": "component.python"}]},
    {"processes": [{"type": "router", "transports": [6, {"endpoint": 7}, {"endpoint": "serial:x"}]}]},
    {"workers": {"a": 1}},
    {"workers": [1, {"realms": 2}, {"realms": [3, {"roles": 4}, {"roles": [5, {"permissions": 6}]}]}]},
    {"workers": [{"realms": [{"roles": [{"permissions": [1, {"uri": 2, "call": 3}]}], "classes": {"a": 1}}]}]},
    {"workers": [{"transports": [1, {"paths": {"a": 1, "b": {"paths": 2}}}, {"type": "rawsocket", "serializer": 3}]}]},
    {"workers": [{"options": {"classpaths": 1}, "classes": 2, "realms": [{}]}]},
]


@pytest.mark.parametrize("case", range(len(MALFORMED)))
def test_malformed(case: int, tmp_path: Path) -> None:
    """Whatever stands there ends in problems that are told, each with a path that the file has a beginning of."""
    tree = MALFORMED[case]
    with pytest.raises(ConfigErrors) as raised:
        from_tree(tree, "config.yaml", tmp_path)
    assert all(found.path.split(".")[0] in tree for found in raised.value.findings)


ENDPOINTS: dict[str, dict[str, Any] | None] = {
    "tcp:80": {"type": "tcp", "port": 80},
    "tcp:port=80:interface=127.0.0.1:backlog=5": {"type": "tcp", "port": 80, "interface": "127.0.0.1", "backlog": 5},
    "tcp:80:interface=\\:\\:1": {"type": "tcp", "port": 80, "interface": "::1"},
    "unix:/run/x": {"type": "unix", "path": "/run/x"},
    "unix:address=/run/x:mode=660:lockfile=0": {"type": "unix", "path": "/run/x", "mode": "660"},
    "tcp:http": None,
    "tcp:": None,
    "tcp:80:reuse=1": None,
    "tcp:80:90": None,
    "ssl:443:privateKey=a": None,
    "": None,
}


@pytest.mark.parametrize("text", ENDPOINTS)
def test_listening_endpoint_as_text(text: str) -> None:
    """What has a section of its own here is understood; of the rest nothing is guessed."""
    assert endpoint_text.listening(text) == ENDPOINTS[text]


@pytest.mark.parametrize(
    ("text", "section"),
    [
        ("tcp:pi.local:80", {"type": "tcp", "host": "pi.local", "port": 80}),
        ("tcp:host=pi.local:port=80:timeout=5", {"type": "tcp", "host": "pi.local", "port": 80, "timeout": 5}),
        ("unix:/run/x:timeout=5", {"type": "unix", "path": "/run/x", "timeout": 5}),
        ("tcp:80", None),
        ("tls:pi.local:443", None),
    ],
)
def test_connecting_endpoint_as_text(text: str, section: dict[str, Any] | None) -> None:
    """A client's endpoint has other arguments than a server's."""
    assert endpoint_text.connecting(text) == section


RLINK = {
    "id": "up",
    "realm": "central",
    "authid": "board",
    "transport": {"type": "websocket", "url": "ws://h:1/ws", "endpoint": {"type": "tcp", "host": "h", "port": 1}},
    "forward_local_events": True,
}


def _linked(*rlinks: Any) -> dict[str, Any]:
    return {"version": 2, "workers": [{"type": "router", "realms": [{"name": "realm1", "rlinks": list(rlinks)}]}]}


def test_router_links(tmp_path: Path) -> None:
    """Read as uplinks, in both directions, with the node's key."""
    (tmp_path / "key.priv").write_text("private-key-ed25519: " + "0f" * 32)
    (tmp_path / "key.priv").chmod(0o600)
    loaded = from_tree(_linked(RLINK), "config.json", tmp_path)
    (uplink,) = loaded.config.uplinks
    assert (uplink.id, uplink.realm, uplink.remote_realm) == ("up", "realm1", "central")
    assert uplink.auth.cryptosign is not None
    assert uplink.auth.cryptosign.authid == "board"
    assert [(rule.kind, rule.direction, rule.mirror) for rule in uplink.rules] == [
        ("events", "both", True), ("procedures", "both", True)
    ]  # fmt: skip
    (notice,) = loaded.notices
    assert "workers.0.realms.0.rlinks.0: read as one of `uplinks`" in str(notice)


def test_router_links_that_leave_something_out(tmp_path: Path) -> None:
    """To hand on what they keep back would be worse than to refuse them."""
    tree = _linked({**RLINK, "forward_remote_events": False})
    (complaint,) = complaints(json.dumps(tree), tmp_path)
    assert complaint.startswith("1: workers.0.realms.0.rlinks: not available in this version of edge-router, but with")


def test_what_is_wrong_with_a_router_link_is_told_where_it_stands(tmp_path: Path) -> None:
    """Not in a section that the file does not have."""
    (tmp_path / "key.priv").write_text("private-key-ed25519: " + "0f" * 32)
    (tmp_path / "key.priv").chmod(0o600)
    (complaint,) = complaints(json.dumps(_linked({**RLINK, "transport": {"type": "rawsocket"}})), tmp_path)
    assert complaint.startswith("1: workers.0.realms.0.rlinks.0.transport: say where to connect")
