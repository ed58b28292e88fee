"""Replays the protocol's own test vectors that have several sessions, on the core and through sockets.

A vector becomes a scenario: what its sessions send is sent, and what the router is to send is all that may come. Ids
that a router chooses are bound where they are first met.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from edge_router.wamp.messages import MESSAGES
from tests.scenarios.language import CODES, Scenario, Step, Variable
from tests.scenarios.sockets import SocketStage
from tests.scenarios.stage import CoreStage, Play
from tests.transports.loop import Loop, running_loop
from tests.vectors import FOLDER, NAMES, needed

ENCODINGS: Final = ("json", "msgpack", "cbor")
TRANSPORTS: Final = ("tcp", "unix", "websocket")

#: what the router numbers itself; and the requests that are its own
CHOSEN: Final = ("subscription", "publication", "registration")
ITS_REQUESTS: Final = ("INVOCATION", "INTERRUPT", "YIELD")

VECTORS = sorted((FOLDER / "multisession").rglob("*.json"))

pytestmark = needed


def scenario_of(path: Path) -> Scenario:
    """A vector as a scenario."""
    vector = json.loads(path.read_text("utf-8"))
    assert {session["realm"] for session in vector["sessions"]} == {"realm1"}, "the realm that stages have"
    steps = [
        Step(0, f"{session['session_id']} joins", session["session_id"], "joins", ["anonymous", _announced(session)])
        for session in vector["sessions"]
    ]
    for step in vector["sequence"]:
        player, kind = (step["to"], "<-") if step["from"] == "router" else (step["from"], "->")
        message = _array(step["message"])
        steps.append(Step(step["step"], f"{player} {kind} {step['message']}", player, kind, message))
    players = {session["session_id"]: "anonymous" for session in vector["sessions"]}
    return Scenario(path, vector["feature"], vector["description"], steps, players, {}, {})


def _announced(session: dict[str, Any]) -> dict[str, Any]:
    return {"roles": {role: {} for role in session["roles"]}}


def _array(said: dict[str, Any]) -> list[Any]:
    """A message, told by the names of its fields, as an array."""
    values = {NAMES.get(name, name): _value(said["type"], NAMES.get(name, name), said[name]) for name in said}
    code = CODES[said["type"]]
    array = [code, *(values.pop(field.name, None) for field in msgspec.structs.fields(MESSAGES[code]))]
    assert set(values) == {"type"}, values
    while array[-1] is None:
        array.pop()
    return array


def _value(kind: str, name: str, value: Any) -> Any:
    is_chosen = name in CHOSEN or (name == "request" and kind in ITS_REQUESTS)
    return Variable(f"{name} {value}") if is_chosen else value


@pytest.fixture(scope="module")
def loop() -> Iterator[Loop]:
    with running_loop() as running:
        yield running


def test_there_are_some() -> None:
    """A folder without vectors proves nothing."""
    assert VECTORS


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("path", VECTORS, ids=[path.stem for path in VECTORS])
def test_on_the_core(path: Path, encoding: str) -> None:
    """The sequence holds for the router alone, and nobody gets anything else."""
    scenario = scenario_of(path)
    Play(scenario, CoreStage(scenario, dict.fromkeys(scenario.players, encoding))).run()


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("path", VECTORS, ids=[path.stem for path in VECTORS])
def test_through_a_transport(path: Path, encoding: str, transport: str, loop: Loop, tmp_path: Path) -> None:
    """The sequence holds for clients of one transport and encoding."""
    scenario = scenario_of(path)
    players = scenario.players
    stage = SocketStage(loop, tmp_path, scenario, dict.fromkeys(players, encoding), dict.fromkeys(players, transport))
    try:
        Play(scenario, stage).run()
    finally:
        stage.close()


@pytest.mark.parametrize("path", VECTORS, ids=[path.stem for path in VECTORS])
def test_the_outcome_is_what_the_sequence_says(path: Path) -> None:
    """What a vector says besides of its outcome is in its sequence, so that playing it proves it."""
    vector = json.loads(path.read_text("utf-8"))
    outcome = vector["expected_outcome"]
    events = [step for step in vector["sequence"] if step["message"]["type"] == "EVENT"]
    assert outcome["event_count"] == len(events)
    assert outcome["event_recipients"] == [step["to"] for step in events]
