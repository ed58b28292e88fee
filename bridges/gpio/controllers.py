"""Who has set an output, and whether he is still there: sessions that leave, uplinks that go down.

The router tells both: `wamp.session.on_leave` of the meta API, and `edge.uplink.ID.status`, which is retained.
(WAMP, advanced profile, "Session Meta API")
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, Protocol

from twisted.internet.defer import Deferred, gatherResults, succeed

from edge_router.client import CallError, Received, Result, Session

ON_LEAVE: Final = "wamp.session.on_leave"
LIST: Final = "wamp.session.list"
UPLINK: Final = "edge.uplink.{}.status"


class Rules(Protocol):
    """What the options of an output say of those who set it."""

    @property
    def depends(self) -> bool: ...

    @property
    def uplink(self) -> str | None: ...


class Dependent(Protocol):
    """An output that may depend on who sets it: an Actuator, or one of another bridge."""

    @property
    def options(self) -> Rules: ...

    def session_gone(self, session: int) -> None: ...

    def uplink_changed(self, up: bool) -> None: ...


class Controllers:
    """The sessions and uplinks that outputs depend on. actuators: all of a bridge."""

    def __init__(self, actuators: Iterable[Dependent]) -> None:
        self._actuators = [actuator for actuator in actuators if actuator.options.depends]
        #: sessions that were there when it began, and are still
        self._present: set[int] = set()

    def begin(self, session: Session) -> Deferred[Any]:
        """Listen. The result fails with CallError if the router would not tell: then no output may be set."""
        if not self._actuators:
            return succeed(None)
        uplinks = {actuator.options.uplink for actuator in self._actuators if actuator.options.uplink is not None}
        asked: list[Deferred[Any]] = [session.subscribe(ON_LEAVE, self._left)]
        asked.append(session.call(LIST).addCallback(self._listed))
        asked += [session.subscribe(UPLINK.format(name), self._uplink, get_retained=True) for name in sorted(uplinks)]
        return gatherResults(asked, consumeErrors=True).addErrback(_explain)

    def is_present(self, session: int) -> bool:
        """Whether a session that was there at a reload still is."""
        return session in self._present

    def _listed(self, result: Result) -> None:
        if isinstance(result.value, list):
            self._present.update(result.value)

    def _left(self, event: Received) -> None:
        if event.args and isinstance(event.args[0], int):
            self._present.discard(event.args[0])
            for actuator in self._actuators:
                actuator.session_gone(event.args[0])

    def _uplink(self, event: Received) -> None:
        name = event.topic.removeprefix("edge.uplink.").removesuffix(".status")
        state = event.args[0] if event.args else None
        for actuator in self._actuators:
            if actuator.options.uplink == name and state in ("up", "down"):
                actuator.uplink_changed(state == "up")


def _explain(failure: Any) -> None:
    """on_loss is a promise. Who cannot keep it does not start."""
    error = failure.value.subFailure.value
    uri = getattr(error, "uri", "wamp.error.runtime_error")
    raise CallError(uri, f"on_loss needs {ON_LEAVE} and {LIST} of the realm's meta API, and its role may not: {error}")
