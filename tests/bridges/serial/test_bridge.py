"""A serial bridge with a real pty: frames, bad frames, writing, status."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from twisted.internet.defer import Deferred

from bridges.serial.bridge import SerialBridge
from bridges.serial.config import SerialConfig
from bridges.stamps import Stamps
from edge_router.client import CallError, Result
from tests.bridges.conftest import WALL
from tests.bridges.harness import FakeDevice, FakeSession, PtyReactor

Open = Callable[..., SerialBridge]


class Kitchen:
    """The bridge `kitchen` with its device, open."""

    def __init__(self, opened: Open, device: FakeDevice, reactor: PtyReactor, session: FakeSession) -> None:
        self.open = opened
        self.device = device
        self.reactor = reactor
        self.session = session

    def say(self, *lines: bytes, until: Callable[[], object]) -> None:
        """The device sends lines; the test goes on when a condition holds."""
        for line in lines:
            self.device.say(line)
        self.reactor.until(until)

    def values(self, topic: str = "kitchen") -> list[Any]:
        return self.session.values(topic)

    def call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        return self.session.procedures[f"kitchen.{name}"](*args, **kwargs)

    def status(self) -> dict[str, Any]:
        result: Result = self.call("get_status")
        return {"state": result.args[0], **result.kwargs}


@pytest.fixture
def kitchen(open_bridge: Open, device: FakeDevice, reactor: PtyReactor, session: FakeSession) -> Kitchen:
    return Kitchen(open_bridge, device, reactor, session)


# --- frames ----------------------------------------------------------------------------------------------------------


def test_a_frame_becomes_one_event(kitchen: Kitchen) -> None:
    """args [value], kwargs {bridge, seq, ts, ts_quality}; the topic is the id where none is given."""
    kitchen.open()
    kitchen.say(b'{"t": 21.5}\r\n{"t": 22}\n', until=lambda: len(kitchen.values()) == 2)
    (value, first), (_, second) = ((v, k) for topic, v, k in kitchen.session.events if topic == "kitchen")
    assert value == {"t": 21.5}
    assert {**first, "ts": 0} == {"bridge": "kitchen", "seq": 1, "ts": 0, "ts_quality": "synced"}
    assert WALL * 1000 <= first["ts"] <= second["ts"] <= (WALL + kitchen.reactor.seconds()) * 1000
    assert second["seq"] == 2


def test_byte_by_byte(kitchen: Kitchen) -> None:
    kitchen.open(decode="raw")
    for byte in b"slow\nline\n":
        kitchen.device.say(bytes([byte]))
        kitchen.reactor.pump(0.01)
    kitchen.reactor.until(lambda: kitchen.values() == ["slow", "line"])


def test_an_unsynced_clock_is_said(kitchen: Kitchen) -> None:
    kitchen.open(synced=False)
    kitchen.say(b"1\n", until=kitchen.values)
    assert kitchen.session.last("kitchen")[1]["ts_quality"] == "unsynced"
    assert kitchen.status()["ts_quality"] == "unsynced"


def test_fields_have_topics_of_their_own(kitchen: Kitchen) -> None:
    """The same seq and ts as the frame's, and the unit; the frame has the transformed values, too."""
    kitchen.open(
        fields={
            "t": {"scale": 0.1, "round": 1, "unit": "°C"},
            "air.humidity": {"topic": "com.example.humidity", "type": "int"},
            "absent": {},
        }
    )
    kitchen.say(b'{"t": 215, "air": {"humidity": "40"}, "x": null}\n', until=kitchen.values)
    frame, about = kitchen.session.last("kitchen")
    assert frame == {"t": 21.5, "air": {"humidity": 40}, "x": None}
    assert kitchen.session.last("kitchen.t") == (21.5, {**about, "unit": "°C"})
    assert kitchen.session.last("com.example.humidity") == (40, about)
    assert not kitchen.values("kitchen.absent")


