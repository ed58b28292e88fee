"""Turns on the line, timeouts, late answers, polls that are put aside. On a clock, without a device."""

from __future__ import annotations

from random import Random
from typing import Any

import msgspec
import pytest
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.task import Clock

from bridges.serial.device import DeviceAway, QueueFull
from bridges.serial.exchange import Line, NoAnswer, Refused, Request
from bridges.serial.exchange_config import Exchange, Likeness, Poll
from bridges.serial.exchange_polling import Polling

#: so many bits a second that sending takes no time
BAUDRATE = 10**18


class World:
    """A line with a device that the test plays."""

    def __init__(self, **options: Any) -> None:
        self.clock = Clock()
        self.sent: list[bytes] = []
        self.results: list[Any] = []
        self.written: Deferred[None] | None = None
        self.abandoned = 0
        self.options = msgspec.convert(options, Exchange)
        self.line = Line(self.options, self.write, self.abandon, self.clock, BAUDRATE)
        self.line.begin()

    def write(self, data: bytes) -> Deferred[None]:
        self.sent.append(data)
        return self.written or succeed(None)

    def abandon(self) -> None:
        self.abandoned += 1

    def ask(self, data: bytes, timeout: float = 1.0, **options: Any) -> Request:
        """The result, or the failure's exception, goes to `results`."""
        request = Request(data, timeout, **options)
        self.line.ask(request).addCallbacks(self.results.append, lambda failure: self.results.append(failure.value))
        return request

    def idle(self) -> bool:
        self.clock.pump([60] * 5)
        return not self.clock.getDelayedCalls()


# --- turns -----------------------------------------------------------------------------------------------------------


def test_one_at_a_time_with_a_pause() -> None:
    """The next is sent when the answer is there and the pause is over, in the order they came."""
    world = World(pause=50)
    for data in (b"a", b"b"):
        world.ask(data)
    assert world.sent == [b"a"]
    assert world.line.take(b"1")
    assert world.results == [b"1"]
    world.clock.advance(0.049)
    assert world.sent == [b"a"]
    world.clock.advance(0.001)
    assert world.sent == [b"a", b"b"]
    assert world.line.take(b"2")
    assert world.results == [b"1", b"2"]
    assert world.idle()


def test_a_request_made_by_an_answer_waits_for_the_pause_too() -> None:
    world = World()
    request = Request(b"a", 1)
    world.line.ask(request).addCallback(lambda _: world.ask(b"b"))
    world.line.take(b"1")
    assert world.sent == [b"a"]
    world.clock.advance(0.02)
    assert world.sent == [b"a", b"b"]


def test_what_has_no_answer_is_done_when_the_kernel_has_it() -> None:
    """A frame meanwhile is none of its."""
    world = World()
    world.written = Deferred()
    world.ask(b"a", answer=False)
    assert not world.line.take(b"x")
    assert world.results == []
    world.written.callback(None)
    assert world.results == [None]
    assert world.idle()


def test_callers_are_bounded_and_polls_are_not_in_their_way() -> None:
    world = World(queue=2)
    world.ask(b"now")
    for _ in range(5):
        world.ask(b"poll", call=False)
    world.ask(b"a")
    world.ask(b"b")
    with pytest.raises(QueueFull, match="2 requests wait for the device already"):
        world.ask(b"c")


def test_who_canceled_is_passed_over() -> None:
    """In the queue it is not sent at all; on the line its answer is waited for, so that it is nobody else's."""
    world = World()
    first, second = world.ask(b"a", retries=3), world.ask(b"b")
    world.ask(b"c")
    first.done.cancel()
    second.done.cancel()
    assert world.line.take(b"1")
    world.clock.advance(0.02)
    assert world.sent == [b"a", b"c"]
    assert world.line.take(b"3")
    assert [type(result) for result in world.results] == [CancelledError, CancelledError, bytes]
    assert world.results[-1] == b"3"


# --- answers ---------------------------------------------------------------------------------------------------------


def test_a_frame_that_nobody_asked_for_is_no_answer() -> None:
    world = World()
    assert not world.line.take(b"x")
    world.ask(b"a", expect=Likeness(prefix="OK"))
    assert not world.line.take(b"event")
    assert world.line.take(b"OK 1")
    assert not world.line.take(b"OK 2")
    assert world.results == [b"OK 1"]


def test_an_answer_by_a_pattern_for_all_of_it() -> None:
    """Bytes that are no text are characters U+0080 to U+00FF."""
    world = World()
    world.ask(b"a", expect=Likeness(regex=r"V=[0-9.]+\xb0?"))
    assert not world.line.take(b"V=")
    assert not world.line.take(b"V=1 ")
    assert world.line.take(b"V=1.5\xb0")


def test_a_refusal_is_told_from_an_answer() -> None:
    world = World()
    world.ask(b"a", expect=Likeness(prefix="OK"), refused=Likeness(prefix="ERR"))
    assert world.line.take(b"ERR 7")
    assert isinstance(world.results[0], Refused)
    assert str(world.results[0]) == "ERR 7"


