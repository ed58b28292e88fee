"""A device that answers, on a real pty: polls become frames, commands procedures, what nobody asked for neither."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from bridges.serial.bridge import SerialBridge
from bridges.serial.config import SerialConfig
from edge_router.client import CallError
from tests.bridges.harness import FakeDevice, FakeSession, PtyReactor

Open = Callable[..., SerialBridge]

VOLTS = {"send": "MEAS:VOLT? {channel}", "args": {"channel": {"type": "int", "min": 1, "max": 4}}}


class Instrument:
    """A bridge `kitchen`, and its device, which answers as it is told."""

    def __init__(self, opened: Open, device: FakeDevice, reactor: PtyReactor, session: FakeSession) -> None:
        self._opened = opened
        self.device = device
        self.reactor = reactor
        self.session = session
        self.results: list[Any] = []
        self.heard = b""

    def open(self, **options: Any) -> SerialBridge:
        return self._opened(**{"decode": "raw", "baudrate": 20_000_000, **options})

    def call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """The result goes to `results`, or the error's URI and text."""
        done = self.session.procedures[f"kitchen.{name}"](*args, **kwargs)
        done.addCallbacks(self.results.append, lambda failure: self.results.append(_told(failure.value)))
        return done

    def hears(self, line: bytes) -> None:
        """Wait for exactly this, no more and no less."""

        def complete() -> bool:
            self.heard += self.device.heard()
            return len(self.heard) >= len(line)

        self.reactor.until(complete, step=0)
        assert self.heard == line
        self.heard = b""

    def says(self, data: bytes, until: Callable[[], object]) -> None:
        self.device.say(data)
        self.reactor.until(until, step=0)

    def status(self) -> dict[str, Any]:
        kwargs: dict[str, Any] = self.session.procedures["kitchen.get_status"]().kwargs
        return kwargs


def _told(error: Any) -> tuple[str, str]:
    assert isinstance(error, CallError), error
    return error.uri, error.error_args[0]


@pytest.fixture
def scpi(open_bridge: Open, device: FakeDevice, reactor: PtyReactor, session: FakeSession) -> Instrument:
    return Instrument(open_bridge, device, reactor, session)


def test_a_poll_becomes_frames(scpi: Instrument) -> None:
    """Of one field each, through its options, as if the device had sent it by itself."""
    scpi.open(
        poll=[{"send": "V?", "every": 10, "field": "volt"}, {"send": "A?", "every": 10, "field": "amp"}],
        fields={"volt": {"type": "number", "scale": 0.001, "unit": "V"}},
    )
    scpi.hears(b"V?\n")
    scpi.says(b"2500\n", lambda: scpi.session.values("kitchen.volt") == [2.5])
    scpi.reactor.advance(0.02)
    scpi.hears(b"A?\n")
    scpi.says(b"7\n", lambda: len(scpi.session.values("kitchen")) == 2)
    assert scpi.session.values("kitchen") == [{"volt": 2.5}, {"amp": "7"}]
    assert scpi.session.last("kitchen.volt")[1]["unit"] == "V"
    scpi.reactor.advance(10)
    scpi.hears(b"V?\n")
    assert scpi.status()["asked"] == 3


def test_a_poll_may_be_answered_with_a_whole_frame(scpi: Instrument) -> None:
    scpi.open(poll=[{"send": "READ", "every": 10}], decode="json", fields={"t": {}})
    scpi.hears(b"READ\n")
    scpi.says(b'{"t": 21}\n', lambda: scpi.session.values("kitchen.t") == [21])


def test_what_nobody_asked_for_is_counted_and_told_once(scpi: Instrument, logged: list[str]) -> None:
    scpi.open(poll=[{"send": "V?", "every": 10, "expect": {"prefix": "V="}}])
    scpi.says(b"boot\nhello\nV=5\n", lambda: scpi.session.values("kitchen"))
    assert scpi.session.values("kitchen") == ["V=5"]
    assert scpi.status()["unsolicited"] == 2
    assert [text for text in logged if "frame" in text] == [
        "kitchen: a frame that nobody asked for was dropped (b'boot'); `unsolicited: publish` in exchange takes such"
    ]


def test_what_nobody_asked_for_may_be_published(scpi: Instrument) -> None:
    """For a device that also speaks by itself."""
    scpi.open(exchange={"unsolicited": "publish"})
    scpi.says(b"event\n", lambda: scpi.session.values("kitchen") == ["event"])
    scpi.call("request", "V?")
    scpi.says(b"5\n", lambda: scpi.results == ["5"])
    assert scpi.session.values("kitchen") == ["event"]


