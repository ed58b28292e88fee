"""A Modbus bridge: rounds of polling, values as topics, exceptions, slaves that do not answer, connections that end."""

from __future__ import annotations

import re
import struct
from typing import Any

import pytest

from tests.bridges.modbus.plant import WALL, Plant

METER = {
    "unit": 1,
    "values": {
        "voltage": {"table": "input", "address": 0, "format": "float32", "round": 1, "unit": "V"},
        "power": {"table": "input", "address": 4, "format": "int16", "scale": 0.1, "round": 1},
        "running": {"table": "coil", "address": 3},
    },
}
PUMP = {"unit": 2, "values": {"speed": {"register": "40011"}}}
READ_METER = ["1: 01 00 03 00 01", "1: 04 00 00 00 05"]
READ_PUMP = ["2: 03 00 0a 00 01"]


def fill(plant: Plant, voltage: float = 230.04, power: int = -152) -> None:
    plant.slaves[1].put("input", 0, struct.pack(">fhhh", voltage, 99, 99, power))
    plant.slaves[1].tables["coil"][3] = 1
    plant.slaves[2].put("holding", 10, struct.pack(">H", 1450))


# --- values ----------------------------------------------------------------------------------------------------------


def test_a_round_is_an_event_and_each_value_has_a_topic(plant: Plant) -> None:
    """args [value], kwargs {bridge, seq, ts, ts_quality}, and the unit of the value."""
    fill(plant)
    plant.open(units={"meter": METER})
    assert plant.values("meter") == [{"running": True, "voltage": 230.0, "power": -15.2}]
    assert plant.values("meter.voltage") == [230.0]
    about = plant.session.last("plant.meter")[1]
    assert {**about, "ts": 0} == {"bridge": "plant", "seq": 1, "ts": 0, "ts_quality": "synced"}
    assert WALL * 1000 <= about["ts"] <= (WALL + 1) * 1000
    assert plant.session.last("plant.meter.voltage") == (230.0, {**about, "unit": "V"})
    assert plant.status()["readings"] == 3


def test_neighbours_are_read_in_one_request(plant: Plant) -> None:
    """The two registers between the values are read along: a request would cost more."""
    plant.open(units={"meter": METER})
    assert plant.asked() == READ_METER


def test_each_unit_is_polled_at_its_interval(plant: Plant) -> None:
    plant.open(interval=10, units={"meter": METER, "pump": {**PUMP, "interval": 3}})
    plant.asked()
    plant.pass_time(30)
    asked = plant.asked()
    assert asked.count(READ_METER[0]) == asked.count(READ_METER[1]) == 3
    assert asked.count(READ_PUMP[0]) == 10


def test_a_value_may_have_an_interval_of_its_own(plant: Plant) -> None:
    values = {"fast": {"register": "40001", "interval": 1}, "slow": {"register": "40002"}}
    plant.open(units={"pump": {"unit": 2, "values": values}})
    plant.pass_time(10)
    assert (len(plant.values("pump.fast")), len(plant.values("pump.slow"))) == (11, 2)
    assert plant.values("pump")[-1] == {"fast": 0}, "a frame has what was read just now, nothing older"


def test_a_value_that_is_not_polled_is_not_read(plant: Plant) -> None:
    plant.open(units={"pump": {"unit": 2, "values": {"speed": {"register": "40011", "poll": False}}}})
    assert plant.asked() == []


def test_a_bit_of_a_register(plant: Plant) -> None:
    plant.slaves[2].tables["holding"][0] = 0x0009
    values = {name: {"register": "40001", "bit": bit} for name, bit in (("on", 0), ("alarm", 1), ("fault", 3))}
    plant.open(units={"pump": {"unit": 2, "values": values}})
    assert plant.values("pump") == [{"on": True, "alarm": False, "fault": True}]


def test_lists_of_bits(plant: Plant) -> None:
    plant.slaves[2].tables["discrete"][5:8] = [1, 0, 1]
    plant.open(units={"pump": {"unit": 2, "values": {"inputs": {"table": "discrete", "address": 5, "length": 3}}}})
    assert plant.values("pump.inputs") == [[True, False, True]]


