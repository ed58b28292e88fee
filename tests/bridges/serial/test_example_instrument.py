"""examples/instrument does what its README says, with the simulated supply that it names."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bridges.serial.bridge import SerialBridge
from bridges.serial.config import SerialConfig
from edge_router.client import CallError
from edge_router.config.load import load
from tests.bridges.harness import FakeSession, PtyReactor

EXAMPLE = Path(__file__).parents[3] / "examples" / "instrument" / "config.yaml"


class Lab:
    """The bridge of the example, open."""

    def __init__(self, reactor: PtyReactor, session: FakeSession) -> None:
        self.reactor = reactor
        self.session = session

    def call(self, name: str, *args: Any) -> Any:
        results: list[Any] = []
        self.session.procedures[f"lab.supply.{name}"](*args).addBoth(results.append)
        self.reactor.until(lambda: results)
        return results[0]

    def values(self, name: str) -> list[Any]:
        return self.session.values(f"lab.supply{name}")


@pytest.fixture
def lab(reactor: PtyReactor, session: FakeSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (section,) = load(EXAMPLE).config.bridges
    assert isinstance(section, SerialConfig)
    bridge = SerialBridge(section, reactor)
    bridge.start(session)
    reactor.until(lambda: session.values("lab.supply.status") == ["open"])
    yield Lab(reactor, session)
    bridge.stop()


def test_it_is_asked_measured_and_told(lab: Lab) -> None:
    """The polls bring readings, commands work, and the result of `measure` is what is published."""
    lab.reactor.until(lambda: lab.values(".volts") and lab.values(".amps"))
    assert lab.values(".volts") == [pytest.approx(0, abs=0.02)]
    assert lab.call("identify") == "edge-router,Simulated supply,0,1.0"
    assert lab.call("set_voltage", 3.3) is None
    assert lab.call("output", "on") is None
    assert lab.call("measure") == pytest.approx(3.3, abs=0.02) == lab.values(".volts")[-1]
    assert lab.session.last("lab.supply.volts")[1]["unit"] == "V"


def test_more_than_the_load_takes_is_never_sent(lab: Lab) -> None:
    with pytest.raises(CallError, match="volts is a number from 0 up to 12"):
        lab.call("set_voltage", 20)


def test_no_answers_are_told_once(lab: Lab, logged: list[str]) -> None:
    """Put aside, and back when it answers again; its values are stale in between."""
    lab.reactor.until(lambda: lab.values(".volts"))
    lab.session.procedures["lab.supply.simulate"]("hang", 30)
    lab.reactor.until(lambda: lab.session.last("lab.supply.volts")[1].get("stale"), step=0.1)
    lab.reactor.until(lambda: "stale" not in lab.session.last("lab.supply.volts")[1], step=0.1)
    assert sum("MEAS:VOLT?: no answer within 1 s, 3 times in a row" in text for text in logged) == 1
    assert sum("MEAS:VOLT? is answered again" in text for text in logged) == 1
