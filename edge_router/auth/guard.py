"""Failed logins by address: after some, each costs a wait that doubles (OWASP's "exponential back-off").

Who has to wait is refused at once, without a look at what it knows, so a guess costs an attacker the wait however many
connections it opens. A success takes nothing back, or an attacker with a login of its own could guess on. The table is
bounded; who failed longest ago goes first. Behind a proxy all clients have the proxy's address.
"""

from __future__ import annotations

import socket
from collections import OrderedDict
from collections.abc import Mapping
from functools import partial
from typing import Any

from edge_router.auth.asked import Asked
from edge_router.config.schema import FailedLogins
from edge_router.router.interfaces import Accepted, Authenticator, Clock, Decision, Login, Question
from edge_router.router.pending import Pending
from edge_router.wamp.errors import AUTHENTICATION_DENIED, WampError


def guarded(methods: Mapping[str, Authenticator], config: FailedLogins, clock: Clock) -> dict[str, Authenticator]:
    """The same methods, with one table of failures for all of them."""
    failures = Failures(config, clock)
    return {name: Guarded(method, failures) for name, method in methods.items()}


class Guarded:
    """A method that answers no more guesses than it should. method: the method. failures: the table."""

    def __init__(self, method: Authenticator, failures: Failures) -> None:
        self._method = method
        self._failures = failures

    def hello(self, login: Login) -> Decision | None:
        """As the method decides; who has to wait gets no question."""
        address = address_of(login.transport.peer)
        if isinstance(self._method, Asked):
            self._failures.refuse(address)  # whoever is asked is spared the guesses, too
        found = self._method.hello(login)
        return None if found is None else self._watched(found, address)

    def _watched(self, found: Decision, address: str) -> Decision:
        if isinstance(found, Accepted):
            return found
        self._failures.refuse(address)
        if isinstance(found, Pending):
            return found.map(lambda decided: self._watched(decided, address), partial(self._failed, address))
        question = found

        def answer(signature: str, extra: dict[str, Any]) -> Decision:
            self._failures.refuse(address)
            try:
                decided = question.answer(signature, extra)
            except WampError as error:
                raise self._failed(address, error) from None
            return self._watched(decided, address)

        return Question(question.extra, answer)

    def _failed(self, address: str, error: WampError) -> WampError:
        # it is not the client's fault if nobody could decide
        if error.uri == AUTHENTICATION_DENIED and not isinstance(error, TooSoon):
            self._failures.add(address)
        return error


class TooSoon(WampError):
    """The refusal of whoever has to wait; no failure in itself."""


class Failures:
    """The table. config: its bounds. clock: for the waits."""

    def __init__(self, config: FailedLogins, clock: Clock) -> None:
        self._allowed = config.allowed
        self._delay = config.delay / 1000
        self._max_delay = config.max_delay / 1000
        self._most = config.addresses
        self._clock = clock
        #: address -> how often, and when last; the last to fail at the end
        self._seen: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._seen)

    def wait(self, address: str) -> float:
        """Seconds that an address has to wait before it may try again."""
        count, last = self._seen.get(address, (0, 0.0))
        over = count - self._allowed
        if over < 0:
            return 0.0
        delay = min(self._delay * 2.0 ** min(over, 40), self._max_delay)
        return max(0.0, last + delay - self._clock.seconds())

    def refuse(self, address: str) -> None:
        """Raises WampError if the address has to wait."""
        wait = self.wait(address)
        if wait > 0:
            text = f"too many failed logins from this address; it may try again in {wait:.1f} s"
            raise TooSoon(AUTHENTICATION_DENIED, text)

    def add(self, address: str) -> None:
        """One more failure."""
        now = self._clock.seconds()
        count, last = self._seen.pop(address, (0, now))
        if now - last > 2 * self._max_delay:
            count = 0
        self._seen[address] = (count + 1, now)
        if len(self._seen) > self._most:
            self._seen.popitem(last=False)


def address_of(peer: str) -> str:
    """What counts as one address: a host, for IPv6 its /64 (a household has as many as it likes), a local user.

    peer: as in `TransportDetails`.
    """
    kind, _, rest = peer.partition(":")
    if kind == "tcp4":
        return rest.rpartition(":")[0]
    if kind == "tcp6":
        host = rest[1:].partition("]")[0].partition("%")[0]
        octets = socket.inet_pton(socket.AF_INET6, host)
        return socket.inet_ntop(socket.AF_INET6, octets[:8] + bytes(8)) + "/64"
    return ",".join(part for part in peer.split(",") if "pid=" not in part)