def test_the_pipeline_is_that_of_every_bridge(plant: Plant) -> None:
    fill(plant)
    speed = {"register": "40011", "enum": {1450: "full", 0: "off"}, "deadband": 0}
    plant.open(interval=1, units={"pump": {"unit": 2, "values": {"speed": speed}}})
    plant.pass_time(3)
    plant.slaves[2].tables["holding"][10] = 0
    plant.pass_time(3)
    assert plant.values("pump.speed") == ["full", "off"]


@pytest.mark.parametrize(
    ("option", "voltage", "error"),
    [
        ({"max": 250}, 251.0, "meter.voltage: 251.0 is above max 250"),
        ({}, float("nan"), "meter.voltage: nan is no value"),
        ({"format": "string", "length": 2}, struct.unpack(">f", b"\xff\xff\1\2")[0], "meter.voltage: b'.*is no text"),
    ],
)
def test_a_bad_value_is_null_and_the_others_are_not(
    plant: Plant, option: dict[str, Any], voltage: float, error: str
) -> None:
    """Its registers came with a checksum: what is wrong with it says nothing about its neighbours."""
    fill(plant)
    plant.slaves[1].put("input", 0, struct.pack(">f", voltage))
    value = {"table": "input", "address": 0, "format": "float32", **option}
    plant.open(units={"meter": {**METER, "values": {**METER["values"], "voltage": value}}})  # type: ignore[dict-item]
    assert plant.values("meter") == [{"voltage": None, "power": -15.2, "running": True}]
    assert plant.values("meter.voltage") == []
    status = plant.status()
    assert status["bad"] == 1
    assert re.match(error, status["last_error"])


def test_a_reading_that_means_none(plant: Plant) -> None:
    plant.slaves[2].tables["holding"][0] = 0x8000
    value = {"register": "40001", "format": "int16", "reject": [-32768]}
    plant.open(units={"pump": {"unit": 2, "values": {"t": value}}})
    assert plant.values("pump") == [{"t": None}]
    assert plant.status()["no_reading"] == 1


# --- exceptions ------------------------------------------------------------------------------------------------------


def test_registers_that_cannot_be_read_together_are_read_apart(plant: Plant, logged: list[str]) -> None:
    """A device that refuses addresses between the values; learned once, and told."""
    fill(plant)
    plant.meddle = lambda request, answer: b"\x84\x02" if request == bytes.fromhex("04 00 00 00 05") else answer
    plant.open(interval=1, units={"meter": METER})
    plant.pass_time(2)
    assert plant.values("meter")[0] == {"running": True, "voltage": 230.0, "power": -15.2}
    apart = ["1: 01 00 03 00 01", "1: 04 00 00 00 02", "1: 04 00 04 00 01"]
    assert plant.asked() == [*READ_METER, *apart[1:], *apart, *apart]
    assert [text for text in logged if "cannot be read in one request" in text] == [
        "plant: meter.voltage (input 0 to 1), meter.power (input 4) cannot be read in one request "
        "(exception 2, illegal data address); from now on each by itself"
    ]


def test_an_exception_is_told_once_by_name_and_register(plant: Plant, logged: list[str]) -> None:
    """And again when it is over. The others of the unit are read all the same, and the unit is alive."""
    values = {"a": {"register": "40300"}, "b": {"register": "30001"}}
    plant.open(interval=1, units={"pump": {"unit": 2, "values": values}})
    plant.pass_time(5)
    assert set(map(str, plant.values("pump"))) == {"{'a': None, 'b': 0}"}
    error = "pump.a (holding 299): exception 2, illegal data address"
    assert [text for text in logged if "exception" in text] == [f"plant: {error}"]
    assert plant.status()["last_error"] == error
    assert plant.status()["units"]["pump"]["alive"]
    plant.slaves[2].tables["holding"].extend([7] * 100)
    plant.pass_time(2)
    assert plant.values("pump.a") == [7, 7]
    assert logged[-1] == "plant: pump.a (holding 299) can be read again"


