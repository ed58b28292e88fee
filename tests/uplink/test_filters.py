"""Events that need not be carried."""

from __future__ import annotations

from typing import Any

from tests.uplink.world import Board, World, values


def _board(world: World, **filter: Any) -> tuple[Board, Any]:
    centre = world.centre()
    board = world.board(centre, {"uri": "com.", "match": "prefix", "filter": filter})
    return board, world.heard(centre, "com.", "prefix")


def _say(world: World, board: Board, topic: str, *args: Any, **kwargs: Any) -> None:
    board.join().publish(topic, args, kwargs)
    world.settle()


def test_deadband(world: World) -> None:
    """By the first argument, topic by topic; what is no number passes."""
    board, heard = _board(world, deadband=0.5)
    for value in (20.0, 20.4, 20.5, 20.6, 20.2, "broken", 20.1, True):
        _say(world, board, "com.a", value)
    _say(world, board, "com.b", 20.4)
    assert values(heard) == [
        ("com.a", 20.0), ("com.a", 20.6), ("com.a", "broken"), ("com.a", 20.1), ("com.a", True), ("com.b", 20.4)
    ]  # fmt: skip
    assert board.uplink.figures()["held_back"] == 3


def test_deadband_of_a_field(world: World) -> None:
    """A key of the keywords, or of a mapping that is the first argument."""
    board, heard = _board(world, deadband=1, field="t")
    _say(world, board, "com.a", t=1)
    _say(world, board, "com.a", t=1.5)
    _say(world, board, "com.a", {"t": 3})
    _say(world, board, "com.a", {"t": 3.1})
    _say(world, board, "com.a", {"other": 3.1})
    assert [event.kwargs or event.args[0] for event in heard] == [{"t": 1}, {"t": 3}, {"other": 3.1}]


def test_min_interval(world: World) -> None:
    """The last one that was held back follows when the time is over, so that the centre has how things are."""
    board, heard = _board(world, min_interval=10)
    for value in (1, 2, 3):
        _say(world, board, "com.a", value)
    _say(world, board, "com.b", 9)
    assert values(heard) == [("com.a", 1), ("com.b", 9)]
    world.advance(10)
    assert values(heard)[2:] == [("com.a", 3)]
    _say(world, board, "com.a", 4)
    world.advance(9)
    assert values(heard)[3:] == []
    world.advance(1)
    assert values(heard)[3:] == [("com.a", 4)]
    assert board.uplink.figures()["held_back"] == 1


def test_a_value_that_came_back(world: World) -> None:
    """What waits is old when the value is where it was."""
    board, heard = _board(world, deadband=1, min_interval=10)
    for value in (1, 5, 1):
        _say(world, board, "com.a", value)
    world.advance(20)
    assert values(heard) == [("com.a", 1)]


def test_max_rate(world: World) -> None:
    """Of the whole rule; what is over it is dropped, and counted."""
    board, heard = _board(world, max_rate=2)
    for number in range(5):
        _say(world, board, f"com.{number}", number)
    assert len(heard) == 2
    world.advance(1)
    for number in range(5):
        _say(world, board, "com.x", number)
    assert len(heard) == 4
    assert board.uplink.figures()["held_back"] == 6


def test_what_a_filter_remembers_is_bounded(world: World, monkeypatch: Any) -> None:
    """The topic that was silent longest is forgotten."""
    monkeypatch.setattr("edge_router.uplink.filters.MOST_TOPICS", 2)
    board, heard = _board(world, deadband=1)
    for topic in ("com.a", "com.b", "com.c", "com.a"):
        _say(world, board, topic, 1)
    assert len(heard) == 4
    _say(world, board, "com.a", 1)
    assert len(heard) == 4
