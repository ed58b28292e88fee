"""The way of a call: CALL -> INVOCATION, YIELD -> RESULT, ERROR, CANCEL -> INTERRUPT.

The policy of a registration chooses one of its callees per call. Every CALL gets exactly one final answer: from its
callee, or an ERROR of the router's if the callee leaves, the time is up, the call is canceled or cannot be delivered.
(Spec, "Remote Procedure Calls" and "Advanced RPC".)
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from edge_router.router.callqueue import CallQueues, leave_queue
from edge_router.router.calls import NO_DETAILS, CallUnderWay
from edge_router.router.interfaces import Clock
from edge_router.router.invocations import (
    begin_special,
    invocation_details,
    refuse_features,
    refuse_other_part,
)
from edge_router.router.passthru import not_understood, refuse_unannounced, result_details
from edge_router.router.registration import Callee, Registration, all_refused, no_such_procedure
from edge_router.router.urimap import UriMap
from edge_router.wamp.errors import (
    CANCELED,
    LIMIT_EXCEEDED,
    TIMEOUT,
    UNAVAILABLE,
    ProtocolViolation,
    WampError,
)
from edge_router.wamp.messages import (
    CODES,
    Call,
    Cancel,
    CancelMode,
    Error,
    Interrupt,
    InterruptOptions,
    Invocation,
    Result,
    ResultDetails,
    Yield,
)
from edge_router.wamp.uris import is_valid

if TYPE_CHECKING:
    from edge_router.router.meta import MetaApi
    from edge_router.router.session import RouterSession

_CALL: Final = CODES[Call]
_INVOCATION: Final = CODES[Invocation]
_FINAL: Final = ResultDetails()
_PROGRESS: Final = ResultDetails(progress=True)


class Calling:
    """The calls of one realm.

    clock: for call timeouts. random: for the policy `random`. queues: where calls wait for a callee that has room.
    """

    __slots__ = ("_clock", "_queues", "_random", "called", "meta", "registrations")

    def __init__(self, clock: Clock, random: Random, queues: CallQueues) -> None:
        self.registrations: UriMap[Registration] = UriMap()
        self.called = 0
        #: answers calls of meta procedures; None in a realm without
        self.meta: MetaApi | None = None
        self._clock = clock
        self._random = random
        self._queues = queues

    def call(self, session: RouterSession, message: Call) -> None:
        """CALL: an INVOCATION to the callee whose turn it is. Raises WampError."""
        request, procedure, options = message.request, message.procedure, message.options
        calls = session.calls
        if request in calls or request <= session.streamed:
            self._go_on(session, message)
            return
        permissions = session.permissions
        grant = permissions.remembered.get(procedure) or permissions.grant(procedure)
        if not grant.call:
            raise permissions.refuse("call", procedure)
        plain = not (
            options.receive_progress
            or options.progress
            or options.disclose_me
            or options.ppt_scheme
            or options.forward_for
        )
        if not plain:
            message = begin_special(session, message, grant)
        registration = self.registrations.best(procedure)
        if registration is None or registration.match != "exact":  # a pattern does not cover what is the router's own
            if self.meta is not None and procedure in self.meta.procedures:
                refuse_features(message)
                self.called += 1
                session.peer.deliver(self.meta.answer(session, message), session.peer.codec)
                return
            if registration is None:
                raise no_such_procedure(procedure)
        if len(calls) >= session.limits.calls:
            most = session.limits.calls
            raise WampError(LIMIT_EXCEEDED, f"a session may have {most} calls under way (limits.calls)")
        callee = registration.choose(procedure, self._random)
        disclosed = options.disclose_me or grant.disclose_caller
        plain = plain and not disclosed
        call = CallUnderWay(session, request, procedure, message.options, disclosed, plain, options.progress)
        if callee is None:
            self._queues.join(call, message, registration)
        else:
            self._invoke(call, callee, message)
        self.called += 1
        if options.timeout:
            self._restart_timer(call)

    def _invoke(self, call: CallUnderWay, callee: Callee, message: Call) -> None:
        """Give a call to a callee. Raises WampError if that does not work."""
        target = callee.session
        details = NO_DETAILS if call.plain and callee.plain else invocation_details(call, callee)
        number = target.issued_invocations + 1
        invocation = Invocation(number, callee.registration.id, details, message.args, message.kwargs)
        target.peer.deliver(invocation, call.caller.peer.codec, refusable=True)
        call.start(callee, number, details)
        call.message = message if callee.reroutes else None

    def _go_on(self, session: RouterSession, message: Call) -> None:
        """A CALL with the request id of one before: the next part of it, for the same callee.

        Ignored where the call is over, which its caller need not know yet.
        """
        call = session.calls.get(message.request)
        if call is None:
            return
        refuse_other_part(call, message)
        call.unfinished = message.options.progress
        try:
            if call.waits_for is None:
                self._invoke_again(call, message)
            else:
                self._queues.go_on(call, message)
        except WampError as error:
            self._give_up(call, error)
            return
        if call.options.timeout:
            self._restart_timer(call)

    def _invoke_again(self, call: CallUnderWay, message: Call) -> None:
        """Give the next part of a call to its callee. Raises WampError if that does not work."""
        callee, details = call.callee, call.details
        if not message.options.progress:
            details = replace(details, progress=False)
        invocation = Invocation(call.invocation, callee.registration.id, details, message.args, message.kwargs)
        callee.session.peer.deliver(invocation, call.caller.peer.codec, refusable=True)
        call.message = None

    def _serve_waiting(self, registration: Registration) -> None:
        """Give calls that wait, in their order, to the callees that have room now."""
        for call in tuple(registration.waiting or ()):
            if call.waits_for is not registration:
                continue
            try:
                self._serve(call, registration)
            except WampError as error:
                self._let_go(call, error.uri)
                self._fail(call, error)

    def _serve(self, call: CallUnderWay, registration: Registration) -> None:
        """Give a waiting call to a callee that has room, if any. Raises WampError if that can never be."""
        if not registration.callees:
            raise WampError(CANCELED, "the last callee left while the call waited for its turn")
        callee = registration.choose(call.procedure, self._random, call.refused_by)
        if callee is None:
            return
        message, *parts = leave_queue(call)
        self._invoke(call, callee, message)
        for part in parts:
            self._invoke_again(call, part)

    def yielded(self, session: RouterSession, message: Yield) -> None:
        """YIELD: a RESULT to the caller; the final one ends the call."""
        call = session.invocations.get(message.request)
        if call is None:
            _refuse_unasked(session, message.request)
            return
        options = message.options
        details: ResultDetails | None = _PROGRESS if options.progress else _FINAL
        if options.ppt_scheme:
            refuse_unannounced(session, "callee")
            details = result_details(options, call.caller)
        if options.progress:
            if not call.details.receive_progress:
                raise ProtocolViolation("a progressive result that the INVOCATION did not ask for (receive_progress)")
            call.message = None
            if call.is_owed:
                if call.options.timeout:
                    self._restart_timer(call)
                try:
                    self._pass_on(call, details, message)
                except WampError as error:
                    self._give_up(call, error)
            return
        call.release()
        if call.answer():
            try:
                self._pass_on(call, details, message)
            except WampError as error:
                call.caller.send_error(_CALL, call.request, error)
        registration = call.callee.registration
        if registration.waiting is not None:
            self._serve_waiting(registration)

    def failed(self, session: RouterSession, message: Error) -> None:
        """ERROR by a callee: passed on to the caller, and ends the call. `unavailable` may send it to another one."""
        if message.kind != _INVOCATION:
            raise ProtocolViolation(f"an ERROR for a message of type {message.kind}; 68 (INVOCATION) would be right")
        if not is_valid(message.uri):
            raise ProtocolViolation("the URI of an ERROR is no URI; clients would end their session for it")
        call = session.invocations.get(message.request)
        if call is None:
            _refuse_unasked(session, message.request)
            return
        call.release()
        registration = call.callee.registration
        if call.is_owed:
            if call.message is not None and message.uri == UNAVAILABLE:
                self._reroute(call, call.message)
            else:
                self._pass_on_error(call, message)
        if registration.waiting is not None:
            self._serve_waiting(registration)

    def _reroute(self, call: CallUnderWay, message: Call) -> None:
        """Give a call to a callee that has not refused it yet (spec, "Call Re-Routing")."""
        call.refused_by = (*call.refused_by, call.callee)
        registration = self.registrations.best(call.procedure)
        try:
            if registration is None:
                raise all_refused(call.procedure)
            callee = registration.choose(call.procedure, self._random, call.refused_by)
            if callee is None:
                self._queues.join(call, message, registration)
            else:
                self._invoke(call, callee, message)
        except WampError as error:
            self._fail(call, error)
        else:
            if call.options.timeout and call.timer is None:
                self._restart_timer(call)

    def _pass_on(self, call: CallUnderWay, details: ResultDetails | None, message: Yield) -> None:
        """Give the caller what its callee says. Raises WampError if it cannot have that."""
        if details is None:
            raise not_understood(message.options)
        result = Result(call.request, details, message.args, message.kwargs)
        call.caller.peer.deliver(result, call.callee.session.peer.codec)

    def _pass_on_error(self, call: CallUnderWay, message: Error) -> None:
        """Give the caller its callee's ERROR as the final answer; another one, where it cannot have that."""
        error = Error(_CALL, call.request, message.details, message.uri, message.args, message.kwargs)
        call.answer()
        try:
            call.caller.peer.deliver(error, call.callee.session.peer.codec)
        except WampError as problem:
            call.caller.send_error(_CALL, call.request, problem)

    def _fail(self, call: CallUnderWay, error: WampError) -> None:
        """Give the caller an ERROR of the router's own as the final answer."""
        if call.answer():
            call.caller.send_error(_CALL, call.request, error)

    # --- ending early ------------------------------------------------------------------------------------------

    def cancel(self, session: RouterSession, message: Cancel) -> None:
        """CANCEL. One that crosses the call's answer on the wire is passed over (spec, "Call Canceling")."""
        call = session.calls.get(message.request)
        if call is None:
            return
        call.message = None
        mode = message.options.mode
        if mode == "kill" and call.waits_for is None and self._interrupt(call, "kill", CANCELED):
            return
        self._give_up(call, WampError(CANCELED, "the call was canceled"), silently=mode == "skip")

    def _interrupt(self, call: CallUnderWay, mode: CancelMode, reason: str) -> bool:
        """Tell the callee that its work is not wanted any more, if it understands that."""
        session = call.callee.session
        if "callee.call_canceling" not in session.features:
            return False
        session.peer.send_message(Interrupt(call.invocation, InterruptOptions(mode=mode, reason=reason)))
        return True

    def _give_up(self, call: CallUnderWay, error: WampError, silently: bool = False) -> None:
        """End a call without an answer of its callee's."""
        registration = call.callee.registration if call.invocation else None
        self._let_go(call, error.uri, silently)
        self._fail(call, error)
        if registration is not None and registration.waiting is not None:
            self._serve_waiting(registration)

    def _let_go(self, call: CallUnderWay, reason: str, silently: bool = False) -> None:
        """Pass over what the callee says from now on.

        A callee that is not interrupted works on, so a concurrency limit counts the call until its answer comes.
        """
        if call.waits_for is not None:
            leave_queue(call)
        elif call.invocation:
            told = not silently and self._interrupt(call, "killnowait", reason)
            if told or not call.callee.concurrency:
                call.release()

    def _restart_timer(self, call: CallUnderWay) -> None:
        """Count the call's time from now on, unless its callee does (spec, "Callee-Initiated Timeouts")."""
        if call.invocation and call.details.timeout:
            return
        if call.timer is not None:
            call.timer.cancel()
        call.timer = self._clock.callLater(call.options.timeout / 1000, self._timed_out, call)

    def _timed_out(self, call: CallUnderWay) -> None:
        call.timer = None
        self._give_up(call, WampError(TIMEOUT, f"no result within {call.options.timeout} ms"))


def _refuse_unasked(session: RouterSession, request: int) -> None:
    """Raises ProtocolViolation for an answer to no INVOCATION; one to a call that is over is passed over."""
    if request > session.issued_invocations:
        raise ProtocolViolation(f"an answer to INVOCATION {request}, which this session never got")
