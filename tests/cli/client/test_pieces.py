"""Parts of the client commands that need no node."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pytest

from edge_router.cli.client.subscribe import as_line, match_of
from edge_router.cli.client.values import as_result, table, value_of
from edge_router.cli.client.where import NotFound, find_door
from edge_router.client import Received
from edge_router.wamp.messages import EventDetails, Origin


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("-0.5", -0.5),
        ("true", True),
        ("null", None),
        ('"1"', "1"),
        ("[1, {}]", [1, {}]),
        ("on", "on"),
        ("", ""),
        ("{broken", "{broken"),
        ("NaN", "NaN"),
        ("007", "007"),
        ('"\\u0000/w=="', b"\xff"),
    ],
)
def test_values(text: str, value: Any) -> None:
    """JSON where it is JSON, text where not; octets in WAMP's way."""
    assert value_of(text) == value
    assert value_of(text, as_text=True) == text


@pytest.mark.parametrize(
    ("args", "kwargs", "text"),
    [
        ([], {}, ""),
        (["plain text"], {}, "plain text"),
        ([[1, "ü"]], {}, '[1,"ü"]'),
        ([None], {}, "null"),
        ([1, 2], {}, '{"args":[1,2],"kwargs":{}}'),
        ([1], {"a": b"\xff"}, '{"args":[1],"kwargs":{"a":"\\u0000/w=="}}'),
    ],
)
def test_results(args: list[Any], kwargs: dict[str, Any], text: str) -> None:
    """For people; whatever is more than one value is JSON."""
    assert as_result(args, kwargs) == text


@pytest.mark.parametrize(
    ("topic", "match"),
    [
        ("com.x", "exact"),
        ("com.", "prefix"),
        ("", "prefix"),
        ("com..x", "wildcard"),
        (".x", "wildcard"),
        ("com..", "wildcard"),
        (".", "wildcard"),
    ],
)
def test_patterns_by_their_looks(topic: str, match: str) -> None:
    """No topic of an event looks like these."""
    assert match_of(topic) == match


def test_what_an_uplink_brought() -> None:
    """Where and when it was published, and that it comes late."""
    origin = Origin("board-17", "b1", 7, 1_763_756_400_250, "unsynced")
    event = Received("com.x", [1], {}, 5, EventDetails(origin=origin, replayed=True))
    line = json.loads(as_line(event, values=False))
    assert line["replayed"] is True
    assert line["origin"] == {
        "node": "board-17", "sequence": 7, "time": 1_763_756_400.25, "time_quality": "unsynced"
    }  # fmt: skip
    assert "replayed" not in as_line(Received("com.x", [1], {}, 5, EventDetails()), values=False)


def test_tables() -> None:
    """Columns as wide as what is in them."""
    assert table([(1, None), ("long", "x")], ("A", "B")) == ["A     B", "1", "long  x"]


UNIX = {"type": "rawsocket", "endpoint": {"type": "unix", "path": "x.sock"}}
TCP = {"type": "rawsocket", "endpoint": {"type": "tcp", "port": 8081}}


def door(directory: Path, *transports: Any, **worker: Any) -> tuple[str, str | None]:
    """What is found in a configuration."""
    config = {"workers": [{"type": "router", "realms": [{"name": "r"}], "transports": transports, **worker}]}
    (directory / "config.json").write_text(json.dumps(config))
    return find_door(argparse.Namespace(cbdir=str(directory), config=None))


@pytest.mark.parametrize(
    ("transports", "url"),
    [
        ([TCP, UNIX], "unix:{}/x.sock"),
        ([{**UNIX, "type": "universal", "rawsocket": {}}], "unix:{}/x.sock"),
        ([TCP], "rs://127.0.0.1:8081"),
        ([{**TCP, "endpoint": {"type": "tcp", "port": 1, "version": 6}}], "rs://[::1]:1"),
        ([{**TCP, "endpoint": {"type": "tcp", "port": 1, "interface": "10.0.0.1"}}], "rs://10.0.0.1:1"),
        ([{**TCP, "type": "websocket"}], "ws://127.0.0.1:8081/"),
        ([{**TCP, "type": "web", "paths": {"/": {"type": "static"}, "ws": {"type": "websocket"}}}],
         "ws://127.0.0.1:8081/ws"),
        ([{**TCP, "type": "universal", "websocket": {"/": {}}}], "ws://127.0.0.1:8081/"),
    ],
)  # fmt: skip
def test_the_first_door(transports: list[Any], url: str, tmp_path: Path) -> None:
    """Unix sockets first, then TCP without TLS."""
    assert door(tmp_path, *transports) == (url.format(tmp_path), "r")


@pytest.mark.parametrize(
    "transports",
    [
        [],
        [{"type": "rawsocket", "endpoint": {"type": "tcp", "port": 0}}],
        [{"type": "rawsocket", "endpoint": {"type": "tcp", "port": 1, "tls": {}}}],
        [{"type": "web", "endpoint": {"type": "tcp", "port": 1}, "paths": {"/": {"type": "static"}}}],
        ["nonsense", {"type": "web"}, {"endpoint": 5}],
    ],
)
def test_no_door(transports: list[Any], tmp_path: Path) -> None:
    """Whatever is in the file; the user can say where."""
    with pytest.raises(NotFound, match="has no Unix socket, nor a TCP port without TLS; say where the router is by"):
        door(tmp_path, *transports)


def test_variables_and_older_forms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the node reads them."""
    monkeypatch.setenv("WHERE", "run")
    monkeypatch.setenv("PORT", "8099")
    assert door(tmp_path, {**UNIX, "endpoint": {"type": "unix", "path": "${WHERE}/x"}})[0] == f"unix:{tmp_path}/run/x"
    assert door(tmp_path, {**TCP, "endpoint": {"type": "tcp", "port": "${PORT}"}})[0] == "rs://127.0.0.1:8099"


def test_a_mistake_elsewhere_in_the_file_is_no_reason(tmp_path: Path) -> None:
    """The node runs; what is checked by `check` is not checked here."""
    assert door(tmp_path, UNIX, nonsense=5, realms=5) == (f"unix:{tmp_path}/x.sock", None)
    (tmp_path / "config.json").write_text("{broken")
    with pytest.raises(NotFound, match="cannot be read: "):
        find_door(argparse.Namespace(cbdir=str(tmp_path), config=None))
