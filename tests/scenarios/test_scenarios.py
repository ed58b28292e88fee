"""Every scenario, on the bare core in every encoding, and through every transport in every encoding."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.language import Scenario, read
from tests.scenarios.sockets import SocketStage
from tests.scenarios.stage import CoreStage, Play
from tests.transports.loop import Loop, running_loop

ENCODINGS = ("json", "msgpack", "cbor")
TRANSPORTS = ("tcp", "unix", "websocket")
#: who speaks what, in the order of appearance: all alike, or each player something else
CASTS = {**{name: (name,) for name in ENCODINGS}, "mixed": ENCODINGS, "mixed2": ENCODINGS[::-1]}

SCENARIOS = [scenario for path in sorted(Path(__file__).parent.rglob("*.scenario")) for scenario in read(path)]


def _cast(scenario: Scenario, choices: tuple[str, ...], fixed: dict[str, str] | None = None) -> dict[str, str]:
    chosen = dict(zip(scenario.players, islice(cycle(choices), len(scenario.players)), strict=True))
    return {**chosen, **(fixed or {})}


def _cases(casts: dict[str, tuple[str, ...]]) -> list[Any]:
    return [
        pytest.param(scenario, casts.get(name, ENCODINGS), id=f"{scenario.path.stem}: {scenario.title} [{name}]")
        for scenario in SCENARIOS
        for name in (["as told"] if scenario.speaks else casts)
    ]


@pytest.mark.parametrize(("scenario", "encodings"), _cases(CASTS))
def test_on_the_core(scenario: Scenario, encodings: tuple[str, ...]) -> None:
    """The transcript holds for the router alone."""
    Play(scenario, CoreStage(scenario, _cast(scenario, encodings, scenario.speaks))).run()


@pytest.fixture(scope="module")
def loop() -> Iterator[Loop]:
    with running_loop() as running:
        yield running


@pytest.mark.parametrize("transports", [(name,) for name in TRANSPORTS], ids=TRANSPORTS)
@pytest.mark.parametrize(("scenario", "encodings"), _cases({name: (name,) for name in ENCODINGS}))
def test_through_a_transport(
    scenario: Scenario, encodings: tuple[str, ...], transports: tuple[str, ...], loop: Loop, tmp_path: Path
) -> None:
    """The transcript holds for clients of one transport and encoding."""
    _play_through_sockets(scenario, encodings, transports, loop, tmp_path)


@pytest.mark.parametrize(("scenario", "encodings"), _cases({"mixed": ENCODINGS}))
def test_through_all_transports(
    scenario: Scenario, encodings: tuple[str, ...], loop: Loop, tmp_path: Path
) -> None:
    """The transcript holds where every player uses another transport and another encoding."""
    _play_through_sockets(scenario, encodings, TRANSPORTS, loop, tmp_path)


def _play_through_sockets(
    scenario: Scenario, encodings: tuple[str, ...], transports: tuple[str, ...], loop: Loop, directory: Path
) -> None:
    spoken = _cast(scenario, encodings, scenario.speaks)
    stage = SocketStage(loop, directory, scenario, spoken, _cast(scenario, transports))
    try:
        Play(scenario, stage).run()
    finally:
        stage.close()
