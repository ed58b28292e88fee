"""Ids of global scope are random over the whole range, others count from 1 (spec, "IDs")."""

from __future__ import annotations

from itertools import islice

from edge_router.wamp.ids import MAX_ID, random_ids, sequential_ids


def test_random_ids_cover_the_whole_range() -> None:
    """From the least to the greatest, and no other."""
    assert next(random_ids(bytes)) == 1
    assert next(random_ids(lambda size: b"\xff" * size)) == MAX_ID
    found = list(islice(random_ids(), 5000))
    assert len(set(found)) == 5000
    assert all(1 <= number <= MAX_ID for number in found)
    halves = sum(number > MAX_ID // 2 for number in found)
    assert 2000 < halves < 3000


def test_randomness_is_drawn_in_lumps() -> None:
    """One system call for 512 ids."""
    asked: list[int] = []

    def entropy(size: int) -> bytes:
        asked.append(size)
        return bytes(size)

    list(islice(random_ids(entropy), 513))
    assert asked == [4096, 4096]


def test_sequential_ids_begin_with_1() -> None:
    """And go on by 1."""
    assert list(islice(sequential_ids(), 3)) == [1, 2, 3]
