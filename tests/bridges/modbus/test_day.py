"""24 hours of a flaky bus, on a false clock: every outage is told once, nothing grows, no value is wrong."""

from __future__ import annotations

import gc
import random
from typing import Any

from tests.bridges.modbus.plant import Plant

UNITS = {
    name: {"unit": unit, "values": {"v": {"register": "40001", "stale_after": 300}, "w": {"register": "40031"}}}
    for unit, name in ((1, "meter"), (2, "pump"))
}
HOURS = 24


def pass_calls(plant: Plant, seconds: float) -> None:
    """Time jumps from one timer to the next."""
    reactor = plant.reactor
    end = reactor.seconds() + seconds
    while True:
        due = min((call.getTime() for call in reactor.getDelayedCalls()), default=end)
        if due > end:
            break
        reactor.advance(max(due - reactor.seconds(), 0))
        if plant.accepts and len(reactor.tcpClients) > plant.connections:
            plant.connect()
    reactor.advance(end - reactor.seconds())


def objects() -> int:
    gc.collect()
    ours = ("bridges.", "twisted.internet.defer", "twisted.internet.base")
    return sum(str(type(found).__module__).startswith(ours) for found in gc.get_objects())


def test_a_day_of_a_flaky_bus(plant: Plant, logged: list[str]) -> None:
    rng = random.Random(24)
    for unit, memory in plant.slaves.items():
        memory.tables["holding"][0] = memory.tables["holding"][30] = 100 + unit
    plant.make(interval=30, timeout=1, dead_after=2, units=UNITS).start(plant.session)
    plant.connect()
    expected = {"meter": 0, "pump": 0}
    sizes = []
    for hour in range(HOURS):
        plant.dead = set()
        plant.delay = 0.01
        pass_calls(plant, 600)
        if hour in (5, HOURS - 1):
            sizes.append(objects())
        if plant.session.events:
            assert check_values(plant)
        plant.session.events.clear()
        silent = rng.choice([1, 2])
        plant.dead = {silent}  # a slave without power
        expected[{1: "meter", 2: "pump"}[silent]] += 1
        pass_calls(plant, 900)
        plant.dead = set()
        pass_calls(plant, 300)
        plant.delay = 1.02  # every answer is late, some of them for the request after
        pass_calls(plant, 60)
        plant.delay = 0.01
        pass_calls(plant, 540)
        assert plant.wire is not None
        plant.wire.close()  # the device closes the connection
        pass_calls(plant, 300)
        plant.meddle = lambda request, answer: answer if rng.random() < 0.5 else bytes([request[0] | 0x80, 6])
        pass_calls(plant, 600)
        plant.meddle = lambda request, answer: answer
        pass_calls(plant, 300)
    outages: dict[str, int] = {
        name: len([text for text in logged if f"unit {name} (address" in text]) for name in expected
    }
    back = {name: len([text for text in logged if f"unit {name} answers again" in text]) for name in expected}
    assert outages == back
    assert all(expected[name] <= outages[name] <= expected[name] + HOURS for name in expected), outages
    early, late = sizes
    assert late <= early + 60
    assert plant.status()["units"]["meter"]["alive"] and plant.status()["units"]["pump"]["alive"]


def check_values(plant: Plant) -> bool:
    """Each unit only ever said its own number."""
    right: dict[str, Any] = {"meter": 101, "pump": 102}
    events = [(topic.split(".")[1], value) for topic, value, _ in plant.session.events if topic.endswith((".v", ".w"))]
    assert events
    return all(value == right[unit] for unit, value in events)