def test_a_procedure_is_a_command(scpi: Instrument) -> None:
    scpi.open(procedures={"measure": VOLTS})
    scpi.call("measure", 2)
    scpi.hears(b"MEAS:VOLT? 2\n")
    scpi.says(b"1.25\n", lambda: scpi.results == ["1.25"])
    assert not scpi.session.values("kitchen"), "an answer to a caller is nobody else's"


def test_the_answer_of_a_procedure_may_be_a_reading(scpi: Instrument) -> None:
    """Published, and the result is what is published."""
    scpi.open(procedures={"measure": {**VOLTS, "field": "volt"}}, fields={"volt": {"type": "float", "round": 1}})
    scpi.call("measure", channel=1)
    scpi.says(b"1.26\n", lambda: scpi.results == [1.3])
    assert scpi.session.values("kitchen.volt") == [1.3]


def test_a_bad_answer_is_told_to_the_caller_and_counted(scpi: Instrument) -> None:
    scpi.open(procedures={"measure": {**VOLTS, "field": "volt"}}, fields={"volt": {"type": "float"}})
    scpi.call("measure", 1)
    scpi.says(b"noise\n", lambda: scpi.results)
    assert scpi.results == [("edge.error.bad_answer", "volt: 'noise' is no number")]
    assert scpi.status()["bad"] == 1


def test_a_command_without_an_answer_and_a_write_take_their_turns(scpi: Instrument) -> None:
    """Nothing is written into the conversation of another."""
    scpi.open(procedures={"beep": {"send": "BEEP", "answer": "none"}})
    scpi.call("request", "V?")
    scpi.call("beep")
    scpi.call("write", "LED 1")
    scpi.hears(b"V?\n")
    scpi.says(b"5\n", lambda: scpi.results == ["5"])
    scpi.reactor.advance(0.02)
    scpi.hears(b"BEEP\n")
    scpi.reactor.advance(0.02)
    scpi.hears(b"LED 1\n")
    scpi.reactor.until(lambda: scpi.results == ["5", None, None])


