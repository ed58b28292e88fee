"""From a client's transport, or a URL that a person typed, to where to connect.

Schemes: `ws`, `wss` (RFC 6455 section 3), `rs`, `rss` for RawSocket as autobahn has them, `unix:PATH`.
"""

from __future__ import annotations

from typing import Final, NamedTuple
from urllib.parse import SplitResult, urlsplit

from edge_router.config.schema.connecting import (
    ClientEndpoint,
    ClientRawSocket,
    ClientTcpEndpoint,
    ClientTls,
    ClientTransport,
    ClientUnixEndpoint,
    ClientWebSocket,
)


class BadAddress(ValueError):
    """Nobody could connect there. The text says what was found and what would be right."""


class _Scheme(NamedTuple):
    """transport: which of them. port: if the URL has none; 0: it must have one."""

    transport: str
    port: int
    tls: bool


_SCHEMES: Final = {
    "ws": _Scheme("websocket", 80, False),
    "wss": _Scheme("websocket", 443, True),
    "rs": _Scheme("rawsocket", 0, False),
    "rss": _Scheme("rawsocket", 0, True),
}
_LIKE: Final = {"websocket": "ws://HOST:PORT/PATH or wss://HOST:PORT/PATH", "rawsocket": "rs://HOST:PORT or rss://HOST:PORT"}


def endpoint_of(transport: ClientTransport) -> ClientEndpoint:
    """Where to connect: the endpoint, else what the URL says. Raises BadAddress."""
    kind = "websocket" if isinstance(transport, ClientWebSocket) else "rawsocket"
    if transport.url is None:
        if transport.endpoint is None:
            raise BadAddress("say where to connect, by `endpoint` or by `url`")
        return transport.endpoint
    scheme, parts = _taken_apart(transport.url, kind)
    endpoint = transport.endpoint or _tcp(transport.url, scheme, parts)
    if scheme.tls and isinstance(endpoint, ClientTcpEndpoint) and endpoint.tls is None:
        endpoint = ClientTcpEndpoint(
            host=endpoint.host,
            port=endpoint.port,
            version=endpoint.version,
            timeout=endpoint.timeout,
            tls=ClientTls(hostname=parts.hostname),
        )
    return endpoint


def transport_for(url: str, tls: ClientTls | None = None, serializer: str | None = None) -> ClientTransport:
    """The transport that a URL means: one of the schemes above, or the path of a Unix socket.

    tls: rules for `wss` and `rss`. serializer: an encoding; left out, the best. Raises BadAddress.
    """
    one: dict[str, object] = {} if serializer is None else {"serializer": serializer}
    many: dict[str, object] = {} if serializer is None else {"serializers": [serializer]}
    if url.startswith("unix:") or "://" not in url:
        path = url.removeprefix("unix:")
        if not path:
            raise BadAddress(f"{url!r} names no Unix socket; unix:PATH would be right")
        return ClientRawSocket(endpoint=ClientUnixEndpoint(path=path), **one)  # type: ignore[arg-type]
    scheme, parts = _taken_apart(url, None)
    endpoint = _tcp(url, scheme, parts)
    if scheme.tls:
        endpoint.tls = tls or ClientTls()
    if scheme.transport == "websocket":
        return ClientWebSocket(url=url, endpoint=endpoint, **many)  # type: ignore[arg-type]
    return ClientRawSocket(endpoint=endpoint, **one)  # type: ignore[arg-type]


def place_of(endpoint: ClientEndpoint) -> str:
    """An endpoint as logs and errors show it: `tcp:192.168.0.2:8080`, `tls:router.lan:443`, `unix:/run/x.sock`."""
    if isinstance(endpoint, ClientUnixEndpoint):
        return f"unix:{endpoint.path}"
    host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
    return f"{'tls' if endpoint.tls else 'tcp'}:{host}:{endpoint.port}"


def _taken_apart(url: str, kind: str | None) -> tuple[_Scheme, SplitResult]:
    like = _LIKE[kind] if kind else ", ".join((*_LIKE.values(), "unix:PATH"))
    try:
        parts = urlsplit(url)
        scheme = _SCHEMES.get(parts.scheme)
        good = scheme is not None and kind in (None, scheme.transport) and parts.hostname and parts.port != 0
    except ValueError:
        good = False
    if not good or scheme is None:
        raise BadAddress(f"{url!r} is no address to connect to; {like} would be right")
    return scheme, parts


def _tcp(url: str, scheme: _Scheme, parts: SplitResult) -> ClientTcpEndpoint:
    port = parts.port or scheme.port
    if not port:
        raise BadAddress(f"{url!r} has no port; {_LIKE[scheme.transport]} would be right")
    return ClientTcpEndpoint(host=str(parts.hostname), port=port, tls=ClientTls() if scheme.tls else None)
