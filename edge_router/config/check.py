"""What must fit together in a configuration, and with the machine it is loaded on.

One function a rule, in the table `RULES` by the section it looks at; `Whole` is what all sections are compared with.
Everything that needs no device and no network is checked here or in `__post_init__` of the part's own struct.
"""

from __future__ import annotations

import grp
import os
import pwd
import re
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path as FilePath
from typing import Any

from edge_router import registry
from edge_router.config import check_workers, schema
from edge_router.config.check_logins import LOGIN_RULES, cookies, off_socket, open_to_all, without_certificates
from edge_router.config.problems import Path, Problem
from edge_router.config.uris import pattern_of, pattern_problem, uri_problem
from edge_router.config.whole import TRUSTED, Found, Rule, Whole, account, sections, shown, twice

_PATH_KEY = re.compile(r"(?:[a-zA-Z0-9_-]+|/)\Z")
_MAX_SOCKET_PATH = 107  # unix(7): sun_path has 108 bytes, the last one is 0


def check(config: schema.Config, directory: FilePath, names_known: bool = True) -> tuple[list[Problem], list[Problem]]:
    """Look at the sections of a configuration together.

    directory: the node directory. names_known: False if realms or roles were left out because something was wrong
    with them, so that a name that is missing means nothing. Result: problems, notices.
    """
    whole = Whole(config, directory, names_known)
    problems: list[Problem] = []
    for path, section in sections(config, ()):
        for rule in RULES.get(type(section), ()):
            problems += rule(section, path, whole)
        judged = getattr(section, "judged", None)  # sections that are loaded only when they are named
        if judged is not None:
            problems += judged(path, whole)
    for place, bridge in enumerate(config.bridges):
        problems += _bridge(bridge, ("bridges", place), whole)
    return problems, whole.notices


# --- realms and roles --------------------------------------------------------------------------------------------


def _realm(realm: schema.Realm, path: Path, whole: Whole) -> Found:
    at = (*path, "name")
    yield from twice(whole, at, "realm", realm.name)
    wrong = uri_problem(realm.name)
    if wrong:
        yield Problem(at, wrong)
    for place, role in enumerate(realm.roles):
        yield from _role(role, (*path, "roles", place), whole, realm, path)
    yield from _patterns("event-history", realm.store.event_history, realm, path)
    yield from _patterns("call-queue", realm.store.call_queue, realm, path)


def _patterns(
    name: str, listed: Sequence[schema.EventHistory | schema.CallQueue], realm: schema.Realm, path: Path
) -> Found:
    """The patterns of a list in the realm's store."""
    patterns: dict[tuple[str, str], int] = {}
    for place, entry in enumerate(listed):
        at = (*path, "store", name, place, "uri")
        wrong = pattern_problem(entry.uri, entry.match, realm.options.uri_check)
        if wrong:
            yield Problem(at, wrong)
        first = patterns.setdefault((entry.uri, entry.match), place)
        if first != place:
            yield Problem(at, f"the same pattern as {name}.{first}; one is enough")


def _role(role: schema.Role, path: Path, whole: Whole, realm: schema.Realm, realm_path: Path) -> Found:
    at = (*path, "name")
    yield from twice(whole, at, "role", role.name, realm_path)
    if role.name == TRUSTED:
        yield Problem(at, "the role 'trusted' is the node's own and may do everything; choose another name")
    if not role.name:
        yield Problem(at, "a role needs a name")
    if role.authorizer is not None:
        yield from _authorizer(role, role.authorizer, path, realm.options.uri_check)
    yield from _permissions(role.permissions, (*path, "permissions"), whole, realm.options.uri_check)


def _authorizer(role: schema.Role, authorizer: str, path: Path, uri_check: str) -> Found:
    if pattern_problem(authorizer, "exact", uri_check):
        text = f"{authorizer!r} is no URI of a procedure; com.example.authorize would be one"
        yield Problem((*path, "authorizer"), text)
    for key in ("permissions", "allow_by_default"):
        if getattr(role, key):
            yield Problem((*path, key), "the `authorizer` decides; take out one of both")


def _permissions(permissions: list[schema.Permission], path: Path, whole: Whole, uri_check: str) -> Found:
    seen: dict[tuple[str, str], int] = {}
    for place, permission in enumerate(permissions):
        at = (*path, place, "uri")
        pattern = pattern_of(permission)
        wrong = pattern_problem(*pattern, uri_check)
        if wrong:
            yield Problem(at, wrong)
        first = seen.setdefault(pattern, place)
        if permissions[first] != permission:
            yield Problem(at, f"the same pattern as permissions.{first} of this role; write one permission for both")
        elif first != place:
            whole.notices.append(Problem(at, f"says the same as permissions.{first} of this role"))


# --- endpoints ---------------------------------------------------------------------------------------------------


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


# --- web ---------------------------------------------------------------------------------------------------------


def _paths(section: Any, path: Path, _whole: Whole) -> Found:
    key = "websocket" if isinstance(section, schema.Universal) else "paths"
    for name in getattr(section, key):
        if not _PATH_KEY.match(name):
            text = "a path is one name of letters, digits, - and _, or / for the root"
            inner = name.strip("/")
            if inner != name and _PATH_KEY.match(inner):
                text += f"; did you mean {inner!r}?"
            elif "/" in inner:
                text += "; for one below another use `type: path`"
            yield Problem((*path, key, name), text)


