"""A reactor with a false clock and real descriptors, a device made of a pty, and a session that remembers."""

from __future__ import annotations

import os
import select
import time
import tty
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.main import CONNECTION_LOST
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure

#: seconds of real time that a test waits for the kernel at most
PATIENCE = 5.0


class PtyReactor(MemoryReactorClock):
    """Time passes when a test says so; what descriptors have to say is waited for with poll(2)."""

    def pump(self, wait: float = 0.0) -> None:
        """Serve every descriptor that is ready, as Twisted's epoll reactor does. wait: seconds for the first."""
        poll = select.poll()
        readers = {reader.fileno(): reader for reader in self.getReaders()}
        writers = {writer.fileno(): writer for writer in self.getWriters()}
        for fd in {*readers, *writers}:
            poll.register(fd, (select.POLLIN if fd in readers else 0) | (select.POLLOUT if fd in writers else 0))
        for fd, event in poll.poll(wait * 1000):
            selectable = readers.get(fd) or writers[fd]
            reason = None
            if event & (select.POLLHUP | select.POLLERR | select.POLLNVAL) and not event & select.POLLIN:
                reason = CONNECTION_LOST
            if event & select.POLLIN and reason is None:
                reason = selectable.doRead()
            if event & select.POLLOUT and reason is None:
                reason = selectable.doWrite()
            if reason:
                self.removeReader(selectable)
                self.removeWriter(selectable)
                selectable.connectionLost(Failure(reason))

    def until(self, condition: Callable[[], object], step: float = 0.01) -> None:
        """Let time pass in steps, serving descriptors, until a condition holds."""
        end = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < end, "it did not happen"
            self.pump(0.001)
            self.advance(step)


class FakeDevice:
    """A sensor on a pty, reached through a symbolic link, as /dev/serial/by-id is one."""

    def __init__(self, link: Path) -> None:
        self.link = link
        self.master = -1
        self.slave = -1

    def plug(self) -> None:
        """A new pty, and the link to it, put into place as udev does: made aside and renamed."""
        self.master, self.slave = os.openpty()
        tty.setraw(self.slave)
        os.set_blocking(self.master, False)
        aside = self.link.with_name(self.link.name + ".new")
        aside.symlink_to(os.ttyname(self.slave))
        aside.rename(self.link)

    def unplug(self) -> None:
        """The link goes, then the device."""
        self.link.unlink(missing_ok=True)
        self.hang_up()

    def hang_up(self) -> None:
        """The device goes and leaves its link behind."""
        for fd in (self.master, self.slave):
            if fd >= 0:
                os.close(fd)
        self.master = self.slave = -1

    def say(self, data: bytes) -> None:
        os.write(self.master, data)

    def heard(self) -> bytes:
        """What was written to the device since the last call."""
        try:
            return os.read(self.master, 1 << 20)
        except BlockingIOError:
            return b""


class FakeRegistration:
    def __init__(self, session: FakeSession, procedure: str) -> None:
        self._session = session
        self._procedure = procedure

    def unregister(self) -> Deferred[None]:
        del self._session.procedures[self._procedure]
        return succeed(None)


class FakeSession:
    """Remembers what was published and registered. refuse: procedures that it does not register."""

    def __init__(self, refuse: tuple[str, ...] = ()) -> None:
        self.events: list[tuple[str, Any, dict[str, Any]]] = []
        self.procedures: dict[str, Callable[..., Any]] = {}
        self.refuse = refuse
        self.acknowledged = 0

    def publish(
        self, topic: str, args: Any = (), kwargs: Any = None, acknowledge: bool = False, retain: bool = False
    ) -> Deferred[int] | None:
        assert retain, "who comes late would not see it"
        self.events.append((topic, args[0], kwargs))
        self.acknowledged += acknowledge
        return succeed(1) if acknowledge else None

    def register(self, procedure: str, handler: Callable[..., Any]) -> Deferred[Any]:
        if procedure in self.refuse:
            return fail(PermissionError(procedure))
        self.procedures[procedure] = handler
        return succeed(FakeRegistration(self, procedure))

    def values(self, topic: str) -> list[Any]:
        """The values published to a topic, in order."""
        return [value for name, value, _ in self.events if name == topic]

    def last(self, topic: str) -> tuple[Any, dict[str, Any]]:
        """The last event of a topic: its value and its kwargs."""
        return next((value, kwargs) for name, value, kwargs in reversed(self.events) if name == topic)
