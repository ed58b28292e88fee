"""Pages of other origins: who may use a service, and what a browser is told about it (Fetch standard, "CORS protocol").

A browser lets a page of another origin send simple requests whatever we say, and only keeps the answer from it. So a
service that changes something refuses what comes from an origin it does not know, instead of answering without headers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from edge_router.transports.origins import OriginPolicy

#: seconds a browser may remember the answer to its question
REMEMBERED: Final = b"600"


class Anybody:
    """Every page may read what is here, without credentials."""

    def admit(self, request: Any) -> bool:
        """Say so in the answer."""
        request.setHeader(b"Access-Control-Allow-Origin", b"*")
        return True


class Origins:
    """Pages of some origins may use what is here, cookies and logins included.

    allowed: patterns of origins; None: this very host and port only.
    """

    def __init__(self, allowed: Sequence[str] | None) -> None:
        self._policy = OriginPolicy(allowed, allow_null=allowed is not None and "*" in allowed)

    def admit(self, request: Any) -> bool:
        """Whether a request may come from where it does; what the browser has to know is in the answer then."""
        request.setHeader(b"Vary", b"Origin")
        origin = request.header("Origin") or None
        if not self._policy.allows(origin, request.header("Host")):
            return False
        if origin is not None:
            request.setHeader(b"Access-Control-Allow-Origin", origin.encode("latin-1", "replace"))
            request.setHeader(b"Access-Control-Allow-Credentials", b"true")
        return True


def preflight(request: Any, methods: bytes) -> None:
    """Answer a browser's question before the request itself: methods, and any headers that it names."""
    if request.getHeader("Access-Control-Request-Method") is None:
        return
    request.setHeader(b"Access-Control-Allow-Methods", methods)
    request.setHeader(b"Access-Control-Max-Age", REMEMBERED)
    headers = request.header("Access-Control-Request-Headers")
    if headers:
        request.setHeader(b"Access-Control-Allow-Headers", headers.encode("latin-1", "replace"))
