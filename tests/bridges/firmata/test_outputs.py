"""Outputs of a board: nothing moves but by a call or by what the configuration says."""

from __future__ import annotations

from typing import Any

import pytest

from bridges.firmata import protocol, simulator
from tests.bridges.firmata.bench import Bench

LAMP = {"lamp": {"pin": 13}}
FAN = {"fan": {"pin": 9}}
ARM = {"arm": {"pin": 10, "min": 20, "max": 160}}
SETTINGS = ("f4 0d 01", "f5 0d", "f4 09 03", "e9 ", "f4 0a 04", "ea ")


def moved(heard: str) -> list[str]:
    """The messages among those that were sent that change an output."""
    return [start for start in SETTINGS if start in heard]


def test_nothing_moves_at_start_restart_or_stop(bench: Bench) -> None:
    """`keep` is what every output does if it is not told otherwise."""
    bench.open(outputs=LAMP, pwm=FAN, servos=ARM)
    bench.until(lambda: bench.values("lamp") == [False])
    bench.device.unplug()
    bench.until(lambda: bench.state() == "away")
    bench.device.plug()
    bench.until(lambda: bench.state() == "open")
    bench.until(lambda: len(bench.values("lamp")) == 2)
    bench.bridge.stop()
    assert moved(bench.heard()) == []
    assert bench.values("fan") == bench.values("arm") == []


def test_set_get_toggle_and_pulse(bench: Bench) -> None:
    bench.open(outputs=LAMP)
    bench.heard()
    assert bench.call("lamp.set", True) is True
    assert bench.heard() == "f5 0d 01", "it is an output after the board's reset"
    assert bench.uno.values[13] == 1
    assert bench.call("lamp.toggle") is False
    assert bench.call("lamp.get").args == (False,)
    assert bench.call("lamp.pulse", 0.5) is True
    assert bench.uno.values[13] == 1
    bench.wait(1)
    assert bench.uno.values[13] == 0
    assert bench.values("lamp") == [False, True, False, True, False]
    assert bench.session.last("bench.lamp")[1]["cause"] == "pulse"


def test_a_pin_becomes_an_output_when_it_is_set(bench: Bench) -> None:
    bench.uno.modes[13] = protocol.INPUT
    bench.open(outputs=LAMP)
    assert moved(bench.heard()) == []
    bench.call("lamp.set", True)
    assert bench.heard() == "f4 0d 01 f5 0d 01"
    bench.call("lamp.set", False)
    assert bench.heard() == "f5 0d 00"