@pytest.mark.parametrize("frame", [b'{"a.b": 1}', b'{"a": {"b": 1}}', b'{"a": {"c": 2}, "a.b": 1}'])
def test_a_name_with_dots_is_a_key_or_goes_into_objects(kitchen: Kitchen, frame: bytes) -> None:
    kitchen.open(fields={"a.b": {}})
    kitchen.say(frame + b"\n", until=kitchen.values)
    assert kitchen.values("kitchen.a.b") == [1]


@pytest.mark.parametrize("frame", [b'{"a": 1}', b'{"a": null}', b'{"a": [{"b": 1}]}', b'{"a": {"b": null}}', b"{}"])
def test_a_frame_without_the_field_is_published_without_it(kitchen: Kitchen, frame: bytes) -> None:
    kitchen.open(fields={"a.b": {}})
    kitchen.say(frame + b"\n", until=kitchen.values)
    assert not kitchen.values("kitchen.a.b")


def test_deadband_holds_the_field_back_and_not_the_frame(kitchen: Kitchen) -> None:
    kitchen.open(decode="csv", columns=["t"], fields={"t": {"deadband": 0.5}})
    kitchen.say(b"20\n20.2\n21\n", until=lambda: len(kitchen.values()) == 3)
    assert kitchen.values("kitchen.t") == [20, 21]


def test_only_the_first_event_of_a_topic_asks_for_an_answer(kitchen: Kitchen) -> None:
    """An answer to each event would be a third more work."""
    kitchen.open(fields={"t": {}})
    kitchen.say(b'{"t": 1}\n' * 50, until=lambda: len(kitchen.values()) == 50)
    assert kitchen.session.acknowledged == 3, "kitchen, kitchen.t, kitchen.status"


# --- bad frames ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "frame", "error"),
    [
        ({}, b'{"t": 2', "no JSON"),
        ({}, b"\xff\xfe\x00", "no JSON"),
        ({"fields": {"t": {"type": "int"}}}, b'{"t": "warm", "h": 1}', "t: 'warm' is no number"),
        ({"fields": {"t": {"max": 100}, "h": {}}}, b'{"t": 101, "h": 1}', "t: 101 is above max 100"),
        ({"fields": {"t": {}}}, b"[1, 2]", "fields need a frame with names, but it is [1, 2]"),
        ({"max_frame": 20}, b'{"t": 1}' + b" " * 20, "more than 20 bytes (max_frame)"),
    ],
)
def test_a_bad_frame_is_counted_and_told_but_not_published(
    kitchen: Kitchen, options: dict[str, Any], frame: bytes, error: str
) -> None:
    """Nothing of it: a line that is wrong in one place may be wrong in another."""
    kitchen.open(**options)
    kitchen.say(frame + b'\n{"t": 5}\n', until=kitchen.values)
    assert kitchen.values() == [{"t": 5}]
    assert not kitchen.values("kitchen.h")
    state, about = kitchen.session.last("kitchen.status")
    assert state == "open"
    assert error in about["last_error"]
    assert (about["bad"], about["dropped"]) == ((0, 1) if "max_frame" in options else (1, 0))
    assert kitchen.session.last("kitchen")[1]["seq"] == 1, "bad frames have no number"


def test_noise_makes_no_flood_of_status(kitchen: Kitchen) -> None:
    """The first bad frame is told at once, the next only after some seconds, with the count."""
    kitchen.open()
    kitchen.say(b"noise\n" * 500, b"1\n", until=kitchen.values)
    assert len(kitchen.values("kitchen.status")) == 2
    assert kitchen.status()["bad"] == 500
    kitchen.reactor.advance(5)
    assert len(kitchen.values("kitchen.status")) == 3
    assert kitchen.session.last("kitchen.status")[1]["bad"] == 500
    kitchen.reactor.advance(60)
    assert len(kitchen.values("kitchen.status")) == 3