def test_no_answer_is_told_in_time() -> None:
    world = World()
    world.ask(b"a")
    world.clock.advance(0.75)
    assert world.results == []
    world.clock.advance(0.25)
    assert isinstance(world.results[0], NoAnswer)
    assert str(world.results[0]) == "no answer within 1 s"
    assert world.line.unanswered == 1
    assert world.abandoned == 1, "a command that the device did not take yet is not to be done later"
    assert world.idle()


def test_the_time_begins_when_it_is_sent() -> None:
    """120 bytes need more than a second at 1200 baud."""
    world = World()
    world.line = Line(world.options, world.write, world.abandon, world.clock, 1200)
    world.line.begin()
    world.ask(b"x" * 120)
    world.clock.advance(2.1)
    assert world.results == []
    world.clock.advance(0.2)
    assert isinstance(world.results[0], NoAnswer)


def test_what_the_device_does_not_take_is_told() -> None:
    world = World()
    world.written = Deferred()
    world.ask(b"a", answer=False)
    world.clock.advance(1)
    assert str(world.results[0]) == "the device did not take it within 1 s"


def test_it_is_sent_again_as_often_as_asked() -> None:
    world = World()
    world.ask(b"a", retries=2)
    world.clock.pump([1] * 10)
    assert world.sent == [b"a"] * 3
    assert [type(result) for result in world.results] == [NoAnswer]
    assert world.idle()


def test_an_answer_to_the_second_try_is_one() -> None:
    world = World()
    world.ask(b"a", retries=2)
    world.clock.pump([1, 1])
    assert world.sent == [b"a"] * 2
    assert world.line.take(b"1")
    assert world.results == [b"1"]
    assert world.idle()


@pytest.mark.parametrize("retries", [0, 1])
def test_a_late_answer_is_not_that_of_the_next_request(retries: int) -> None:
    """Otherwise each one after it would get the answer of the one before, for ever."""
    world = World()
    world.ask(b"volt?", retries=retries)
    world.ask(b"amp?")
    world.clock.advance(1)
    assert world.sent == [b"volt?"], "nothing is sent while the answer may still come"
    assert world.line.take(b"230")
    assert world.line.late == 1
    world.clock.advance(0.02)
    if retries:
        assert world.sent == [b"volt?", b"volt?"]
        assert world.line.take(b"231")
        world.clock.advance(0.02)
    assert world.sent[-1] == b"amp?"
    assert world.line.take(b"5")
    assert world.results[-1] == b"5"
    assert b"230" not in world.results


# --- the device goes -------------------------------------------------------------------------------------------------


def test_all_who_wait_are_told_that_it_is_away() -> None:
    """Nobody waits for a timeout, and nothing is left behind; when it is back, it goes on."""
    world = World()
    for data in (b"a", b"b"):
        world.ask(data, retries=5)
    world.line.end("it was unplugged")
    assert [str(result) for result in world.results] == ["the device is away: it was unplugged"] * 2
    assert not world.clock.getDelayedCalls()
    with pytest.raises(DeviceAway, match="the device is away: it was unplugged"):
        world.ask(b"c")
    world.line.begin()
    world.ask(b"d")
    assert world.sent == [b"a", b"d"]


@pytest.mark.parametrize("error", [DeviceAway("gone"), QueueFull("full")])
def test_what_cannot_be_written_fails_at_once(error: Exception) -> None:
    world = World()

    def write(_data: bytes) -> Deferred[None]:
        raise error

    world.line = Line(world.options, write, world.abandon, world.clock, BAUDRATE)
    world.line.begin()
    world.ask(b"a")
    assert world.results == [error]
    assert world.idle()


def test_a_write_that_is_lost_with_the_device_fails() -> None:
    world = World()
    world.written = fail(DeviceAway("gone"))
    world.ask(b"a")
    assert [str(result) for result in world.results] == ["gone"]
    assert world.idle()


# --- polls -----------------------------------------------------------------------------------------------------------


class Polls(World):
    """Polls, and what was told of them. sections: as in the file."""

    def __init__(self, *sections: dict[str, Any], **options: Any) -> None:
        super().__init__(**options)
        self.answers: list[tuple[str | bytes, bytes]] = []
        self.told: list[str] = []
        self.polls = [msgspec.convert(section, Poll) for section in sections]
        self.polling = Polling(self.polls, self.options, _encoded, self.line, self.clock, self)

    def polled(self, poll: Poll, frame: bytes) -> None:
        self.answers.append((poll.line, frame))

    def poll_aside(self, error: str) -> None:
        self.told.append(error)

    def poll_back(self, text: str) -> None:
        self.told.append(text)

    def run(self, seconds: float, *dead: bytes, answer: bytes = b"1") -> None:
        """Let time pass; what is asked is answered but for what is dead."""
        for _ in range(round(seconds * 20)):
            before = len(self.sent)
            self.clock.advance(0.05)
            if len(self.sent) > before and self.sent[-1] not in dead:
                self.line.take(answer)


