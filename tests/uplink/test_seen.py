"""What operators see of an uplink: in `status`, in `metrics`, for management, and what a node makes of its sections."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from twisted.internet.task import Clock

from edge_router.cli.client.top import as_lines
from edge_router.cli.status import one_line
from edge_router.config.load import from_tree
from edge_router.node.needs import has_tls
from edge_router.node.node import Node
from edge_router.node.record import Record
from edge_router.node.reload import Reload
from edge_router.web.metrics import FAMILIES, exposition
from tests.uplink.world import ALL, World

ROLE = {"name": "anonymous", "permissions": [{"uri": "", "match": "prefix", "allow": ALL}]}
RULE = {"uri": "com.", "match": "prefix"}
WAY = {"type": "rawsocket", "endpoint": {"type": "unix", "path": "nobody.sock"}}
UPLINK: dict[str, Any] = {"id": "hq", "realm": "realm1", "transport": WAY, "rules": [RULE]}


def _config(directory: Path, *uplinks: dict[str, Any]) -> Any:
    worker = {"type": "router", "realms": [{"name": "realm1", "roles": [ROLE]}]}
    return from_tree({"workers": [worker], "uplinks": list(uplinks)}, "test", directory).config


def test_metrics(world: World) -> None:
    """Numbers of a link that is up, and of one that is not."""
    up = world.board(world.centre(), RULE)
    up.join().publish("com.x")
    world.settle()
    down = world.board(None, RULE)
    down.uplink.figures()
    info = [{"id": name, "realm": "realm1", **board.uplink.figures()} for name, board in (("hq", up), ("far", down))]
    text = exposition({"version": "1", "uplinks": info})
    assert 'edge_router_uplink_up{uplink="hq",realm="realm1"} 1\n' in text
    assert 'edge_router_uplink_up{uplink="far",realm="realm1"} 0\n' in text
    assert 'edge_router_uplink_events_sent_total{uplink="hq",realm="realm1"} 1\n' in text
    assert 'edge_router_uplink_round_trip_seconds{uplink="hq",realm="realm1"} 0\n' in text
    assert 'edge_router_uplink_waiting_events{uplink="hq",realm="realm1"} 0\n' in text


def test_metrics_name_what_there_is(tmp_path: Path) -> None:
    """Each number that the table names is one that an uplink with a store has, up or down."""
    rule = {**RULE, "buffer": "all"}
    node = Node(_config(tmp_path, {**UPLINK, "rules": [rule]}), tmp_path, Clock(), lambda _node: None)
    figures = node.uplinks[0].info()
    assert {family.key for family in FAMILIES if family.of == "uplink"} - figures.keys() == {"rtt_ms"}


def test_status(tmp_path: Path) -> None:
    """One line, with the reason while it is down."""
    node = Node(_config(tmp_path, UPLINK), tmp_path, Clock(), lambda _node: None)
    (uplink,) = node.uplinks
    assert one_line(uplink.in_short()) == "uplink hq: stopped"
    uplink.state = "running"
    assert one_line(uplink.in_short()) == "uplink hq: down, not connected yet"
    assert node.info()["uplinks"][0]["link"] == "down"


def test_top() -> None:
    """One line for each link, above the sessions."""
    uplink = {"id": "hq", "link": "down", "error": "nobody listens", "rows": 12, "dropped": 0}
    facts = {"realm": "realm1", "sessions": 0, "topics": 0, "procedures": 0, "list": [], "uplinks": [uplink]}
    assert as_lines(facts)[1] == "uplink hq: down, nobody listens, 12 wait"


@pytest.mark.parametrize(
    ("transport", "speaks"),
    [
        ({"type": "websocket", "url": "wss://h/"}, True),
        ({"type": "websocket", "url": "ws://h/"}, False),
        ({"type": "rawsocket", "url": "rss://h:1"}, True),
        ({"type": "rawsocket", "endpoint": {"type": "tcp", "host": "h", "port": 1, "tls": {}}}, True),
        (WAY, False),
    ],
)
def test_a_node_whose_only_tls_goes_out_has_it(tmp_path: Path, transport: dict[str, Any], speaks: bool) -> None:
    """OpenSSL is kept out of nodes that do not need it."""
    assert has_tls(_config(tmp_path, {**UPLINK, "transport": transport})) is speaks
    several = {key: value for key, value in UPLINK.items() if key != "transport"}
    assert has_tls(_config(tmp_path, {**several, "transports": [WAY, transport]})) is speaks


class _Uplink:
    """An uplink of a node that does nothing."""

    def __init__(self, config: Any) -> None:
        self.config = config
        self.log: list[str] = []

    def leave_to(self, _config: Any) -> None:
        pass

    def take_over(self, _before: Any) -> None:
        pass

    def start(self) -> None:
        self.log.append("start")

    def stop(self) -> None:
        self.log.append("stop")


async def _nothing(*_arguments: Any) -> None:
    return None


def test_reload(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Uplinks that are new start, those that are gone end, changed ones do both, and the others stay."""
    clock = Clock()
    other, third = {**UPLINK, "id": "other"}, {**UPLINK, "id": "third"}
    monkeypatch.setattr(Node, "uplink", lambda _node, section: _Uplink(section))
    node = Node(_config(tmp_path, UPLINK, other, third), tmp_path, clock, lambda _node: None)
    kept, changed, gone = node.uplinks
    changed_now = {**other, "rules": [RULE, {"uri": "de.", "match": "prefix"}]}
    record = Record()
    reload = Reload(node, _config(tmp_path, UPLINK, changed_now, {**UPLINK, "id": "new"}), record)
    coroutine = reload.carry_out()
    with pytest.raises(StopIteration):
        coroutine.send(None)
    assert (kept.log, changed.log, gone.log) == ([], ["stop"], ["stop"])
    assert [(uplink.config.id, uplink.log) for uplink in node.uplinks] == [
        ("hq", []), ("other", ["start"]), ("new", ["start"])
    ]  # fmt: skip
    assert record.lines == [
        "uplink third: stopped", "uplink other: started again, since it was changed (rules)", "uplink new: started"
    ]  # fmt: skip