def test_a_device_that_babbles_is_cut_to_max_rate(kitchen: Kitchen) -> None:
    """What is over it is counted, and the status says why."""
    kitchen.open(max_rate=50)
    kitchen.say(b"1\n" * 200, until=lambda: kitchen.status()["dropped"] >= 100)
    kitchen.reactor.until(lambda: kitchen.status()["frames"] + kitchen.status()["dropped"] == 200)
    assert 50 <= len(kitchen.values()) == kitchen.status()["frames"] < 100
    assert "more than 50 frames a second" in kitchen.session.last("kitchen.status")[1]["last_error"]


def test_a_field_that_never_comes_is_told_once(kitchen: Kitchen) -> None:
    """A misspelt name would else look like a sensor that says nothing."""
    kitchen.open(fields={"temprature": {}, "h": {}})
    kitchen.say(b'{"temperature": 1, "h": 2}\n' * 60, until=lambda: len(kitchen.values()) == 60)
    kitchen.reactor.advance(60)
    assert len(kitchen.values("kitchen.status")) == 2
    error = kitchen.session.last("kitchen.status")[1]["last_error"]
    assert error == "no frame had the field temprature yet; the last one has 'temperature', 'h'"


# --- writing ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "line", "sent"),
    [
        ({}, "led on", b"led on\n"),
        ({}, "led on\n", b"led on\n"),
        ({}, b"\x00\xff", b"\x00\xff\n"),
        ({}, "", b"\n"),
        ({}, "grün", "grün\n".encode()),
        ({"encoding": "latin-1"}, "grün", b"gr\xfcn\n"),
        ({"delimiter": "\r\n"}, "x", b"x\r\n"),
        ({"delimiter": "\n", "write_delimiter": "\r"}, "x\r", b"x\r"),
    ],
)
def test_write_sends_a_line(kitchen: Kitchen, options: dict[str, Any], line: Any, sent: bytes) -> None:
    """The result comes when the kernel has taken it."""
    kitchen.open(**options)
    done: list[object] = []
    kitchen.call("write", line).addCallback(done.append)
    assert done == []
    kitchen.reactor.until(lambda: done == [None])
    heard = bytearray()
    kitchen.reactor.until(lambda: heard.extend(kitchen.device.heard()) or len(heard) >= len(sent))
    assert heard == sent


@pytest.mark.parametrize(
    ("args", "options", "reason"),
    [
        ((), {}, "one argument is expected"),
        (("a", "b"), {}, "one argument is expected"),
        ((7,), {}, "text or bytes, not int"),
        ((None,), {}, "text or bytes, not NoneType"),
        (("a\nb",), {}, "one line at a time"),
        (("x" * 17,), {"max_write": 16}, "17 bytes; the limit is 16 (max_write)"),
        (("grün",), {"encoding": "ascii"}, "cannot be said in ascii"),
    ],
)
def test_write_refuses_what_is_no_line(
    kitchen: Kitchen, args: tuple[Any, ...], options: dict[str, Any], reason: str
) -> None:
    kitchen.open(**options)
    with pytest.raises(CallError) as caught:
        kitchen.call("write", *args)
    assert caught.value.uri == "wamp.error.invalid_argument"
    assert reason in caught.value.error_args[0]


def test_write_to_a_device_that_is_away(
    make_bridge: Open, device: FakeDevice, reactor: PtyReactor, session: FakeSession
) -> None:
    device.unplug()
    make_bridge().start(session)
    with pytest.raises(CallError) as caught:
        session.procedures["kitchen.write"]("led on")
    assert caught.value.uri == "edge.error.device_away"
    assert caught.value.error_args == (f"{device.link} is away: it is not there",)


def test_a_device_that_takes_nothing_fills_a_bounded_queue(kitchen: Kitchen) -> None:
    """Over write_queue the call fails; when the device goes, lines that were not sent fail, and are counted."""
    kitchen.open(write_queue=100_000, max_write=50_000)
    failures: list[Any] = []
    first: Deferred[Any] = kitchen.call("write", "x" * 49_999)
    second: Deferred[Any] = kitchen.call("write", "y" * 49_999)
    for line in (first, second):
        line.addErrback(failures.append)
    with pytest.raises(CallError) as caught:
        kitchen.call("write", "z")
    assert caught.value.uri == "edge.error.queue_full"
    kitchen.reactor.pump()
    kitchen.device.unplug()
    kitchen.reactor.until(lambda: kitchen.values("kitchen.status")[-1] == "away")
    assert [failure.value.uri for failure in failures] == ["edge.error.device_away"] * 2
    assert 50_000 < kitchen.status()["unsent"] <= 100_000


