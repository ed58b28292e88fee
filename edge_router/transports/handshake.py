"""The opening handshake of WebSocket, as far as this router has a say: origins and subprotocols.

`websockets` checks everything that RFC 6455 section 4.2.1 demands; what is decided here is who may connect and which
encoding is spoken. No I/O.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from websockets.datastructures import Headers
from websockets.exceptions import InvalidHeader, InvalidOrigin, NegotiationError
from websockets.server import ServerProtocol
from websockets.typing import Origin, Subprotocol

from edge_router.config.schema import WebSocketOptions

_ASSUMED: Final = "wamp.2.json"
_DEFAULT_PORTS: Final = {"http": 80, "https": 443, "ws": 80, "wss": 443}

#: `websockets` writes lines of its own about each connection; the router's log says what an operator needs
_SILENT: Final = logging.getLogger("edge_router.websocket")
_SILENT.setLevel(logging.CRITICAL)


class OriginPolicy:
    """Which pages may connect (RFC 6455 section 10.2).

    allowed: patterns of origins, `*` stands for anything; None: only pages that this very host and port served.
    allow_null: whether pages without an origin may (files, sandboxes).
    """

    def __init__(self, allowed: Sequence[str] | None, allow_null: bool) -> None:
        self._patterns = None if allowed is None else [_pattern(origin) for origin in allowed]
        self._allow_null = allow_null

    def allows(self, origin: str | None, host: str) -> bool:
        """Whether a connection may be opened.

        origin: the header, as the browser sent it; None: there is none, so the client is no browser. host: the `Host`
        header.
        """
        if origin is None:
            return True
        if origin.lower() == "null":
            return self._allow_null
        try:
            parts = urlsplit(origin.lower())
            port = parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
        except ValueError:
            return False
        if self._patterns is None:
            return (parts.hostname, port) == _host_and_port(host, _DEFAULT_PORTS.get(parts.scheme, 0))
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
        return parts.hostname, parts.port or default
    except ValueError:
        return None, 0


class WampServerProtocol(ServerProtocol):
    """The server's end of one WebSocket, sans I/O.

    offered: the subprotocols that are spoken. origins: who may connect. options: of the transport. extensions: those
    offered (see `deflate`).
    """

    def __init__(
        self, offered: Sequence[str], origins: OriginPolicy, options: WebSocketOptions, extensions: Sequence[Any]
    ) -> None:
        super().__init__(
            extensions=extensions,
            max_size=options.max_message_size,
            logger=_SILENT,
        )
        self._offered = offered
        self._policy = origins
        # without a name it can only be the encoding that everybody speaks
        self._required = options.require_websocket_subprotocol or _ASSUMED not in offered

    def process_origin(self, headers: Headers) -> Origin | None:
        """Refuse (403) pages of other origins. Raises InvalidOrigin, InvalidHeader."""
        origins, hosts = headers.get_all("Origin"), headers.get_all("Host")
        if len(origins) > 1:
            raise InvalidHeader("Origin", "multiple values")
        if len(hosts) != 1:
            raise InvalidHeader("Host", "multiple values" if hosts else None)
        origin = origins[0] if origins else None
        if not self._policy.allows(origin, hosts[0]):
            raise InvalidOrigin(f"{origin}; `allowed_origins` of the transport says which pages may connect")
        return None if origin is None else Origin(origin)

    def select_subprotocol(self, subprotocols: Sequence[Subprotocol]) -> Subprotocol | None:
        """The client's first that is spoken here; None if it names none and need not. Raises NegotiationError."""
        for subprotocol in subprotocols:
            if subprotocol in self._offered:
                return subprotocol
        spoken = ", ".join(self._offered)
        if subprotocols:
            named = ", ".join(subprotocols)[:80]
            raise NegotiationError(f"none of the subprotocols {named} is spoken here, but {spoken}")
        if self._required:
            raise NegotiationError(f"no subprotocol is named; here {spoken} can be spoken (Sec-WebSocket-Protocol)")
        return None