def _encoded(line: str | bytes) -> bytes:
    return line.encode() if isinstance(line, str) else line


def test_polls_are_sent_at_even_distances() -> None:
    """At once when the device is there, then every so many seconds, however long answers take."""
    world = Polls({"send": "a", "every": 10})
    world.polling.begin()
    for _ in range(4):
        world.clock.advance(0.5)
        world.line.take(b"1")
        world.clock.advance(9.5)
    assert world.sent == [b"a"] * 5
    assert world.answers == [("a", b"1")] * 4


def test_a_poll_that_is_late_by_almost_a_whole_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time goes on while it reckons, and a reactor takes no wait below zero."""
    world = Polls({"send": "a", "every": 1})
    looks = iter([10.0, 10.9999, 11.0001, 11.0002])
    waits: list[float] = []
    monkeypatch.setattr(world.clock, "seconds", lambda: next(looks))
    monkeypatch.setattr(world.clock, "callLater", lambda wait, *_: waits.append(wait))
    world.polling.begin()
    assert waits and min(waits) >= 0


def test_bytes_are_polled() -> None:
    world = Polls({"hex": "01 03 fF", "every": 10})
    world.polling.begin()
    assert world.sent == [b"\x01\x03\xff"]


def test_what_is_due_while_it_waits_is_missed_and_not_made_up_for() -> None:
    world = Polls({"send": "a", "every": 1, "retries": 0}, timeout=2.5)
    world.polling.begin()
    world.clock.pump([0.5] * 6)
    assert world.sent == [b"a"]
    assert world.polling.missed == 2


def test_a_poll_that_nobody_answers_is_put_aside_and_the_others_go_on() -> None:
    """A dead slave on a bus costs its timeout once a minute; it is told once, and when it is back."""
    world = Polls({"send": "a", "every": 1}, {"send": "b", "every": 1}, timeout=0.1)
    world.polling.begin()
    world.run(300, b"b")
    assert world.told == ["b: no answer within 0.1 s, 3 times in a row; it is put aside and tried every 60 s"]
    assert world.polling.aside == ["b"]
    assert world.sent.count(b"b") < 2 * (3 + 300 / 60 + 1)
    assert len(world.answers) > 290
    world.run(60)
    assert world.told[1:] == ["b is answered again"]
    assert world.polling.aside == []
    before = world.sent.count(b"b")
    world.run(10)
    assert world.sent.count(b"b") >= before + 9


def test_when_the_device_is_away_nothing_is_polled() -> None:
    """Nor does it count as an answer that did not come."""
    world = Polls({"send": "a", "every": 1}, aside_after=1)
    world.polling.begin()
    world.polling.end()
    world.line.end("unplugged")
    assert not world.clock.getDelayedCalls()
    assert world.told == []
    world.line.begin()
    world.polling.begin()
    assert world.sent == [b"a", b"a"]


def test_a_day_of_a_device_that_answers_late_or_not_at_all() -> None:
    """No answer is taken for that of another request, what is dead is told once an outage, and nothing is left over."""
    world = Polls({"send": "volt", "every": 7}, {"send": "amp", "every": 11})
    random = Random(5)
    dead_until = dict.fromkeys((b"volt", b"amp"), 0.0)
    outages = 0

    def write(data: bytes) -> Deferred[None]:
        nonlocal outages
        now = world.clock.seconds()
        if data.decode() not in world.polling.aside and now > dead_until[data] and random.random() < 0.001:
            dead_until[data] = now + random.uniform(200, 3600)
            outages += 1
        chance = random.random()
        if now > dead_until[data] and chance < 0.95:
            delay = random.uniform(0, 0.9) if chance < 0.9 else random.uniform(1.0, 1.9)
            world.clock.callLater(delay, world.line.take, data + b" %d" % round(now))
        return succeed(None)

    world.line = Line(world.options, write, world.abandon, world.clock, BAUDRATE)
    world.line.begin()
    world.polling = Polling(world.polls, world.options, _encoded, world.line, world.clock, world)
    world.polling.begin()
    pending = 0
    for _ in range(24 * 3600 * 2):
        world.clock.advance(0.5)
        pending = max(pending, len(world.clock.getDelayedCalls()))
    assert len(world.answers) > 12_000
    assert all(frame.startswith(str(line).encode()) for line, frame in world.answers), "none is another's"
    assert world.line.late > 300
    assert pending <= 6
    for line in ("volt", "amp"):
        turns = ["times in a row" in text for text in world.told if text.startswith(line)]
        assert turns == [True, False] * (len(turns) // 2) + [True] * (len(turns) % 2)
    assert sum("times in a row" in text for text in world.told) == outages > 20
