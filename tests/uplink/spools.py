"""A spool whose link, thread and clock are in the hands of the test."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from msgspec import Raw
from twisted.internet.defer import Deferred, execute
from twisted.internet.task import Clock

from edge_router.config.schema.uplinks import UplinkStore
from edge_router.uplink.keeping import Kept
from edge_router.uplink.spool import Spool
from edge_router.uplink.spoolrecord import Start
from edge_router.wamp.codecs import MSGPACK
from edge_router.wamp.errors import NETWORK_FAILURE, WampError
from edge_router.wamp.messages import PublishOptions

#: milliseconds since 1970
BEGIN = 1_800_000_000_000


class Link:
    """The link while it is up; answers when it is told to. arrived: what it was given, in order."""

    def __init__(self) -> None:
        self.sent: list[Kept] = []
        self.answers: deque[Deferred[Any]] = deque()

    def send(self, event: Kept) -> Deferred[Any]:
        """See `keeping.Sender`."""
        self.sent.append(event)
        self.answers.append(Deferred())
        return self.answers[-1]

    def publish(self, count: int | None = None) -> None:
        """PUBLISHED for the first so many."""
        for _ in range(len(self.answers) if count is None else count):
            self.answers.popleft().callback(1)

    def publish_all(self) -> None:
        """PUBLISHED for everything, also what is sent upon that."""
        while self.answers:
            self.publish()

    def refuse(self, uri: str) -> None:
        """ERROR for the first."""
        self.answers.popleft().errback(WampError(uri))

    def lose(self) -> None:
        """What a session does whose connection is gone."""
        while self.answers:
            self.refuse(NETWORK_FAILURE)

    @property
    def numbers(self) -> list[Any]:
        """The first argument of each."""
        return [first(event) for event in self.sent]

    @property
    def late(self) -> list[bool]:
        """Of each, whether it was sent late."""
        return [event.options.replayed for event in self.sent]


def first(event: Kept) -> Any:
    """The first argument of an event."""
    return MSGPACK.loads(event.args)[0]


class Hands:
    """The thread. By default all is done at once; `stopped`, when `work` is called."""

    def __init__(self) -> None:
        self.stopped = False
        self._waiting: deque[tuple[Callable[[], Any], Deferred[Any]]] = deque()

    def run(self, work: Callable[[], Any]) -> Deferred[Any]:
        """See `Worker.run`."""
        if not self.stopped:
            return execute(work)
        result: Deferred[Any] = Deferred()
        self._waiting.append((work, result))
        return result

    def work(self, fail: Exception | None = None) -> None:
        """Do what waits. fail: how the first comes out, without being done."""
        while self._waiting:
            work, result = self._waiting.popleft()
            fail, problem = None, fail
            if problem is None:
                execute(work).chainDeferred(result)
            else:
                result.errback(problem)


class Board:
    """A node's spool, and what is around it. options: of `store`."""

    def __init__(self, directory: Path, kernel: str = "kernel", boot: str = "boot1", **options: Any) -> None:
        self.clock = Clock()
        self.clock.advance(1000)
        self.hands = Hands()
        self.alarms: list[str | None] = []
        self.wall = BEGIN
        self.quality: str = "synced"
        self.link: Link = Link()
        options.setdefault("path", "spool.sqlite")
        self.config = UplinkStore(**options)
        self.spool = Spool(
            self.config, "board-17", directory, self.clock, self.alarms.append,
            work=self.hands.run, now=self._now, start=Start(boot, kernel),
        )  # fmt: skip
        self.path = directory / options["path"]

    def _now(self) -> tuple[int, str]:
        return self.wall + round(self.clock.seconds() * 1000), self.quality

    def opened(self) -> Board:
        """Open it."""
        self.spool.open()
        return self

    def add(
        self, number: Any, topic: str = "com.x", keep: Literal["all", "last"] = "all", priority: int = 5, **options: Any
    ) -> None:
        """An event."""
        event = Kept(topic, MSGPACK.dumps([number]), Raw(), "msgpack", PublishOptions(**options))
        self.spool.add(event, keep, priority)

    def up(self) -> Link:
        """The link comes up. Result: it."""
        self.link = Link()
        self.spool.link_up(self.link)
        return self.link

    def down(self) -> None:
        """The link goes down."""
        self.link.lose()
        self.spool.link_down()

    def wait(self, seconds: float = 1.0) -> None:
        """Time passes, in small steps."""
        for _ in range(int(seconds * 50) or 1):
            self.clock.advance(0.02)

    def drain(self, seconds: float = 10.0) -> None:
        """Time passes, and the other router answers what it gets."""
        for _ in range(int(seconds * 50)):
            self.link.publish_all()
            self.clock.advance(0.02)

    def close(self) -> None:
        """The node is stopped in order."""
        self.spool.close()

    def kill(self) -> None:
        """The node is killed: what is in memory is gone."""
        self.hands.stopped = True
        self.spool._file.close()

    def __getitem__(self, figure: str) -> Any:
        return self.spool.figures()[figure]
