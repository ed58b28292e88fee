"""Calls under way: from CALL until the one final answer that its caller gets.

A `CallUnderWay` stands in the caller's `calls` as long as an answer is owed, and in the callee's `invocations` as
long as the callee's answer is waited for. It is taken out of the first by `answer`, and of the second by `release`;
a call that is in neither is over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from msgspec import Struct

from edge_router.router.interfaces import Delayed
from edge_router.wamp.messages import Call, CallOptions, InvocationDetails

if TYPE_CHECKING:
    from edge_router.router.registration import Callee, Registration
    from edge_router.router.session import RouterSession

#: of a call that asks for nothing
NO_DETAILS: Final = InvocationDetails()


class CallUnderWay(Struct, eq=False):
    """One call.

    caller, request: whose, and under which request id. procedure, options: as the call began; later parts of it
    change neither. disclosed: whether callees learn who calls. plain: it asks for nothing that callees have to be
    told. unfinished: whether more parts are to come (progressive call invocations). callee, invocation: who works
    on it, and under which id, 0 while nobody does. details: what the callee was told of it. message: kept for
    another callee, should this one have no time for it; None if nobody else may get it any more. refused_by: the
    callees that had no time for it. waits_for: the registration in whose queue it is; None once a callee has it.
    """

    caller: RouterSession
    request: int
    procedure: str
    options: CallOptions
    disclosed: bool
    plain: bool
    unfinished: bool
    refused_by: tuple[Callee, ...] = ()
    waits_for: Registration | None = None
    timer: Delayed | None = None
    callee: Callee = cast("Callee", None)  # nobody, before it is started
    invocation: int = 0
    details: InvocationDetails = NO_DETAILS
    message: Call | None = None

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

    def answer(self) -> bool:
        """The caller gets its final answer now, or is gone. Result: whether it still waits for one."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        calls = self.caller.calls
        if calls.get(self.request) is not self:
            return False
        del calls[self.request]
        return True

    def release(self) -> None:
        """The callee's answer is no longer waited for."""
        if self.callee.session.invocations.pop(self.invocation, None) is not None:
            self.callee.active -= 1
        self.invocation = 0


