"""Which bits and registers are read together: neighbours in one request, over gaps that are cheaper to read than to
skip.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Final, NamedTuple

from bridges.modbus.pdu import BIT_TABLES, Table

#: values that messages name; a request may have hundreds
NAMED: Final = 3


class Place(NamedTuple):
    """Where a value is. table, address, size: in bits or registers. name: of the value."""

    table: Table
    address: int
    size: int
    name: str

    @property
    def end(self) -> int:
        """The address after it."""
        return self.address + self.size

    def __str__(self) -> str:
        last = f" to {self.end - 1}" if self.size > 1 else ""
        return f"{self.name} ({self.table} {self.address}{last})"


class Block(NamedTuple):
    """What one request reads. table, address, size: in bits or registers. places: the values in it."""

    table: Table
    address: int
    size: int
    places: tuple[Place, ...]

    def data_of(self, place: Place, data: bytes) -> bytes:
        """The registers of one value, of those that were read."""
        start = (place.address - self.address) * 2
        return data[start : start + place.size * 2]

    def apart(self) -> list[Block]:
        """The same values, each with a request of its own."""
        return [Block(place.table, place.address, place.size, (place,)) for place in self.places]

    def __str__(self) -> str:
        named = ", ".join(map(str, self.places[:NAMED]))
        more = len(self.places) - NAMED
        return named if more <= 0 else f"{named} and {more} more"


class Limits(NamedTuple):
    """max_gap: bits or registers that nobody asked for between two values of one request. registers, bits: the most
    of one request.
    """

    max_gap: int
    registers: int
    bits: int


def plan(places: Iterable[Place], limits: Limits) -> list[Block]:
    """The fewest requests, in the order of tables and addresses, that read all the places."""
    blocks: list[Block] = []
    for table, members in groupby(sorted(places), key=lambda place: place.table):
        limit = limits.bits if table in BIT_TABLES else limits.registers
        blocks.extend(_together(table, list(members), limit, limits.max_gap))
    return blocks


def _together(table: Table, places: list[Place], limit: int, max_gap: int) -> Iterator[Block]:
    first, end = places[0].address, places[0].end
    members = [places[0]]
    for place in places[1:]:
        if place.address - end > max_gap or max(end, place.end) - first > limit:
            yield Block(table, first, end - first, tuple(members))
            first, end, members = place.address, place.end, [place]
        else:
            end = max(end, place.end)
            members.append(place)
    yield Block(table, first, end - first, tuple(members))
