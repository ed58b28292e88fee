"""Where the body of a request goes while it comes in: kept in memory within bounds, streamed to a service, or dropped.

What of bodies is kept counts against a budget of the whole port, so that many clients at once are bounded too.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final, Protocol

#: bytes of a body that nobody wants; small ones are taken and thrown away, so that the connection may go on
MAX_UNWANTED: Final = 65_536


class Refused(Exception):
    """The body is not taken. status: what to answer. The text says why."""

    def __init__(self, status: HTTPStatus, text: str) -> None:
        super().__init__(text)
        self.status = status


class Budget:
    """Bytes of bodies that a port holds in memory. limit: at one time."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0

    def take(self, size: int) -> None:
        """Take so many bytes. Raises Refused."""
        if self.used + size > self.limit:
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, "The router has its hands full with other requests.")
        self.used += size


class Sink(Protocol):
    """Takes the body of one request. A service that wants it piece by piece gives one (`open_body`)."""

    limit: int | None

    def take(self, data: bytes) -> None:
        """A piece of the body. Raises Refused."""

    def close(self) -> None:
        """The request is over, answered or not. Idempotent."""


class Unwanted:
    """A body that no service reads."""

    limit: int | None = MAX_UNWANTED

    def take(self, data: bytes) -> None:
        """Throw a piece away."""

    def close(self) -> None:
        """Nothing was kept."""


class Kept:
    """A body in memory. limit: bytes of it. budget: of the port."""

    def __init__(self, limit: int, budget: Budget) -> None:
        self.limit: int | None = limit
        self._budget = budget
        self._pieces: list[bytes] = []
        self._size = 0

    def take(self, data: bytes) -> None:
        """Keep a piece. Raises Refused if the port holds too much already."""
        self._budget.take(len(data))
        self._size += len(data)
        self._pieces.append(data)

    def whole(self) -> bytes:
        """The body, as one."""
        if len(self._pieces) != 1:
            self._pieces = [b"".join(self._pieces)]
        return self._pieces[0]

    def close(self) -> None:
        """Let go of it."""
        self._budget.used -= self._size
        self._size = 0
        self._pieces = []


def sink_for(service: Any, request: Any, rest: tuple[str, ...], budget: Budget) -> Sink:
    """Where the body of a request goes: what the service says, by `open_body` or `max_body`. Raises Refused."""
    opens = getattr(service, "open_body", None)
    if opens is not None:
        sink: Sink = opens(request, rest)
        return sink
    limit = getattr(service, "max_body", 0)
    return Kept(limit, budget) if limit else Unwanted()
