"""Outputs on a simulated chip: commands, every rule that keeps an actuator from moving by accident, and their corners.

`pin` is the physical level; `sim:?file=pins` keeps it where another bridge, started later, finds it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec import ValidationError

from edge_router.client import CallError
from tests.bridges.gpio.conftest import Board, Router, configured

Make = Callable[..., Board]

FILE = "sim:?file=pins"


def lamp(**options: Any) -> dict[str, Any]:
    return {"lamp": {"line": 4, **options}}


def left(directory: Path, **pins: bool) -> None:
    """What outputs drive before the bridge starts."""
    (directory / "pins").write_text(json.dumps({pin.removeprefix("p"): level for pin, level in pins.items()}))


def driven(directory: Path, pin: int) -> bool | None:
    """What a pin is driven to by whatever process; None if by none."""
    found: bool | None = json.loads((directory / "pins").read_text()).get(str(pin))
    return found


# --- commands --------------------------------------------------------------------------------------------------------


def test_set_get_toggle(board: Make) -> None:
    """Each change is one event, with its cause; what changes nothing is none."""
    io = board(outputs=lamp())
    assert io.call("lamp.set", True) is True
    assert io.pin(4) is True
    assert io.call("lamp.get").args == (True,)
    assert io.call("lamp.set", True) is True
    assert io.call("lamp.toggle") is False
    assert io.pin(4) is False
    assert io.values("lamp") == [False, True, False]
    assert io.session.last("io.lamp")[1]["cause"] == "call"


@pytest.mark.parametrize(("word", "level"), [("on", True), ("off", False), (1, True), (0, False)])
def test_other_words_for_levels(board: Make, word: Any, level: bool) -> None:
    """A shell says `on`."""
    assert board(outputs=lamp()).call("lamp.set", word) is level


@pytest.mark.parametrize("args", [(), ("yes",), (2,), (None,), (1.0,), ([],), (True, True)])
def test_what_is_no_level(board: Make, args: tuple[Any, ...]) -> None:
    io = board(outputs=lamp())
    assert io.refused("lamp.set", *args)[0] == "wamp.error.invalid_argument"
    assert io.values("lamp") == [False]


def test_active_low(board: Make) -> None:
    """As most relay boards are: on is no voltage."""
    io = board(outputs=lamp(active_low=True, on_start="off"))
    assert io.pin(4) is True
    io.call("lamp.set", True)
    assert io.pin(4) is False


def test_a_pulse(board: Make) -> None:
    """On now, off after some seconds; another one begins anew, a command ends it."""
    io = board(outputs=lamp())
    io.call("lamp.pulse", 0.5)
    io.advance(0.4)
    io.call("lamp.pulse", 0.5)
    io.advance(0.4)
    assert io.pin(4) is True
    io.advance(0.2)
    assert io.pin(4) is False
    assert io.session.last("io.lamp")[1]["cause"] == "pulse"
    io.call("lamp.pulse", 0.5)
    io.call("lamp.set", True)
    io.advance(5)
    assert io.pin(4) is True
    for wrong in (0, -1, "1", True, 90_000):
        assert io.refused("lamp.pulse", wrong)[0] == "wamp.error.invalid_argument"


def test_a_topic_of_its_own(board: Make, session: Router) -> None:
    board(outputs=lamp(topic="com.example.lamp"))
    assert {"com.example.lamp.set", "com.example.lamp.get"} <= set(session.procedures)
    assert session.values("com.example.lamp") == [False]


# --- on_start --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("found", [False, True])
@pytest.mark.parametrize(
    ("wish", "level"), [("keep", None), ("off", False), ("on", True), (False, False), (True, True)]
)
def test_on_start(board: Make, tmp_path: Path, wish: Any, level: bool | None, found: bool) -> None:
    """`keep` leaves what it finds. In YAML `off` and `on` are false and true."""
    left(tmp_path, p4=found)
    io = board(chip=FILE, outputs=lamp(on_start=wish))
    assert driven(tmp_path, 4) is (found if level is None else level)
    assert io.values("lamp") == [found if level is None else level]
    assert io.session.last("io.lamp")[1]["cause"] == "start"


def test_keep_is_the_default_and_moves_nothing(board: Make, tmp_path: Path) -> None:
    """Through start, stop and start again."""
    left(tmp_path, p4=True)
    for _ in range(2):
        io = board(chip=FILE, outputs=lamp())
        assert io.values("lamp")[-1] is True
        io.bridge.stop()
        assert driven(tmp_path, 4) is True


def test_keep_of_an_active_low_output(board: Make, tmp_path: Path) -> None:
    left(tmp_path, p4=False)
    io = board(chip=FILE, outputs=lamp(active_low=True))
    assert io.values("lamp") == [True]
    assert driven(tmp_path, 4) is False


def test_keep_of_a_line_that_was_no_output(board: Make) -> None:
    """It is driven to where its pull holds it already."""
    io = board(outputs=lamp())
    assert io.pin(4) is False


@pytest.mark.parametrize("level", [False, True])
def test_last(board: Make, tmp_path: Path, level: bool) -> None:
    """What a call has set, over a stop and a power cut: written within a second."""
    io = board(chip=FILE, outputs=lamp(on_start="last", on_stop="off"))
    io.call("lamp.set", not level)
    io.call("lamp.set", level)
    io.advance(1.1)
    assert json.loads((tmp_path / "gpio-io.json").read_text()) == {"outputs": {"lamp": level}}
    io.bridge.stop()
    assert driven(tmp_path, 4) is False
    board(chip=FILE, outputs=lamp(on_start="last", on_stop="off"))
    assert driven(tmp_path, 4) is level


def test_last_is_not_a_pulse(board: Make, tmp_path: Path) -> None:
    """A power cut in the middle of one leaves nothing on."""
    io = board(chip=FILE, outputs=lamp(on_start="last", on_stop="off"))
    io.call("lamp.pulse", 60)
    io.bridge.stop()
    board(chip=FILE, outputs=lamp(on_start="last", on_stop="off"))
    assert driven(tmp_path, 4) is False


def test_a_chip_that_comes_back(board: Make) -> None:
    """As at a start: `keep` finds what the chip has now; while it is away nothing can be set."""
    io = board(outputs={**lamp(), "fan": {"line": 5, "on_start": "off"}})
    for name in ("lamp", "fan"):
        io.call(f"{name}.set", True)
    io.call("simulate", "unplug")
    io.reactor.pump()
    assert io.status()["outputs"] == {"lamp": None, "fan": None}
    assert io.refused("lamp.set", True)[0] == "edge.error.device_away"
    assert io.refused("lamp.get")[0] == "edge.error.device_away"
    io.call("simulate", "ok")
    io.advance(2)
    assert io.status()["outputs"] == {"lamp": True, "fan": False}


# --- on_stop ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize(("wish", "level"), [("keep", None), ("off", False), ("on", True)])
def test_on_stop(board: Make, tmp_path: Path, wish: str, level: bool | None, before: bool) -> None:
    """Also the event, so that who comes late sees how it was left."""
    io = board(chip=FILE, outputs=lamp(on_stop=wish))
    io.call("lamp.set", before)
    io.bridge.stop()
    assert driven(tmp_path, 4) is (before if level is None else level)
    assert io.values("lamp")[-1] is (before if level is None else level)


def test_a_line_that_is_let_go_of_may_become_an_input(board: Make, tmp_path: Path) -> None:
    """What most kernels do; a resistor has to hold it then."""
    io = board(chip="sim:?file=pins&release=input", outputs=lamp())
    io.call("lamp.set", True)
    io.bridge.stop()
    assert driven(tmp_path, 4) is None


# --- on_loss ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("wish", "level"), [("off", False), ("on", True)])
def test_on_loss_of_the_session_that_set_it(board: Make, session: Router, wish: str, level: bool) -> None:
    """Not of another; not of one that set it before."""
    io = board(outputs=lamp(on_loss=wish))
    io.call("lamp.set", level, caller=1)
    io.call("lamp.set", not level, caller=7)
    session.tell("wamp.session.on_leave", 1, "joe", "user")
    session.tell("wamp.session.on_leave", 8, "joe", "user")
    assert io.pin(4) is not level
    session.tell("wamp.session.on_leave", 7, "joe", "user")
    assert io.pin(4) is level
    assert session.last("io.lamp")[1]["cause"] == "loss"


def test_without_on_loss_nothing_happens(board: Make, session: Router) -> None:
    """And nobody is listened for."""
    board(outputs=lamp()).call("lamp.set", True)
    assert session.subscriptions == {}


def test_loss_after(board: Make, session: Router) -> None:
    """A session may come back in time, under another id: any command counts."""
    io = board(outputs=lamp(on_loss="off", loss_after=5))
    io.call("lamp.set", True, caller=7)
    session.tell("wamp.session.on_leave", 7)
    io.advance(4)
    io.call("lamp.set", True, caller=8)
    io.advance(10)
    assert io.pin(4) is True
    session.tell("wamp.session.on_leave", 8)
    io.advance(4)
    assert io.pin(4) is True
    io.advance(1.1)
    assert io.pin(4) is False


def test_who_is_not_disclosed_can_only_set_the_safe_level(board: Make) -> None:
    """What could not be seen to is refused, and said how to allow it."""
    io = board(outputs=lamp(on_loss="off"))
    uri, text = io.refused("lamp.set", True, caller=None)
    assert uri == "edge.error.caller_unknown"
    assert "disclose: {caller: true}" in text
    assert io.refused("lamp.pulse", 1, caller=None)[0] == "edge.error.caller_unknown"
    io.call("lamp.set", True, caller=7)
    assert io.call("lamp.set", False, caller=None) is False


def test_without_the_meta_api_the_bridge_does_not_start(board: Make, session: Router) -> None:
    """on_loss is a promise."""
    session.meta = False
    bridge = board(outputs=lamp()).bridge
    bridge.stop()
    failures: list[Any] = []
    made = type(bridge)(configured(outputs=lamp(on_loss="off")), bridge.clock)
    made.start(session).addErrback(failures.append)  # type: ignore[arg-type]
    assert "on_loss needs wamp.session.on_leave" in failures[0].getErrorMessage()
    assert not session.procedures


def test_on_loss_of_an_uplink(board: Make, session: Router) -> None:
    """After it was down for uplink_after seconds without a break; whoever had set it."""
    io = board(outputs=lamp(on_loss="off", uplink="center", uplink_after=10))
    io.call("lamp.set", True)
    topic = "edge.uplink.center.status"
    session.tell(topic, "down")
    io.advance(9)
    session.tell(topic, "up")
    io.advance(9)
    session.tell(topic, "down")
    session.tell(topic, "down")
    io.advance(9)
    assert io.pin(4) is True
    io.advance(1.1)
    assert io.pin(4) is False
    io.call("lamp.set", True)
    io.advance(60)
    assert io.pin(4) is True, "somebody on the board has set it, who is there"


@pytest.mark.parametrize("back", [False, True])
def test_an_uplink_that_goes_down_while_the_chip_is_away(board: Make, session: Router, back: bool) -> None:
    """What is on when the chip comes back is lost all the same, unless the uplink is back, too."""
    rules = {"on_loss": 0, "uplink": "center", "uplink_after": 10}
    io = board(outputs=lamp(**{**rules, "on_loss": "off"}), pwm={"fan": {"channel": 0, **rules}})
    io.call("lamp.set", True)
    io.call("fan.set", 0.5)
    io.call("simulate", "unplug")
    io.reactor.pump()
    session.tell("edge.uplink.center.status", "down")
    if back:
        session.tell("edge.uplink.center.status", "up")
    io.call("simulate", "ok")
    io.advance(3, step=1)
    assert io.status()["outputs"] == {"lamp": True, "fan": 0.5}
    io.advance(10, step=1)
    assert io.status()["outputs"] == ({"lamp": True, "fan": 0.5} if back else {"lamp": False, "fan": 0})


# --- reload ----------------------------------------------------------------------------------------------------------


def reload(board: Make, before: Board, **options: Any) -> Board:
    """What the node does when the section has changed."""
    before.bridge.successor = configured(**options)
    before.bridge.stop()
    return board(predecessor=before.bridge, **options)


HEATER = {"line": 4, "on_start": "off", "on_stop": "off", "on_loss": "off", "max_on": 10}


@pytest.mark.parametrize("chip", [FILE, "sim:"])
def test_a_reload_leaves_outputs_alone(board: Make, session: Router, tmp_path: Path, chip: str) -> None:
    """With who has set it, and how long it has been on."""
    first = board(chip=chip, outputs={"heater": HEATER})
    first.call("heater.set", True)
    first.advance(6)
    second = reload(board, first, chip=chip, outputs={"heater": HEATER, "lamp": {"line": 5, "on_start": "on"}})
    assert session.values("io.heater") == [False, True, True]
    assert (second.pin(4), second.pin(5)) == (True, True)
    second.advance(4.1)
    assert second.pin(4) is False, "max_on"
    second.call("heater.set", True)
    third = reload(board, second, chip=chip, outputs={"heater": HEATER})
    session.tell("wamp.session.on_leave", 7)
    assert third.pin(4) is False, "on_loss"


def test_outputs_that_go_and_come(board: Make, tmp_path: Path) -> None:
    """on_stop for the one, on_start for the other; what means something else now is another one."""
    first = board(chip=FILE, outputs={"a": HEATER, "b": {**HEATER, "line": 5}, "c": {**HEATER, "line": 6}})
    for name in "abc":
        first.call(f"{name}.set", True)
    moved = {**HEATER, "line": 5, "active_low": True}
    reload(board, first, chip=FILE, outputs={"b": moved, "c": {**HEATER, "line": 7, "on_start": "keep"}})
    assert [driven(tmp_path, pin) for pin in (4, 5, 6, 7)] == [False, True, False, False]


def test_a_controller_that_leaves_while_it_is_reloaded(board: Make, session: Router) -> None:
    first = board(outputs={"heater": HEATER})
    first.call("heater.set", True)
    session.present = [8]
    second = reload(board, first, outputs={"heater": HEATER, "lamp": {"line": 5}})
    assert second.pin(4) is False
    assert session.last("io.heater")[1]["cause"] == "loss"


def test_min_off_goes_on_over_a_reload(board: Make) -> None:
    outputs = {"fridge": {"line": 4, "min_off": 60}}
    first = board(outputs=outputs)
    first.advance(50, step=1)
    second = reload(board, first, outputs={**outputs, "lamp": {"line": 5}})
    assert "stays off for 10.0 s more" in second.refused("fridge.set", True)[1]


def test_a_pulse_ends_over_a_reload(board: Make) -> None:
    """A door opener does not stay on because something else was configured."""
    first = board(outputs=lamp())
    first.call("lamp.pulse", 10)
    first.advance(6, step=1)
    second = reload(board, first, outputs={**lamp(), "other": {"line": 5}})
    second.advance(3, step=1)
    assert second.pin(4) is True
    second.advance(1.1)
    assert second.pin(4) is False
    assert second.session.last("io.lamp")[1]["cause"] == "pulse"


def test_a_loss_comes_over_a_reload(board: Make, session: Router) -> None:
    """Of a session that was gone before it, and of an uplink; by the options of now."""
    options = {"on_loss": "off", "loss_after": 10, "uplink": "center", "uplink_after": 10}
    outputs = {"lamp": {"line": 4, **options}, "fan": {"line": 5, **options}, "pump": {"line": 6, **options}}
    first = board(outputs=outputs)
    first.call("lamp.set", True, caller=7)
    session.tell("wamp.session.on_leave", 7)
    session.tell("edge.uplink.center.status", "down")
    for name in ("fan", "pump"):
        first.call(f"{name}.set", True, caller=8)
    session.present = [8]
    session.tell("edge.uplink.center.status", "up")
    session.tell("edge.uplink.center.status", "down")
    first.advance(6, step=1)
    second = reload(board, first, outputs={**outputs, "pump": {"line": 6}})
    second.advance(3, step=1)
    assert [second.pin(pin) for pin in (4, 5, 6)] == [True, True, True]
    second.advance(1.1)
    assert [second.pin(pin) for pin in (4, 5, 6)] == [False, False, True]


def test_on_start_that_min_off_holds_up_comes_over_a_reload(board: Make) -> None:
    outputs = {"fridge": {"line": 4, "min_off": 10, "on_start": "on"}}
    first = board(outputs=outputs)
    first.advance(6, step=1)
    second = reload(board, first, outputs={**outputs, "lamp": {"line": 5}})
    second.advance(3, step=1)
    assert second.pin(4) is False
    second.advance(1.1)
    assert second.pin(4) is True


# --- max_on, min_off -------------------------------------------------------------------------------------------------


def test_max_on(board: Make, logged: list[str]) -> None:
    """However often it is set again meanwhile; told and logged."""
    io = board(outputs=lamp(max_on=10, on_stop="off"))
    io.call("lamp.set", True)
    io.advance(6)
    io.call("lamp.set", True)
    io.advance(4.1)
    assert io.pin(4) is False
    assert io.session.last("io.lamp")[1]["cause"] == "max_on"
    assert "io: lamp is off now: max_on" in logged
    io.call("lamp.set", True)
    io.advance(9)
    assert io.pin(4) is True
    assert "up to 10 seconds" in io.refused("lamp.pulse", 11)[1]


def test_max_on_counts_from_the_start_for_what_is_found_on(board: Make, tmp_path: Path) -> None:
    left(tmp_path, p4=True)
    io = board(chip=FILE, outputs=lamp(max_on=10, on_stop="off"))
    io.advance(9)
    assert io.pin(4) is True
    io.advance(1.1)
    assert io.pin(4) is False


def test_min_off(board: Make) -> None:
    """Also after a start, for nobody knows how long it was off; a compressor is spared."""
    io = board(outputs=lamp(min_off=60))
    assert io.refused("lamp.set", True) == ("edge.error.min_off", "lamp stays off for 60.0 s more (min_off)")
    io.advance(60.1, step=1)
    io.call("lamp.set", True)
    io.call("lamp.set", False)
    io.advance(30, step=1)
    assert "30.0 s more" in io.refused("lamp.toggle")[1]
    io.advance(30.1, step=1)
    io.call("lamp.toggle")
    assert io.pin(4) is True


def test_min_off_holds_up_on_start(board: Make) -> None:
    """It goes on when the time is over, unless somebody has said something else."""
    io = board(outputs={**lamp(min_off=60, on_start="on"), "fan": {"line": 5, "min_off": 60, "on_start": "on"}})
    assert io.pin(4) is False
    io.call("fan.set", False)
    io.advance(61, step=1)
    assert io.pin(4) is True
    assert io.pin(5) is False


# --- interlock -------------------------------------------------------------------------------------------------------

SHUTTER = {
    "up": {"line": 20, "interlock": "shutter", "interlock_wait": 0.5},
    "down": {"line": 21, "interlock": "shutter", "interlock_wait": 0.5},
    "other": {"line": 22},
}


def test_only_one_is_on(board: Make) -> None:
    io = board(outputs=SHUTTER)
    io.call("up.set", True)
    for command in (("down.set", True), ("down.toggle",), ("down.pulse", 1)):
        assert io.refused(*command)[0] == "edge.error.interlock"
    assert "up is on; switch it off first" in io.refused("down.set", True)[1]
    io.call("other.set", True)
    io.call("up.set", True)
    assert (io.pin(20), io.pin(21), io.pin(22)) == (True, False, True)


def test_a_pause_between_them(board: Make) -> None:
    """Not before itself."""
    io = board(outputs=SHUTTER)
    io.call("up.set", True)
    io.call("up.set", False)
    assert "up went off just now; wait 0.5 s" in io.refused("down.set", True)[1]
    io.call("up.set", True)
    io.call("up.set", False)
    io.advance(0.6)
    io.call("down.set", True)
    assert io.pin(21) is True


def test_a_pause_between_them_over_a_reload(board: Make) -> None:
    first = board(outputs=SHUTTER)
    first.call("up.set", True)
    first.advance(1)
    first.call("up.set", False)
    second = reload(board, first, outputs={**SHUTTER, "lamp": {"line": 4}})
    assert "up went off just now; wait 0.5 s" in second.refused("down.set", True)[1]
    second.advance(0.6)
    assert second.call("down.set", True) is True


def test_a_pause_after_on_start(board: Make, tmp_path: Path) -> None:
    """What was found on, and goes off as on_start says, goes off only now."""
    left(tmp_path, p20=True, p21=False)
    io = board(chip=FILE, outputs={**SHUTTER, "up": {**SHUTTER["up"], "on_start": "off"}})
    assert "up went off just now; wait 0.5 s" in io.refused("down.set", True)[1]


def test_both_found_on(board: Make, tmp_path: Path, logged: list[str]) -> None:
    """The second is switched off, although it says `keep`."""
    left(tmp_path, p20=True, p21=True)
    board(chip=FILE, outputs=SHUTTER)
    assert (driven(tmp_path, 20), driven(tmp_path, 21)) == (True, False)
    assert "io: down was on together with up of its interlock; it has been switched off" in logged


def test_last_does_not_break_it(board: Make, tmp_path: Path) -> None:
    left(tmp_path, p20=True, p21=False)
    (tmp_path / "gpio-io.json").write_text('{"outputs": {"down": true}}')
    io = board(chip=FILE, outputs={**SHUTTER, "down": {**SHUTTER["down"], "on_start": "last"}})
    io.advance(5)
    assert (driven(tmp_path, 20), driven(tmp_path, 21)) == (True, False)


def test_last_gives_way_to_what_is_on(board: Make, tmp_path: Path) -> None:
    """Also where it is named first: it is not even for a moment on together with the other one."""
    left(tmp_path, p20=False, p21=True)
    (tmp_path / "gpio-io.json").write_text('{"outputs": {"up": true}}')
    io = board(chip=FILE, outputs={**SHUTTER, "up": {**SHUTTER["up"], "on_start": "last"}})
    assert (io.values("up"), io.values("down")) == ([False], [True])
    io.advance(5)
    assert (driven(tmp_path, 20), driven(tmp_path, 21)) == (False, True)


# --- what is said of a section that is wrong -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"max_on": 5}, "max_on needs on_stop: off"),
        ({"max_on": 5, "on_stop": True}, "max_on needs on_stop: off"),
        ({"uplink": "center"}, "give on_loss: off or on_loss: on"),
        ({"loss_after": 5}, "give on_loss: off or on_loss: on"),
        ({"interlock_wait": 1}, "give its name in interlock"),
        ({"interlock": "x", "on_start": True}, "on_start: on could break the interlock x"),
        ({"interlock": "x", "on_stop": "on"}, "on_stop: on could break the interlock x"),
        ({"interlock": "x", "on_loss": "on"}, "on_loss: on could break the interlock x"),
    ],
)
def test_contradictions(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as raised:
        configured(outputs=lamp(**options))
    assert words in str(raised.value)


@pytest.mark.parametrize(
    ("sections", "words"),
    [
        ({"outputs": lamp(), "inputs": {"lamp": {"line": 5}}}, "lamp is two of inputs, outputs and pwm"),
        ({"outputs": lamp(), "inputs": {"door": {"line": 4}}}, "door and lamp both have the line 4"),
        ({"outputs": {**lamp(), "fan": {"line": 4}}}, "lamp and fan both have the line 4"),
    ],
)
def test_one_line_one_output(sections: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as raised:
        configured(**sections)
    assert words in str(raised.value)


def test_no_arguments_are_expected(board: Make) -> None:
    io = board(outputs=lamp())
    for name in ("lamp.get", "lamp.toggle"):
        with pytest.raises(CallError, match="what is expected is nothing"):
            io.call(name, 1)
