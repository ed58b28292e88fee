"""Signed requests: who may send one, and that each is taken once.

The scheme is Crossbar.io's: `key`, `timestamp`, `seq`, `nonce` and `signature` in the query, the latter being the
HMAC-SHA256 of the former and the body, one after the other as they are in the query, in base64url. There is nothing
between them, so that seq 1, nonce 23 is signed as seq 12, nonce 3 is; so what is remembered is the signature itself.
(RFC 2104, RFC 4648 section 5.)
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode
from binascii import Error as Base64Error
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from heapq import heappop, heappush
from typing import Final

#: signatures that are remembered. Over it the oldest are forgotten, and with them all requests of their time refused
MAX_REMEMBERED: Final = 10_000

_NAMES: Final = ("key", "timestamp", "seq", "nonce", "signature")


class Unsigned(Exception):
    """A request is not signed, or not as it should be. The text says what is wrong."""


class Once:
    """Remembers what came, within bounds, and refuses it the second time.

    Memory is bounded without a gap: what is so old that it may be forgotten is refused for its age alone.
    """

    def __init__(self, most: int = MAX_REMEMBERED) -> None:
        self._most = most
        self._by_time: list[tuple[float, bytes]] = []
        self._known: set[bytes] = set()
        #: what is not later than this may have been forgotten
        self._forgotten = float("-inf")

    def admit(self, time: float, digest: bytes, oldest: float) -> None:
        """Take a request. Raises Unsigned.

        time: its own. digest: of it. oldest: times before this are refused anyhow.
        """
        while self._by_time and self._by_time[0][0] < oldest:
            self._known.discard(heappop(self._by_time)[1])
        if digest in self._known:
            raise Unsigned("this request has been made before")
        if time <= self._forgotten:
            raise Unsigned("this request may have been made before: too many have come since")
        self._known.add(digest)
        heappush(self._by_time, (time, digest))
        if len(self._by_time) > self._most:
            self._forgotten, forgotten = heappop(self._by_time)
            self._known.discard(forgotten)


class Signatures:
    """The keys of a service.

    secrets: by key. delta: seconds by which the time of a request may differ; 0: it is not looked at, nor is whether
    the request came before. now: the wall clock, seconds since 1970.
    """

    def __init__(self, secrets: Mapping[str, str], delta: int, now: Callable[[], float]) -> None:
        self._secrets = {key: secret.encode() for key, secret in secrets.items()}
        self._delta = delta
        self._now = now
        self._once = Once()

    def verify(self, query: Mapping[bytes, list[bytes]], body: bytes) -> str:
        """The key that has signed a request. query: names and values, decoded. Raises Unsigned."""
        values = [_single(query, name) for name in _NAMES]
        signed = [value.encode("latin-1") for value in values[:-1]]
        key, timestamp, seq, nonce, signature = values
        secret = self._secrets.get(key)
        # An unknown key takes as long as a known one, and hears the same.
        digest = hmac.digest(secret or b"", b"".join(signed) + body, "sha256")
        if not hmac.compare_digest(digest, _decoded(signature)) or secret is None:
            raise Unsigned("the key is not known here, or the signature is not that of this key, request and body")
        if not (seq.isdecimal() and nonce.isdecimal()):
            raise Unsigned("`seq` and `nonce` are to be integers")
        time = _time(timestamp)
        if self._delta:
            now = self._now()
            if abs(now - time) > self._delta:
                raise Unsigned(f"the timestamp is more than {self._delta} s off; here it is {_shown(now)}")
            self._once.admit(time, digest, now - self._delta)
        return key


def _single(query: Mapping[bytes, list[bytes]], name: str) -> str:
    values = query.get(name.encode(), [])
    if len(values) != 1 or not values[0]:
        raise Unsigned(f"the request is to be signed; `{name}` is missing in its query, or there twice")
    return values[0].decode("latin-1")


def _decoded(signature: str) -> bytes:
    try:
        return urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
    except (Base64Error, ValueError):
        return b""


def _time(timestamp: str) -> float:
    """`YYYY-MM-DDThh:mm:ss.fffZ`, in UTC, as seconds since 1970."""
    try:
        return datetime.strptime(timestamp, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise Unsigned("`timestamp` is to be like 2026-01-31T12:00:00.000Z, in UTC") from None


def _shown(now: float) -> str:
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
