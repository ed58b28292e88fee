"""What must fit together in a configuration, and with the machine it is loaded on.

One function a rule, in the table `RULES` by the section it looks at; `Whole` is what all sections are compared with.
Rules about realms, stores, names and bridges are here, others in `check_logins`, `_endpoints`, `_uplinks`,
`_web` and `_workers`.
Everything that needs no device and no network is checked here or in `__post_init__` of the part's own struct.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path as FilePath
from typing import Any, Final

from edge_router.config import check_workers, schema
from edge_router.config.check_endpoints import ENDPOINT_RULES
from edge_router.config.check_logins import (
    LOGIN_RULES,
    cookies,
    off_socket,
    open_to_all,
    without_certificates,
    without_cookies,
)
from edge_router.config.check_uplinks import UPLINK_RULES
from edge_router.config.check_web import WEB_RULES
from edge_router.config.places import is_directory, nothing
from edge_router.config.problems import Path, Problem
from edge_router.config.uris import pattern_of, pattern_problem, uri_problem
from edge_router.config.whole import TRUSTED, Found, Rule, Whole, sections, twice

#: what bridges have before the kind of a simulator, in place of a device
SIMULATED: Final = "sim:"


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
    if "," in role.name:
        yield Problem(at, "a comma stands between the names of several roles that a login gives; leave it out")
    if role.authorizer is not None:
        yield from _authorizer(role, role.authorizer, path, realm.options.uri_check)
    yield from _permissions(role.permissions, (*path, "permissions"), whole, realm.options.uri_check)


def _authorizer(role: schema.Role, authorizer: str, path: Path, uri_check: str) -> Found:
    if pattern_problem(authorizer, "exact", uri_check):
        text = f"{authorizer!r} is no URI of a procedure; com.example.authorize would be one"
        yield Problem((*path, "authorizer"), text)
    for given, key in ((role.permissions, "permissions"), (role.allow_by_default, "allow-by-default")):
        if given:
            yield Problem((*path, key), "the `authorizer` decides; take out one of both")


def _permissions(permissions: list[schema.Permission], path: Path, whole: Whole, uri_check: str) -> Found:
    seen: dict[tuple[str, str], int] = {}
    for place, permission in enumerate(permissions):
        at = (*path, place, "uri")
        pattern = pattern_of(permission)
        wrong = pattern_problem(*pattern, uri_check)
        if wrong:
            yield Problem(at, wrong)
        before = seen.get(pattern)
        if before is not None:
            other = "says the same as" if permissions[before] == permission else "takes the place of"
            whole.notices.append(Problem(at, f"{other} permissions.{before} of this role, which has the same pattern"))
        seen[pattern] = place


# --- names and bridges -------------------------------------------------------------------------------------------


def _id(section: Any, path: Path, whole: Whole) -> Found:
    if section.id is not None:
        yield from twice(whole, (*path, "id"), "id", section.id)


def _role_id(section: schema.Role, path: Path, whole: Whole) -> Found:
    if section.id is not None:
        yield from twice(whole, (*path, "id"), "id", section.id, path[:-1])


def _bridge(bridge: schema.Bridge, path: Path, whole: Whole) -> Found:
    yield from _id(bridge, path, whole)
    for name in getattr(bridge, "__struct_fields__", ()):
        value = getattr(bridge, name)
        if isinstance(value, str) and value.startswith(SIMULATED):
            text = f"{value} is no device, but a simulated one: what it says is made up"
            whole.notices.append(Problem((*path, name), text))
        elif name == "device" and isinstance(value, str):
            yield from twice(whole, (*path, name), name, value)
    if bridge.realm in whole.apart:
        text = f"the router of realm {bridge.realm!r} has a process of its own, where bridges cannot join; "
        yield Problem((*path, "realm"), text + "take out its option `process`")
    yield from whole.joins(bridge.realm, bridge.role, path)


def _sqlite(store: schema.SqliteStore, path: Path, whole: Whole) -> Found:
    at = (*path, "path")
    full = whole.directory / store.path
    if not store.path or "\0" in store.path or is_directory(full):
        yield Problem(at, f"{store.path!r} is no path of a file; write a file name such as realm1.sqlite")
        return
    if not is_directory(full.parent):
        yield Problem(at, f"{nothing(full.parent, 'directory')}; create it or correct the path")
    yield from twice(whole, at, "store", os.path.normpath(full))


_OWN_RULES: dict[type, tuple[Rule, ...]] = {
    schema.RouterWorker: (_id, check_workers.router),
    schema.ContainerWorker: (_id, check_workers.container),
    schema.ContainerClass: (_id,),
    schema.ContainerFunction: (_id,),
    schema.GuestWorker: (_id, check_workers.guest),
    schema.ClassComponent: (_id,),
    schema.FunctionComponent: (_id,),
    schema.Realm: (_id, _realm),
    schema.Role: (_role_id,),
    schema.SqliteStore: (_sqlite,),
    schema.RawSocket: (_id, open_to_all, without_cookies, off_socket, without_certificates),
    schema.WebSocket: (_id, open_to_all, cookies, off_socket, without_certificates),
    schema.Web: (_id, without_certificates, without_cookies),
    schema.Universal: (_id, without_certificates, without_cookies),
    schema.UniversalRawSocket: (open_to_all,),
    schema.WebSocketPath: (open_to_all, cookies),
}

_TABLES = (_OWN_RULES, LOGIN_RULES, ENDPOINT_RULES, UPLINK_RULES, WEB_RULES)

RULES: dict[type, tuple[Rule, ...]] = {
    cls: tuple(rule for table in _TABLES for rule in table.get(cls, ())) for table in _TABLES for cls in table
}
