"""A Firmata bridge: the handshake, inputs as topics, boards that are silent, strange, restarted or unplugged."""

from __future__ import annotations

import random
from typing import Any

import pytest

from bridges.firmata import protocol, simulator
from bridges.firmata.bridge import FirmataBridge
from bridges.stamps import Stamps
from tests.bridges.firmata.bench import Bench, configured

ASK = "f9 f0 79 f7 f0 6b f7 f0 69 f7"
INPUTS = {"door": {"pin": 2, "pullup": True, "active_low": True}, "mains": {"pin": 7}}
ANALOG = {"light": {"pin": "A0"}, "level": {"pin": 15, "scale": 0.1, "round": 1, "unit": "l"}}


# --- the handshake ---------------------------------------------------------------------------------------------------


def test_the_board_is_asked_then_set_up(bench: Bench) -> None:
    """Version, firmware, capabilities, analog mapping; then modes, and reports once for each port."""
    bench.open(inputs=INPUTS, analog=ANALOG, sampling_interval=250)
    assert bench.heard() == (
        f"{ASK} f4 02 0b f4 07 00 d0 01 f0 7a 7a 01 f7 f4 0e 02 c0 01 f4 0f 02 c1 01"
    )  # 250 ms are 7a 01
    status = bench.status()
    assert status["firmware"] == "StandardFirmata.ino 2.5"
    assert status["protocol"] == "2.5"


def test_what_the_board_says_by_itself_at_its_start_is_an_answer(bench: Bench) -> None:
    bench.deaf = True
    bench.start()
    bench.until(lambda: bench.sent)
    bench.say(bench.uno._hello())
    bench.deaf = False
    bench.until(lambda: bench.state() == "open", step=0.5)
    assert bench.status()["restarts"] == 0


def test_a_question_without_an_answer_is_asked_again(bench: Bench) -> None:
    """The board may still be starting."""
    bench.deaf = True
    bench.start()
    bench.until(lambda: bench.sent.count(protocol.VERSION) == 3, step=0.5)
    assert bench.state() is None
    bench.deaf = False
    bench.until(lambda: bench.state() == "open", step=0.5)


def test_a_board_that_does_not_speak_firmata_is_told_once_and_asked_on(bench: Bench, logged: list[str]) -> None:
    bench.deaf = True
    bench.start()
    bench.until(lambda: bench.sent.count(protocol.VERSION) > 20, step=1)
    assert bench.session.values("bench.status") == ["away"]
    assert len(logged) == 1
    assert "it does not say its version; is there Firmata on it, and is the baudrate right?" in logged[0]
    bench.deaf = False
    bench.until(lambda: bench.state() == "open", step=0.5)


def test_another_version_is_told(bench: Bench) -> None:
    bench.deaf = True
    bench.start()
    bench.until(lambda: bench.sent)
    bench.say(b"\xf9\3\1")
    assert bench.state() == "away"
    assert "it speaks version 3.1 of Firmata; 2.x is needed" in bench.status()["last_error"]


def test_pins_that_cannot_do_what_they_should_are_told_and_the_others_work(bench: Bench, logged: list[str]) -> None:
    bench.open(inputs={"a": {"pin": 0}, "b": {"pin": 2}}, pwm={"c": {"pin": 4}}, analog={"d": {"pin": "A9"}})
    errors = [text for text in logged if "this board" in text]
    assert errors == [
        "bench: a: pin 0 of this board has nothing to use, not input",
        "bench: d: pin A9 of this board has nothing to use, not analog",
        "bench: c: pin 4 of this board can do input, pullup, output, servo, not pwm",
    ]
    assert bench.values("b") == [False]
    assert bench.refusal("c.set", 0.5)[0] == "edge.error.device_away"