def test_boards_before_version_2_5_have_ports_set(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridges.firmata.simulator.FIRMWARE", (2, 4, "StandardFirmata.ino"))
    bench.open(outputs={"a": {"pin": 8}, "b": {"pin": 13}})
    bench.heard()
    bench.call("a.set", True)
    bench.call("b.set", True)
    assert bench.heard() == "91 01 00 91 21 00"
    assert (bench.uno.values[8], bench.uno.values[13]) == (1, 1)


def test_a_port_is_set_and_what_was_found_on_stays_on(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither `on_start` of another pin nor a call for it touches what is to be kept."""
    monkeypatch.setattr("bridges.firmata.simulator.FIRMWARE", (2, 4, "StandardFirmata.ino"))
    for pin in (9, 10):
        bench.uno.modes[pin], bench.uno.values[pin] = protocol.OUTPUT, 1
    bench.open(outputs={"a": {"pin": 8, "on_start": True}, "b": {"pin": 9}, "c": {"pin": 10}})
    bench.until(lambda: bench.values("c"))
    bench.call("a.set", False)
    bench.call("c.set", False)
    assert [bench.uno.values[pin] for pin in (8, 9, 10)] == [0, 1, 0]
    assert bench.values("b") == [True]


def test_a_pulled_up_input_of_an_old_board_leaves_outputs_alone(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its port is set as a whole, also at the start."""
    monkeypatch.setattr("bridges.firmata.simulator.FIRMWARE", (2, 4, "StandardFirmata.ino"))
    capabilities = protocol.sysex(protocol.CAPABILITIES, b"\x7f" * 8 + bytes.fromhex("00 01 01 01 7f") * 2)
    monkeypatch.setitem(simulator._HANDLERS, protocol.CAPABILITY_QUERY, lambda uno, message: capabilities)
    bench.uno.modes[9], bench.uno.values[9] = protocol.OUTPUT, 1
    bench.open(inputs={"door": {"pin": 8, "pullup": True}}, outputs={"a": {"pin": 9}})
    bench.until(lambda: bench.values("a"))
    assert "91 03 00" in bench.heard()
    assert bench.uno.values[9] == 1


def test_last_gives_way_to_what_is_on(bench: Bench) -> None:
    """Both of an interlock are never on together, also where the one that is on is named last."""
    bench.uno.modes[5], bench.uno.values[5] = protocol.OUTPUT, 1
    (bench.directory / "firmata-bench.json").write_text('{"outputs": {"up": true}}')
    bench.open(
        outputs={"up": {"pin": 4, "interlock": "motor", "on_start": "last"}, "down": {"pin": 5, "interlock": "motor"}}
    )
    bench.until(lambda: bench.values("up") and bench.values("down"))
    assert (bench.uno.values[4], bench.uno.values[5]) == (0, 1)
    assert (bench.values("up"), bench.values("down")) == ([False], [True])


@pytest.mark.parametrize(("active_low", "level"), [(False, 1), (True, 0)])
@pytest.mark.parametrize("option", ["on_start", "on_stop"])
def test_on_start_and_on_stop(bench: Bench, option: str, active_low: bool, level: int) -> None:
    """Also when the board comes back."""
    bench.uno.values[13] = 1 - level
    bench.open(outputs={"lamp": {"pin": 13, option: True, "active_low": active_low}})
    bench.until(lambda: bench.values("lamp"))
    if option == "on_stop":
        assert bench.uno.values[13] == 1 - level
        bench.bridge.stop()
        bench.settle()
    assert bench.uno.values[13] == level
    assert bench.values("lamp") == ([True] if option == "on_start" else [False, True])


def test_a_level_that_is_there_is_kept(bench: Bench) -> None:
    """The router was restarted, the board was not."""
    bench.uno.values[13] = 1
    bench.open(outputs=LAMP)
    bench.until(lambda: bench.values("lamp") == [True])
    assert moved(bench.heard()) == []


def test_a_board_that_does_not_tell_its_states(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(simulator._HANDLERS, protocol.PIN_STATE_QUERY)
    bench.open(outputs=LAMP)
    assert bench.refusal("lamp.set", True)[0] == "edge.error.device_away"
    bench.wait(2)
    assert bench.values("lamp") == [False]
    assert bench.call("lamp.set", True) is True


def test_on_loss_of_the_session_that_set_it(bench: Bench) -> None:
    bench.open(outputs={"lamp": {"pin": 13, "on_loss": False}}, pwm={"fan": {"pin": 9, "on_loss": 0, "loss_after": 5}})
    bench.call("lamp.set", True, caller=7)
    bench.call("fan.set", 0.5, caller=7)
    bench.session.leave(8)
    bench.wait(10)
    assert (bench.uno.values[13], bench.uno.values[9]) == (1, 128)
    bench.session.leave(7)
    bench.wait(1)
    assert (bench.uno.values[13], bench.uno.values[9]) == (0, 128)
    bench.wait(5)
    assert bench.uno.values[9] == 0
    assert bench.session.last("bench.fan")[1]["cause"] == "loss"


def test_on_loss_of_the_uplink(bench: Bench) -> None:
    bench.open(pwm={"fan": {"pin": 9, "on_loss": 0.25, "uplink": "hq", "uplink_after": 10}})
    bench.call("fan.set", 1)
    bench.session.event("edge.uplink.hq.status", "down")
    bench.wait(5)
    bench.session.event("edge.uplink.hq.status", "up")
    bench.wait(20)
    assert bench.uno.values[9] == 255
    bench.session.event("edge.uplink.hq.status", "down")
    bench.wait(15)
    assert bench.uno.values[9] == 64


def test_who_sets_what_depends_on_him_has_to_be_known(bench: Bench) -> None:
    bench.open(servos={"arm": {"pin": 10, "on_loss": 90}})
    uri, text = bench.refusal("arm.set", 10, caller=None)
    assert uri == "edge.error.caller_unknown"
    assert "disclose: {caller: true}" in text
    assert bench.call("arm.set", 90, caller=None) == 90


def test_pwm(bench: Bench) -> None:
    """A share of the time; the pin becomes a PWM output with the first call."""
    bench.open(pwm=FAN)
    bench.heard()
    assert bench.call("fan.get") is None
    assert bench.call("fan.set", 0.5) == 0.5
    assert bench.heard() == "f4 09 03 e9 00 01"
    assert bench.call("fan.set", 1) == 1
    assert bench.heard() == "e9 7f 01"
    assert bench.call("fan.get") == 1
    assert bench.values("fan") == [0.5, 1]


def test_servo(bench: Bench) -> None:
    """Its pulses are said before it moves."""
    bench.open(servos=ARM)
    bench.heard()
    assert bench.call("arm.set", 90) == 90
    assert bench.heard() == "f0 70 0a 20 04 60 12 f7 f4 0a 04 ea 5a 00"


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("fan.set", [1.1]), ("fan.set", [-0.1]), ("fan.set", ["full"]), ("fan.set", [True]), ("fan.set", []),
        ("fan.set", [0.1, 0.2]), ("fan.set", [float("nan")]), ("fan.get", [1]), ("arm.set", [10]), ("arm.set", [161]),
        ("lamp.set", [2]), ("lamp.pulse", [0]), ("lamp.pulse", ["a"]),
    ],
)  # fmt: skip
def test_arguments_are_checked_and_nothing_moves(bench: Bench, name: str, args: list[Any]) -> None:
    bench.open(outputs=LAMP, pwm=FAN, servos=ARM)
    bench.heard()
    assert bench.refusal(name, *args)[0] == "wamp.error.invalid_argument"
    assert bench.heard() == ""


def test_calls_while_the_board_is_away_are_not_made_up_for(bench: Bench) -> None:
    bench.open(outputs=LAMP, pwm=FAN)
    bench.device.unplug()
    bench.until(lambda: bench.state() == "away")
    assert bench.refusal("lamp.set", True)[0] == "edge.error.device_away"
    assert bench.refusal("fan.set", 1)[0] == "edge.error.device_away"
    bench.device.plug()
    bench.until(lambda: bench.state() == "open")
    bench.wait(2)
    assert (bench.uno.values[13], bench.uno.values[9]) == (0, 0)


def test_a_restarted_board_has_its_outputs_as_on_start_says(bench: Bench) -> None:
    bench.open(
        outputs={"lamp": {"pin": 13, "on_start": "last"}, "pump": {"pin": 12}}, pwm={"fan": {"pin": 9, "on_start": 0.5}}
    )
    for name in ("lamp", "pump"):
        bench.call(f"{name}.set", True)
    bench.call("fan.set", 1)
    bench.uno._restart()
    bench.say(bench.uno._hello())
    bench.until(lambda: bench.state() == "open")
    bench.wait(1)
    assert [bench.uno.values[pin] for pin in (13, 12, 9)] == [1, 0, 128]


def test_last_is_kept_over_a_restart_of_the_router(bench: Bench) -> None:
    options: dict[str, Any] = {
        "outputs": {"lamp": {"pin": 13, "on_start": "last"}}, "servos": {"arm": {"pin": 10, "on_start": "last"}},
    }  # fmt: skip
    bench.open(**options)
    bench.until(lambda: bench.values("lamp"))
    bench.call("lamp.set", True)
    bench.call("arm.set", 45)
    bench.bridge.stop()
    bench.uno._boot()
    bench.open(**options)
    bench.until(lambda: len(bench.values("lamp")) == 3)
    assert (bench.uno.values[13], bench.uno.values[10]) == (1, 45)


def test_on_stop_of_numbers(bench: Bench) -> None:
    bench.open(pwm={"fan": {"pin": 9, "on_stop": 0}}, servos={"arm": {"pin": 10, "on_stop": 0}})
    bench.call("fan.set", 1)
    bench.bridge.stop()
    bench.settle()
    assert bench.uno.values[9] == 0
    assert bench.values("fan") == [1, 0]


def test_interlock_and_max_on(bench: Bench) -> None:
    """The rules are those of the GPIO bridge's outputs."""
    bench.open(
        outputs={
            "up": {"pin": 4, "interlock": "motor"},
            "down": {"pin": 5, "interlock": "motor", "max_on": 3, "on_stop": False},
        }
    )
    bench.call("down.set", True)
    assert bench.refusal("up.set", True)[0] == "edge.error.interlock"
    bench.wait(4)
    assert bench.uno.values[5] == 0
    assert bench.call("up.set", True) is True
