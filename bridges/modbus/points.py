"""One value of a unit: read out of registers, published through the pipeline, and put into registers again.

A value that is out of its range is null in the frame and not published, and the others are: its registers came with
a checksum, so that a bad value says nothing about its neighbours.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bridges.fields import NoReading, Transform
from bridges.modbus.config import ModbusValue
from bridges.modbus.formats import FLOATS, Order, decode, encode
from bridges.modbus.pdu import (
    BIT_TABLES,
    unpack_bits,
    unpack_registers,
    write_coil,
    write_coils,
    write_register,
    write_registers,
)
from bridges.modbus.planning import Block, Place
from bridges.pipeline import FieldTopic, Pipeline
from bridges.values import BadValue, shown

#: makes the pipeline of one value
MakePipeline = Callable[[str, ModbusValue], Pipeline]


class Point:
    """A value.

    name: of the value, with its unit's. unit: the address of the slave. config: its section. order: of the unit.
    pipeline: of this value alone.

    key: its name without the unit's. place: where it is. refused: the exception that its slave has for it, once told.
    """

    def __init__(self, name: str, unit: int, config: ModbusValue, order: Order, pipeline: Pipeline) -> None:
        self.name = name
        self.unit = unit
        self.config = config
        self.pipeline = pipeline
        self.place = Place(config.where, config.start, config.count, name)
        self.refused: int | None = None
        self.key = name.partition(".")[2]
        self._order = config.order or order
        self._published = Transform(config)
        self._raw_of = {_plain(shown_as): key for key, shown_as in (config.enum or {}).items()}

    # --- reading ----------------------------------------------------------------------------------------------------

    def raw(self, block: Block, data: bytes) -> Any:
        """What the bits or registers of an answer hold. Raises BadValue."""
        if self.place.table in BIT_TABLES:
            start = self.place.address - block.address
            bits = unpack_bits(data, block.size)[start : start + self.place.size]
            return bits[0] if self.config.length == 1 else bits
        value = decode(self.config.form, self._order, block.data_of(self.place, data))
        return value if self.config.bit is None else bool(value >> self.config.bit & 1)

    def transform(self, raw: Any) -> tuple[Any, list[tuple[FieldTopic, Any]]]:
        """The value to publish, and what the pipeline reports with its stamp. Raises BadValue."""
        frame = {self.name: raw}
        found = self.pipeline.transform(frame)
        return frame[self.name], found

    # --- writing ----------------------------------------------------------------------------------------------------

    def request(self, value: Any) -> tuple[bytes, Any]:
        """The request that writes a value, and the value that is read when it is there.

        value: as it is published. Raises BadValue for one that is out of its limits or no such value.
        """
        raw = self._undone(value)
        single = self.config.write is not None and self.config.write.function != "multiple"
        if self.place.table in BIT_TABLES:
            return self._coils(raw, single), self._will_read(raw, value)
        data = encode(self.config.form, self._order, self.config.length, raw)
        registers = unpack_registers(data)
        address = self.place.address
        one = single and len(registers) == 1
        pdu = write_register(address, registers[0]) if one else write_registers(address, registers)
        return pdu, self._will_read(decode(self.config.form, self._order, data), value)

    def _coils(self, raw: Any, single: bool) -> bytes:
        bits = raw if self.config.length > 1 else [raw]
        if type(bits) is not list or len(bits) != self.config.length or any(type(bit) is not bool for bit in bits):
            raise BadValue(f"{shown(raw)} is not {'true or false' if self.config.length == 1 else 'a list of them'}")
        if single and len(bits) == 1:
            return write_coil(self.place.address, bits[0])
        return write_coils(self.place.address, bits)

    def _will_read(self, raw: Any, value: Any) -> Any:
        try:
            return self._published(raw)
        except (BadValue, NoReading):
            return value

    def _undone(self, value: Any) -> Any:
        """What enum, offset and scale make of the value that is wanted."""
        if self.config.enum is not None:
            value = self._listed(value)
        else:
            self._check_limits(value)
        if self.config.scale is None and self.config.offset is None:
            return self._of_type(value)
        if type(value) not in (int, float):
            raise BadValue(f"{shown(value)} is no number")
        try:
            raw = (value - (self.config.offset or 0)) / (self.config.scale or 1)
            return raw if self.config.form in FLOATS else round(raw)
        except (OverflowError, ValueError):  # infinite, no number, or beyond a float
            raise BadValue(f"{shown(value)} does not fit into {self.config.form}") from None

    def _of_type(self, value: Any) -> Any:
        """A whole number may come as 21.0, and a coil as 1."""
        if type(value) is float and value.is_integer() and self.config.form not in FLOATS:
            return int(value)
        if self.config.form == "bool" and type(value) is int and value in (0, 1):
            return bool(value)
        return value

    def _listed(self, value: Any) -> Any:
        try:
            key = self._raw_of[_plain(value)]
        except KeyError:
            raise BadValue(f"{shown(value)} is none of {', '.join(self._raw_of)}") from None
        if self.config.form == "bool":
            return str(key).lower() in ("1", "true")
        try:
            return float(key) if self.config.form in FLOATS else int(key)
        except ValueError:
            return key

    def _check_limits(self, value: Any) -> None:
        write = self.config.write
        assert write is not None
        low = self.config.min if write.min is None else write.min
        high = self.config.max if write.max is None else write.max
        if low is None and high is None:
            return
        if type(value) not in (int, float):
            raise BadValue(f"{shown(value)} is no number")
        if not (low is None or low <= value) or not (high is None or value <= high):
            limits = f"{'' if low is None else f'{low:g}'} to {'' if high is None else f'{high:g}'}"
            raise BadValue(f"{shown(value)} is not within its limits, {limits}")


def _plain(value: Any) -> str:
    """How a name of an enum is told from others, whatever its type."""
    return str(value).lower() if type(value) is bool else str(value)