def test_a_board_without_pull_up_mode(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before version 2.5 an input that is switched on is one with the resistor."""
    capabilities = protocol.sysex(protocol.CAPABILITIES, bytes.fromhex("7f 7f 00 01 01 01 7f"))
    monkeypatch.setitem(simulator._HANDLERS, protocol.CAPABILITY_QUERY, lambda uno, message: capabilities)
    bench.open(inputs={"door": {"pin": 2, "pullup": True}})
    assert "f4 02 00 f5 02 01" in bench.heard()


# --- inputs ----------------------------------------------------------------------------------------------------------


def test_levels_are_events_at_each_change(bench: Bench) -> None:
    """What the board says at first, then what changes; the other pins of a port are no news."""
    bench.open(inputs=INPUTS)
    bench.until(lambda: bench.values("door") and bench.values("mains"))
    assert (bench.values("door"), bench.values("mains")) == ([False], [False])
    bench.set(2, False)
    bench.set(7, True)
    bench.set(7, True)
    assert bench.values("door") == [False, True]
    assert bench.values("mains") == [False, True]
    about = bench.session.last("bench.door")[1]
    assert set(about) == {"bridge", "seq", "ts", "ts_quality"}


def test_debounce_and_enum_are_those_of_every_bridge(bench: Bench) -> None:
    bench.open(inputs={"door": {"pin": 2, "debounce": 0.05, "enum": {"true": "open", "false": "closed"}}})
    bench.wait(0.1)
    for level in (True, False, True, False, True):
        bench.set(2, level)
    assert bench.values("door") == ["closed"]
    bench.wait(0.1)
    assert bench.values("door") == ["closed", "open"]
    assert bench.status()["bounced"] > 0


def test_analog_values(bench: Bench) -> None:
    bench.open(analog=ANALOG)
    bench.set("A0", 700)
    bench.set("A1", 333)
    assert bench.values("light")[-1] == 700
    assert bench.values("level")[-1] == 33.3
    assert bench.session.last("bench.level")[1]["unit"] == "l"


def test_rates_are_bounded(bench: Bench) -> None:
    bench.open(analog=ANALOG, max_rate=10)
    for value in range(50):
        bench.set("A0", value)
    assert len(bench.values("light")) <= 10
    assert bench.status()["dropped"] >= 40


def test_text_of_the_board_is_told(bench: Bench) -> None:
    bench.open()
    bench.say(protocol.sysex(protocol.TEXT, protocol.pairs(b"Out of memory")))
    assert bench.status()["last_error"] == "the board says: Out of memory"


def test_i2c(bench: Bench, logged: list[str]) -> None:
    """A register in a number format, read every so often; a device that does not answer is told once."""
    temperature = {"address": 0x48, "register": 0, "format": "int16", "shift": 4, "scale": 0.0625, "interval": 1}
    bench.open(i2c={"t": temperature, "gone": {"address": 0x50, "interval": 1}})
    bench.until(lambda: bench.values("t"))
    assert "f0 78 00 00 f7 f0 76 48 08 00 00 02 00 f7" in bench.heard()
    for _ in range(4):
        bench.wait(1)
    assert len(bench.values("t")) == 5
    assert bench.values("t")[-1] == pytest.approx(21.5, abs=0.1)
    assert [text for text in logged if "gone" in text] == ["bench: gone: device 0x50 does not answer"]


@pytest.mark.parametrize(
    ("options", "data", "value"),
    [
        ({"format": "int8"}, b"\xfe", -2),
        ({"format": "uint8", "order": "DCBA"}, b"\xfe", 254),
        ({"format": "int16"}, b"\xff\x38", -200),
        ({"format": "int16", "order": "DCBA"}, b"\x38\xff", -200),
        ({"format": "float32"}, b"\x43\x66\0\0", 230.0),
    ],
)
def test_i2c_formats(bench: Bench, options: dict[str, Any], data: bytes, value: float) -> None:
    """As many bytes are asked for as the format has; one without a register takes any answer of its device."""
    bench.open(i2c={"t": {"address": 0x51, **options}})
    assert bench.heard().endswith(f"f0 76 51 08 {len(data):02x} 00 f7")
    bench.say(protocol.sysex(protocol.I2C_REPLY, protocol.pairs(b"\x51\xff") + protocol.pairs(data)))
    assert bench.values("t") == [value]


def test_i2c_with_too_few_bytes(bench: Bench) -> None:
    bench.open(i2c={"t": {"address": 0x51, "register": 1}})
    reply = protocol.septets(0x51) + protocol.septets(1) + protocol.pairs(b"\1")
    bench.say(protocol.sysex(protocol.I2C_REPLY, reply))
    assert bench.values("t") == []
    assert "t: 2 bytes were asked for, but b'\\x01' came" in bench.status()["last_error"]


# --- boards that come and go -----------------------------------------------------------------------------------------


def test_unplugged_and_plugged_in_again(bench: Bench, logged: list[str]) -> None:
    bench.open(inputs=INPUTS)
    bench.device.unplug()
    bench.until(lambda: bench.state() == "away")
    bench.device.plug()
    bench.until(lambda: bench.state() == "open")
    assert bench.session.values("bench.status") == ["open", "away", "open"]
    assert len([text for text in logged if "away" in text]) == 1
    bench.until(lambda: len(bench.values("door")) == 2)


def test_a_board_that_restarts_is_set_up_again(bench: Bench, logged: list[str]) -> None:
    """It has forgotten its pins, which it does not say but by telling who it is."""
    bench.open(inputs=INPUTS)
    bench.heard()
    bench.uno._restart()
    bench.say(bench.uno._hello())
    bench.until(lambda: bench.state() == "open")
    assert bench.heard().startswith(f"{ASK} f4 02 0b f4 07 00 d0 01")
    assert bench.status()["restarts"] == 1
    assert any("the board has restarted" in text for text in logged)


def test_noise_is_got_over(bench: Bench) -> None:
    """Random bytes: no crash; then it works, or it is set up again."""
    bench.open(inputs=INPUTS, analog=ANALOG, i2c={"t": {"address": 0x48, "register": 0}})
    rng = random.Random(4)
    for _ in range(50):
        bench.say(rng.randbytes(200))
    bench.say(b"\xf7")
    bench.until(lambda: bench.state() == "open", step=0.5)
    bench.set("A0", 700)
    assert bench.values("light")[-1] == 700


def test_stop_ends_everything(bench: Bench) -> None:
    bench.open(inputs=INPUTS, analog=ANALOG)
    bench.bridge.stop()
    bench.bridge.stop()
    assert bench.session.procedures == {}
    assert bench.session.values("bench.status") == ["open", "stopped"]


def test_stop_while_it_is_asked(bench: Bench) -> None:
    bench.deaf = True
    bench.start(inputs=INPUTS)
    bench.until(lambda: bench.sent)
    bench.bridge.stop()


# --- simulated -------------------------------------------------------------------------------------------------------


def test_a_simulated_board(bench: Bench) -> None:
    """The same code as for a real one, down to the terminal."""
    options: dict[str, Any] = {"inputs": INPUTS, "analog": ANALOG, "outputs": {"lamp": {"pin": 13}}}
    bench.bridge = FirmataBridge(configured(device="sim:uno?seed=1", **options), bench.reactor, Stamps(bench.reactor))
    bench.bridge.start(bench.session)
    bench.reactor.until(lambda: len(bench.values("light")) > 2)
    simulate = bench.session.procedures["bench.simulate"]
    simulate("set", 7, True)
    bench.reactor.until(lambda: bench.values("mains") == [False, True])
    assert bench.call("lamp.set", True) is True
    simulate("restart")
    bench.reactor.until(lambda: bench.session.values("bench.status") == ["open", "away", "open"])
    simulate("unplug", 1)
    bench.reactor.until(lambda: bench.session.values("bench.status")[2:] == ["open", "away", "open"])
    for wrong in (["set"], ["set", "A9", 5], ["set", "A0", 1024], ["set", 20, True], ["set", 7, 1]):
        with pytest.raises(Exception, match=r"expected|pins are|analog input"):
            simulate(*wrong)


def test_a_board_that_hangs_is_noticed(bench: Bench, logged: list[str]) -> None:
    """One that has nothing to say is only asked now and then, and not lost."""
    bench.open(inputs=INPUTS)
    bench.heard()
    for _ in range(6):
        bench.wait(10)
    assert bench.heard() == "f9 f9 f9"
    assert bench.state() == "open"
    bench.deaf = True
    for _ in range(4):
        bench.wait(10)
    assert bench.state() == "away"
    bench.deaf = False
    bench.until(lambda: bench.state() == "open", step=0.5)
    assert len([text for text in logged if "the board has been silent for 20 s" in text]) == 1


def test_a_port_that_is_opened_again_because_it_was_silent(bench: Bench) -> None:
    """Once and again: the board is set up each time, and nothing of the last time is left."""
    bench.open(inputs=INPUTS, outputs={"lamp": {"pin": 13}}, reopen_after=5)
    bench.deaf = True
    for _ in range(5):
        bench.wait(5)
    bench.deaf = False
    bench.until(lambda: bench.state() == "open", step=0.2)
    bench.wait(1)
    assert bench.call("lamp.set", True) is True
