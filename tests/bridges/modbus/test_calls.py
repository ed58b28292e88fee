"""What callers may do: read now, write what may be written, and any place if that is configured."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred

from tests.bridges.modbus.plant import Plant

PUMP = {
    "unit": 2,
    "values": {
        "target": {
            "register": "40011", "format": "int16", "scale": 0.1, "round": 1, "min": -40, "max": 90,
            "write": {"min": 5},
        },
        "limit": {"register": "40021", "format": "float32", "order": "CDAB", "write": {"read_back": True}},
        "mode": {"register": "40031", "enum": {0: "off", 1: "auto", 2: "hand"}, "write": {}},
        "on": {"table": "coil", "address": 5, "write": {}},
        "old": {"table": "coil", "address": 6, "write": {"function": "multiple"}},
        "valves": {"table": "coil", "address": 8, "length": 3, "write": {}},
        "name": {"register": "40041", "format": "string", "length": 4, "write": {}},
        "energy": {"register": "40051", "format": "uint32", "poll": False, "write": {"function": "multiple"}},
        "speed": {"register": "30001"},
        "level": {"register": "40061", "format": "int16", "scale": 0.1, "poll": False, "write": {}},
    },
}  # fmt: skip


@pytest.fixture
def pump(plant: Plant) -> Plant:
    plant.open(interval=60, units={"pump": PUMP})
    plant.asked()
    return plant


def test_nothing_is_written_at_start_reconnect_or_stop(plant: Plant) -> None:
    """Only callers write."""
    plant.open(interval=1, units={"pump": PUMP})
    plant.pass_time(5)
    assert plant.wire
    plant.wire.close()
    plant.pass_time(5)
    plant.bridge.stop()
    plant.bridge.start(plant.session)
    plant.pass_time(5)
    assert {request.split()[1] for request in plant.asked()} <= {"01", "02", "03", "04"}


@pytest.mark.parametrize(
    ("name", "value", "request_", "result"),
    [
        ("target", 21.5, "06 00 0a 00 d7", 21.5),
        ("target", 21.53, "06 00 0a 00 d7", 21.5),
        ("target", 30, "06 00 0a 01 2c", 30),
        ("mode", "hand", "06 00 1e 00 02", "hand"),
        ("on", True, "05 00 05 ff 00", True),
        ("on", 0, "05 00 05 00 00", False),
        ("old", True, "0f 00 06 00 01 01 01", True),
        ("valves", [True, False, True], "0f 00 08 00 03 01 05", [True, False, True]),
        ("name", "Pump 1", "10 00 28 00 04 08 50 75 6d 70 20 31 00 00", "Pump 1"),
        ("energy", 70000.0, "10 00 32 00 02 04 00 01 11 70", 70000),
    ],
)
def test_set(pump: Plant, name: str, value: Any, request_: str, result: Any) -> None:
    """scale, offset and enum are undone; the result is the value as it will be read."""
    assert pump.call(f"pump.{name}.set", value) == result
    assert pump.asked() == [f"2: {request_}"]
    assert pump.call("read", f"pump.{name}") == result


@pytest.mark.parametrize(
    ("name", "args", "why"),
    [
        ("target", [4.9], "pump.target: 4.9 is not within its limits, 5 to 90"),
        ("target", [90.1], "not within its limits"),
        ("target", [float("nan")], "not within its limits"),
        ("target", ["warm"], "'warm' is no number"),
        ("target", [True], "no number"),
        ("target", [], "one argument"),
        ("target", [20, 21], "one argument"),
        ("mode", ["fast"], "'fast' is none of off, auto, hand"),
        ("mode", [1], "1 is none of"),
        ("on", [2], "true or false"),
        ("on", ["yes"], "true or false"),
        ("valves", [True], "list of them"),
        ("valves", [[True, False]], "list of them"),
        ("valves", [[1, 0, 1]], "list of them"),
        ("name", ["A name too long"], "does not fit into 8 bytes"),
        ("energy", [-1], "does not fit into uint32"),
        ("energy", [1.5], "no whole number"),
        ("energy", [1e300], "does not fit into uint32"),
        ("limit", [1e300], "does not fit into float32"),
        ("limit", [10**400], "does not fit into float32"),
        ("limit", [float("inf")], "no finite number"),
        ("level", [float("inf")], "does not fit into int16"),
        ("level", [float("nan")], "does not fit into int16"),
        ("level", [10**400], "does not fit into int16"),
    ],
)
def test_what_cannot_be_set_is_not_sent(pump: Plant, name: str, args: list[Any], why: str) -> None:
    uri, text = pump.refusal(f"pump.{name}.set", *args)
    assert uri == "wamp.error.invalid_argument"
    assert why in text
    assert pump.asked() == []


def test_values_without_write_have_no_procedure(pump: Plant) -> None:
    assert "plant.pump.speed.set" not in pump.session.procedures
    assert "plant.read_raw" not in pump.session.procedures


def test_read_back(pump: Plant) -> None:
    """It is read after it was written, and published as a reading."""
    assert pump.call("pump.limit.set", 0.1) == pytest.approx(0.1)
    assert pump.asked() == ["2: 10 00 14 00 02 04 cc cd 3d cc", "2: 03 00 14 00 02"]
    assert pump.values("pump.limit")[-1] == pytest.approx(0.1)


def test_a_slave_that_does_not_take_a_value_is_found_out(pump: Plant) -> None:
    """It said yes, and kept what it had."""
    written = []

    def keeps(request: bytes, answer: bytes) -> bytes:
        if request[0] == 16:
            written.append(request)
            pump.slaves[2].put("holding", 20, struct.pack(">f", 0.0))
        return answer

    pump.meddle = keeps
    uri, text = pump.refusal("pump.limit.set", 1.5)
    assert (uri, text) == ("edge.error.not_taken", "pump.limit was written, but reads 0.0, not 1.5")
    assert len(written) == 1


def test_a_write_is_not_repeated(pump: Plant) -> None:
    """Nobody knows whether it was done; the caller is told so."""
    pump.dead = {2}
    uri, text = pump.refusal("pump.on.set", True)
    assert uri == "edge.error.no_answer"
    assert text == "pump.on (coil 5): no answer within 1 s; it may have been done all the same"
    assert pump.asked() == ["2: 05 00 05 ff 00"]


def test_a_write_that_is_refused(pump: Plant) -> None:
    pump.meddle = lambda request, answer: bytes([request[0] | 0x80, 4])
    assert pump.refusal("pump.on.set", True) == (
        "edge.error.refused", "pump.on (coil 5): exception 4, server device failure",
    )  # fmt: skip


def test_a_write_does_not_wait_for_a_connection(pump: Plant) -> None:
    """What was asked for now does not happen later."""
    assert pump.wire
    pump.accepts = False
    pump.wire.close()
    pump.pass_time(0.1)
    assert pump.refusal("pump.on.set", True)[0] == "edge.error.device_away"
    pump.accepts = True
    pump.pass_time(100)
    assert not [request for request in pump.asked() if request.startswith("2: 05")]


def test_what_waits_fails_with_the_connection(pump: Plant) -> None:
    pump.dead = {2}
    first, second = (pump.session.procedures["plant.pump.on.set"](on) for on in (True, False))
    errors: list[Any] = []
    first.addErrback(errors.append)
    second.addErrback(errors.append)
    assert pump.wire
    pump.wire.close()
    pump.pass_time(0.1)
    assert [error.value.uri for error in errors] == ["edge.error.device_away"] * 2
    assert pump.asked() == ["2: 05 00 05 ff 00"]


def test_callers_come_before_polls(plant: Plant) -> None:
    values = {f"v{number}": {"table": "holding", "address": number * 20} for number in range(9)}
    plant.make(interval=60, units={"pump": {"unit": 2, "values": values}}, raw_access="write").start(plant.session)
    plant.connect()
    plant.pass_time(0.02)
    plant.session.procedures["plant.write_raw"]("pump", "coil", 0, [True])
    plant.pass_time(1)
    assert plant.asked()[2:4] == ["2: 0f 00 00 00 01 01 01", "2: 03 00 28 00 01"]


def test_the_queue_of_callers_is_bounded(plant: Plant) -> None:
    plant.open(max_waiting=2, units={"pump": PUMP})
    plant.dead = {2}
    waiting = [plant.session.procedures["plant.pump.on.set"](True) for _ in range(3)]
    assert plant.refusal("pump.on.set", True)[0] == "edge.error.queue_full"
    for one in waiting:
        one.addErrback(lambda _: None)


def test_a_call_that_is_canceled_before_it_was_sent_is_not_sent(pump: Plant) -> None:
    pump.delay = 0.5
    first = pump.session.procedures["plant.pump.on.set"](True)
    second = pump.session.procedures["plant.pump.on.set"](False)
    errors: list[Any] = []
    second.addErrback(errors.append)
    second.cancel()
    pump.pass_time(3)
    assert errors[0].check(CancelledError)
    assert pump.asked() == ["2: 05 00 05 ff 00"]
    assert first.result is True


def test_a_call_that_is_canceled_after_it_was_sent_leaves_the_bus_in_order(pump: Plant) -> None:
    pump.delay = 0.5
    first = pump.session.procedures["plant.pump.on.set"](True).addErrback(lambda _: None)
    pump.pass_time(0.1)
    first.cancel()
    assert pump.call("pump.on.set", False) is False
    assert pump.asked() == ["2: 05 00 05 ff 00", "2: 05 00 05 00 00"]


# --- reading ---------------------------------------------------------------------------------------------------------


def test_read_of_several(pump: Plant) -> None:
    """By name; neighbours together; all is published as a poll would."""
    pump.slaves[2].put("input", 0, b"\x05\xdc")
    assert pump.call("read", "pump.speed", "pump.on") == {"pump.on": False, "pump.speed": 1500}
    assert pump.values("pump.speed")[-1] == 1500
    assert set(pump.call("read", "pump")) == {f"pump.{name}" for name in PUMP["values"]}  # type: ignore[attr-defined]


@pytest.mark.parametrize("args", [[], ["pump.nothing"], [5], ["speed"]])
def test_read_of_what_is_not_there(pump: Plant, args: list[Any]) -> None:
    assert pump.refusal("read", *args)[0] == "wamp.error.invalid_argument"


def test_read_of_a_bad_value_is_null(pump: Plant) -> None:
    pump.slaves[2].put("holding", 10, b"\x7f\xff")
    assert pump.call("read", "pump.target") is None


def test_read_is_repeated_once(pump: Plant) -> None:
    pump.dead = {2}
    assert pump.refusal("read", "pump.speed")[0] == "edge.error.no_answer"
    assert pump.asked() == ["2: 04 00 00 00 01"] * 2


# --- any place -------------------------------------------------------------------------------------------------------


def test_raw(plant: Plant) -> None:
    plant.open(raw_access="write", units={"pump": PUMP})
    assert plant.call("write_raw", "pump", "holding", 3, [1, 65535]) is None
    assert plant.call("read_raw", 2, "holding", 3, 2) == [1, 65535]
    assert plant.call("read_raw", 1, "holding", 3) == [0]
    plant.call("write_raw", 2, "coil", 0, [True, False, True])
    assert plant.call("read_raw", "pump", "coil", 0, 4) == [True, False, True, False]


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("read_raw", ["pump", "holding"]),
        ("read_raw", ["mill", "holding", 0]),
        ("read_raw", [256, "holding", 0]),
        ("read_raw", [True, "holding", 0]),
        ("read_raw", [1, "tape", 0]),
        ("read_raw", [1, "holding", -1]),
        ("read_raw", [1, "holding", 65535, 2]),
        ("read_raw", [1, "holding", 0, 126]),
        ("read_raw", [1, "coil", 0, 2001]),
        ("read_raw", [1, "coil", "0"]),
        ("write_raw", [1, "holding", 0, 5]),
        ("write_raw", [1, "holding", 0, []]),
        ("write_raw", [1, "holding", 0, [65536]]),
        ("write_raw", [1, "holding", 0, [True]]),
        ("write_raw", [1, "coil", 0, [1]]),
        ("write_raw", [1, "input", 0, [1]]),
        ("write_raw", [1, "discrete", 0, [True]]),
        ("write_raw", [1, "holding", 0, [0] * 124]),
    ],
)
def test_raw_arguments_are_checked(plant: Plant, name: str, args: list[Any]) -> None:
    plant.open(raw_access="write", units={"pump": PUMP})
    plant.asked()
    assert plant.refusal(name, *args)[0] == "wamp.error.invalid_argument"
    assert plant.asked() == []


def test_raw_read_alone(plant: Plant) -> None:
    plant.open(raw_access="read")
    assert {"plant.read_raw", "plant.write_raw"} & set(plant.session.procedures) == {"plant.read_raw"}


def test_callers_do_not_keep_polls_off(plant: Plant) -> None:
    """However many there are."""
    plant.open(interval=0.1, raw_access="read", units={"pump": {"unit": 2, "values": {"speed": {"register": "30001"}}}})

    def again(_result: Any) -> None:
        plant.session.procedures["plant.read_raw"]("pump", "coil", 0).addBoth(again)

    for _ in range(8):
        again(None)
    before = len(plant.values("pump"))
    plant.pass_time(2)
    assert len(plant.values("pump")) - before > 10
    plant.session.procedures["plant.read_raw"] = lambda *args: Deferred()


def test_a_dead_unit_that_answers_a_caller_is_back(plant: Plant, logged: list[str]) -> None:
    """It is polled at its pace from then on."""
    plant.open(interval=1, units={"pump": {"unit": 2, "values": {"speed": {"register": "30001"}}}})
    plant.dead = {2}
    plant.pass_time(40)
    assert not plant.status()["units"]["pump"]["alive"]
    plant.dead = set()
    assert plant.call("read", "pump.speed") == 0
    assert plant.status()["units"]["pump"]["alive"]
    assert logged[-1] == "plant: unit pump answers again"
    before = len(plant.values("pump"))
    plant.pass_time(5)
    assert len(plant.values("pump")) - before >= 4
