"""PWM outputs: on channels as strict as the kernel's, and on a tree of files like the kernel's."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec import ValidationError, convert

from bridges.gpio.lines import LineError
from bridges.gpio.pwmchips import Channel, Settling, Sysfs
from bridges.gpio.pwmconfig import Pwm
from bridges.gpio.pwmsimulator import SimulatedPwm
from bridges.gpio.stopping import StoppedOutputs
from tests.bridges.gpio.conftest import Board, Router, configured

Make = Callable[..., Board]

FILE = "sim:?file=pins"
OFF = {"period": "0", "duty_cycle": "0", "polarity": "normal", "enable": "0"}


def fan(**options: Any) -> dict[str, Any]:
    return {"fan": {"channel": 0, "frequency": 25_000, **options}}


def pwm(**options: Any) -> Pwm:
    return convert({"channel": 0, "frequency": 25_000, **options}, Pwm)


def kept(directory: Path) -> dict[str, str]:
    found: dict[str, str] = json.loads((directory / "pins.pwm").read_text())["0"]
    return found


def left(directory: Path, **values: str) -> None:
    (directory / "pins.pwm").write_text(json.dumps({"0": {**OFF, **values}}))


# --- channels --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("period", "duty_cycle"), [("0", "0"), ("40000", "40000"), ("1000000", "900000"), ("1000", "1000")]
)
@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize("duty", [0, 0.25, 1])
def test_from_any_state_to_any_other(period: str, duty_cycle: str, inverted: bool, duty: float) -> None:
    """The kernel takes no duty longer than the period, not even for a moment, and no polarity while it is on."""
    chip = SimulatedPwm(None)
    on = "1" if period != "0" else "0"
    chip.channels["0"] = {"period": period, "duty_cycle": duty_cycle, "polarity": "normal", "enable": on}
    options = pwm(inverted=inverted)
    channel = Channel(chip.open(options), options)
    channel.set(duty)
    polarity = "inversed" if inverted else "normal"
    expected = {"period": "40000", "duty_cycle": str(round(40_000 * duty)), "polarity": polarity, "enable": "1"}
    assert chip.channels["0"] == expected
    assert channel.duty() == duty


def test_the_simulator_is_strict() -> None:
    """So that the test above means something."""
    files = SimulatedPwm(None).open(pwm())
    files.write("period", "100")
    with pytest.raises(OSError, match="Invalid"):
        files.write("duty_cycle", "101")
    files.write("enable", "1")
    with pytest.raises(OSError, match="busy"):
        files.write("polarity", "inversed")


# --- the kernel's files ----------------------------------------------------------------------------------------------


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Two chips; channel 0 of the first is exported."""
    for number, device in enumerate(("fe20c000.pwm", "fe20c800.pwm")):
        (tmp_path / device).mkdir()
        chip = tmp_path / "class" / f"pwmchip{number}"
        chip.mkdir(parents=True)
        (chip / "device").symlink_to(tmp_path / device)
        (chip / "export").touch()
    channel = tmp_path / "class" / "pwmchip0" / "pwm0"
    channel.mkdir()
    for name, value in OFF.items():
        (channel / name).write_text(value + "\n")
    return tmp_path / "class"


def test_by_the_device_of_the_chip(tree: Path) -> None:
    options = pwm(chip="fe20c000.pwm")
    channel = Channel(Sysfs(tree).open(options), options)
    channel.set(0.5)
    said = {name: (tree / "pwmchip0" / "pwm0" / name).read_text().strip() for name in OFF}
    assert said == {"period": "40000", "duty_cycle": "20000", "polarity": "normal", "enable": "1"}
    assert channel.duty() == 0.5


def test_a_channel_is_exported(tree: Path) -> None:
    """Then udev gives its files away, which takes a moment."""
    with pytest.raises(Settling):
        Sysfs(tree).open(pwm(chip="fe20c800.pwm", channel=1))
    assert (tree / "pwmchip1" / "export").read_text() == "1"


def test_which_chip(tree: Path) -> None:
    """The only one need not be named."""
    with pytest.raises(LineError, match=r"not just one is there; there is fe20c000\.pwm, fe20c800\.pwm"):
        Sysfs(tree).open(pwm())
    with pytest.raises(LineError, match=r"there is no PWM chip x\.pwm; there is fe20c000\.pwm"):
        Sysfs(tree).open(pwm(chip="x.pwm"))
    with pytest.raises(LineError, match=r"none \(a device tree overlay may be missing"):
        Sysfs(tree / "nothing").open(pwm())


def test_a_chip_by_its_number() -> None:
    with pytest.raises(ValidationError, match="pwmchip0 may be another chip after the next start"):
        pwm(chip="pwmchip0")


def test_a_channel_that_goes_away(tree: Path) -> None:
    options = pwm(chip="fe20c000.pwm")
    channel = Channel(Sysfs(tree).open(options), options)
    (tree / "pwmchip0" / "pwm0" / "duty_cycle").unlink()
    with pytest.raises(LineError, match="PWM channel 0 is gone"):
        channel.set(0.5)


# --- the bridge ------------------------------------------------------------------------------------------------------


def test_set_and_get(board: Make) -> None:
    """A bridge may have nothing but PWM."""
    io = board(pwm=fan())
    assert io.call("fan.set", 0.4) == 0.4
    assert io.call("fan.get").args == (0.4,)
    assert io.values("fan") == [0, 0.4]
    assert io.status()["outputs"] == {"fan": 0.4}
    for wrong in (-0.1, 1.1, True, "full", None):
        assert io.refused("fan.set", wrong)[0] == "wamp.error.invalid_argument"


