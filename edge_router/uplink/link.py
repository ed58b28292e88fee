"""The connection to the central router: tried again until it is there, watched while it is, and tried again after it.

Addresses are tried one after another; when all have failed, there is a pause of a random length that grows
(decorrelated jitter), so that many boards do not come back at once. A session that has lasted makes it short again.
Whether the other end lives, it is asked itself, by the one request that every router answers to everybody: to end a
subscription that there is not. That measures the round-trip time, too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import AlreadyCalled
from twisted.logger import Logger
from twisted.python.failure import Failure

from edge_router.client.address import endpoint_of, place_of
from edge_router.client.failures import ConnectFailed, NotTrusted
from edge_router.config.schema.connecting import ClientTransport
from edge_router.router.interfaces import Clock, Delayed
from edge_router.uplink.session import LinkSession
from edge_router.wamp.errors import NETWORK_FAILURE
from edge_router.wamp.ids import MAX_ID

#: seconds of the pause, at least
BASE: Final = 1.0
#: seconds after which a session counts as stable
STABLE_AFTER: Final = 30.0
#: seconds between two looks whether the clock has been set, while a certificate seems to be of the future
LOOK_EVERY: Final = 2.0
#: reasons why it is not up that are told, until it is
MOST_TOLD: Final = 100


class Link:
    """One connection.

    id: of the uplink, for logs. transports: the addresses. connect: joins by one of them. clock: the reactor. uniform:
    a random number between two. clock_is_right: whether this machine knows the time. keepalive: seconds between two
    questions whether the router lives, and seconds that it has to answer; the first 0: it is not asked. longest_pause:
    seconds between two attempts at most.
    """

    log = Logger()

    def __init__(
        self,
        id: str,
        transports: Sequence[ClientTransport],
        connect: Callable[[ClientTransport], Deferred[LinkSession]],
        clock: Clock,
        uniform: Callable[[float, float], float],
        clock_is_right: Callable[[], bool],
        keepalive: tuple[float, float],
        longest_pause: float = 60.0,
    ) -> None:
        self._id = id
        self._transports = transports
        self._connect = connect
        self._clock = clock
        self._uniform = uniform
        self._clock_is_right = clock_is_right
        self._keepalive, self._patience = keepalive
        self._longest_pause = longest_pause
        #: are told when it is up, with the session, when it is down, and when it could not come up
        self.on_up: Callable[[LinkSession], object] = lambda _session: None
        self.on_down: Callable[[], object] = lambda: None
        self.on_failed: Callable[[], object] = lambda: None
        self.session: LinkSession | None = None
        #: the address that it is up by
        self.peer = ""
        #: why it is not up; empty while it is
        self.error = "not connected yet"
        #: round-trip time in milliseconds
        self.rtt_ms: float | None = None
        #: how often it came up
        self.times_up = 0
        self._attempt: Deferred[LinkSession] | None = None
        self._place = 0
        self._pause = BASE
        self._timer: Delayed | None = None
        self._stable: Delayed | None = None
        self._told: set[str] = set()
        self._running = False

    @property
    def is_up(self) -> bool:
        """Whether there is a session."""
        return self.session is not None

    def start(self) -> None:
        """Begin to connect."""
        self._running = True
        self._place = 0
        self._try()

    def stop(self) -> None:
        """Leave. Idempotent."""
        self._running = False
        self._forget_timers()
        attempt, self._attempt = self._attempt, None
        if attempt is not None:
            attempt.cancel()
        session = self.session
        if session is not None:
            self._down("closed")
            session.on_leave = None
            session.leave()

    # --- coming up ---------------------------------------------------------------------------------------------

    def _try(self) -> None:
        self._timer = None
        transport = self._transports[self._place]
        attempt = self._attempt = self._connect(transport)
        attempt.addCallbacks(self._joined, self._not_joined)
        attempt.addErrback(self._bug)

    def _joined(self, session: LinkSession) -> None:
        self._attempt = None
        if not self._running:
            session.leave()
            return
        transport = self._transports[self._place]
        self.session, self.peer, self.error = session, place_of(endpoint_of(transport)), ""
        self.rtt_ms, self._place = None, 0
        self._told.clear()
        self.times_up += 1
        session.on_leave = self._left
        self._stable = self._clock.callLater(STABLE_AFTER, self._is_stable)
        self.log.info(
            "{id}: up, by {peer}, session {session} of realm {realm} as {authid} ({authrole})", id=self._id,
            peer=self.peer, session=session.id, realm=session.realm, authid=session.authid, authrole=session.authrole,
        )  # fmt: skip
        self.on_up(session)
        self._ask()

    def _not_joined(self, failure: Failure) -> None:
        self._attempt = None
        if not self._running or failure.check(CancelledError):
            return
        problem = failure.value
        if not isinstance(problem, ConnectFailed):
            self.log.failure("{id}: a bug while connecting", failure=failure, id=self._id)
        self.error = str(problem) or type(problem).__name__
        self.on_failed()
        self._place += 1
        if self._place < len(self._transports):
            self._say(f"not up: {self.error}; the next address is tried")
            self._try()
            return
        self._place = 0
        if isinstance(problem, NotTrusted) and not self._clock_is_right():
            self._say(f"not up: {self.error}; this machine's clock is not set yet, so it is tried again when it is")
            self._timer = self._clock.callLater(LOOK_EVERY, self._look, self._clock.seconds() + self._next_pause())
            return
        pause = self._next_pause()
        self._say(f"not up: {self.error}; tried again, in {pause:.0f} s for the first time")
        self._timer = self._clock.callLater(pause, self._try)

    def _bug(self, failure: Failure) -> None:
        self.log.failure("{id}: a bug of the uplink", failure=failure, id=self._id)

    def _look(self, until: float) -> None:
        """Try at once when the clock has been set, and when the pause is over."""
        self._timer = None
        if self._clock_is_right():
            self._pause = BASE
            self._try()
        elif self._clock.seconds() >= until:
            self._try()
        else:
            self._timer = self._clock.callLater(LOOK_EVERY, self._look, until)

    def _next_pause(self) -> float:
        self._pause = min(self._longest_pause, self._uniform(BASE, 3 * self._pause))
        return self._pause

    def _say(self, text: str) -> None:
        """What has been said already is only for those who look for errors. The length of pauses is no news."""
        if self.error in self._told or len(self._told) >= MOST_TOLD:
            self.log.debug("{id}: {text}", id=self._id, text=text)
        else:
            self._told.add(self.error)
            self.log.warn("{id}: {text}", id=self._id, text=text)

    # --- while it is up ----------------------------------------------------------------------------------------

    def _is_stable(self) -> None:
        self._stable = None
        self._pause = BASE

    def _ask(self) -> None:
        session = self.session
        self._timer = None
        if session is None or not self._keepalive:
            return
        asked = self._clock.seconds()
        self._timer = self._clock.callLater(self._patience, self._no_answer, session)
        session.unsubscribe_raw(MAX_ID).addBoth(self._answered, session, asked)

    def _answered(self, result: Any, session: LinkSession, asked: float) -> None:
        """By an error, as a rule; what counts is that it came."""
        problem = result.value if isinstance(result, Failure) else None
        if self.session is not session or getattr(problem, "uri", "") == NETWORK_FAILURE:
            return
        self.rtt_ms = round(1000 * (self._clock.seconds() - asked), 1)
        _cancel(self._timer)
        self._timer = self._clock.callLater(self._keepalive, self._ask)

    def _no_answer(self, session: LinkSession) -> None:
        self._timer = None
        session.abandon(f"the router has not answered for {self._patience:g} s")

    # --- going down --------------------------------------------------------------------------------------------

    def _left(self, reason: str) -> None:
        """The session is over, and it was not us."""
        if self.session is None:
            return
        self._down(reason)
        pause = self._next_pause()
        self.log.warn("{id}: down: {reason}; tried again in {pause:.1f} s", id=self._id, reason=reason, pause=pause)
        self._timer = self._clock.callLater(pause, self._try)

    def _down(self, reason: str) -> None:
        self._forget_timers()
        self.session, self.peer, self.error, self.rtt_ms = None, "", reason, None
        self.on_down()

    def _forget_timers(self) -> None:
        timer, self._timer = self._timer, None
        stable, self._stable = self._stable, None
        _cancel(timer)
        _cancel(stable)


def _cancel(timer: Delayed | None) -> None:
    if timer is not None:
        try:
            timer.cancel()
        except AlreadyCalled:
            pass
