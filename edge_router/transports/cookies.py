"""Cookies in the opening handshake of a WebSocket: the one a browser shows, and the one it is given. (RFC 6265.)"""

from __future__ import annotations

import re
from typing import Final

from websockets.datastructures import Headers

from edge_router.config.schema import Cookie

#: what a value of ours may look like
_VALUE: Final = re.compile(r"[A-Za-z0-9_-]{6,64}")
#: paths that can stand in the header as they are
_PATH: Final = re.compile(r"/[A-Za-z0-9/._~%-]*")


def shown(headers: Headers, name: str) -> str | None:
    """The value of a cookie that a request shows; None if it shows none, or one that cannot be ours."""
    for header in headers.get_all("Cookie"):
        for part in header.split(";"):
            key, _, value = part.strip().partition("=")
            if key == name:
                return value if _VALUE.fullmatch(value) else None
    return None


def given(config: Cookie, value: str, path: str, secure: bool) -> str:
    """The header Set-Cookie.

    path: of the request; browsers send the cookie there, and below, alone. secure: whether the request came by TLS.
    """
    place = path.partition("?")[0]
    parts = [
        f"{config.name}={value}",
        f"Max-Age={config.max_age}",
        f"Path={place if _PATH.fullmatch(place) else '/'}",
        f"SameSite={config.same_site}",
    ]
    if config.http_strict:
        parts.append("HttpOnly")
    if secure if config.secure is None else config.secure:
        parts.append("Secure")
    return "; ".join(parts)
