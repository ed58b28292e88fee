"""Rules about uplinks. See `check`."""

from __future__ import annotations

import os
import re
from importlib.util import find_spec
from pathlib import Path as FilePath
from typing import Final
from urllib.parse import urlsplit

from edge_router.config import schema
from edge_router.config.places import is_directory, nothing
from edge_router.config.problems import Path, Problem
from edge_router.config.schema.connecting import ClientTcpEndpoint, ClientTransport, ClientWebSocket
from edge_router.config.uris import pattern_problem
from edge_router.config.whole import TRUSTED, Found, Rule, Whole, role_names, twice

_SCHEMES: Final = {"websocket": ("ws", "wss"), "rawsocket": ("rs", "rss")}
#: letters of a node's name in `_origin`
_LONGEST_NAME: Final = 255
_PLACEHOLDER: Final = re.compile(r"\{[^{}]*\}")
_NO_TLS: Final = (
    "TLS needs pyOpenSSL and service-identity, which are not installed: `pip install 'edge-router[tls]'` or "
    "`apt install python3-openssl python3-service-identity`"
)


def _uplink(uplink: schema.Uplink, path: Path, whole: Whole) -> Found:
    yield from twice(whole, (*path, "id"), "id", uplink.id)
    if uplink.realm in whole.apart:
        text = f"the router of realm {uplink.realm!r} has a process of its own, where uplinks cannot join; "
        yield Problem((*path, "realm"), text + "take out its option `process`")
    yield from whole.joins(uplink.realm, uplink.role, path)
    yield from _node(uplink, (*path, "node"), whole)
    if uplink.transport is not None:
        yield from _transport(uplink.transport, (*path, "transport"))
    for place, transport in enumerate(uplink.transports):
        yield from _transport(transport, (*path, "transports", place))
    if uplink.announce is not None:
        wrong = pattern_problem(uplink.announce.replace("{node}", "node"), "exact", "loose")
        if wrong:
            yield Problem((*path, "announce"), wrong)
    realm = whole.realms.get(uplink.realm)
    if realm is not None:
        yield from _rules(uplink, path, realm)
        yield from _role(uplink, path, whole, realm)
    if any(rule.buffer != "none" for rule in uplink.rules):
        yield from _store(uplink, path, whole)
    if uplink is whole.uplinks[0]:
        _see_left_behind(path[:-1], whole)


def _node(uplink: schema.Uplink, path: Path, whole: Whole) -> Found:
    """A central router would refuse each event of a name that is none."""
    name, source = (uplink.node, "") if uplink.node else (whole.node, " (controller.id)")
    if name and len(name) > _LONGEST_NAME:
        yield Problem(path, f"{len(name)} characters long; at most {_LONGEST_NAME} would be right")
    elif name and _is_named(uplink) and pattern_problem(name, "exact", "loose"):
        yield Problem(path, f"{name!r}{source} cannot be part of a URI; letters, digits, - and _ would be right")


def _is_named(uplink: schema.Uplink) -> bool:
    return any("{node}" in text for text in (uplink.announce or "", *(rule.prefix for rule in uplink.rules)))


def _transport(transport: ClientTransport, path: Path) -> Found:
    kind = "websocket" if isinstance(transport, ClientWebSocket) else "rawsocket"
    if transport.url is None and transport.endpoint is None:
        yield Problem(path, "say where to connect, by `endpoint` or by `url`")
        return
    scheme = ""
    if transport.url is not None:
        try:
            parts = urlsplit(transport.url)
            scheme = parts.scheme
            good = scheme in _SCHEMES[kind] and parts.hostname and (parts.port or kind == "websocket")
        except ValueError:
            good = False
        if not good:
            like = " or ".join(f"{scheme}://HOST:PORT" for scheme in _SCHEMES[kind])
            yield Problem((*path, "url"), f"{transport.url!r} is no address to connect to; {like} would be right")
    tls = scheme in ("wss", "rss") or getattr(transport.endpoint, "tls", None) is not None
    if tls and any(find_spec(name) is None for name in ("OpenSSL", "service_identity")):
        yield Problem(path, _NO_TLS)
    tls_section = transport.endpoint.tls if isinstance(transport.endpoint, ClientTcpEndpoint) else None
    if tls_section is not None and (tls_section.certificate is None) is not (tls_section.key is None):
        yield Problem((*path, "endpoint", "tls"), "`certificate` and `key` belong together; give both, or none")


