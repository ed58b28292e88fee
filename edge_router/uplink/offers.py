"""Procedures that are registered at one end, as long as that end is there.

One that is refused is offered again now and then: after a link was cut, the router may believe for a while that the
session before this one still serves it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable

from msgspec import Struct
from twisted.python.failure import Failure

from edge_router.router.interfaces import Clock, Delayed
from edge_router.uplink.session import Invoked, LinkSession
from edge_router.wamp.errors import NETWORK_FAILURE
from edge_router.wamp.messages import Invocation, RegisterOptions

#: seconds until a refused one is offered again: at first, and at most
FIRST_DELAY, LAST_DELAY = 2.0, 60.0


class Offer(Struct, eq=False):
    """procedure, options: as it is registered. handler: takes its calls."""

    procedure: str
    options: RegisterOptions
    handler: Callable[[Invocation], Invoked | None]
    registration: int = 0
    delay: float = FIRST_DELAY
    retry: Delayed | None = None


class Offers:
    """Those at one end. clock: for trying again. refused: is told in words what cannot be offered."""

    def __init__(self, clock: Clock, refused: Callable[[str], object]) -> None:
        self._clock = clock
        self._refused = refused
        self._offers: dict[Hashable, Offer] = {}
        self._session: LinkSession | None = None

    def __contains__(self, key: Hashable) -> bool:
        return key in self._offers

    def attach(self, session: LinkSession) -> None:
        """The end is there: register everything."""
        self._session = session
        for key, offer in self._offers.items():
            self._register(key, offer)

    def detach(self) -> None:
        """The end is gone, and the registrations with it."""
        self._session = None
        for offer in self._offers.values():
            offer.registration = 0
            offer.delay = FIRST_DELAY
            _calm(offer)

    def add(self, key: Hashable, offer: Offer) -> None:
        """Offer one more. key: by which it is withdrawn."""
        self._offers[key] = offer
        if self._session is not None:
            self._register(key, offer)

    def withdraw(self, key: Hashable) -> None:
        """Offer one no more."""
        offer = self._offers.pop(key, None)
        if offer is None:
            return
        _calm(offer)
        if offer.registration and self._session is not None:
            self._session.unregister_raw(offer.registration).addErrback(_ignored)

    def _register(self, key: Hashable, offer: Offer) -> None:
        session = self._session
        offer.retry = None
        if session is None:
            return
        asked = session.register_raw(offer.procedure, offer.options, offer.handler)
        asked.addCallback(self._registered, session, key, offer).addErrback(self._failed, session, key, offer)

    def _registered(self, registration: int, session: LinkSession, key: Hashable, offer: Offer) -> None:
        if self._session is not session:
            return
        if self._offers.get(key) is offer:
            offer.registration = registration
            offer.delay = FIRST_DELAY
        else:  # withdrawn meanwhile
            session.unregister_raw(registration).addErrback(_ignored)

    def _failed(self, failure: Failure, session: LinkSession, key: Hashable, offer: Offer) -> None:
        if self._session is not session or self._offers.get(key) is not offer:
            return
        if getattr(failure.value, "uri", "") == NETWORK_FAILURE:
            return
        if offer.delay == FIRST_DELAY * 2:
            self._refused(f"cannot offer {offer.procedure!r}: {failure.getErrorMessage()}; tried again now and then")
        offer.retry = self._clock.callLater(offer.delay, self._register, key, offer)
        offer.delay = min(2 * offer.delay, LAST_DELAY)


def _calm(offer: Offer) -> None:
    retry, offer.retry = offer.retry, None
    if retry is not None:
        retry.cancel()


def _ignored(_failure: Failure) -> None:
    """The session ended before, and with it the registration."""
