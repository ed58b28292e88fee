"""Requests that wait for their answers, by kind and id; each Deferred fires once, whatever happens.

(Spec, "Messages": each request message has exactly one answer, or an ERROR.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct
from twisted.internet.defer import Deferred

from edge_router.client.values import CallError, Result
from edge_router.wamp.errors import INVALID_PAYLOAD, TranscodeError, WampError
from edge_router.wamp.messages import CODES, Message


class Request(Struct, eq=False):
    """What is to happen with an answer.

    done: makes the result out of the answering message. failed: is told of an ERROR. undo: takes the result of a
    request that was canceled; None if cancelling it is told to the router at once. on_progress: takes progressive
    results.
    """

    done: Callable[[Any], Any]
    failed: Callable[[], object] | None = None
    undo: Callable[[Any], object] | None = None
    on_progress: Callable[[Result], object] | None = None
    result: Deferred[Any] | None = None


class Requests:
    """Those of one session. send: takes messages. canceled: is told of a request that is waited for no more."""

    def __init__(self, send: Callable[[Message], None], canceled: Callable[[type[Message], int], object]) -> None:
        self._send = send
        self._canceled = canceled
        self._waiting: dict[tuple[int, int], Request] = {}

    def ask(self, message: Any, request: Request) -> Deferred[Any]:
        """Send a request. Result: fires with what `done` makes of the answer; fails with CallError."""
        key = (CODES[type(message)], message.request)
        result: Deferred[Any] = Deferred(lambda _: self._cancel(type(message), key))
        request.result = result
        self._waiting[key] = request
        try:
            self._send(message)
        except WampError as problem:  # too long for the router, or too much waits already
            del self._waiting[key]
            _tell(request)
            result.errback(problem)
        return result

    def answered(self, kind: type[Message], message: Any) -> None:
        """The answer to a request of a kind."""
        request = self._waiting.pop((CODES[kind], message.request), None)
        if request is None:
            return
        try:
            value = request.done(message)
        except TranscodeError as problem:
            _fail(request, CallError(INVALID_PAYLOAD, str(problem)))
            return
        if request.result is not None:
            request.result.callback(value)
        elif request.undo is not None:
            request.undo(value)

    def refused(self, kind: int, number: int, error: CallError) -> None:
        """An ERROR. kind: message code of the request. number: its id."""
        request = self._waiting.pop((kind, number), None)
        if request is not None:
            _tell(request)
            _fail(request, error)

    def progress_of(self, kind: type[Message], number: int) -> Callable[[Result], object] | None:
        """What takes the progressive results of a request, if anything does."""
        request = self._waiting.get((CODES[kind], number))
        return None if request is None else request.on_progress

    def lose(self, error: CallError) -> None:
        """The session is over: whatever waits fails."""
        waiting, self._waiting = self._waiting, {}
        for request in waiting.values():
            _fail(request, error)

    def _cancel(self, kind: type[Message], key: tuple[int, int]) -> None:
        request = self._waiting.get(key)
        if request is None:
            return
        if request.undo is None:
            del self._waiting[key]
        request.result = None
        self._canceled(kind, key[1])


def _tell(request: Request) -> None:
    if request.failed is not None:
        request.failed()


def _fail(request: Request, error: CallError) -> None:
    if request.result is not None:
        request.result.errback(error)