@pytest.mark.parametrize(
    ("name", "args", "kwargs", "reason"),
    [
        ("measure", (5,), {}, "channel is a number from 1 up to 4"),
        ("measure", ("1\nOUT 1",), {}, "channel is a whole number"),
        ("request", ("V?\nOUT 1",), {}, "one line at a time"),
        ("request", (), {}, "one argument is expected"),
        ("request", ("V?",), {"timeout": 0}, "timeout is seconds, up to 600"),
        ("request", ("V?",), {"retries": 1}, "one argument is expected"),
        ("write", ("a\nb",), {}, "one line at a time"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_sent(
    scpi: Instrument, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], reason: str
) -> None:
    scpi.open(procedures={"measure": VOLTS})
    with pytest.raises(CallError) as caught:
        scpi.call(name, *args, **kwargs)
    assert caught.value.uri == "wamp.error.invalid_argument"
    assert reason in caught.value.error_args[0]
    scpi.reactor.pump(0.01)
    assert scpi.device.heard() == b""


def test_errors_have_names(scpi: Instrument) -> None:
    """No answer, refused, canceled, away."""
    scpi.open(procedures={"measure": {**VOLTS, "refused": {"prefix": "ERR"}}})
    scpi.call("measure", 1)
    scpi.says(b"ERR 113\n", lambda: scpi.results)
    scpi.call("request", "x", timeout=0.5)
    for wait in (0.02, 0.51, 0.51, 0.02):
        scpi.reactor.advance(wait)
    scpi.call("request", "y").cancel()
    scpi.call("request", "z")
    scpi.device.unplug()
    scpi.reactor.until(lambda: len(scpi.results) == 4)
    with pytest.raises(CallError) as caught:
        scpi.call("request", "z")
    gone = "the device is away: it was unplugged or hung up"
    assert [*scpi.results, _told(caught.value)] == [
        ("edge.error.refused", "ERR 113"),
        ("edge.error.no_answer", "no answer within 0.5 s"),
        ("wamp.error.canceled", "the device may do it all the same"),
        ("edge.error.device_away", gone),
        ("edge.error.device_away", gone),
    ]


def test_polls_go_on_when_the_device_is_back(scpi: Instrument, logged: list[str]) -> None:
    """And nothing is sent that was asked for before."""
    scpi.open(poll=[{"send": "V?", "every": 10}])
    scpi.hears(b"V?\n")
    scpi.device.unplug()
    scpi.reactor.until(lambda: scpi.session.values("kitchen.status")[-1] == "away")
    scpi.reactor.advance(100)
    scpi.device.plug()
    scpi.reactor.until(lambda: scpi.session.values("kitchen.status")[-1] == "open", step=0.001)
    scpi.hears(b"V?\n")
    assert len(logged) == 3


def test_a_command_that_the_device_does_not_take_is_taken_back(scpi: Instrument) -> None:
    """It says wait, and is switched on an hour later: it must not find the command then. The pty plays the line."""
    scpi.open(procedures={"output": {"send": "OUTP 1"}}, flow_control="rtscts")
    scpi.call("output")
    scpi.reactor.advance(1.1)
    assert scpi.results == [("edge.error.no_answer", "no answer within 1 s")]
    scpi.reactor.pump(0.05)
    assert scpi.device.heard() == b""


def test_a_long_command_that_is_half_sent_costs_the_connection(scpi: Instrument, logged: list[str]) -> None:
    """The rest of it cannot be taken back otherwise, and would be another command."""
    scpi.open(exchange={}, flow_control="xonxoff", write_queue=1_048_576, max_write=65_536)
    scpi.call("request", "x" * 65_000)
    scpi.reactor.pump()
    scpi.reactor.advance(1.1)
    scpi.reactor.until(lambda: scpi.session.values("kitchen.status")[-1] == "open" and len(logged) > 2)
    assert "is away: it takes no bytes (flow_control)" in logged[1]
    heard = scpi.device.heard()
    assert len(heard) < 65_000
    assert b"\n" not in heard


def test_a_poll_without_answers_is_in_the_status_and_told_once(scpi: Instrument, logged: list[str]) -> None:
    scpi.open(poll=[{"send": "V?", "every": 5, "retries": 0}])
    for _ in range(200):
        scpi.reactor.advance(1)
    assert scpi.session.last("kitchen.status")[1]["aside"] == ["V?"]
    assert [text for text in logged if "V?" in text] == [
        "kitchen: V?: no answer within 1 s, 3 times in a row; it is put aside and tried every 60 s"
    ]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"procedures": {"write": {"send": "X"}}}, "the procedure 'write' is the bridge's own"),
        ({"procedures": {"Do it": {"send": "X"}}}, "matching regex"),
        ({"poll": [{"every": 1}]}, "a poll needs what to send"),
        ({"poll": [{"every": 1, "send": "a", "hex": "00"}]}, "a poll needs what to send"),
        ({"poll": [{"every": 1, "send": "a\nb"}]}, r"cannot be sent: one line at a time"),
        ({"poll": [{"every": 1, "send": "\u00fc"}], "encoding": "ascii"}, "cannot be sent: 'ascii' codec can't encode"),
        ({"poll": [{"every": 1, "hex": "00" * 9}], "max_write": 8}, "cannot be sent: it has 9 bytes; the limit is 8"),
        ({"procedures": {"p": {"send": "a\nb"}}}, r"has the delimiter .* inside"),
        ({"poll": [{"every": 1, "hex": "0"}]}, "matching regex"),
        ({"poll": [{"every": 1, "send": "a", "expect": {}}]}, "one of prefix and regex"),
        ({"poll": [{"every": 1, "send": "a", "expect": {"prefix": "a", "regex": "a"}}]}, "one of prefix and regex"),
        ({"poll": [{"every": 1, "send": "a", "expect": {"regex": "("}}]}, "is no regular expression"),
        ({"poll": [{"every": 1, "send": "a", "expect": {"regex": "(a+)+b"}}]}, "could take for ever"),
        ({"procedures": {"p": {"send": "a", "refused": {"regex": "(a|a)*b"}}}}, "could take for ever"),
        ({"poll": [{"every": 1, "send": "a", "field": "v"}], "fields": {"w": {}}}, "fields need a frame with names"),
    ],
)
def test_what_cannot_be_is_refused_at_load(options: dict[str, Any], reason: str) -> None:
    section = {"type": "serial", "id": "k", "realm": "r", "device": "/x", "decode": "raw", **options}
    with pytest.raises(msgspec.ValidationError, match=reason):
        msgspec.convert(section, SerialConfig)


def test_a_device_that_only_speaks_has_no_procedure_to_ask(open_bridge: Open, session: FakeSession) -> None:
    open_bridge()
    assert set(session.procedures) == {"kitchen.write", "kitchen.get_status"}


def test_a_device_that_only_speaks_does_not_pay_for_those_that_answer() -> None:
    """Their modules are loaded when a configuration names them."""
    code = "import sys, bridges.serial.bridge; print(*(name for name in sys.modules if 'serial.exchange' in name))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["bridges.serial.exchange_config"]
