"""Pages of which origins may talk to a port, over WebSockets (RFC 6455 section 10.2) and HTTP alike. No I/O."""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

_DEFAULT_PORTS: Final = {"http": 80, "https": 443, "ws": 80, "wss": 443}
#: all names of the machine that the browser runs on become this one
_LOOPBACK: Final = "localhost"


class OriginPolicy:
    """Which pages may connect (RFC 6455 section 10.2).

    allowed: patterns of origins, `*` stands for anything; None: only pages that this very host and port served, where
    `localhost` and `127.0.0.1` are one host. allow_null: whether pages without an origin may (files, sandboxes); None:
    those of this machine, which calls itself by its loopback address.
    """

    def __init__(self, allowed: Sequence[str] | None, allow_null: bool | None) -> None:
        self._patterns = None if allowed is None else [_pattern(origin) for origin in allowed]
        self._allow_null = allow_null

    def allows(self, origin: str | None, host: str, local: bool = False) -> bool:
        """Whether a connection may be opened.

        origin: the header, as the browser sent it; None: there is none, so the client is no browser. host: the `Host`
        header. local: the connection comes from this machine.
        """
        if origin is None:
            return True
        if origin.lower() == "null":
            if self._allow_null is None:
                # a name that is not the loopback's may be an attacker's that resolves to it (DNS rebinding)
                return local and _host_and_port(host, 0)[0] == _LOOPBACK
            return self._allow_null
        try:
            parts = urlsplit(origin.lower())
            port = parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
        except ValueError:
            return False
        if self._patterns is None:
            return (_one_name(parts.hostname), port) == _host_and_port(host, _DEFAULT_PORTS.get(parts.scheme, 0))
        name = parts.hostname or ""
        bracketed = f"[{name}]" if ":" in name else name
        spellings = (origin.lower(), f"{parts.scheme}://{bracketed}:{port}")
        return any(pattern.fullmatch(spelling) for pattern in self._patterns for spelling in spellings)


def _pattern(origin: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in origin.lower().rstrip("/").split("*")))


def _host_and_port(host: str, default: int) -> tuple[str | None, int]:
    """The `Host` header taken apart; a port left out is the default one of the page's scheme."""
    try:
        parts = urlsplit(f"//{host.lower()}")
        return _one_name(parts.hostname), parts.port or default
    except ValueError:
        return None, 0


def is_loopback(host: str) -> bool:
    """Whether an address is one that only this machine has (RFC 6890 section 2.2.2). host: without a port."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _one_name(host: str | None) -> str | None:
    return _LOOPBACK if host is not None and is_loopback(host) else host
