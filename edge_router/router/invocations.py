"""What a callee is told of a call, and whether it can be told: the details of INVOCATION.

Progressive call invocations are judged here too: a call that comes in several parts, each a CALL with the same request
id and each passed on as an INVOCATION of the same id. (Spec, "Caller Identification", "Progressive Call Results",
"Progressive Call Invocations", "Payload Passthru Mode".)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from edge_router.router.disclosure import disclosure_refused, handed_on, sender, trail_for
from edge_router.router.passthru import attributes, refuse_unannounced, understands
from edge_router.wamp.errors import FEATURE_NOT_SUPPORTED, ProtocolViolation, WampError
from edge_router.wamp.messages import Call, InvocationDetails

if TYPE_CHECKING:
    from edge_router.router.calls import CallUnderWay
    from edge_router.router.grants import Grant
    from edge_router.router.registration import Callee
    from edge_router.router.session import RouterSession

#: what a callee must be able to do before it is asked for progressive results. The spec wants call canceling too, which
#: autobahn-js (callees of 2024) does not announce though it streams; what such a callee sends too long is discarded
_STREAMING: Final = "callee.progressive_call_results"
#: what a callee must be able to do before it gets a call in parts
_TAKING_PARTS: Final = frozenset({"callee.progressive_call_invocations", "callee.call_canceling"})


def invocation_details(call: CallUnderWay, callee: Callee) -> InvocationDetails:
    """INVOCATION.Details for a callee. Raises WampError `feature_not_supported` for a call that it cannot take.

    A timeout is handed over before any of it has passed, or not at all.
    """
    disclosed, options, features = call.disclosed, call.options, callee.session.features
    if options.progress and not features >= _TAKING_PARTS:
        raise WampError(
            FEATURE_NOT_SUPPORTED,
            f"the callee of '{call.procedure}' takes no call in parts (progressive_call_invocations, call_canceling)",
        )
    if options.ppt_scheme and not understands(callee.session, "callee"):
        raise WampError(FEATURE_NOT_SUPPORTED, f"the callee of '{call.procedure}' knows no payload passthru mode")
    caller, trail = sender(call.caller, options) if disclosed else None, options.forward_for
    return InvocationDetails(
        **attributes(options),
        receive_progress=options.receive_progress and _STREAMING in features,
        timeout=options.timeout if callee.keeps_time and call.timer is None else 0,
        progress=options.progress,
        procedure=call.procedure if callee.registration.match != "exact" else None,
        caller=caller.session if caller else None,
        caller_authid=caller.authid if caller else None,
        caller_authrole=caller.authrole if caller else None,
        forward_for=trail_for(trail, disclosed, callee.session) if trail else None,
    )


def refuse_features(message: Call) -> None:
    """Raises WampError for a call, in parts or in passthru mode, of what the router itself serves."""
    if message.options.progress or message.options.ppt_scheme:
        found = "in payload passthru mode" if message.options.ppt_scheme else "in parts"
        raise WampError(FEATURE_NOT_SUPPORTED, f"'{message.procedure}' takes no call {found}")


def begin_special(caller: RouterSession, message: Call, grant: Grant) -> Call:
    """Look at what a call asks for, before it begins. Result: the call that begins.

    Raises WampError or ProtocolViolation.
    """
    options = message.options
    if options.disclose_me and not grant.may_disclose_caller:
        raise disclosure_refused(caller.permissions, "call", message.procedure)
    if options.forward_for:
        message = handed_on(caller, message)
    if options.progress:
        _begin_stream(caller, message.request)
    if options.ppt_scheme:
        refuse_unannounced(caller, "caller")
    return message


def _begin_stream(caller: RouterSession, request: int) -> None:
    """The first part of a call: whatever follows with this request id belongs to it.

    Request ids grow, so one number tells which of them have begun, also when the calls are over and forgotten.
    Raises ProtocolViolation for a caller that has not announced the feature.
    """
    if "caller.progressive_call_invocations" not in caller.features:
        raise ProtocolViolation(
            "a CALL with progress by a caller that did not announce progressive_call_invocations in HELLO"
        )
    caller.streamed = request


def refuse_other_part(call: CallUnderWay, message: Call) -> None:
    """Raises ProtocolViolation for a CALL that cannot be the next part of this one."""
    if not call.unfinished:
        raise ProtocolViolation(f"CALL {call.request} is under way already; a new request id would be right")
    if message.procedure != call.procedure:
        raise ProtocolViolation(f"CALL {call.request} goes on with another procedure than it began with")
