"""Calls that wait: all callees of a procedure are at their concurrency limits, and its realm keeps a queue for it.

A waiting call stands in its caller's `calls` like any other, so canceling it, its timeout and its caller's end work as
ever; its registration holds it, in order, with all its parts. (Crossbar's `store.call-queue`; the spec has none.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from edge_router.config.schema import CallQueue
from edge_router.router.calls import CallUnderWay
from edge_router.router.urimap import UriMap
from edge_router.wamp.errors import NO_AVAILABLE_CALLEE, WampError
from edge_router.wamp.messages import Call

if TYPE_CHECKING:
    from edge_router.router.registration import Registration

#: bytes that one part of a call takes beside its payload, about
PART: Final = 600


class Waiting(dict[CallUnderWay, list[Call]]):
    """The calls that wait for one registration, each with its parts, oldest first. size: bytes they count for."""

    __slots__ = ("size",)

    def __init__(self) -> None:
        super().__init__()
        self.size = 0


class CallQueues:
    """Which procedures of a realm have a queue, and how much fits in.

    queues: as declared. limit: calls for those that say nothing else.
    """

    __slots__ = ("_limit", "_queues")

    def __init__(self, queues: Sequence[CallQueue], limit: int) -> None:
        self._queues: UriMap[CallQueue] = UriMap()
        self._limit = limit
        for queue in queues:
            self._queues.add(queue.uri, queue.match, queue)

    def join(self, call: CallUnderWay, message: Call, registration: Registration) -> None:
        """Have a call wait. Raises WampError `no_available_callee` where there is no queue, or no room in it."""
        procedure = call.procedure
        queue = self._queues.best(procedure)
        if queue is None:
            raise WampError(NO_AVAILABLE_CALLEE, f"all callees of '{procedure}' are at their concurrency limit")
        waiting = registration.waiting or Waiting()
        most = queue.limit or self._limit
        if len(waiting) >= most:
            raise _full(procedure, f"{most} calls wait already (call-queue.limit)")
        _refuse_excess(procedure, waiting, message, queue)
        waiting[call] = [message]
        waiting.size += _size(message)
        registration.waiting = waiting
        call.waits_for = registration
        call.caller.calls[call.request] = call

    def go_on(self, call: CallUnderWay, message: Call) -> None:
        """Have the next part of a waiting call wait, too. Raises WampError `no_available_callee` if it has no room."""
        queue = self._queues.best(call.procedure)
        assert queue is not None
        assert call.waits_for is not None
        waiting = call.waits_for.waiting
        assert waiting is not None
        _refuse_excess(call.procedure, waiting, message, queue)
        waiting[call].append(message)
        waiting.size += _size(message)


def leave_queue(call: CallUnderWay) -> list[Call]:
    """Have a call wait no longer. Result: its parts."""
    registration, call.waits_for = call.waits_for, None
    assert registration is not None
    waiting = registration.waiting
    assert waiting is not None
    parts = waiting.pop(call)
    waiting.size -= sum(map(_size, parts))
    if not waiting:
        registration.waiting = None
    return parts


def _refuse_excess(procedure: str, waiting: Waiting, message: Call, queue: CallQueue) -> None:
    if waiting.size + _size(message) > queue.max_bytes:
        raise _full(procedure, f"what waits would take more than {queue.max_bytes} bytes (call-queue.max_bytes)")


def _size(message: Call) -> int:
    return len(message.args) + len(message.kwargs) + PART


def _full(procedure: str, why: str) -> WampError:
    return WampError(NO_AVAILABLE_CALLEE, f"all callees of '{procedure}' are at their concurrency limit, and {why}")
