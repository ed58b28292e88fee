"""Neighbours are read together, over gaps, up to the limits; and every value finds its registers again."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from bridges.modbus.pdu import Table
from bridges.modbus.planning import Block, Limits, Place, plan


def places(table: Table, *spans: tuple[int, int]) -> list[Place]:
    return [Place(table, address, size, f"{table}{address}") for address, size in spans]


def shapes(blocks: Sequence[Block]) -> list[tuple[str, int, int]]:
    return [(block.table, block.address, block.size) for block in blocks]


LIMITS = Limits(max_gap=8, registers=125, bits=2000)


@pytest.mark.parametrize(
    ("spans", "blocks"),
    [
        ([(0, 1)], [(0, 1)]),
        ([(0, 2), (2, 2)], [(0, 4)]),
        ([(10, 2), (0, 2)], [(0, 12)]),
        ([(0, 2), (11, 2)], [(0, 2), (11, 2)]),
        ([(0, 4), (1, 1), (2, 2)], [(0, 4)]),
        ([(0, 120), (122, 4)], [(0, 120), (122, 4)]),
        ([(0, 120), (122, 3)], [(0, 125)]),
        ([(5, 1), (5, 1)], [(5, 1)]),
    ],
)
def test_together(spans: list[tuple[int, int]], blocks: list[tuple[int, int]]) -> None:
    assert shapes(plan(places("holding", *spans), LIMITS)) == [("holding", *block) for block in blocks]


def test_tables_are_read_apart() -> None:
    found = plan([*places("input", (0, 1)), *places("coil", (0, 1)), *places("holding", (0, 1))], LIMITS)
    assert shapes(found) == [("coil", 0, 1), ("holding", 0, 1), ("input", 0, 1)]


def test_gaps_are_not_read_if_that_is_said() -> None:
    assert shapes(plan(places("input", (0, 1), (2, 1)), Limits(0, 125, 2000))) == [("input", 0, 1), ("input", 2, 1)]


def test_bits_have_a_limit_of_their_own() -> None:
    assert len(plan(places("coil", *[(place, 1) for place in range(2000)]), LIMITS)) == 1
    assert len(plan(places("coil", *[(place, 1) for place in range(2001)]), LIMITS)) == 2


def test_any_places_are_covered_once_and_within_the_limits() -> None:
    rng = random.Random(1)
    for _ in range(50):
        spans = {(rng.randrange(1000), rng.randrange(1, 5)) for _ in range(100)}
        blocks = plan(places("holding", *spans), LIMITS)
        assert sorted(place for block in blocks for place in block.places) == sorted(places("holding", *spans))
        memory = b"".join(address.to_bytes(2) for address in range(1010))
        for block in blocks:
            assert block.size <= 125
            data = memory[block.address * 2 : (block.address + block.size) * 2]
            for place in block.places:
                assert block.data_of(place, data) == memory[place.address * 2 : place.end * 2]


def test_apart() -> None:
    (block,) = plan(places("holding", (0, 2), (4, 1)), LIMITS)
    assert shapes(block.apart()) == [("holding", 0, 2), ("holding", 4, 1)]
    assert str(block) == "holding0 (holding 0 to 1), holding4 (holding 4)"
    (block,) = plan(places("coil", *[(place, 1) for place in range(100)]), LIMITS)
    assert str(block) == "coil0 (coil 0), coil1 (coil 1), coil2 (coil 2) and 97 more"
