"""Calls under way: from CALL until the one final answer that its caller gets.

A `CallUnderWay` stands in the caller's `calls` as long as an answer is owed, and in the callee's `invocations` as
long as the callee's answer is waited for. It is taken out of the first by `answer`, and of the second by `release`;
a call that is in neither is over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_router.router.interfaces import Delayed
from edge_router.wamp.messages import Call, InvocationDetails

if TYPE_CHECKING:
    from edge_router.router.registration import Callee, Registration
    from edge_router.router.session import RouterSession


class CallUnderWay:
    """One call.

    caller, request: whose, and under which request id. procedure, options: as the call began; later parts of it
    change neither. disclosed: whether callees learn who calls. plain: it asks for nothing that callees have to be
    told. unfinished: whether more parts are to come (progressive call invocations). callee, invocation: who works
    on it, and under which id, 0 while nobody does. details: what the callee was told of it. message: kept for
    another callee, should this one have no time for it; None if nobody else may get it any more. refused_by: the
    callees that had no time for it. waits_for: the registration in whose queue it is; None once a callee has it.
    """

    __slots__ = (
        "callee",
        "caller",
        "details",
        "disclosed",
        "invocation",
        "message",
        "options",
        "plain",
        "procedure",
        "refused_by",
        "request",
        "timer",
        "unfinished",
        "waits_for",
    )

    callee: Callee
    message: Call | None
    details: InvocationDetails

    def __init__(self, caller: RouterSession, call: Call, disclosed: bool, plain: bool) -> None:
        self.caller = caller
        self.request = call.request
        self.procedure = call.procedure
        self.options = options = call.options
        self.disclosed = disclosed
        self.plain = plain
        self.unfinished = options.progress
        self.refused_by: tuple[Callee, ...] = ()
        self.waits_for: Registration | None = None
        self.invocation = 0
        self.timer: Delayed | None = None

    def start(self, callee: Callee, invocation: int, details: InvocationDetails) -> None:
        """Enter the call in both sessions' books: its INVOCATION is on its way."""
        self.callee = callee
        self.invocation = invocation
        self.details = details
        self.caller.calls[self.request] = self
        session = callee.session
        session.issued_invocations = invocation
        session.invocations[invocation] = self
        callee.active += 1

    @property
    def is_owed(self) -> bool:
        """Whether the caller still waits for an answer."""
        return self.caller.calls.get(self.request) is self

    def answer(self) -> None:
        """The caller gets its final answer now, or is gone."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        calls = self.caller.calls
        if calls.get(self.request) is self:
            del calls[self.request]

    def release(self) -> None:
        """The callee's answer is no longer waited for."""
        if self.callee.session.invocations.pop(self.invocation, None) is not None:
            self.callee.active -= 1
        self.invocation = 0


