"""The `caller` service: a POST of `{"procedure": ..., "args": [...], "kwargs": {...}}` is a call."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from twisted.internet.defer import Deferred

from edge_router.client.session import Session
from edge_router.client.values import Result
from edge_router.config.schema.webrealm import CallerPath
from edge_router.transports.host import Host
from edge_router.wamp.ids import MAX_ID
from edge_router.web.bridge import BridgeService, Malformed, Payload, payload_of


class _Options(msgspec.Struct, frozen=True):
    timeout: Annotated[int, msgspec.Meta(ge=0, le=MAX_ID)] = 0


class _Call(Payload, kw_only=True):
    procedure: str
    options: _Options = _Options()


_DECODER: Final = msgspec.json.Decoder(_Call)


class CallerService(BridgeService):
    """Requests that are calls (`type: caller`).

    The answer is `{"args": [...], "kwargs": {...}}`, without what is empty. `options.timeout` of a request is
    milliseconds, and no more than the service's own. Who closes the connection cancels the call.
    """

    def __init__(self, config: CallerPath, host: Host) -> None:
        super().__init__(config, host, "caller")

    def act(self, session: Session, body: bytes) -> Deferred[Any]:
        """See `BridgeService`."""
        try:
            wanted = _DECODER.decode(body)
        except (msgspec.DecodeError, RecursionError) as problem:
            raise Malformed(f"the body is no call in JSON: {problem}") from None
        args, kwargs = payload_of(wanted)
        timeouts = [timeout for timeout in (wanted.options.timeout, self.options.timeout) if timeout]
        called = session.call(wanted.procedure, args, kwargs, timeout=min(timeouts, default=0))
        return called.addCallback(_said)


def _said(result: Result) -> dict[str, Any]:
    said: dict[str, Any] = {}
    if result.args:
        said["args"] = list(result.args)
    if result.kwargs:
        said["kwargs"] = dict(result.kwargs)
    return said