# --- slaves that do not answer ---------------------------------------------------------------------------------------


def test_a_dead_slave_does_not_slow_the_bus(plant: Plant, logged: list[str]) -> None:
    """Its polls would take 2 s of each: it is put aside after three, tried now and then, and told once."""
    plant.dead = {1}
    plant.open(interval=1, timeout=1, units={"meter": METER, "pump": PUMP})
    plant.pass_time(60)
    plant.asked()
    before = len(plant.values("pump"))
    plant.pass_time(60)
    asked = plant.asked()
    assert len(plant.values("pump")) - before >= 57
    assert 1 <= asked.count(READ_METER[0]) <= 3, "about every 30 s, without retries, and not the rest of the round"
    error = "unit meter (address 1) does not answer: no answer within 1 s"
    assert [text for text in logged if "does not answer" in text] == [f"plant: {error}; it is tried now and then"]
    assert plant.status()["last_error"] == error
    assert plant.status()["units"]["meter"]["alive"] is False
    assert plant.status()["units"]["pump"]["alive"] is True


def test_a_slave_that_is_back_is_told_once_and_polled_at_its_pace(plant: Plant, logged: list[str]) -> None:
    plant.dead = {1}
    plant.open(interval=1, units={"meter": METER})
    plant.pass_time(100)
    plant.dead = set()
    plant.pass_time(40)
    assert logged[-1] == "plant: unit meter answers again"
    assert plant.status()["units"]["meter"]["alive"]
    before = len(plant.values("meter"))
    plant.pass_time(10)
    assert len(plant.values("meter")) == before + 10


def test_values_of_a_dead_slave_become_stale_and_are_not_repeated(plant: Plant) -> None:
    """An old value never looks new."""
    value = {"register": "40011", "stale_after": 30, "max_interval": 5}
    plant.open(interval=1, units={"pump": {"unit": 2, "values": {"speed": value}}})
    plant.dead = {2}
    plant.pass_time(10)
    before = len(plant.values("pump.speed"))
    plant.pass_time(60)
    assert len(plant.values("pump.speed")) == before + 1
    assert plant.session.last("plant.pump.speed")[1]["stale"] is True
    assert plant.status()["stale"] == ["pump.speed"]


def test_a_lost_answer_is_asked_for_again(plant: Plant) -> None:
    """Once, by default; the round goes on."""
    fill(plant)
    plant.dead = {1}
    plant.make(units={"meter": METER}).start(plant.session)
    plant.connect()
    plant.pass_time(0.5)
    plant.dead = set()
    plant.pass_time(2)
    assert plant.values("meter")
    assert plant.asked() == [READ_METER[0], *READ_METER]
    assert plant.status()["timeouts"] == 1


def test_a_late_answer_is_not_taken_for_another_requests(plant: Plant) -> None:
    """Of two values with the same number of registers."""
    plant.slaves[2].tables["holding"][0], plant.slaves[2].tables["holding"][50] = 11, 22
    values = {"a": {"register": "40001"}, "b": {"register": "40051"}}
    plant.delay = 1.5
    plant.open(interval=60, retries=0, dead_after=100, units={"pump": {"unit": 2, "values": values}})
    plant.pass_time(5)
    plant.delay = 0.01
    plant.pass_time(120)
    assert plant.values("pump") == [{"a": 11, "b": 22}] * 2
    assert plant.status()["late"] == 1


def test_a_gateway_that_does_not_reach_its_slave_is_no_exception_of_the_value(plant: Plant) -> None:
    plant.meddle = lambda request, answer: bytes([request[0] | 0x80, 11])
    plant.open(interval=1, units={"pump": PUMP})
    plant.pass_time(5)
    assert plant.status()["units"]["pump"] == {
        "unit": 2, "alive": False, "answers": 0, "missed": plant.status()["units"]["pump"]["missed"], "exceptions": 0,
    }  # fmt: skip
    assert "gateway target device failed to respond" in plant.status()["last_error"]
    assert plant.values("pump") == []


