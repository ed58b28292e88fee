"""`${NAME}` in a configuration: where it may stand, and what is said if the variable is not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_router.config.load import Loaded, from_tree
from edge_router.config.problems import ConfigErrors
from edge_router.config.variables import Unset, resolved
from tests.config.texts import complaints, load_text, transport


def with_ticket(ticket: object, directory: Path) -> Loaded:
    """A configuration with one user and this ticket."""
    auth = {"ticket": {"type": "static", "principals": {"joe": {"ticket": ticket, "role": "a"}}}}
    listening = {"type": "rawsocket", "endpoint": {"type": "tcp", "port": 0}, "auth": auth}
    realms = [{"name": "r", "roles": [{"name": "a"}]}]
    return from_tree({"workers": [{"type": "router", "realms": realms, "transports": [listening]}]}, "c", directory)


def test_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`${NAME}` stays a reference, so that the secret itself is read only where it is needed."""
    monkeypatch.setenv("EDGE_TEST_SECRET", "hidden")
    loaded = with_ticket("${EDGE_TEST_SECRET}", tmp_path)
    principal = loaded.config.workers[0].transports[0].auth.ticket.principals["joe"]  # type: ignore[attr-defined]
    assert principal.ticket.env == "EDGE_TEST_SECRET"
    assert loaded.notices == []


def test_secret_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Crossbar goes on without; here nobody gets in by an empty secret."""
    monkeypatch.delenv("EDGE_TEST_SECRET", raising=False)
    with pytest.raises(ConfigErrors, match=r"ticket: the environment has no variable 'EDGE_TEST_SECRET'"):
        with_ticket("${EDGE_TEST_SECRET}", tmp_path)


@pytest.mark.parametrize("ticket", ["$SECRET", "a${SECRET}", "pa$$word", "${}", "${A B}"])
def test_secrets_with_a_dollar(ticket: str, tmp_path: Path) -> None:
    """Only a whole `${NAME}` is a variable; passwords have dollars too."""
    loaded = with_ticket(ticket, tmp_path)
    assert loaded.config.workers[0].transports[0].auth.ticket.principals["joe"].ticket == ticket  # type: ignore[attr-defined]


def test_path_of_a_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Crossbar expands variables in it, systemd's RUNTIME_DIRECTORY for one."""
    monkeypatch.setenv("EDGE_TEST_RUN", "/run/edge")
    text = transport("{type: rawsocket, endpoint: {type: unix, path: $EDGE_TEST_RUN/router.sock}}")
    (listening,) = load_text(text, tmp_path).config.workers[0].transports
    assert listening.endpoint.path == "/run/edge/router.sock"  # type: ignore[attr-defined]
    monkeypatch.delenv("EDGE_TEST_RUN")
    assert complaints(text, tmp_path) == [
        "7: workers.0.transports.0.endpoint.path: the environment variable EDGE_TEST_RUN is not set; expected a path"
    ]


def test_elsewhere_a_dollar_is_a_dollar(tmp_path: Path) -> None:
    """Programs of their own have a use for `${NAME}` too, and a topic may have any character."""
    text = transport("{type: rawsocket, id: '${HOME}', endpoint: {type: tcp, port: 0}}")
    assert load_text(text, tmp_path).config.workers[0].transports[0].id == "${HOME}"


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [("port", "8080", 8080), ("port", "0", 0), ("flag", "true", True), ("flag", "No", False), ("path", "/a", "/a")],
)
def test_values(kind: str, value: str, expected: object) -> None:
    """A variable gives what its place takes."""
    assert resolved(kind, "${NAME}", {"NAME": value}) == expected


@pytest.mark.parametrize(
    ("kind", "value"),
    [("port", "65536"), ("port", "-1"), ("port", "x" * 90), ("port", ""), ("flag", "2"), ("path", "")],
)
def test_values_of_no_use(kind: str, value: str) -> None:
    """What does not fit is told, not guessed."""
    with pytest.raises(Unset, match="the environment variable NAME "):
        resolved(kind, "${NAME}", {"NAME": value})