def _universal(section: schema.Universal, path: Path, whole: Whole) -> Found:
    yield from _paths(section, path, whole)
    if section.rawsocket is None and section.web is None and not section.websocket:
        yield Problem(path, "nothing is served here; add `rawsocket`, `websocket` or `web`")
    for name in section.web.paths if section.web else ():
        if name in section.websocket:
            yield Problem((*path, "web", "paths", name), f"path {name!r} is under `websocket` too; choose another")


def _static(section: schema.StaticPath, path: Path, whole: Whole) -> Found:
    if section.directory is not None and (section.package or section.resource):
        yield Problem(path, "give either `directory`, or `package` and `resource`, not both")
    elif section.directory is not None:
        full = whole.directory / section.directory
        if not _is_directory(full):
            yield Problem((*path, "directory"), f"there is no directory {str(full)!r}; create it or correct the path")
    elif section.package and section.resource:
        yield from _resource(section.package, section.resource, path)
    else:
        yield Problem(path, "what is served? give `directory`, or `package` and `resource`")


def _resource(package: str, resource: str, path: Path) -> Found:
    try:
        spec = find_spec(package)
    except (ImportError, ValueError, AttributeError):
        spec = None
    if spec is None:
        yield Problem((*path, "package"), f"there is no Python package {package!r}")
        return
    places = [FilePath(place) / resource for place in spec.submodule_search_locations or ()]
    if not any(map(_is_directory, places)):
        yield Problem((*path, "resource"), f"there is no directory {resource!r} in the package {package!r}")


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


def _hsts(transport: schema.Web | schema.Universal, path: Path, whole: Whole) -> Found:
    web = transport if isinstance(transport, schema.Web) else transport.web
    if web is not None and web.options.hsts and getattr(transport.endpoint, "tls", None) is None:
        where = path if web is transport else (*path, "web")
        whole.notices.append(Problem((*where, "options", "hsts"), "no effect here: the endpoint has no `tls`"))
    return iter(())


def _is_directory(path: FilePath) -> bool:
    try:
        return path.is_dir()
    except (ValueError, OSError):  # a NUL in the path; no right to look
        return False


def _static_options(options: schema.StaticOptions, path: Path, _whole: Whole) -> Found:
    if not options.default_file or "/" in options.default_file or "\0" in options.default_file:
        yield Problem((*path, "default_file"), f"{options.default_file!r} is no file name; such as index.html")
    for ending in options.mime_types:
        if not ending.startswith("."):
            yield Problem((*path, "mime_types", ending), f"an ending begins with a dot: {'.' + ending!r}")


# --- names and bridges -------------------------------------------------------------------------------------------


def _id(section: Any, path: Path, whole: Whole) -> Found:
    if section.id is not None:
        yield from twice(whole, (*path, "id"), "id", section.id)


def _role_id(section: schema.Role, path: Path, whole: Whole) -> Found:
    if section.id is not None:
        yield from twice(whole, (*path, "id"), "id", section.id, path[:-1])


def _bridge(bridge: schema.Bridge, path: Path, whole: Whole) -> Found:
    yield from _id(bridge, path, whole)
    device = getattr(bridge, "device", None)
    if isinstance(device, str):
        yield from twice(whole, (*path, "device"), "device", device)
    yield from whole.joins(bridge.realm, bridge.role, path)


def _sqlite(store: schema.SqliteStore, path: Path, whole: Whole) -> Found:
    at = (*path, "path")
    full = whole.directory / store.path
    if not store.path or "\0" in store.path or full.is_dir():
        yield Problem(at, f"{store.path!r} is no path of a file; write a file name such as realm1.sqlite")
        return
    if not full.parent.is_dir():
        yield Problem(at, f"there is no directory {str(full.parent)!r}; create it or correct the path")
    yield from twice(whole, at, "store", os.path.normpath(full))


RULES: dict[type, tuple[Rule, ...]] = {
    schema.RouterWorker: (_id, check_workers.router),
    schema.GuestWorker: (_id, check_workers.guest),
    schema.ClassComponent: (_id,),
    schema.FunctionComponent: (_id,),
    schema.Realm: (_id, _realm),
    schema.Role: (_role_id,),
    **LOGIN_RULES,
    schema.SqliteStore: (_sqlite,),
    schema.TcpEndpoint: (_tcp,),
    schema.Tls: (_tls,),
    schema.UnixEndpoint: (_unix,),
    schema.RawSocket: (_id, open_to_all, cookies, off_socket, without_certificates),
    schema.WebSocket: (_id, open_to_all, cookies, off_socket, without_certificates),
    schema.Web: (_id, _paths, _hsts, without_certificates),
    schema.Universal: (_id, _universal, _hsts, without_certificates),
    schema.UniversalRawSocket: (open_to_all, cookies),
    schema.UniversalWeb: (_paths,),
    schema.WebSocketPath: (open_to_all, cookies),
    schema.NestedPath: (_paths,),
    schema.StaticPath: (_static,),
    schema.StaticOptions: (_static_options,),
}
