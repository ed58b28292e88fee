"""A table of wrong configurations and exactly what an operator reads about each."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_router import registry
from tests.config.texts import REALM, complaints, transport

TCP = "endpoint: {type: tcp, port: 9000}"

WRONG: dict[str, tuple[str, list[str]]] = {
    "misspelt key": (
        transport("{type: rawsocket, endpoint: {type: tcp, prot: 80}}"),
        ["7: workers.0.transports.0.endpoint.prot: unknown key; did you mean 'port'?"],
    ),
    "misspelt key beside the right one": (
        "workers: []\nworker: []\n",
        ["2: worker: unknown key; did you mean 'workers'?"],
    ),
    "unknown key": (
        "nonsense: 1\n",
        ["1: nonsense: unknown key; known here: $schema, version, controller, workers, bridges, uplinks"],
    ),
    "unknown key where none is known": (
        transport("{type: web, paths: {i: {type: nodeinfo, x: 1}}, " + TCP + "}"),
        ["7: workers.0.transports.0.paths.i.x: unknown key; known here: none"],
    ),
    "missing key": (
        transport("{type: rawsocket}"),
        ["7: workers.0.transports.0.endpoint: missing; expected a mapping with a `type`, one of tcp, unix"],
    ),
    "missing type": (
        transport("{type: rawsocket, endpoint: {port: 1}}"),
        ["7: workers.0.transports.0.endpoint.type: missing; one of tcp, unix"],
    ),
    "unknown transport": (
        transport("{type: websock}"),
        [
            "7: workers.0.transports.0.type: unknown transport 'websock'; did you mean 'websocket'?; "
            "one of rawsocket, websocket, web, universal"
        ],
    ),
    "unknown endpoint": (
        transport("{type: rawsocket, endpoint: {type: udp}}"),
        ["7: workers.0.transports.0.endpoint.type: unknown endpoint 'udp'; one of tcp, unix"],
    ),
    "unknown worker": (
        "workers: [{type: rooter}]",
        ["1: workers.0.type: unknown worker 'rooter'; did you mean 'router'?; one of router, container, guest"],
    ),
    "unknown bridge": (
        "bridges: [{type: serail}]",
        [
            "1: bridges.0.type: unknown bridge 'serail'; did you mean 'serial'?; "
            f"one of {', '.join(registry.names('bridge'))}"
        ],
    ),
    "unknown web service": (
        transport("{type: web, paths: {/: {type: statik}}, " + TCP + "}"),
        [
            "7: workers.0.transports.0.paths./.type: unknown webservice 'statik'; did you mean 'static'?; "
            f"one of {', '.join(registry.names('webservice'))}"
        ],
    ),
    "type that is no text": (
        transport("{type: [web]}"),
        ["7: workers.0.transports.0.type: found a list; expected one of rawsocket, websocket, web, universal"],
    ),
    "out of range": (
        transport("{type: rawsocket, endpoint: {type: tcp, port: 65536}}"),
        [
            "7: workers.0.transports.0.endpoint.port: found 65536 (a whole number); "
            "expected a whole number from 0 to 65535"
        ],
    ),
    "under the least": (
        transport("{type: rawsocket, " + TCP + ", max_connections: 0}"),
        ["7: workers.0.transports.0.max_connections: found 0 (a whole number); expected a whole number, 1 or more"],
    ),
    "wrong type": (
        transport("{type: rawsocket, endpoint: {type: tcp, port: 9000, interface: 1}}"),
        ["7: workers.0.transports.0.endpoint.interface: found 1 (a whole number); expected text"],
    ),
    "number in quotes": (
        transport('{type: rawsocket, endpoint: {type: tcp, port: "9000"}}'),
        [
            "7: workers.0.transports.0.endpoint.port: found '9000' (text); expected a whole number from 0 to 65535"
        ],
    ),
    "yes and no for a number": (
        transport("{type: rawsocket, endpoint: {type: tcp, port: yes}}"),
        ["7: workers.0.transports.0.endpoint.port: found true; expected a whole number from 0 to 65535"],
    ),
    "nothing where something is needed": (
        "workers:\n",
        [
            "1: workers: found nothing (null); expected a list, each a mapping with a `type`, "
            "one of router, container, guest"
        ],
    ),
    "mapping for a list": (
        "workers: {type: router}",
        ["1: workers: found a mapping; expected a list, each a mapping with a `type`, one of router, container, guest"],
    ),
    "text for a section": (
        "controller: me",
        ["1: controller: found 'me' (text); expected a mapping"],
    ),
    "text for a section with a type": (
        "workers: [me]",
        ["1: workers.0: found 'me' (text); expected a mapping with a `type`, one of router, container, guest"],
    ),
    "one of a few words": (
        transport("{type: rawsocket, " + TCP + ", limits: {slow_reader: drop_oldset}}"),
        [
            "7: workers.0.transports.0.limits.slow_reader: found 'drop_oldset' (text); "
            "expected one of close, drop_oldest; did you mean 'drop_oldest'?"
        ],
    ),
    "unknown encoding": (
        transport("{type: rawsocket, " + TCP + ", serializers: [json, msgpak]}"),
        [
            "7: workers.0.transports.0.serializers.1: found 'msgpak' (text); "
            "expected one of cbor, json, msgpack; did you mean 'msgpack'?"
        ],
    ),
    "empty list": (
        transport("{type: rawsocket, " + TCP + ", serializers: []}"),
        [
            "7: workers.0.transports.0.serializers: found an empty list; "
            "expected a list, not empty, each one of cbor, json, msgpack"
        ],
    ),
    "version of the future": (
        "version: 3",
        ["1: version: found 3 (a whole number); expected one of 1, 2"],
    ),
    "mode that is no mode": (
        transport("{type: rawsocket, endpoint: {type: unix, path: s, mode: 660}}"),
        [
            "7: workers.0.transports.0.endpoint.mode: found 660 (a whole number); "
            'expected three octal digits in quotes, as "660"'
        ],
    ),
    "long text is cut": (
        f"version: {'x' * 100}",
        [f"1: version: found '{'x' * 39}... (text); expected one of 1, 2"],
    ),
    "control characters are escaped": (
        '"a\\nb": "c\\nd"',
        ["1: 'a\\nb': unknown key; known here: $schema, version, controller, workers, bridges, uplinks"],
    ),
    "no mapping at all": ("- 1", ["1: found a list; expected a mapping"]),
    "bridge that contradicts itself": (
        REALM + "bridges:\n  - {type: serial, id: a, realm: realm1, device: /dev/x, decode: csv}\n",
        [
            "7: bridges.0: decode: csv needs the names of the columns, "
            "such as columns: [temperature, humidity]"
        ],
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong(case: str, tmp_path: Path) -> None:
    """Each problem says where it is, what was found and what would be right."""
    text, expected = WRONG[case]
    assert complaints(text, tmp_path) == expected


def test_all_at_once(tmp_path: Path) -> None:
    """Every problem is told in one go, in the order of the file: of values and of what must fit together."""
    text = """\
