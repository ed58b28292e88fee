"""What `check` says of cookies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edge_router.config.load import from_tree
from edge_router.config.problems import ConfigErrors

TICKET = {"ticket": {"principals": {"joe": {"ticket": "a", "role": "device"}}}}
AUTH = {**TICKET, "cookie": {}}


def said(tmp_path: Path, kind: str = "websocket", **transport: Any) -> list[str]:
    """Problems and notices of a configuration with this transport."""
    section = {"type": kind, "endpoint": {"type": "tcp", "port": 0}, **transport}
    realm = {"name": "realm1", "roles": [{"name": "device"}]}
    worker = {"type": "router", "realms": [realm], "transports": [section]}
    try:
        loaded = from_tree({"version": 2, "workers": [worker]}, "c", tmp_path)
    except ConfigErrors as errors:
        return [f"{finding.path}: {finding.text}" for finding in errors.findings]
    return [f"{finding.path}: {finding.text}" for finding in loaded.notices]


@pytest.mark.parametrize(
    "cookie",
    [
        {},
        {"store": {"type": "memory"}},
        {"name": "kitchen", "length": 32, "max_age": 100, "secure": True, "http_strict": True, "same_site": "Lax"},
        {"store": {"type": "file", "filename": "cookies.dat", "purge_on_startup": True}},
        {"store": {"type": "sqlite", "path": "cookies"}},
    ],
)
def test_good_ones(cookie: dict[str, Any], tmp_path: Path) -> None:
    """Crossbar's options are taken."""
    assert said(tmp_path, auth=AUTH, cookie=cookie) == []


@pytest.mark.parametrize(
    ("transport", "problem"),
    [
        ({"auth": AUTH}, "auth.cookie: nobody can log in by this: add `cookie: {}`"),
        ({"auth": {"cookie": {}}, "cookie": {}}, "auth.cookie: nobody can log in by this: there is no other"),
        ({"kind": "rawsocket", "auth": AUTH}, "auth.cookie: only WebSockets have cookies"),
        ({"kind": "universal", "rawsocket": {"auth": AUTH}}, "rawsocket.auth.cookie: only WebSockets have cookies"),
        (
            {"kind": "web", "paths": {"/": {"type": "nodeinfo"}, "lp": {"type": "longpoll", "auth": AUTH}}},
            "paths.lp.auth.cookie: only WebSockets have cookies",
        ),
        ({"auth": AUTH, "cookie": {"name": "A"}}, "cookie.name: "),
        ({"auth": AUTH, "cookie": {"length": 8}}, "cookie.length: 8 characters can be guessed"),
        ({"auth": AUTH, "cookie": {"same_site": "None", "secure": False}}, "cookie.secure: browsers take"),
        ({"auth": AUTH, "cookie": {"store": {"type": "file", "filename": "a/b"}}}, "cookie.store.filename: there"),
        ({"auth": AUTH, "cookie": {"store": {"type": "sqlite", "path": "."}}}, "cookie.store.path: '.' is no path"),
        ({"auth": AUTH, "cookie": {"store": {"type": "database", "path": "x"}}}, "cookie.store.type: type 'database'"),
    ],
)
def test_problems(transport: dict[str, Any], problem: str, tmp_path: Path) -> None:
    """Each with its place."""
    (found,) = said(tmp_path, **transport)
    assert found.startswith(f"workers.0.transports.0.{problem}")
