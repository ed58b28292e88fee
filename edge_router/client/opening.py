"""Opening a stream to a router: TCP by name or address, IPv4 and IPv6, or a Unix socket; and why it cannot be opened.

(tcp(7), unix(7), connect(2); RFC 8305 for names with several addresses, which Twisted's HostnameEndpoint does.)
"""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path
from typing import Any, Final

from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, TCP4ClientEndpoint, TCP6ClientEndpoint, UNIXClientEndpoint
from twisted.internet.error import ConnectError, DNSLookupError, TCPTimedOutError, TimeoutError

from edge_router.client.address import place_of
from edge_router.client.failures import CannotConnect, ConnectFailed, TookTooLong
from edge_router.config.schema.connecting import ClientEndpoint, ClientTcpEndpoint, ClientUnixEndpoint

#: seconds of silence before TCP asks whether the router is there, between three such questions, and in all (ms)
_KEEPALIVE: Final = (
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 10),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 2),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 15_000),
)

_TCP_REASONS: Final = {
    errno.ECONNREFUSED: "nobody listens there; is the router running, and is this its port?",
    errno.ENETUNREACH: "there is no way to that network; is this machine connected?",
    errno.EHOSTUNREACH: "there is no way to that machine; is it on, and connected?",
}
_UNIX_REASONS: Final = {
    errno.ENOENT: "there is no such socket; is the node running?",
    errno.ECONNREFUSED: "nobody listens on it any more; is the node running?",
    errno.EACCES: "this user may not open it; `mode` and `group` of its endpoint say who may",
    errno.ENOTSOCK: "this is no socket",
}


def open_stream(reactor: Any, endpoint: ClientEndpoint, directory: Path, factory: Any) -> Deferred[Any]:
    """Connect.

    reactor: Twisted's. directory: the node directory, to which paths of Unix sockets are relative. factory: makes the
    one protocol. Result: the protocol, connected; fails with what Twisted says, see `why_not`.
    """
    opening: Deferred[Any] = _twisted(reactor, endpoint, directory).connect(factory)
    if isinstance(endpoint, ClientTcpEndpoint):
        opening.addCallback(_prepared)
    return opening


def why_not(error: BaseException | None, endpoint: ClientEndpoint) -> ConnectFailed:
    """Why a stream could not be opened, in words for an operator."""
    place = place_of(endpoint)
    if isinstance(error, TimeoutError | TCPTimedOutError):
        return TookTooLong(f"{place}: no answer within {endpoint.timeout:g} s")
    if isinstance(error, DNSLookupError) and isinstance(endpoint, ClientTcpEndpoint):
        return CannotConnect(f"{place}: the name {endpoint.host!r} is not known")
    number = getattr(error, "osError", None) if isinstance(error, ConnectError) else getattr(error, "errno", None)
    reasons = _UNIX_REASONS if isinstance(endpoint, ClientUnixEndpoint) else _TCP_REASONS
    text = reasons.get(number or 0) or (os.strerror(number) if isinstance(number, int) else str(error))
    return CannotConnect(f"{place}: {text}")


def _twisted(reactor: Any, endpoint: ClientEndpoint, directory: Path) -> Any:
    timeout: Any = endpoint.timeout
    if isinstance(endpoint, ClientUnixEndpoint):
        return UNIXClientEndpoint(reactor, os.fspath(directory / endpoint.path), timeout=timeout)
    version = endpoint.version or _version_of(endpoint.host)
    kind = {4: TCP4ClientEndpoint, 6: TCP6ClientEndpoint}.get(version, HostnameEndpoint)
    return kind(reactor, endpoint.host, endpoint.port, timeout)


def _version_of(host: str) -> int:
    """Of an IP address; 0 for a name."""
    return 6 if isIPv6Address(host) else 4 if isIPAddress(host) else 0


def _prepared(protocol: Any) -> Any:
    """Have TCP notice a router that vanished without a word."""
    handle = protocol.transport.getHandle()
    if isinstance(handle, socket.socket):
        for level, option, value in _KEEPALIVE:
            handle.setsockopt(level, option, value)
    return protocol
