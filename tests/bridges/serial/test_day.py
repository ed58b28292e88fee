"""A day with a flaky device: unplugged, noisy, silent, restarting. On a real pty and a clock that a test turns.

Nothing leaks, each outage is told once, no value is published that was not measured, and old ones are marked in time.
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from bridges.serial.bridge import SerialBridge
from tests.bridges.harness import FakeDevice, FakeSession, PtyReactor

Open = Callable[..., SerialBridge]

HOUR = 3600.0
STALE_AFTER = 90.0
REOPEN_AFTER = 300.0
#: seconds between two looks
STEP = 5.0
#: how often what happens, of 100
CHANCES = {"reading": 90, "noise": 3, "unplug": 2, "silence": 3, "restart": 2}


class LastOnly(FakeSession):
    """Keeps the last event of a topic and how many there were: a day would fill the memory of the test, too."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()
        self.latest: dict[str, tuple[Any, dict[str, Any]]] = {}
        self.published: list[int] = []

    def publish(self, topic: str, args: Any = (), kwargs: Any = None, **options: Any) -> Any:
        self.counts[topic] += 1
        self.latest[topic] = (args[0], kwargs)
        if topic == "kitchen.n" and "stale" not in kwargs:
            self.published.append(args[0])
        made = super().publish(topic, args, kwargs, **options)
        self.events.clear()
        return made


class Day:
    """The world, the device's mood, and what has to be true at any time."""

    def __init__(self, reactor: PtyReactor, device: FakeDevice, bridge: SerialBridge, session: LastOnly) -> None:
        self.reactor = reactor
        self.device = device
        self.bridge = bridge
        self.session = session
        self.random = Random(20261121)
        self.happened: Counter[str] = Counter()
        self.said = 0
        self.heard_at = 0.0
        self.read_at = 0.0
        self.seen = 0

    def pass_by(self, seconds: float) -> None:
        """Time passes, and at each moment a value is marked if, and only if, it is too old."""
        self.notice()
        end = self.reactor.seconds() + seconds
        while self.reactor.seconds() < end:
            self.reactor.advance(min(STEP, end - self.reactor.seconds()))
            age = self.reactor.seconds() - self.read_at
            for topic in ("kitchen", "kitchen.n"):
                marked = "stale" in self.session.latest.get(topic, (0, {}))[1]
                assert not marked or age >= STALE_AFTER
                assert marked or age <= STALE_AFTER + STEP or topic not in self.session.latest

    def say(self, data: bytes) -> None:
        """And let the bridge hear it all."""
        self.device.say(data)
        self.reactor.pump(0.05)
        self.heard_at = self.reactor.seconds()
        self.notice()

    def notice(self) -> None:
        """On a busy machine bytes may be heard with a later look; time stands still until then."""
        if len(self.session.published) > self.seen:
            self.seen = len(self.session.published)
            self.read_at = self.reactor.seconds()

    # --- what happens -----------------------------------------------------------------------------------------------

    def reading(self) -> None:
        self.pass_by(self.random.uniform(5, 30))
        self.said += 1
        self.say(b'{"n": %d}\n' % self.said)

    def noise(self) -> None:
        self.say(self.random.randbytes(self.random.randint(1, 400)))

    def restart(self) -> None:
        """In the middle of a line, and with what bootloaders say."""
        self.say(b'{"n": 99')
        self.pass_by(2)
        self.say(b"\xff\x00ets Jan  8 2013,rst cause:4\r\nready\r\n")

    def silence(self) -> None:
        """It hangs, or has nothing to say. Opening it again wakes it now and then."""
        seconds = self.random.uniform(10, 1200)
        before = self.heard_at
        self.pass_by(seconds)
        self.happened["hang"] += self.reactor.seconds() - before >= REOPEN_AFTER
        if self.reactor.seconds() - before >= REOPEN_AFTER:
            self.settle()
            self.noise()

    def unplug(self) -> None:
        self.device.unplug()
        self.reactor.until(lambda: self.bridge.status.state == "away", step=0)
        self.pass_by(self.random.uniform(0, 2000))
        self.device.plug()
        self.reactor.until(lambda: self.bridge.status.state == "open")
        self.heard_at = self.reactor.seconds()

    def settle(self) -> None:
        """Let a device that was just opened be ready."""
        self.reactor.pump()
        self.reactor.advance(0.1)

    def leftovers(self) -> Counter[str]:
        """Descriptors, timers, and the objects that a leak would be made of. In a quiet moment, to compare."""
        self.reading()
        self.pass_by(10)
        gc.collect()
        kinds = (type(thing) for thing in gc.get_objects())
        ours = (f"{kind.__module__}.{kind.__name__}" for kind in kinds)
        found = Counter(name for name in ours if name.startswith(("bridges.", "serial.", "twisted.internet")))
        found["descriptors"] = len(list(Path("/proc/self/fd").iterdir()))
        found["timers"] = len(self.reactor.getDelayedCalls())
        return found

    def happen(self) -> None:
        (what,) = self.random.choices(list(CHANCES), list(CHANCES.values()))
        self.happened[what] += 1
        getattr(self, what)()


@pytest.fixture
def session() -> LastOnly:
    return LastOnly()


def test_a_day(
    make_bridge: Open, device: FakeDevice, reactor: PtyReactor, session: LastOnly, logged: list[str]
) -> None:
    """24 hours, some thousand readings, some hundred faults."""
    fields = {"n": {"type": "int", "min": 0, "stale_after": STALE_AFTER}}
    bridge = make_bridge(fields=fields, stale_after=STALE_AFTER, reopen_after=REOPEN_AFTER)
    bridge.start(session)
    reactor.until(lambda: bridge.status.state == "open")
    day = Day(reactor, device, bridge, session)
    early: Counter[str] = Counter()
    while reactor.seconds() < 24 * HOUR:
        day.happen()
        if not early and reactor.seconds() > 2 * HOUR:
            early = day.leftovers()
    late = day.leftovers()
    assert late["timers"] == early["timers"]
    assert late["descriptors"] <= early["descriptors"], "fewer, if another test's are closed meanwhile"
    assert max((late - early).values(), default=0) < 5, "some hundred outages lie between; others' tests leave a little"
    assert len(session.published) > 0.8 * day.said
    assert session.published == sorted(set(session.published)), "each once, in order, and none that was not said"
    assert session.published[-1] <= day.said
    assert_told_once(logged, day)
    bridge.stop()
    assert not reactor.getDelayedCalls()


def assert_told_once(logged: list[str], day: Day) -> None:
    """Away and back take turns, so do stale and fresh, and there are as many as outages."""
    ways = [text for text in logged if " is away: " in text or text.endswith(" is open")]
    assert [" is away: " in text for text in ways] == [False] + [True, False] * (len(ways) // 2)
    reasons = Counter(text.partition(" is away: ")[2] for text in ways if " is away: " in text)
    assert reasons["it was unplugged or hung up"] == day.happened["unplug"] > 20
    assert (
        reasons[f"nothing came for {REOPEN_AFTER:g} s (reopen_after); it is opened again"] == day.happened["hang"] > 20
    )
    assert sum(reasons.values()) == day.happened["unplug"] + day.happened["hang"]
    for stale, fresh in (("no frame came", "frames come again"), ("n is stale", "n is fresh again")):
        turns = [stale in text for text in logged if stale in text or fresh in text]
        assert turns == [True, False] * (len(turns) // 2) + [True] * (len(turns) % 2)
        assert len(turns) > 50
    assert len(logged) < 1000, "noise and bad frames are counted, not told one by one"
