"""What `sim:` means in a configuration, and faults on demand and by chance."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from msgspec import Meta
from twisted.internet.task import Clock

from bridges.simulated import Faults, SimOptions, Wanted, is_simulated, parse
from bridges.simulating import simulate
from edge_router.client import CallError


class Lamp(SimOptions, frozen=True):
    """A kind of simulator."""

    period: Annotated[float, Meta(gt=0)] = 1.0
    name: str = "lamp"
    on: bool = False


class Tape(SimOptions, frozen=True):
    """One with an option that has to be given."""

    file: str


KINDS: dict[str, type[SimOptions]] = {"lamp": Lamp, "tape": Tape, "": SimOptions}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("sim:lamp", Wanted("lamp", Lamp())),
        ("sim:", Wanted("", SimOptions())),
        ("sim:lamp?", Wanted("lamp", Lamp())),
        ("sim:lamp?period=0.5&name=a%26b+c&on=true", Wanted("lamp", Lamp(period=0.5, name="a&b+c", on=True))),
        ("sim:?drop=0.25&seed=7&outage=2", Wanted("", SimOptions(drop=0.25, seed=7, outage=2.0))),
        ("sim:tape?file=/tmp/a.rec", Wanted("tape", Tape(file="/tmp/a.rec"))),
    ],
)
def test_what_is_simulated(text: str, wanted: Wanted) -> None:
    assert parse(text, KINDS) == wanted


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("sim:lamb", "sim:lamb is no simulator; there are sim:lamp, sim:tape, sim:"),
        ("sim:lamp?perod=1", "sim:lamp has no option 'perod'; there are period, name, on, drop, garble, "),
        ("sim:lamp?period=fast", "sim:lamp: period=fast: expected a number, got text"),
        ("sim:lamp?period=0", "sim:lamp: period=0: expected a number > 0.0"),
        ("sim:lamp?drop=2", "sim:lamp: drop=2: expected a number <= 1.0"),
        ("sim:lamp?period", "sim:lamp: period has to be given once, as period=VALUE"),
        ("sim:lamp?on=true&on=false", "sim:lamp: on has to be given once, as on=VALUE"),
        ("sim:tape", "sim:tape: it needs file"),
        ("sim:lamp?period=nan", "sim:lamp: period=nan: "),
    ],
)
def test_what_is_wrong_and_what_is_known(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match="sim:") as said:
        parse(text, KINDS)
    assert str(said.value).startswith(problem)


def test_a_path_is_no_simulator() -> None:
    assert is_simulated("sim:lamp")
    assert not is_simulated("/dev/sim:lamp")


def test_a_fault_lasts_as_long_as_it_says() -> None:
    """Or until another, or `ok`. Each change is told once."""
    clock, told = Clock(), list[str]()
    faults = Faults(clock, SimOptions(), told.append)
    faults.set("unplug", 3)
    clock.advance(2.9)
    assert faults.fault == "unplug"
    clock.advance(0.1)
    faults.set("hang", 10)
    faults.set("hang")
    clock.advance(100)
    assert faults.fault == "hang"
    faults.set("ok", 5)
    assert told == ["unplug", "ok", "hang", "ok"]
    faults.set("drop", 5)
    faults.stop()
    assert not clock.getDelayedCalls()
    assert faults.fault == "ok"


def test_what_arrives() -> None:
    faults = Faults(Clock(), SimOptions(seed=1))
    message = bytes(40)
    assert faults.carry(message) == message
    faults.set("garble")
    for _ in range(200):
        garbled = faults.carry(message)
        assert garbled is not None and len(garbled) == 40
        assert sum(map(bool, garbled)) == 3
    assert faults.carry(b"") == b""
    for fault in ("drop", "hang", "unplug"):
        faults.set(fault)
        assert faults.carry(message) is None
    assert (faults.lost, faults.garbled) == (3, 201)


def test_chances_are_as_many_as_asked_for_and_the_same_for_a_seed() -> None:
    """Faults that are an outage last for it."""
    options = SimOptions(drop=0.1, garble=0.2, unplug=0.05, outage=2.0, seed=3)

    def run() -> list[str]:
        clock = Clock()
        faults = Faults(clock, options)
        happened = []
        for _ in range(2_000):
            happened.append(faults.strike())
            if faults.fault == "unplug":
                clock.advance(1.9)
                assert faults.strike() == "unplug"
                clock.advance(0.1)
                assert faults.fault == "ok"
        return happened

    first = run()
    assert first == run()
    shares = {fault: first.count(fault) / 2_000 for fault in ("drop", "garble", "unplug", "hang")}
    assert shares == pytest.approx({"drop": 0.1, "garble": 0.2, "unplug": 0.05, "hang": 0.0}, abs=0.03)


@pytest.mark.parametrize(
    "args",
    [("explode",), ("drop", "long"), ("drop", 0), ("drop", -1), ("drop", 1, 2), ("drop", True), ([],), (1,),
     ("drop", float("nan")), ("drop", 10**400), ("press",)],
)  # fmt: skip
def test_the_procedure_refuses_what_it_cannot_do(args: tuple[Any, ...]) -> None:
    faults = Faults(Clock(), SimOptions())

    def press(*names: Any) -> str:
        if len(names) != 1:
            raise ValueError("the name of a button is expected")
        return "pressed"

    with pytest.raises(CallError) as said:
        simulate(faults, {"press": press})(*args)
    assert said.value.uri == "wamp.error.invalid_argument"
    assert faults.fault == "ok"


def test_the_procedure() -> None:
    """[fault, seconds]; without arguments it tells; words of the kind go to the kind."""
    clock = Clock()
    faults = Faults(clock, SimOptions())
    handle = simulate(faults, {"press": lambda name: f"{name} pressed"})
    assert handle("drop", 2) == "drop"
    assert handle() == "drop"
    clock.advance(2)
    assert handle() == "ok"
    assert handle("press", "red") == "red pressed"
    with pytest.raises(CallError):
        handle(fault="drop")
