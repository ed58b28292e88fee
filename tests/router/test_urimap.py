"""Which patterns a URI matches: as a naive matcher says, whatever was added and removed before; memory is bounded."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from edge_router.router.urimap import REMEMBERED, UriMap
from tests.router.naive import Pattern, best, fits, rank
from tests.router.test_properties import PATTERNS, URIS

#: (pattern, whether it is there afterwards), and URIs that are looked up in between
STEPS = st.lists(st.tuples(PATTERNS, st.booleans()) | URIS, max_size=30)


@given(steps=STEPS)
def test_it_agrees_with_a_naive_matcher(steps: list[Any]) -> None:
    """All matches in their order, and the best one, whatever is remembered from before."""
    entries: UriMap[Pattern] = UriMap()
    there: set[Pattern] = set()
    for step in steps:
        if isinstance(step, str):
            _agree(entries, there, step)
            continue
        pattern, wanted = step
        match: Any = pattern[0]
        if wanted and pattern not in there:
            entries.add(pattern[1], match, pattern)
            there.add(pattern)
        elif not wanted and pattern in there:
            entries.remove(pattern[1], match)
            there.remove(pattern)
        assert set(entries) == there
        assert len(entries) == len(there)
        assert entries.get(pattern[1], match) == (pattern if pattern in there else None)
    for uri in ("a", "a.b", "ab.a", "a.b.a", "b.b.b"):
        _agree(entries, there, uri)


def _agree(entries: UriMap[Pattern], there: set[Pattern], uri: str) -> None:
    matching = {pattern for pattern in there if fits(pattern, uri)}
    for _ in range(2):  # found, then remembered
        assert list(entries.matches(uri)) == sorted(matching, key=rank)
        assert entries.best(uri) == (best(matching) if matching else None)


def test_what_is_remembered_is_bounded() -> None:
    """A publisher that never uses a topic twice does not fill the memory."""
    entries: UriMap[int] = UriMap()
    entries.add("com.", "prefix", 1)
    for number in range(REMEMBERED * 2 + 10):
        assert entries.matches(f"com.{number}") == (1,)
        assert entries.best(f"com.{number}") == 1
    assert len(entries._matches) <= REMEMBERED
    assert len(entries._best) <= REMEMBERED


def test_exact_patterns_alone_are_not_remembered() -> None:
    """The map itself is as fast."""
    entries: UriMap[int] = UriMap()
    entries.add("com.x", "exact", 1)
    assert entries.matches("com.x") == (1,)
    assert entries.matches("com.y") == ()
    assert entries.best("com.y") is None
    assert not entries._matches
    assert not entries._best