def _rules(uplink: schema.Uplink, path: Path, realm: schema.Realm) -> Found:
    seen: dict[tuple[str, ...], int] = {}
    for place, rule in enumerate(uplink.rules):
        at = (*path, "rules", place)
        wrong = pattern_problem(rule.uri, rule.match, realm.options.uri_check)
        central = rule.prefix.replace("{node}", "node") + rule.uri[len(rule.strip) :]
        unknown = _PLACEHOLDER.search(rule.prefix.replace("{node}", ""))
        if wrong:
            yield Problem((*at, "uri"), wrong)
        elif unknown:
            yield Problem((*at, "prefix"), f"{unknown[0]} stands for nothing here; {{node}} does")
        elif pattern_problem(central, rule.match, "loose"):
            yield Problem((*at, "prefix"), f"makes {central!r} of the names at the central router, which are no URIs")
        for direction in ("up", "down") if rule.direction == "both" else (rule.direction,):
            first = seen.setdefault((rule.kind, direction, rule.uri, rule.match), place)
            if first != place:
                yield Problem((*at, "uri"), f"rules.{first} is about the same names, and comes first; leave one out")
        follows = rule.kind == "procedures" and rule.direction != "down" and rule.mirror is not False
        if follows and not realm.options.enable_meta_api:
            text = f"procedures of realm {realm.name!r} cannot be followed without its meta API; write `mirror: false`"
            yield Problem(at, text)


def _role(uplink: schema.Uplink, path: Path, whole: Whole, realm: schema.Realm) -> Found:
    names = role_names(uplink.role)
    roles = [role for role in realm.roles if role.name in names]
    if uplink.role != TRUSTED and roles and not any(role.forwards for role in roles):
        text = f"role {uplink.role!r} may not say for whom it hands on, so circles are not noticed; "
        whole.notices.append(Problem((*path, "role"), text + "give it `forwards: true`"))
    yield from ()


def _store(uplink: schema.Uplink, path: Path, whole: Whole) -> Found:
    name = uplink.store.path
    full = _file(uplink, whole)
    at = (*path, "store", "path")
    if name is not None and (not name or "\0" in name or is_directory(full)):
        yield Problem(at, f"{name!r} is no path of a file; write a file name such as uplink.sqlite")
        return
    if not is_directory(full.parent):
        yield Problem(at, f"{nothing(full.parent, 'directory')}; create it or correct the path")
    yield from twice(whole, at, "store", os.path.normpath(full))


def _file(uplink: schema.Uplink, whole: Whole) -> FilePath:
    name = uplink.store.path
    return whole.directory / (name if name is not None else f"uplink-{uplink.id}.sqlite")


def _see_left_behind(path: Path, whole: Whole) -> None:
    """Another `id` is another file: nobody sends what waits in the one of before."""
    known = {_file(each, whole) for each in whole.uplinks if any(rule.buffer != "none" for rule in each.rules)}
    for found in sorted(whole.directory.glob("uplink-*.sqlite")):
        if found not in known:
            text = f"{found.name} is the store of none of them, and what may wait in it is not sent; name it in an "
            whole.notices.append(Problem(path, text + "uplink's `store: {path: ...}`, or delete it"))


UPLINK_RULES: Final[dict[type, tuple[Rule, ...]]] = {schema.Uplink: (_uplink,)}