def test_a_canceled_write_is_said_to_be_canceled(kitchen: Kitchen) -> None:
    kitchen.open()
    failures: list[Any] = []
    write: Deferred[Any] = kitchen.call("write", "led on")
    write.addErrback(failures.append)
    write.cancel()
    assert failures[0].value.uri == "wamp.error.canceled"
    kitchen.reactor.until(lambda: kitchen.device.heard() == b"led on\n")


# --- life ------------------------------------------------------------------------------------------------------------


def test_construction_does_nothing(configure: Callable[..., SerialConfig], reactor: PtyReactor) -> None:
    """No device, no timer, and the clock's quality is not asked for."""
    asked: list[bool] = []
    SerialBridge(configure(), reactor, Stamps(reactor, synchronized=lambda: not asked.append(True)))
    assert not asked
    assert not reactor.getReaders()
    assert not reactor.getDelayedCalls()


def test_status_tells_what_there_is_to_know(kitchen: Kitchen) -> None:
    """The event and the procedure say the same."""
    kitchen.open()
    kitchen.say(b"1\n2\nx\n", until=lambda: len(kitchen.values("kitchen.status")) == 2)
    state, about = kitchen.session.last("kitchen.status")
    assert {"state": state, **about} == {**kitchen.status(), "ts": about["ts"]}
    assert {key: about[key] for key in ("bridge", "device", "frames", "bad", "dropped", "superseded", "unsent")} == {
        "bridge": "kitchen",
        "device": str(kitchen.device.link),
        "frames": 2,
        "bad": 1,
        "dropped": 0,
        "superseded": 0,
        "unsent": 0,
    }
    assert WALL * 1000 <= about["since"] <= about["last_frame_ts"] <= about["last_error_ts"] <= about["ts"]


def test_stop_gives_everything_back_and_may_be_repeated(kitchen: Kitchen) -> None:
    """What waited for min_interval is sent before; the last word is `stopped`."""
    bridge = kitchen.open(decode="csv", columns=["t"], fields={"t": {"min_interval": 60, "max_interval": 90}})
    kitchen.say(b"1\n2\n", until=lambda: len(kitchen.values()) == 2)
    bridge.stop()
    bridge.stop()
    assert kitchen.values("kitchen.t") == [1, 2]
    assert kitchen.values("kitchen.status") == ["open", "stopped"]
    assert kitchen.session.events[-1][0] == "kitchen.status"
    assert not kitchen.session.procedures
    assert not kitchen.reactor.getReaders()
    assert not kitchen.reactor.getDelayedCalls()


def test_a_stopped_bridge_can_be_started_again(kitchen: Kitchen) -> None:
    bridge = kitchen.open()
    bridge.stop()
    bridge.start(kitchen.session)
    assert kitchen.status()["state"] == "opening"
    kitchen.reactor.until(lambda: kitchen.values("kitchen.status")[-1] == "open")
    kitchen.say(b"1\n", until=kitchen.values)


def test_a_refused_procedure_fails_the_start_and_leaves_nothing(make_bridge: Open, reactor: PtyReactor) -> None:
    """The node tries again later; the bridge can be started anew."""
    bridge = make_bridge()
    refusing = FakeSession(refuse=("kitchen.write",))
    failures: list[Any] = []
    bridge.start(refusing).addErrback(failures.append)
    assert failures[0].check(PermissionError)
    assert not refusing.procedures
    assert not reactor.getReaders()
    session = FakeSession()
    bridge.start(session)
    reactor.until(lambda: session.values("kitchen.status") == ["open"])


