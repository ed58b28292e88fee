"""What callers may do: read values now, write those that may be written, and reach any place if that is configured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from twisted.internet.defer import CancelledError, Deferred, inlineCallbacks
from twisted.python.failure import Failure

from bridges.modbus.bus import Bus, BusAway, BusFull, NoAnswer
from bridges.modbus.config import ModbusConfig
from bridges.modbus.pdu import (
    BIT_TABLES,
    EXCEPTIONS,
    MAX_BITS,
    MAX_REGISTERS,
    MAX_WRITE_BITS,
    MAX_WRITE_REGISTERS,
    NOT_REACHED,
    READ,
    Refused,
    read,
    unpack_bits,
    unpack_registers,
    write_coils,
    write_registers,
)
from bridges.modbus.planning import Block, Limits, plan
from bridges.modbus.points import Point
from bridges.modbus.slaves import Slave
from bridges.values import BadValue, shown
from edge_router.client import CallError

DEVICE_AWAY: Final = "edge.error.device_away"
QUEUE_FULL: Final = "edge.error.queue_full"
NO_ANSWER: Final = "edge.error.no_answer"
REFUSED: Final = "edge.error.refused"
NOT_TAKEN: Final = "edge.error.not_taken"
INVALID_ARGUMENT: Final = "wamp.error.invalid_argument"

#: takes a value that a caller had read, and gives it as it is published, or None
Take = Callable[[Point, Any], Any]


class Calls:
    """The procedures of one bridge.

    config: its section. slaves: unit -> slave. bus: where. limits: of one request. take: what is done with readings.
    answered: called with the address of a unit that has answered.
    """

    def __init__(
        self,
        config: ModbusConfig,
        slaves: Mapping[str, Slave],
        bus: Bus,
        limits: Limits,
        take: Take,
        answered: Callable[[int], object],
    ) -> None:
        self._config = config
        self._slaves = slaves
        self._points = {name: (slave, point) for slave in slaves.values() for name, point in slave.points.items()}
        self._bus = bus
        self._limits = limits
        self._take = take
        self._answered = answered

    def handlers(self) -> dict[str, Callable[..., Any]]:
        """Name below the bridge's topic -> handler."""
        found: dict[str, Callable[..., Any]] = {"read": self._read}
        for name, (slave, point) in self._points.items():
            if point.config.write is not None:
                found[f"{name}.set"] = self._setter(slave, point)
        if self._config.raw_access != "none":
            found["read_raw"] = self._read_raw
        if self._config.raw_access == "write":
            found["write_raw"] = self._write_raw
        return found

    # --- values -----------------------------------------------------------------------------------------------------

    def _read(self, *args: Any, **kwargs: Any) -> Deferred[Any]:
        """Read values now, and publish them as a poll would.

        args: names, `unit.value` or `unit` for all of it. Result: of one value, the value; else {name: value}, with
        null for what could not be made a value.
        """
        if not args or kwargs or not all(isinstance(name, str) for name in args):
            raise CallError(INVALID_ARGUMENT, "names of values are expected, as meter.voltage, or of units")
        wanted: dict[str, Point] = {}
        for name in args:
            wanted.update(self._named(name))
        return self._read_points(list(wanted.values()), args[0] if len(args) == 1 and args[0] in wanted else None)

    def _named(self, name: str) -> dict[str, Point]:
        if name in self._slaves:
            return dict(self._slaves[name].points)
        if name not in self._points:
            raise CallError(INVALID_ARGUMENT, f"{shown(name)} is none of {', '.join([*self._slaves, *self._points])}")
        return {name: self._points[name][1]}

    @inlineCallbacks
    def _read_points(self, points: list[Point], only: str | None) -> Any:
        found: dict[str, Any] = {}
        for slave in self._slaves.values():
            mine = [point.place for point in points if slave.points.get(point.name) is point]
            for block in plan(mine, self._limits):
                data = yield self._ask(slave.unit, read(block.table, block.address, block.size), str(block))
                found.update(self._values(slave, block, data))
        return found if only is None else found[only]

    def _values(self, slave: Slave, block: Block, data: bytes) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for place in block.places:
            point = slave.points[place.name]
            try:
                found[place.name] = self._take(point, point.raw(block, data))
            except BadValue:
                found[place.name] = None
        return found

    def _setter(self, slave: Slave, point: Point) -> Callable[..., Any]:
        def set_value(*args: Any, **kwargs: Any) -> Deferred[Any]:
            """Write the value. args: [value]. Result: the value as it will be read, rounded to what fits."""
            if len(args) != 1 or kwargs:
                raise CallError(INVALID_ARGUMENT, f"one argument is expected: the value of {point.name}")
            try:
                pdu, expected = point.request(args[0])
            except BadValue as error:
                raise CallError(INVALID_ARGUMENT, f"{point.name}: {error}") from None
            return self._write(slave, point, pdu, expected)

        return set_value

    @inlineCallbacks
    def _write(self, slave: Slave, point: Point, pdu: bytes, expected: Any) -> Any:
        yield self._ask(slave.unit, pdu, str(point.place), writes=True)
        assert point.config.write is not None
        if point.config.write.read_back:
            place = point.place
            block = Block(place.table, place.address, place.size, (place,))
            data = yield self._ask(slave.unit, read(place.table, place.address, place.size), str(place))
            value = self._values(slave, block, data)[point.name]
            if value != expected:
                text = f"{point.name} was written, but reads {shown(value)}, not {shown(expected)}"
                raise CallError(NOT_TAKEN, text, value=value)
        return expected

    # --- any place --------------------------------------------------------------------------------------------------

    def _read_raw(self, *args: Any, **kwargs: Any) -> Deferred[Any]:
        """args: [unit, table, address, count], the unit by name or address, one of a count left out. Result: a list of
        bools or of registers as numbers from 0 to 65535.
        """
        if kwargs or not 3 <= len(args) <= 4:
            raise CallError(INVALID_ARGUMENT, "expected are unit, table, address and how many")
        unit, table, address, count = *args[:3], args[3] if len(args) == 4 else 1
        number = self._unit(unit)
        if table not in READ:
            raise CallError(INVALID_ARGUMENT, f"{shown(table)} is no table; there are {', '.join(READ)}")
        _check_range(address, count, MAX_BITS if table in BIT_TABLES else MAX_REGISTERS)
        asked = self._ask(number, read(table, address, count), f"{table} {address}")
        if table in BIT_TABLES:
            return asked.addCallback(unpack_bits, count)
        return asked.addCallback(unpack_registers)

    def _write_raw(self, *args: Any, **kwargs: Any) -> Deferred[Any]:
        """args: [unit, table, address, values], with `coil` and bools, or `holding` and numbers from 0 to 65535."""
        if kwargs or len(args) != 4 or not isinstance(args[3], list):
            raise CallError(INVALID_ARGUMENT, "expected are unit, table, address and a list of values")
        unit, table, address, values = args
        number = self._unit(unit)
        _check_range(address, len(values), MAX_WRITE_BITS if table == "coil" else MAX_WRITE_REGISTERS)
        if table == "coil" and all(type(value) is bool for value in values):
            pdu = write_coils(address, values)
        elif table == "holding" and all(type(value) is int and 0 <= value <= 0xFFFF for value in values):
            pdu = write_registers(address, values)
        else:
            raise CallError(INVALID_ARGUMENT, "expected are coil and bools, or holding and numbers from 0 to 65535")
        return self._ask(number, pdu, f"{table} {address}", writes=True).addCallback(lambda _: None)

    def _unit(self, unit: Any) -> int:
        if isinstance(unit, str) and unit in self._slaves:
            return self._slaves[unit].unit
        lowest, highest = (1, 247) if self._config.form == "rtu" else (0, 255)
        if type(unit) is not int or not lowest <= unit <= highest:
            text = f"{shown(unit)} is no unit; there are {', '.join(self._slaves)}, and {lowest} to {highest}"
            raise CallError(INVALID_ARGUMENT, text)
        return unit

    # --- asking -----------------------------------------------------------------------------------------------------

    def _ask(self, unit: int, pdu: bytes, what: str, writes: bool = False) -> Deferred[bytes]:
        """Only what does no harm when it is done twice is repeated."""
        try:
            asked = self._bus.call(unit, pdu, 0 if writes else self._config.retries)
        except BusAway as error:
            raise CallError(DEVICE_AWAY, str(error)) from None
        except BusFull as error:
            raise CallError(QUEUE_FULL, str(error)) from None
        asked.addCallbacks(self._has_answered, self._has_failed, callbackArgs=(unit,), errbackArgs=(unit,))
        return asked.addErrback(_explained, what, writes)

    def _has_answered(self, data: bytes, unit: int) -> bytes:
        self._answered(unit)
        return data

    def _has_failed(self, failure: Failure, unit: int) -> Failure:
        """An exception is an answer, too, unless it is of a gateway that has none."""
        error = failure.value
        if isinstance(error, Refused) and error.code not in NOT_REACHED:
            self._answered(unit)
        return failure


def _check_range(address: Any, count: Any, most: int) -> None:
    if type(address) is not int or type(count) is not int or not 1 <= count <= most:
        raise CallError(INVALID_ARGUMENT, f"expected are an address from 0 to 65535, and 1 to {most} of them")
    if address < 0 or address + count > 65_536:
        raise CallError(INVALID_ARGUMENT, f"addresses go from 0 to 65535, not from {address} over {count}")


def _explained(failure: Failure, what: str, writes: bool) -> Any:
    error = failure.value
    if isinstance(error, Refused):
        name = EXCEPTIONS.get(error.code, "unknown")
        raise CallError(REFUSED, f"{what}: {error}", code=error.code, name=name)
    doubt = "; it may have been done all the same" if writes else ""
    if isinstance(error, NoAnswer):
        raise CallError(NO_ANSWER, f"{what}: {error}{doubt}")
    if isinstance(error, BusAway):
        raise CallError(DEVICE_AWAY, f"{what}: {error}{doubt}")
    failure.trap(CancelledError)
    return failure