version: 2
workers:
  - type: router
    realms:
      - name: realm1
        roles: [{name: anonymous}]
    transports:
      - type: rawsocket
        endpoint: {type: tcp, prot: 80}
      - type: websocket
        endpoint: {type: tcp, port: 99999}
        options:
          auto_ping_interval: -3
      - type: web
        endpoint: {type: tcp, port: 8080}
        paths:
          /: {type: static, directory: nowhere}
          ws: {type: websocket, auth: {anonymous: {role: visitors}}}
      - type: rawsocket
        endpoint: {type: tcp, port: 8080}
  - type: contaner
bridges:
  - {type: serail}
  - {type: serial, id: kitchen, realm: realm2, device: /dev/ttyUSB0}
"""
    assert [line.split(": ")[:2] for line in complaints(text, tmp_path)] == [
        ["9", "workers.0.transports.0.endpoint.prot"],
        ["11", "workers.0.transports.1.endpoint.port"],
        ["13", "workers.0.transports.1.options.auto_ping_interval"],
        ["18", "workers.0.transports.2.paths.ws.auth.anonymous.role"],
        ["20", "workers.0.transports.3.endpoint.port"],
        ["21", "workers.1.type"],
        ["23", "bridges.0.type"],
        ["24", "bridges.1.realm"],
    ]


def test_what_only_follows_is_not_told(tmp_path: Path) -> None:
    """A section that lacks a value because it was wrong is not blamed for lacking it."""
    text = transport("{type: web, paths: {/: {type: static, directory: 3}}, " + TCP + "}")
    assert complaints(text, tmp_path) == [
        "7: workers.0.transports.0.paths./.directory: found 3 (a whole number); expected text"
    ]


def test_default_is_not_blamed(tmp_path: Path) -> None:
    """A default that stands in for what was wrong is not complained about."""
    text = transport("{type: rawsocket, " + TCP + ", auth: {anonymous: {type: statik}}}")
    assert complaints(text.replace("{name: anonymous", "{name: x"), tmp_path) == [
        "7: workers.0.transports.0.auth.anonymous.type: found 'statik' (text); expected one of "
        "dynamic, function, static; did you mean 'static'?"
    ]


def test_wrong_realm_leaves_names_unchecked(tmp_path: Path) -> None:
    """When a realm cannot be read, nobody can say that a role is missing."""
    text = "workers: [{type: router, realms: [{nam: a}]}]\nbridges: [{type: serial, id: a, realm: a, device: /dev/x}]"
    assert complaints(text, tmp_path) == ["1: workers.0.realms.0.nam: unknown key; did you mean 'name'?"]