def test_stopped_while_the_answer_to_register_is_under_way(make_bridge: Open, reactor: PtyReactor) -> None:
    """Answers that come late open no device and leave no procedure."""
    bridge = make_bridge()
    late = LateSession()
    bridge.start(late)
    bridge.stop()
    late.answer()
    assert not late.procedures
    assert not reactor.getReaders()


class LateSession(FakeSession):
    """Answers to `register` when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self._answers: list[Callable[[], None]] = []

    def register(self, procedure: str, handler: Callable[..., Any]) -> Deferred[Any]:
        answer: Deferred[Any] = Deferred()
        registered = super().register(procedure, handler)
        self._answers.append(lambda: registered.chainDeferred(answer))
        return answer

    def answer(self) -> None:
        for answer in self._answers:
            answer()


# --- stale and rejected values ---------------------------------------------------------------------------------------


def test_a_device_that_falls_silent_has_stale_values(kitchen: Kitchen, logged: list[str]) -> None:
    """Marked on the topic, for who comes late too; named in the status; told once, and again when they are fresh."""
    kitchen.open(fields={"t": {"stale_after": 60}, "h": {"stale_after": 60}, "x": {}})
    kitchen.say(b'{"t": 21, "h": 40, "x": 1}\n', until=kitchen.values)
    _, fresh = kitchen.session.last("kitchen.t")
    kitchen.reactor.pump()
    kitchen.reactor.advance(60)
    kitchen.reactor.advance(0)
    kitchen.reactor.advance(600)
    assert kitchen.session.last("kitchen.t") == (21, {**fresh, "stale": True})
    assert (kitchen.values("kitchen.t"), kitchen.values("kitchen.x"), len(kitchen.values())) == ([21, 21], [1], 1)
    assert [kwargs["stale"] for topic, _, kwargs in kitchen.session.events if topic == "kitchen.status"] == [
        [],
        ["t", "h"],
    ]
    kitchen.say(b'{"t": 21}\n', until=lambda: len(kitchen.values()) == 2)
    kitchen.reactor.advance(0)
    assert "stale" not in kitchen.session.last("kitchen.t")[1]
    assert kitchen.status()["stale"] == ["h"]
    assert [text for text in logged if "t is " in text] == [
        "kitchen: t is stale: no reading came in time (stale_after)",
        "kitchen: t is fresh again",
    ]


def test_a_rejected_reading_is_null_and_told_once(kitchen: Kitchen) -> None:
    """Its neighbours are published; an outage is one word of the status, and counted."""
    kitchen.open(fields={"t": {"reject": [85], "stale_after": 60}, "h": {}})
    for n, value in enumerate([21, 85, 85, 85, 22, 85], 1):
        kitchen.say(b'{"t": %d, "h": 40}\n' % value, until=lambda n=n: len(kitchen.values()) == n)
        kitchen.reactor.advance(10)
    assert [frame["t"] for frame in kitchen.values()] == [21, None, None, None, 22, None]
    assert kitchen.values("kitchen.t") == [21, 22]
    assert kitchen.values("kitchen.h") == [40] * 6
    assert (kitchen.status()["no_reading"], kitchen.status()["bad"]) == (4, 0)
    assert len(kitchen.values("kitchen.status")) == 3
    assert kitchen.status()["last_error"] == "t: 85 is no reading"


def test_a_line_with_a_wrong_checksum_is_never_published(kitchen: Kitchen) -> None:
    """And what is written has one."""
    kitchen.open(decode="raw", checksum={"type": "xor", "mark": "*", "skip": "$"})
    kitchen.say(b"$ab*03\r\n$ab*04\r\n$ac\r\n$ac*02\r\n", until=lambda: len(kitchen.values()) == 2)
    assert kitchen.values() == ["$ab", "$ac"]
    assert kitchen.status()["bad"] == 2
    kitchen.call("write", "$ab")
    kitchen.reactor.until(lambda: kitchen.device.heard() == b"$ab*03\n")


# --- what is no frame ------------------------------------------------------------------------------------------------


def test_text_that_is_no_frame_is_the_devices_log(kitchen: Kitchen) -> None:
    """Its boot messages, say: counted, published, and no bad frame. What is no text is noise."""
    kitchen.open(log=True)
    kitchen.say(
        b"boot: v1.2\tok\r\n", b'{"t": 21}\n', b"\x80\x81\n", b"\x07\n", until=lambda: kitchen.status()["bad"] == 2
    )
    assert kitchen.values("kitchen.log") == ["boot: v1.2      ok"]
    assert kitchen.session.last("kitchen.log")[1]["seq"] == 1
    assert kitchen.session.last("kitchen")[1]["seq"] == 1
    about = kitchen.status()
    assert (about["frames"], about["bad"], about["logged"]) == (1, 2, 1)


def test_a_value_that_is_wrong_is_no_log(kitchen: Kitchen) -> None:
    """Neither is a line whose checksum is wrong; one without a checksum is."""
    kitchen.open(log=True, checksum={"type": "sum", "mark": "*"}, fields={"t": {"max": 50}})
    lines = (b'{"t": 99}', b'{"t": 1}')
    good, wrong = (line + b"*%02X\n" % (sum(line) % 256) for line in lines)
    kitchen.say(good, wrong.replace(b"1", b"2", 1), b"hello\n", until=lambda: kitchen.values("kitchen.log"))
    assert kitchen.values("kitchen.log") == ["hello"]
    assert kitchen.status()["bad"] == 2


def test_a_field_may_not_have_the_logs_topic(kitchen: Kitchen) -> None:
    kitchen.open(fields={"log": {}})
    with pytest.raises(msgspec.ValidationError, match="topic that log: true needs"):
        kitchen.open(log=True, fields={"log": {}})


def test_sentences_that_are_not_asked_for_are_counted(kitchen: Kitchen) -> None:
    kitchen.open(decode="nmea", sentences=["MTW"])
    kitchen.say(b"$GPGLL,4916.45,N,12311.12,W,225444,A*31\r\n$YXMTW,17.75,C*26\r\n", until=kitchen.values)
    about = kitchen.status()
    assert (about["frames"], about["unwanted"], about["bad"]) == (1, 1, 0)


# --- binary ----------------------------------------------------------------------------------------------------------


def test_a_binary_device(kitchen: Kitchen) -> None:
    """SDS011: what it says about dust, and a command to it. Bytes go both ways."""
    kitchen.open(
        framing="fixed",
        fixed={"size": 10, "sync": "\xaa\xc0", "end": "\xab"},
        checksum={"type": "sum"},
        decode="struct",
        layout={"items": [{"name": "pm25", "type": "uint16"}, {"name": "pm10", "type": "uint16"},
                          {"name": "id", "type": "bytes", "size": 2}]},
        fields={"pm25": {"scale": 0.1, "round": 1}},
    )  # fmt: skip
    kitchen.say(b"\xc0\xaa", b"\xaa\xc0\xd4\x04\x3a\x0a\xa1\x60\x1d\xab", until=kitchen.values)
    assert kitchen.values() == [{"pm25": 123.6, "pm10": 2618, "id": b"\xa1\x60"}]
    assert kitchen.status()["noise"] == 2
    kitchen.call("write", b"\x01\x02\x03\x04\x05\x06")
    kitchen.reactor.pump(0.01)
    assert kitchen.device.heard() == b"\xaa\xc0\x01\x02\x03\x04\x05\x06\x15\xab"
    with pytest.raises(CallError, match="all frames have 8 bytes after their sync, not 5"):
        kitchen.call("write", b"\x01\x02\x03")


def test_a_frame_that_ends_by_silence(kitchen: Kitchen) -> None:
    kitchen.open(framing="gap", decode="raw", gap={"seconds": 0.05})
    kitchen.device.say(b"one")
    kitchen.reactor.until(kitchen.values)
    assert kitchen.values() == ["one"]
