"""`node.status`: what the node writes of its workers, and what is made of it whatever is in it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from twisted.internet.task import Clock

from edge_router.node.news import EVERY, NAME, News, read

FACTS = [{"id": "a", "state": "running"}]


def test_news(tmp_path: Path) -> None:
    """Many changes are one file, which goes with the node."""
    clock = Clock()
    told = []

    def tell() -> list[dict[str, object]]:
        told.append(1)
        return FACTS

    news = News(tmp_path, clock, tell)
    for _ in range(5):
        news.changed()
    clock.advance(EVERY)
    assert (read(tmp_path, os.getpid()), len(told)) == (FACTS, 1)
    news.changed()
    news.close()
    assert list(tmp_path.iterdir()) == []
    assert clock.getDelayedCalls() == []


def test_where_nothing_can_be_written() -> None:
    """`status` then says less, and the node goes on."""
    clock = Clock()
    news = News(Path("/proc/nowhere"), clock, lambda: FACTS)
    news.changed()
    clock.advance(EVERY)
    news.close()


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "null", "\udce4", "[" * 99999, '{"pid": 1}', '{"pid": 1, "workers": 7}'],
)
def test_what_is_no_status(content: str, tmp_path: Path) -> None:
    """A damaged file says nothing."""
    (tmp_path / NAME).write_bytes(content.encode("utf-8", "surrogateescape"))
    assert read(tmp_path, 1) == []


def test_of_another_node(tmp_path: Path) -> None:
    """What a node that was killed has left is not this one's."""
    (tmp_path / NAME).write_text(json.dumps({"pid": 7, "workers": FACTS}))
    assert (read(tmp_path, 8), read(tmp_path, 7)) == ([], FACTS)
