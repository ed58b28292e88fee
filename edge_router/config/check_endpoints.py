"""Rules about where transports listen: ports, sockets, and the files of TLS. See `check`."""

from __future__ import annotations

import grp
import os
import pwd
import re
from typing import Final

from edge_router import registry
from edge_router.config import schema
from edge_router.config.problems import Path, Problem
from edge_router.config.whole import Found, Rule, Whole, account, shown

_MAX_SOCKET_PATH = 107  # unix(7): sun_path has 108 bytes, the last one is 0


def _tcp(endpoint: schema.TcpEndpoint, path: Path, whole: Whole) -> Found:
    interface = endpoint.interface
    if interface is not None and not interface:
        yield Problem((*path, "interface"), "empty; leave it out to listen on all addresses")
    elif interface and ":" in interface and endpoint.version == 4:
        yield Problem((*path, "interface"), f"{interface!r} is an IPv6 address; add `version: 6`")
    elif interface and re.fullmatch(r"[0-9.]+", interface) and endpoint.version == 6:
        yield Problem((*path, "interface"), f"{interface!r} is an IPv4 address; take out `version: 6`")
    if endpoint.port:
        yield from _port_taken(endpoint, path, whole)


def _port_taken(endpoint: schema.TcpEndpoint, path: Path, whole: Whole) -> Found:
    """A port is free for one listener on all addresses, or for one on each address."""
    everywhere = {4: "0.0.0.0", 6: "::"}[endpoint.version]
    interface = endpoint.interface or everywhere
    at = (*path, "port")
    port = ("port", endpoint.version, endpoint.port)
    others = [(key[3], place) for key, place in whole.taken.items() if key[:3] == port]
    whole.take(at, *port, interface)
    for other, place in others:
        if other == interface or everywhere in (other, interface):
            yield Problem(at, f"port {endpoint.port} is taken by {shown(place[:-1])}; choose another")
            return


def _unix(endpoint: schema.UnixEndpoint, path: Path, whole: Whole) -> Found:
    at = (*path, "path")
    if not endpoint.path or "\0" in endpoint.path:
        yield Problem(at, "no path of a socket; write a file name such as router.sock")
        return
    full = whole.directory / endpoint.path
    length = len(bytes(full))
    if length > _MAX_SOCKET_PATH:
        yield Problem(at, f"{str(full)!r} is {length} bytes long; a Unix socket's path has at most {_MAX_SOCKET_PATH}")
    before = whole.take(at, "socket", os.path.normpath(full))
    if before is not None:
        yield Problem(at, f"this socket is taken by {shown(before[:-1])}; choose another path")
    yield from account("owner", "user", endpoint.owner, path, pwd.getpwnam)
    yield from account("group", "group", endpoint.group, path, grp.getgrnam)


def _tls(tls: schema.Tls, path: Path, whole: Whole) -> Found:
    """The files are judged by the module that will use them. It needs OpenSSL, so a node without TLS never loads it."""
    try:
        judge = registry.load("edge_router.tls.server:judged")
    except ImportError:
        text = "TLS needs pyOpenSSL, which is not installed: `pip install 'edge-router[tls]'` or `apt install "
        yield Problem(path, text + "python3-openssl python3-service-identity`")
        return
    faults, notices = judge(tls, whole.directory)
    whole.notices += [Problem((*path, *where), text) for where, text in notices]
    yield from (Problem((*path, *where), text) for where, text in faults)


ENDPOINT_RULES: Final[dict[type, tuple[Rule, ...]]] = {
    schema.TcpEndpoint: (_tcp,),
    schema.UnixEndpoint: (_unix,),
    schema.Tls: (_tls,),
}
