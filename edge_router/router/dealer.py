"""The dealer of a realm: REGISTER, UNREGISTER, CALL -> INVOCATION, YIELD -> RESULT, ERROR, CANCEL -> INTERRUPT.

All callees of one pattern share one `Registration`, whose policy chooses one of them per call. Every CALL gets exactly
one final answer: from its callee, or an ERROR of the router's if the callee leaves, the time is up, the call is
canceled or cannot be delivered. (Spec, "Remote Procedure Calls" and "Advanced RPC".)
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from edge_router.router.calls import CallUnderWay
from edge_router.router.interfaces import Clock
from edge_router.router.invocations import NO_DETAILS, begin_stream, invocation_details, refuse_other_part, refuse_parts
from edge_router.router.registration import Callee, Registration, all_refused, no_room, no_such_procedure
from edge_router.router.urimap import UriMap
from edge_router.wamp.errors import (
    CANCELED,
    LIMIT_EXCEEDED,
    NO_SUCH_REGISTRATION,
    PROCEDURE_ALREADY_EXISTS,
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
    Passthru,
    Register,
    Registered,
    Result,
    ResultDetails,
    RevokedRegistration,
    Unregister,
    Unregistered,
    Yield,
)
from edge_router.wamp.uris import is_valid

if TYPE_CHECKING:
    from edge_router.router.meta import MetaApi
    from edge_router.router.meta_listing import Listing
    from edge_router.router.session import RouterSession

_CALL: Final = CODES[Call]
_INVOCATION: Final = CODES[Invocation]
_FINAL: Final = ResultDetails()
_PROGRESS: Final = ResultDetails(progress=True)
_NO_ERROR_DETAILS: Final = Passthru()
#: what a callee must announce for its `unavailable` to be the router's business
_REROUTING: Final = "callee.call_reroute"


class Dealer:
    """Registrations of one realm, and the way of a call.

    registration_ids: of router scope. clock: for call timeouts. random: for the policy `random`.
    """

    __slots__ = ("_clock", "_random", "_registration_ids", "called", "meta", "registrations", "watch")

    def __init__(self, registration_ids: Iterator[int], clock: Clock, random: Random) -> None:
        self.registrations: UriMap[Registration] = UriMap()
        self.called = 0
        #: answers calls of meta procedures; None in a realm without
        self.meta: MetaApi | None = None
        #: is told of registrations that come and go
        self.watch: Listing[Registration] | None = None
        self._registration_ids = registration_ids
        self._clock = clock
        self._random = random

    # --- registering -------------------------------------------------------------------------------------------

    def register(self, session: RouterSession, message: Register) -> None:
        """REGISTER. Raises WampError."""
        uri, options = message.procedure, message.options
        if not session.permissions.grant_pattern(uri, options.match).register:
            raise session.permissions.refuse("register", uri)
        if self.meta is not None and options.match == "exact" and uri in self.meta.procedures:
            raise WampError(PROCEDURE_ALREADY_EXISTS, f"'{uri}' is the router's own (enable_meta_api)")
        registration = self.registrations.get(uri, options.match)
        if registration is not None and not options.force_reregister:
            registration.refuse_second(session, options.invoke)
        most = session.limits.registrations
        if len(session.registrations) >= most:
            raise WampError(LIMIT_EXCEEDED, f"a session may have {most} registrations (limits.registrations)")
        if registration is not None and options.force_reregister:
            for callee in list(registration.callees):
                self.revoke(callee.session, registration, "registered again with force_reregister")
            registration = None
        if registration is None:
            registration = Registration(next(self._registration_ids), uri, options.match, options.invoke)
            self.registrations.add(uri, options.match, registration)
        guarded = not session.permissions.is_uniform(uri, options.match, "register")
        registration.callees.append(Callee(registration, session, options.concurrency or 0, guarded))
        session.registrations[registration.id] = registration
        session.peer.send_message(Registered(message.request, registration.id))
        if self.watch is not None:
            self.watch.added(session, registration, len(registration.callees) == 1)

    def unregister(self, session: RouterSession, message: Unregister) -> None:
        """UNREGISTER: calls under way go on. Raises WampError `no_such_registration`."""
        registration = session.registrations.pop(message.registration, None)
        if registration is None:
            raise WampError(NO_SUCH_REGISTRATION, f"this session has no registration {message.registration}")
        self._remove(registration, session)
        session.peer.send_message(Unregistered(message.request))

    def revoke(self, session: RouterSession, registration: Registration, reason: str | None) -> None:
        """End a session's registration; calls under way go on. It is told if it understands that."""
        del session.registrations[registration.id]
        if "callee.registration_revocation" in session.features:
            session.peer.send_message(Unregistered(0, RevokedRegistration(registration.id, reason)))
        self._remove(registration, session)

    def _remove(self, registration: Registration, session: RouterSession) -> None:
        registration.remove(session)
        if not registration.callees:
            self.registrations.remove(registration.uri, registration.match)
        if self.watch is not None:
            self.watch.removed(session, registration, not registration.callees)

    # --- calling -----------------------------------------------------------------------------------------------

    def call(self, session: RouterSession, message: Call) -> None:
        """CALL: an INVOCATION to the callee whose turn it is. Raises WampError."""
        request, procedure, options = message.request, message.procedure, message.options
        if request in session.calls or request <= session.streamed:
            self._go_on(session, message)
            return
        if options.progress:
            begin_stream(session, request)
        permissions = session.permissions
        grant = permissions.remembered.get(procedure) or permissions.grant(procedure)
        if not grant.call:
            raise permissions.refuse("call", procedure)
        registration = self.registrations.best(procedure)
        if registration is None or registration.match != "exact":  # a pattern does not cover what is the router's own
            if self.meta is not None and procedure in self.meta.procedures:
                refuse_parts(message)
                self.called += 1
                session.peer.deliver(self.meta.answer(session, message), session.peer.codec)
                return
            if registration is None:
                raise no_such_procedure(procedure)
        if len(session.calls) >= session.limits.calls:
            most = session.limits.calls
            raise WampError(LIMIT_EXCEEDED, f"a session may have {most} calls under way (limits.calls)")
        callee = registration.choose(procedure, self._random)
        if callee is None:
            raise no_room(procedure)
        self.called += 1
        call = CallUnderWay(session, message, grant.disclose_caller or options.disclose_me)
        self._invoke(call, callee, message)
        if options.timeout:
            self._restart_timer(call)

    def _invoke(self, call: CallUnderWay, callee: Callee, message: Call) -> None:
        """Give a call to a callee. Raises WampError if that does not work."""
        options, target = call.options, callee.session
        if call.disclosed or options.receive_progress or options.progress or callee.registration.match != "exact":
            details = invocation_details(call, callee)
        else:
            details = NO_DETAILS
        number = target.issued_invocations + 1
        invocation = Invocation(number, callee.registration.id, details, message.args, message.kwargs)
        target.peer.deliver(invocation, call.caller.peer.codec, refusable=True)
        call.start(callee, number, details)
        call.message = message if _REROUTING in target.features else None

    def _go_on(self, session: RouterSession, message: Call) -> None:
        """A CALL with the request id of one before: the next part of it, for the same callee.

        Ignored where the call is over, which its caller need not know yet.
        """
        call = session.calls.get(message.request)
        if call is None:
            return
        refuse_other_part(call, message)
        call.unfinished = message.options.progress
        call.message = None
        callee = call.callee
        details = call.details if call.unfinished else replace(call.details, progress=False)
        invocation = Invocation(call.invocation, callee.registration.id, details, message.args, message.kwargs)
        try:
            callee.session.peer.deliver(invocation, session.peer.codec, refusable=True)
        except WampError as error:
            self._let_go(call, error.uri)
            self._fail(call, error)
            return
        if call.options.timeout:
            self._restart_timer(call)

    def yielded(self, session: RouterSession, message: Yield) -> None:
        """YIELD: a RESULT to the caller; the final one ends the call."""
        call = self._invocation(session, message.request)
        if call is None:
            return
        if message.options.progress:
            if not call.details.receive_progress:
                raise ProtocolViolation("a progressive result that the INVOCATION did not ask for (receive_progress)")
            call.message = None
            if call.is_owed:
                if call.options.timeout:
                    self._restart_timer(call)
                result = Result(call.request, _PROGRESS, message.args, message.kwargs)
                if not self._pass_on(call, result):
                    self._let_go(call, CANCELED)
            return
        call.release()
        if call.is_owed:
            self._pass_on(call, Result(call.request, _FINAL, message.args, message.kwargs))
            call.answer()

    def failed(self, session: RouterSession, message: Error) -> None:
        """ERROR by a callee: passed on to the caller, and ends the call. `unavailable` may send it to another one."""
        if message.kind != _INVOCATION:
            raise ProtocolViolation(f"an ERROR for a message of type {message.kind}; 68 (INVOCATION) would be right")
        if not is_valid(message.uri):
            raise ProtocolViolation("the URI of an ERROR is no URI; clients would end their session for it")
        call = self._invocation(session, message.request)
        if call is None:
            return
        call.release()
        if call.is_owed:
            if call.message is not None and message.uri == UNAVAILABLE:
                self._reroute(call, call.message)
                return
            error = Error(_CALL, call.request, _NO_ERROR_DETAILS, message.uri, message.args, message.kwargs)
            self._pass_on(call, error)
            call.answer()

    def _reroute(self, call: CallUnderWay, message: Call) -> None:
        """Give a call to a callee that has not refused it yet (spec, "Call Re-Routing")."""
        call.refused_by = (*call.refused_by, call.callee)
        registration = self.registrations.best(call.procedure)
        try:
            if registration is None:
                raise all_refused(call.procedure)
            callee = registration.choose(call.procedure, self._random, call.refused_by)
            if callee is None:
                raise no_room(call.procedure)
            self._invoke(call, callee, message)
        except WampError as error:
            self._fail(call, error)

    def _invocation(self, session: RouterSession, request: int) -> CallUnderWay | None:
        """The call that a callee answers. None: it was canceled, timed out, or its caller is gone."""
        call = session.invocations.get(request)
        if call is None and request > session.issued_invocations:
            raise ProtocolViolation(f"an answer to INVOCATION {request}, which this session never got")
        return call

    def _pass_on(self, call: CallUnderWay, message: Result | Error) -> bool:
        """Give the caller what its callee says. Result: whether that worked; if not, the call ended with an ERROR."""
        codec = call.callee.session.peer.codec
        try:
            call.caller.peer.deliver(message, codec)
        except WampError as error:
            self._fail(call, error)
            return False
        return True

    def _fail(self, call: CallUnderWay, error: WampError) -> None:
        """Give the caller an ERROR of the router's own as the final answer."""
        if call.is_owed:
            call.answer()
            call.caller.send_error(_CALL, call.request, error)

    # --- ending early ------------------------------------------------------------------------------------------

    def cancel(self, session: RouterSession, message: Cancel) -> None:
        """CANCEL. One that crosses the call's answer on the wire is passed over (spec, "Call Canceling")."""
        call = session.calls.get(message.request)
        if call is None:
            return
        call.message = None
        mode = message.options.mode
        if mode == "kill" and self._interrupt(call, "kill", CANCELED):
            return
        self._let_go(call, CANCELED, silently=mode == "skip")
        self._fail(call, WampError(CANCELED, "the call was canceled"))

    def _interrupt(self, call: CallUnderWay, mode: CancelMode, reason: str) -> bool:
        """Tell the callee that its work is not wanted any more, if it understands that."""
        session = call.callee.session
        if "callee.call_canceling" not in session.features:
            return False
        session.peer.send_message(Interrupt(call.invocation, InterruptOptions(mode=mode, reason=reason)))
        return True

    def _let_go(self, call: CallUnderWay, reason: str, silently: bool = False) -> None:
        """Pass over what the callee says from now on.

        A callee that is not interrupted works on, so a concurrency limit counts the call until its answer comes.
        """
        if (not silently and self._interrupt(call, "killnowait", reason)) or not call.callee.concurrency:
            call.release()

    def _restart_timer(self, call: CallUnderWay) -> None:
        if call.timer is not None:
            call.timer.cancel()
        call.timer = self._clock.callLater(call.options.timeout / 1000, self._timed_out, call)

    def _timed_out(self, call: CallUnderWay) -> None:
        call.timer = None
        self._let_go(call, TIMEOUT)
        self._fail(call, WampError(TIMEOUT, f"no result within {call.options.timeout} ms"))

    def leave(self, session: RouterSession) -> None:
        """End what a session that is gone has: its registrations, the calls it made and those it worked on."""
        for registration in session.registrations.values():
            self._remove(registration, session)
        session.registrations.clear()
        for call in list(session.calls.values()):
            call.answer()
            if call.callee.session is not session:
                self._let_go(call, CANCELED)
        for call in list(session.invocations.values()):
            call.release()
            self._fail(call, WampError(CANCELED, "the callee left before it answered"))
