"""Values, addresses elsewhere, numbers and health: services that answer from what they have."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from edge_router.config.schema import NestedPath, StaticOptions, StaticPath
from edge_router.config.schema.webserve import HealthPath, JsonOptions, JsonPath, MetricsPath, RedirectPath
from edge_router.web.metrics import FAMILIES, exposition
from tests.web.ports import WebPort

INFO: dict[str, Any] = {
    "node": "pi",
    "version": "0.1.0",
    "state": "running",
    "uptime": 12.5,
    "workers": [
        {
            "id": None,
            "sessions_refused": 3,
            "events_dropped": 12_345_678,
            "realms": [
                {"name": "realm1", "sessions": 2, "retained": 5, "retained_dropped": 0},
                {"name": 'odd"\\\nrealm', "sessions": 0, "retained": 0, "retained_dropped": 1, "events_repeated": 6},
                {"name": "realm3", "origins_forgotten": 7},
            ],
            "components": [{"id": "time", "realm": "realm1", "state": "failed", "restarts": 4}],
        },
        {"id": "guest1", "type": "guest", "state": "running", "pid": 7, "restarts": 2, "lines_left_out": 9},
    ],
    "bridges": [{"id": "kitchen", "realm": "realm1", "state": "running"}],
}


# --- json --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value", [{"a": [1, 2.5, None, True, "ü"]}, [], "text", 0, None, {"$schema": "x", "type": "y"}]
)
def test_a_value_is_served(value: Any) -> None:
    """Any that can stand in a configuration."""
    answer = WebPort({"conf": JsonPath(value=value)}).ask("/conf")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    assert json.loads(answer.body) == value


def test_its_options_count() -> None:
    """[live] Crossbar ignores all of them."""
    value = {"b": 1, "a": 2}
    plain = WebPort({"conf": JsonPath(value=value)}).ask("/conf")
    assert plain.body == b'{"b":1,"a":2}\n'
    assert plain.headers["Cache-Control"] == "no-cache"
    assert plain.headers["Access-Control-Allow-Origin"] is None
    options = JsonOptions(prettify=True, allow_cross_origin=True, discourage_caching=True)
    other = WebPort({"conf": JsonPath(value=value, options=options)}).ask("/conf", Origin="https://any.example")
    assert other.body == b'{\n  "a": 2,\n  "b": 1\n}\n'
    assert other.headers["Cache-Control"] == "no-store"
    assert other.headers["Access-Control-Allow-Origin"] == "*"


def test_a_value_that_has_not_changed() -> None:
    """304 to who has it; HEAD tells its length."""
    port = WebPort({"conf": JsonPath(value=[1, 2])})
    tag = port.ask("/conf").headers["ETag"]
    answer = port.ask("/conf", If_None_Match=tag)
    assert (answer.status, answer.body) == (304, b"")
    answer = port.ask("/conf", "HEAD")
    assert (answer.status, answer.headers["Content-Length"], answer.body) == (200, "6", b"")
    assert port.ask("/conf/more").status == 404


def test_files_for_pages_of_other_origins(tmp_path: Path) -> None:
    """Only if `allow_cross_origin` says so."""
    (tmp_path / "a.txt").write_text("x")
    for allowed, header in ((False, None), (True, "*")):
        options = StaticOptions(allow_cross_origin=allowed)
        port = WebPort({"/": StaticPath(directory=".", options=options)}, tmp_path)
        assert port.ask("/a.txt", Origin="https://any.example").headers["Access-Control-Allow-Origin"] == header


# --- redirect ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["https://example.com/a?b=c#d", "/elsewhere", "../up", "//host/path"])
def test_it_is_elsewhere(url: str) -> None:
    """302, whatever is asked for below; relative addresses stay so."""
    port = WebPort({"old": RedirectPath(url=url), "deep": NestedPath(paths={"/": RedirectPath(url=url)})})
    for path in ("/old", "/old/", "/old/more?x=1", "/deep", "/deep/more"):
        answer = port.ask(path)
        assert (answer.status, answer.headers["Location"]) == (302, url)
    assert port.ask("/old", "HEAD").body == b""
    assert port.ask("/old", "POST").status == 405


# --- metrics -----------------------------------------------------------------------------------------------------


def test_the_metrics_are_openmetrics() -> None:
    """Each family once, its type before its samples, an end; names and labels as the format wants them."""
    answer = WebPort({"metrics": MetricsPath()}, info=INFO).ask("/metrics")
    assert answer.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    lines = answer.body.decode().split("\n")
    assert lines[-2:] == ["# EOF", ""]
    types = [line.split()[2:] for line in lines if line.startswith("# TYPE ")]
    assert len({name for name, _ in types}) == len(types)
    kinds = dict(types)
    family = ""
    for line in lines[:-2]:
        if line.startswith("#"):
            family = line.split()[2]
            continue
        match = re.fullmatch(r'([a-z_]+)(?:\{(?:[a-z]+="(?:[^"\\\n]|\\[\\"n])*",?)+\})? -?[0-9.e+]+', line)
        assert match, line
        assert match[1] == family + {"counter": "_total", "info": "_info", "gauge": ""}[kinds[family]]


@pytest.mark.parametrize(
    "line",
    [
        'edge_router_info{version="0.1.0"} 1',
        "edge_router_uptime_seconds 12.5",
        'edge_router_sessions_refused_total{worker="router001"} 3',
        'edge_router_events_dropped_total{worker="router001"} 12345678',
        'edge_router_realm_sessions{worker="router001",realm="realm1"} 2',
        'edge_router_realm_retained_events{worker="router001",realm="realm1"} 5',
        'edge_router_realm_retained_dropped_total{worker="router001",realm="odd\\"\\\\\\nrealm"} 1',
        'edge_router_realm_events_repeated_total{worker="router001",realm="odd\\"\\\\\\nrealm"} 6',
        'edge_router_realm_origins_forgotten_total{worker="router001",realm="realm3"} 7',
        'edge_router_component_up{worker="router001",component="time"} 0',
        'edge_router_component_restarts_total{worker="router001",component="time"} 4',
        'edge_router_worker_up{worker="guest1"} 1',
        'edge_router_worker_restarts_total{worker="guest1"} 2',
        'edge_router_worker_lines_left_out_total{worker="guest1"} 9',
        'edge_router_bridge_up{bridge="kitchen",realm="realm1"} 1',
    ],
)
def test_the_numbers_of_the_node(line: str) -> None:
    assert line in exposition(INFO).split("\n")


def test_the_numbers_of_the_process() -> None:
    """By the names that dashboards know."""
    text = exposition({})
    assert float(re.search(r"^process_resident_memory_bytes (.*)$", text, re.M)[1]) > 1e6  # type: ignore[index]
    assert float(re.search(r"^process_open_fds (.*)$", text, re.M)[1]) >= 3  # type: ignore[index]
    assert "process_cpu_seconds_total " in text


def test_the_table_fits_the_nodes_info() -> None:
    """What a real node tells of itself has the keys that the table names."""
    from twisted.internet.task import Clock

    from edge_router.config.schema import Config, Realm, RouterWorker
    from edge_router.node.node import Node

    node = Node(Config(workers=[RouterWorker(realms=[Realm(name="realm1")])]), Path(), Clock())
    text = exposition(node.info())
    for family in FAMILIES:
        apart = family.key in ("state", "restarts", "lines_left_out")
        if family.of not in ("component", "bridge", "port", "uplink") and not apart:
            assert f"# TYPE edge_router_{family.name} {family.kind}" in text


# --- health ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "bridge", "wanted", "ready"),
    [
        ("running", "running", False, 200),
        ("running", "failed", False, 200),
        ("running", "failed", True, 503),
        ("running", "running", True, 200),
        ("starting", "running", False, 503),
        ("stopping", "running", False, 503),
    ],
)
def test_alive_and_ready(state: str, bridge: str, wanted: bool, ready: int) -> None:
    """Alive is who answers; ready is who has started, does not end, and has what is wanted of it."""
    info = {**INFO, "state": state, "bridges": [{**INFO["bridges"][0], "state": bridge}]}
    port = WebPort({"health": HealthPath(bridges=wanted)}, info=info)
    assert port.ask("/health/live").status == 200
    assert json.loads(port.ask("/health/live").body) == {"status": "pass"}
    for path in ("/health", "/health/", "/health/ready"):
        answer = port.ask(path)
        assert answer.status == ready
        assert answer.headers["Cache-Control"] == "no-store"
        said = {"status": "pass" if ready == 200 else "fail", "state": state, "bridges": {"kitchen": bridge}}
        assert json.loads(answer.body) == said
    assert port.ask("/health/else").status == 404
    assert port.ask("/health/live/x").status == 404
    assert port.ask("/health/ready", "HEAD").status == ready


@pytest.mark.parametrize(("link", "wanted", "ready"), [("up", True, 200), ("down", True, 503), ("down", False, 200)])
def test_ready_with_links(link: str, wanted: bool, ready: int) -> None:
    """A link that is down is nothing wrong with the node, unless somebody says so."""
    port = WebPort({"health": HealthPath(uplinks=wanted)}, info={**INFO, "uplinks": [{"id": "hq", "link": link}]})
    answer = port.ask("/health/ready")
    assert answer.status == ready
    assert json.loads(answer.body)["uplinks"] == {"hq": link}