def test_rounds_that_the_bus_is_too_slow_for_are_left_out(plant: Plant) -> None:
    """The others keep their times."""
    plant.delay = 0.6
    plant.open(interval=1, units={"meter": METER, "pump": PUMP})
    plant.pass_time(20)
    assert plant.status()["late_rounds"] > 5
    assert len(plant.values("pump")) > 5


# --- connections -----------------------------------------------------------------------------------------------------


def test_a_connection_that_is_refused_is_told_once_and_tried_for_ever(plant: Plant, logged: list[str]) -> None:
    plant.accepts = False
    plant.make(units={"pump": PUMP}).start(plant.session)
    for _ in range(20):
        plant.refuse()
        plant.pass_time(31, 0.5)
    assert len(plant.reactor.tcpClients) >= 20
    assert plant.session.values("plant.status") == ["away"]
    assert len([text for text in logged if "is away" in text]) == 1
    assert plant.status()["device"] == "127.0.0.1:502"
    plant.connect()
    assert plant.session.values("plant.status") == ["away", "open"]


def test_a_connection_that_worked_and_is_closed_is_made_again_without_a_word(plant: Plant, logged: list[str]) -> None:
    """Some devices close idle connections."""
    plant.open(interval=10, units={"pump": PUMP})
    assert plant.wire
    plant.wire.close()
    plant.pass_time(20)
    assert len(plant.reactor.tcpClients) == 2
    assert plant.session.values("plant.status") == ["open"]
    assert len(plant.values("pump")) == 3, "at its pace, not with each connection"
    assert not [text for text in logged if "away" in text]


def test_a_connection_that_is_closed_and_cannot_be_made_again_is_away(plant: Plant) -> None:
    plant.open(units={"pump": PUMP})
    assert plant.wire
    plant.accepts = False
    plant.wire.close()
    plant.pass_time(1)
    plant.refuse()
    assert plant.session.values("plant.status") == ["open", "away"]
    assert plant.refusal("read", "pump")[0] == "edge.error.device_away"


def test_a_connection_on_which_nothing_is_answered_is_made_anew(plant: Plant) -> None:
    """A device that lost its power does not close its connections."""
    plant.open(interval=1, dead_after=100, retries=0, units={"pump": PUMP})
    plant.dead = {2}
    plant.pass_time(12)
    assert len(plant.reactor.tcpClients) == 2


def test_what_is_no_modbus_ends_the_connection(plant: Plant) -> None:
    plant.open(interval=1, units={"pump": PUMP})
    assert plant.wire
    plant.wire.protocol.dataReceived(b"HTTP/1.1 200 OK\r\n\r\n")
    plant.pass_time(1)
    assert len(plant.reactor.tcpClients) == 2


def test_stop_ends_everything(plant: Plant) -> None:
    """Also in the middle of a request; the fixture looks for timers."""
    plant.open(interval=1, units={"pump": PUMP})
    plant.dead = {2}
    plant.pass_time(0.5)
    plant.bridge.stop()
    plant.bridge.stop()
    plant.pass_time(5)
    assert plant.wire and not plant.wire.connected
    assert plant.session.procedures == {}
    assert plant.session.values("plant.status") == ["open", "stopped"]
    assert len(plant.reactor.tcpClients) == 1


def test_it_can_be_started_again(plant: Plant) -> None:
    plant.open(units={"pump": PUMP})
    plant.bridge.stop()
    plant.bridge.start(plant.session)
    plant.connect()
    plant.pass_time(1)
    assert plant.session.values("plant.status") == ["open", "stopped", "open"]


def test_construction_does_nothing(plant: Plant) -> None:
    plant.make(units={"pump": PUMP})
    assert not plant.reactor.tcpClients
    assert not plant.reactor.getDelayedCalls()
