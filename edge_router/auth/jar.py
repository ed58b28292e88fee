"""Which browser has logged in as whom: cookies, by their digests, with bounds.

A cookie is known once somebody has logged in with it. One that was only given out is kept in mind for a while, so that
two pages of one browser have the same; all others are replaced, so nobody can choose the value of a cookie himself.
(RFC 6265; OWASP "Session Management": the value is random, the store has no more than its digest.)
"""

from __future__ import annotations

import os
import time
from base64 import urlsafe_b64encode
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from hmac import digest
from typing import Protocol

from msgspec import structs

from edge_router.config.schema import Cookie
from edge_router.router.interfaces import Remembered


class Store(Protocol):
    """Where records survive a restart."""

    def open(self) -> Iterable[tuple[str, Remembered]]:
        """Make the file ready. Result: what is in it, the oldest first."""

    def put(self, key: str, record: Remembered | None, live: Mapping[str, Remembered]) -> None:
        """Keep a record, or forget it. live: all there are, this one included."""

    def close(self) -> None:
        """Close the file. Idempotent."""


class Jar:
    """The cookies of one or several transports.

    config: bounds. store: where logins survive a restart. now: seconds since 1970. entropy: random bytes.
    """

    def __init__(
        self,
        config: Cookie,
        store: Store | None = None,
        now: Callable[[], float] = time.time,
        entropy: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self.config = config
        self._store = store
        self._now = now
        self._entropy = entropy
        self._logins: OrderedDict[str, Remembered] = OrderedDict()
        #: digests of cookies that nobody has logged in with; the last to be seen at the end
        self._given: OrderedDict[str, None] = OrderedDict()
        self._opened = store is None

    def open(self) -> None:
        """Read the file, if that has not been done. Idempotent."""
        if self._opened or self._store is None:
            return
        self._opened = True
        for key, record in sorted(self._store.open(), key=lambda item: item[1].ends):
            self._logins[key] = record
        self._bound()

    def __len__(self) -> int:
        return len(self._logins)

    def visit(self, value: str | None) -> tuple[Visit, str | None]:
        """A browser that shows a cookie, or none. Result: the visit; the value of the cookie to give it, if any."""
        self.open()
        if value is not None:
            visit = Visit(self, value)
            if visit.key in self._given:
                self._given.move_to_end(visit.key)
                return visit, None
            if visit.remembered is not None:
                return visit, None
        fresh = urlsafe_b64encode(self._entropy(48)).decode()[: self.config.length]
        visit = Visit(self, fresh)
        self._given[visit.key] = None
        if len(self._given) > self.config.max_cookies:
            self._given.popitem(last=False)
        return visit, fresh

    def close(self) -> None:
        """Close the file. Idempotent."""
        if self._store is not None:
            self._store.close()

    # --- what visits call --------------------------------------------------------------------------------------

    def find(self, key: str) -> Remembered | None:
        """Who has logged in with a cookie."""
        record = self._logins.get(key)
        if record is None:
            return None
        if record.ends <= self._now():
            self.forget(key)
            return None
        return record

    def keep(self, key: str, who: Remembered) -> None:
        """Somebody has logged in with a cookie."""
        self._given.pop(key, None)
        self._logins.pop(key, None)
        self._logins[key] = record = structs.replace(who, ends=self._now() + self.config.max_age)
        if self._store is not None:
            self._store.put(key, record, self._logins)
        self._bound()

    def forget(self, key: str) -> None:
        """A cookie is worth nothing any more."""
        if self._logins.pop(key, None) is not None and self._store is not None:
            self._store.put(key, None, self._logins)

    def _bound(self) -> None:
        now = self._now()
        while self._logins:
            oldest, record = next(iter(self._logins.items()))
            if record.ends > now and len(self._logins) <= self.config.max_cookies:
                return
            self.forget(oldest)


class Visit:
    """A connection of a browser (`interfaces.Visit`). jar: whose cookie. value: of the cookie."""

    __slots__ = ("_jar", "_value", "key", "name")

    def __init__(self, jar: Jar, value: str) -> None:
        octets = value.encode(errors="surrogateescape")
        self.key = sha256(octets).hexdigest()
        self.name = sha256(b"name:" + octets).hexdigest()[:16]
        self._jar = jar
        self._value = octets

    @property
    def remembered(self) -> Remembered | None:
        """Who has logged in with this cookie."""
        return self._jar.find(self.key)

    def remember(self, who: Remembered) -> None:
        """Somebody has."""
        self._jar.keep(self.key, who)

    def forget(self) -> None:
        """Nobody is logged in with it any more."""
        self._jar.forget(self.key)

    def seal(self, octets: bytes) -> str:
        """A digest of these octets that only who has the cookie can make."""
        return digest(self._value, octets, "sha256").hex()
