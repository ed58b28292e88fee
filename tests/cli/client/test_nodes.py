"""`nodes` and `enroll`: a code is made here, used there, and the node is known by its key."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from edge_router.__main__ import dispatch
from tests.cli.client.conftest import Endless, Run
from tests.cli.running import PATIENCE, RunningNode

Begin = Callable[..., Endless]


@pytest.fixture(autouse=True)
def nobody(node: RunningNode) -> None:
    """Every test begins with an empty list."""
    (node.directory / "nodes.json").unlink(missing_ok=True)


def test_from_the_code_to_the_list(run: Run, node: RunningNode, begin: Begin, tmp_path: Path) -> None:
    """As two people do it, one at the centre and one at the board."""
    invited = run("nodes", "invite", "board-17", "--valid", "1")
    assert invited.status == 0 and "good for 1 h and one node; on board-17: edge-router enroll" in invited.err
    code = invited.out.strip()
    assert "board-17  invited until " in run("nodes").out
    there = ("--cbdir", str(tmp_path), "--url", f"unix:{node.directory}/enrol.sock", "--realm", "realm1")
    done = run("enroll", code, *there)
    assert done.status == 0 and "key.priv" in done.err
    assert "board-17 is known in realm realm1 by its key now (role anonymous)" in done.out
    (row,) = run("nodes", "--json").lines
    assert (row["node"], row["state"], len(row["key"])) == ("board-17", "away", 64)
    stays = begin("register", "com.x", "--key", str(tmp_path / "key.priv"), *there[2:], "--", "true")
    assert "is served" in stays.error()
    assert "board-17  there" in run("nodes").out
    removed = run("nodes", "remove", "board-17")
    assert removed.status == 0 and "ended its 1 session" in removed.out
    assert stays.process.wait(PATIENCE) == 1
    refused = run("call", "com.x", "--key", str(tmp_path / "key.priv"), *there[2:])
    assert refused.status == 1 and "authentication_denied" in refused.err


def test_a_code_that_is_none_is_not_sent(run: Run) -> None:
    """Said at once, before anything is connected to or made."""
    assert run("enroll", "12345").status == 2
    assert run("enroll", "12345").err.startswith("edge-router: '12345' is no code; one has 16 letters")


def test_a_code_that_is_wrong(run: Run, node: RunningNode, tmp_path: Path) -> None:
    """The router's words."""
    there = ("--cbdir", str(tmp_path), "--url", f"unix:{node.directory}/enrol.sock", "--realm", "realm1")
    done = run("enroll", "K7QF-2M9D-0HXA-RT5W", *there)
    assert done.status == 1 and "authentication_denied" in done.err and "known" not in done.out


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("invite",), "say which node"),
        (("list", "x"), "takes no name"),
        (("invite", "a b"), "a name without spaces"),
        (("invite", "a", "--valid", "0"), "more than 0"),
    ],
)
def test_wrong_usage(run: Run, words: tuple[str, ...], text: str) -> None:
    done = run("nodes", *words)
    assert done.status == 2 and text in done.err


def test_a_node_that_is_not_there(run: Run) -> None:
    done = run("nodes", "remove", "nobody")
    assert done.status == 1 and "there is no node 'nobody'" in done.err


def test_a_configuration_without_enrolment(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is said what to write."""
    config = {"version": 2, "workers": [{"type": "router", "realms": [{"name": "realm1"}]}]}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    assert dispatch(["nodes", "--cbdir", str(tmp_path)]) == 1
    assert "enrolment: {role: ROLE}" in capsys.readouterr().err


def test_the_uplink_of_the_configuration_says_where(run: Run, node: RunningNode, tmp_path: Path) -> None:
    """A board that has one needs nothing but the code."""
    endpoint = {"type": "unix", "path": str(node.directory / "enrol.sock")}
    uplink = {
        "id": "hq",
        "realm": "local",
        "remote_realm": "realm1",
        "transport": {"type": "rawsocket", "endpoint": endpoint},
        "rules": [{"uri": "com.x"}],
    }
    worker = {"type": "router", "realms": [{"name": "local"}]}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({"version": 2, "workers": [worker], "uplinks": [uplink]}))
    code = run("nodes", "invite", "board-18").out.strip()
    done = run("enroll", code, "--cbdir", str(tmp_path))
    assert done.status == 0 and "board-18 is known in realm realm1" in done.out
    assert run("enroll", code, "--cbdir", str(tmp_path), "--uplink", "other").status == 2
