"""What programs write: lines, and the limits of how much of them."""

from __future__ import annotations

from twisted.internet.task import Clock

from edge_router.node.output import MOST_LINES, MOST_OCTETS, MOST_READ, NOTE_EVERY, Output


class World:
    """An output, its clock and its source."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.lines: list[str] = []
        self.notes: list[int] = []
        self.reading = True
        self.output = Output(self.lines.append, self.notes.append, self.clock)

    def pauseProducing(self) -> None:
        self.reading = False

    def resumeProducing(self) -> None:
        self.reading = True

    def take(self, data: bytes, stream: int = 1) -> list[str]:
        """The lines that come of some octets."""
        before = len(self.lines)
        self.output.take(stream, data, self)
        return self.lines[before:]


def test_lines_however_they_come() -> None:
    """A line is a line whether it comes whole or in pieces; stdout and stderr do not mix."""
    world = World()
    assert world.take(b"one\ntwo\r\nth") == ["one", "two"]
    assert world.take(b"other\n", 2) == ["other"]
    assert world.take(b"ree\n\n") == ["three"]
    assert world.take(b"end") == []
    world.output.end()
    assert world.lines[-1] == "end"


def test_any_octets() -> None:
    """What is no UTF-8 is shown as escapes."""
    assert World().take(b"caf\xe9 \xc3\xa9\n") == ["caf\\xe9 é"]


def test_long_lines_are_cut() -> None:
    """However long a line is, it takes no more memory than its limit, and no more of the log."""
    world = World()
    for _ in range(20):
        assert world.take(b"x" * 10_000) == []
        assert sum(map(len, world.output._begun.values())) <= MOST_OCTETS + 1
    assert world.take(b"\nnext\n") == ["x" * MOST_OCTETS + " ...", "next"]
    assert world.take(b"y" * MOST_OCTETS + b"\n") == ["y" * MOST_OCTETS]


def test_too_many_lines_are_counted() -> None:
    """The rest of a second is left out; a note says how many, once in a while."""
    world = World()
    assert len(world.take(b"x\n" * (MOST_LINES + 50))) == MOST_LINES
    world.clock.advance(1)
    assert len(world.take(b"x\n" * (MOST_LINES + 7))) == MOST_LINES
    assert world.notes == []
    world.clock.advance(NOTE_EVERY)
    assert (world.notes, world.output.dropped) == ([57], 57)
    assert world.take(b"again\n") == ["again"]
    world.take(b"x\n" * MOST_LINES)
    world.output.close()
    assert world.notes == [57, 1]
    assert world.clock.getDelayedCalls() == []


def test_a_flood_is_not_read() -> None:
    """Over the limit the program waits until the second is over."""
    world = World()
    world.clock.advance(0.25)
    world.take(b"x" * MOST_READ)
    assert not world.reading
    world.take(b"x" * MOST_READ)
    world.clock.advance(0.7)
    assert not world.reading
    world.clock.advance(0.1)
    assert world.reading


def test_an_end_in_the_middle_of_a_flood() -> None:
    """Nobody is woken who is gone."""
    world = World()
    world.take(b"x" * MOST_READ)
    world.output.end()
    world.output.close()
    assert world.clock.getDelayedCalls() == []
