"""What `check` says of the sections of the methods."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edge_router.config.load import from_tree
from edge_router.config.problems import ConfigErrors
from tests.auth.test_scram import PRINCIPAL

KEYS = {"authorized_keys": ["00" * 32], "role": "device"}
DYNAMIC = {"type": "dynamic", "authenticator": "com.example.authenticate"}
AUTH = "workers.0.transports.0.auth"


def loaded(auth: dict[str, Any], directory: Path, endpoint: dict[str, Any] | None = None) -> list[str]:
    """Load a configuration with this `auth`. Result: its problems."""
    transport = {"type": "rawsocket", "endpoint": endpoint or {"type": "tcp", "port": 0}, "auth": auth}
    realm = {"name": "realm1", "roles": [{"name": "device"}]}
    try:
        worker = {"type": "router", "realms": [realm], "transports": [transport]}
        from_tree({"version": 2, "workers": [worker]}, "c", directory)
    except ConfigErrors as errors:
        return [f"{finding.path}: {finding.text}" for finding in errors.findings]
    return []


@pytest.mark.parametrize(
    ("auth", "problem"),
    [
        ({"wampcra": {"users": {"joe": {"role": "device"}}}}, "wampcra.users.joe: give either"),
        (
            {"wampcra": {"users": {"joe": {"role": "device", "secret": "a", "derived-key": "b"}}}},
            "wampcra.users.joe: give either",
        ),
        (
            {"wampcra": {"users": {"joe": {"role": "device", "derived-key": "b"}}}},
            "wampcra.users.joe.salt: missing; a `derived-key`",
        ),
        ({"wampcra": {"users": {"joe": {"secret": "a"}}}}, "wampcra.users.joe.role: missing"),
        (
            {"scram": {"principals": {"joe": {**PRINCIPAL, "kdf": "argon2id-13"}}}},
            "scram.principals.joe.memory: missing",
        ),
        (
            {"scram": {"principals": {"joe": {**PRINCIPAL, "stored-key": "00"}}}},
            "scram.principals.joe.stored-key: found '00' (text); expected 64 hexadecimal digits",
        ),
        (
            {"cryptosign": {"principals": {"joe": {"authorized_keys": [], "role": "device"}}}},
            "cryptosign.principals.joe.authorized_keys: ",
        ),
        (
            {"cryptosign": {"principals": {"joe": {**KEYS, "realm": "realm2"}}}},
            "cryptosign.principals.joe.realm: there is no realm 'realm2'; did you mean 'realm1'?",
        ),
        ({"peercred": {"users": {"root": "device"}}}, "peercred: only a Unix socket tells"),
        ({"ticket": {}}, "ticket.principals: missing; `type: static` needs it"),
        ({"scram": {"type": "dynamic"}}, "scram.authenticator: missing; `type: dynamic` needs it"),
        (
            {"scram": {**DYNAMIC, "principals": {"joe": {**PRINCIPAL, "role": "device"}}}},
            "scram.principals: no effect with `type: dynamic`; take it out",
        ),
        ({"ticket": {**DYNAMIC, "create": "a.b"}}, "ticket.create: no effect with `type: dynamic`"),
        ({"ticket": {**DYNAMIC, "authenticator": "a..b"}}, "ticket.authenticator: "),
        (
            {"ticket": {**DYNAMIC, "authenticator-realm": "realm2"}},
            "ticket.authenticator-realm: there is no realm 'realm2'; did you mean 'realm1'?",
        ),
        ({"ticket": {**DYNAMIC, "default-role": "devise"}}, "ticket.default-role: no realm has a role 'devise'"),
        ({"wampcra": {"users": {}, "authenticator": "a.b"}}, "wampcra.authenticator: no effect with `type: static`"),
        ({"anonymous": {"type": "function"}}, "anonymous.create: missing; `type: function` needs it"),
        ({"anonymous": {**DYNAMIC, "role": "device"}}, "anonymous.role: no effect with `type: dynamic`"),
        ({"ticket": {"type": "function", "create": "a"}}, "ticket.create: 'a' is no function; such as"),
    ],
)
def test_problems(auth: dict[str, Any], problem: str, tmp_path: Path) -> None:
    """Each is found at load, with its place."""
    (found,) = loaded(auth, tmp_path)
    assert found.startswith(f"{AUTH}.{problem}")


@pytest.mark.parametrize(
    ("peercred", "problem"),
    [
        ({}, "peercred: nobody can log in by this"),
        ({"users": {"no-such-user": "device"}}, "peercred.users.no-such-user: there is no user"),
        ({"groups": {"no-such-group": "device"}}, "peercred.groups.no-such-group: there is no group"),
        ({"users": {"0": "devise"}}, "peercred.users.0: no realm has a role 'devise'; did you mean 'device'?"),
    ],
)
def test_problems_of_peercred(peercred: dict[str, Any], problem: str, tmp_path: Path) -> None:
    """Accounts and roles must exist."""
    (found,) = loaded({"peercred": peercred}, tmp_path, {"type": "unix", "path": "s"})
    assert found.startswith(f"{AUTH}.{problem}")


def test_cryptosign_without_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is missing, and how to get it, is said before anything is started."""
    monkeypatch.setattr("edge_router.config.check_logins.find_spec", lambda _name: None)
    (found,) = loaded({"cryptosign": {"principals": {}}}, tmp_path)
    assert "apt install python3-cryptography" in found


def test_all_together(tmp_path: Path) -> None:
    """A transport may offer every method at once."""
    auth = {
        "ticket": {"principals": {"joe": {"ticket": "a", "role": "device"}}},
        "wampcra": {"users": {"joe": {"secret": "a", "role": "device"}}},
        "scram": {"principals": {"joe": {**PRINCIPAL, "role": "device"}}},
        "cryptosign": {"principals": {"joe": KEYS}},
        "anonymous": {"role": "device"},
        "peercred": {"users": {"root": "device"}, "groups": {"0": "device"}},
    }
    assert loaded(auth, tmp_path, {"type": "unix", "path": "s"}) == []