@pytest.mark.parametrize(("wish", "duty"), [("keep", 0.5), (0, 0), (1, 1), (0.25, 0.25), (False, 0), ("on", 1)])
def test_on_start(board: Make, tmp_path: Path, wish: Any, duty: float) -> None:
    left(tmp_path, period="40000", duty_cycle="20000", enable="1")
    io = board(chip=FILE, pwm=fan(on_start=wish))
    assert kept(tmp_path)["duty_cycle"] == str(round(40_000 * duty))
    assert io.values("fan") == [duty]


def test_keep_writes_nothing(board: Make, tmp_path: Path) -> None:
    """Not even another frequency, until somebody sets a duty."""
    left(tmp_path, period="1000", duty_cycle="500", enable="1")
    before = kept(tmp_path)
    io = board(chip=FILE, pwm=fan())
    io.bridge.stop()
    assert kept(tmp_path) == before


@pytest.mark.parametrize(("wish", "duty"), [("keep", 0.75), (0, 0), (0.3, 0.3)])
def test_on_stop(board: Make, tmp_path: Path, wish: Any, duty: float) -> None:
    io = board(chip=FILE, pwm=fan(on_stop=wish))
    io.call("fan.set", 0.75)
    io.bridge.stop()
    assert kept(tmp_path)["duty_cycle"] == str(round(40_000 * duty))
    assert io.values("fan")[-1] == duty


def test_on_stop_by_the_helper(board: Make, tmp_path: Path) -> None:
    """For a router that was killed."""
    left(tmp_path, period="40000", duty_cycle="20000", enable="1")
    config = configured(chip=FILE, pwm={**fan(on_stop=1), "kept": {"channel": 1}})
    assert list(StoppedOutputs(config, tmp_path).stop()) == [("fan", "1", True)]
    assert kept(tmp_path)["duty_cycle"] == "40000"
    said = [text for _, text, _ in StoppedOutputs(config, tmp_path).describe()]
    assert said[0] == "PWM channel 0 of the only chip; on_start keep, on_stop 1, on_loss keep"


def test_last(board: Make, tmp_path: Path) -> None:
    options = fan(on_start="last", on_stop=0)
    first = board(chip=FILE, pwm=options)
    first.call("fan.set", 0.6)
    first.bridge.stop()
    assert board(chip=FILE, pwm=options).values("fan")[-1] == 0.6


def test_a_reload_leaves_it_alone(board: Make, session: Router) -> None:
    """With who has set it."""
    options = fan(on_start=0, on_stop=1, on_loss=0.1)
    first = board(pwm=options)
    first.call("fan.set", 0.6)
    changed = {**options, "other": {"channel": 1}}
    first.bridge.successor = configured(pwm=changed)
    first.bridge.stop()
    second = board(predecessor=first.bridge, pwm=changed)
    assert session.values("io.fan") == [0, 0.6, 0.6]
    session.tell("wamp.session.on_leave", 7)
    second.advance(0.01)
    assert session.values("io.fan")[-1] == 0.1


def test_a_loss_comes_over_a_reload(board: Make, session: Router) -> None:
    """Of a session that was gone before it."""
    options = fan(on_loss=0.1, loss_after=10)
    first = board(pwm=options)
    first.call("fan.set", 0.6)
    session.tell("wamp.session.on_leave", 7)
    first.advance(6, step=1)
    changed = {**options, "other": {"channel": 1}}
    first.bridge.successor = configured(pwm=changed)
    first.bridge.stop()
    second = board(predecessor=first.bridge, pwm=changed)
    second.advance(3, step=1)
    assert session.values("io.fan")[-1] == 0.6
    second.advance(1.1)
    assert session.values("io.fan")[-1] == 0.1


def test_on_loss(board: Make, session: Router) -> None:
    """Of the session that set it, and of an uplink."""
    io = board(pwm=fan(on_loss=0.1, uplink="center", uplink_after=10))
    assert io.refused("fan.set", 0.5, caller=None)[0] == "edge.error.caller_unknown"
    io.call("fan.set", 0.5, caller=7)
    session.tell("wamp.session.on_leave", 7)
    io.advance(0.01)
    assert io.values("fan")[-1] == 0.1
    io.call("fan.set", 0.5, caller=8)
    session.tell("edge.uplink.center.status", "down")
    io.advance(9)
    session.tell("edge.uplink.center.status", "up")
    io.advance(9)
    assert io.values("fan")[-1] == 0.5
    session.tell("edge.uplink.center.status", "down")
    io.advance(10.1)
    assert io.values("fan")[-1] == 0.1
    assert session.last("io.fan")[1]["cause"] == "loss"


def test_a_channel_that_is_not_there(board: Make, monkeypatch: pytest.MonkeyPatch, tree: Path) -> None:
    """The lines of the bridge wait with it: nothing is begun by halves."""
    monkeypatch.setattr("bridges.gpio.bridge.pwm_of", lambda _: Sysfs(tree / "nothing"))
    io = board(pwm=fan(), outputs={"lamp": {"line": 4, "on_start": "on"}})
    assert io.status()["state"] == "away"
    assert io.pin(4) is False
    assert io.refused("fan.set", 1)[0] == "edge.error.device_away"
    monkeypatch.setattr("bridges.gpio.bridge.pwm_of", lambda simulated: simulated.pwm)
    io.advance(1)
    assert io.status()["state"] == "open"
    assert io.pin(4) is True
