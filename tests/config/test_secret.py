"""Secrets that stand outside the configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_router.config.load import from_tree
from edge_router.config.problems import ConfigErrors
from edge_router.config.schema import SecretPlace
from edge_router.config.secret import Missing, secret_text


def test_where_secrets_may_stand(tmp_path: Path) -> None:
    """In the configuration, a file, the environment, a credential of systemd; a line end after it does not count."""
    (tmp_path / "a").write_text("from a file\n")
    (tmp_path / "b").write_text("credential \r\n")
    environment = {"SECRET": "variable", "CREDENTIALS_DIRECTORY": str(tmp_path)}
    places = ["text", SecretPlace(file="a"), SecretPlace(env="SECRET"), SecretPlace(credential="b")]
    assert [secret_text(place, tmp_path, environment) for place in places] == [
        "text", "from a file", "variable", "credential ",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (SecretPlace(file="no"), "no cannot be read: No such file"),
        (SecretPlace(file="key.priv"), "No such file or directory; 'edge-router keys' makes the node's own$"),
        (SecretPlace(file="empty"), "empty is empty"),
        (SecretPlace(file="binary"), "no UTF-8 text"),
        (SecretPlace(env="NO"), "no variable 'NO'"),
        (SecretPlace(credential="a"), "LoadCredential=a"),
    ],
)
def test_what_is_missing_is_said(place: SecretPlace, words: str, tmp_path: Path) -> None:
    """A secret that cannot be had names its place and the reason."""
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(Missing, match=words):
        secret_text(place, tmp_path, {})


def test_by_hand_it_is_where_the_service_will_have_it_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`sudo edge-router check` while the service does not run; what the service would not be given is not there."""
    monkeypatch.setattr("edge_router.config.secret._STORES", (tmp_path,))
    for name in ("edge-router.joe", "joe"):
        (tmp_path / name).write_text("s3cret")
    assert secret_text(SecretPlace(credential="edge-router.joe"), tmp_path, {}) == "s3cret"
    with pytest.raises(Missing, match="if the credential is called"):
        secret_text(SecretPlace(credential="joe"), tmp_path, {})


def test_a_credential_that_the_service_was_not_given(tmp_path: Path) -> None:
    """A reload does not bring it; what does is said."""
    with pytest.raises(Missing, match=f"{tmp_path} has no edge-router.a; systemd puts there, when a service starts"):
        secret_text(SecretPlace(credential="edge-router.a"), tmp_path, {"CREDENTIALS_DIRECTORY": str(tmp_path)})


def test_no_way_out_of_the_credentials(tmp_path: Path) -> None:
    """A credential has a name, not a path."""
    with pytest.raises(Missing, match="no name"):
        secret_text(SecretPlace(credential="../x"), tmp_path, {"CREDENTIALS_DIRECTORY": str(tmp_path)})


def tree(ticket: object, role: str = "device") -> dict[str, object]:
    """A configuration with one ticket."""
    auth = {"ticket": {"principals": {"joe": {"ticket": ticket, "role": role}}}}
    transport = {"type": "rawsocket", "endpoint": {"type": "tcp", "port": 0}, "auth": auth}
    realm = {"name": "realm1", "roles": [{"name": "device"}]}
    return {"version": 2, "workers": [{"type": "router", "realms": [realm], "transports": [transport]}]}


PRINCIPAL = "workers.0.transports.0.auth.ticket.principals.joe"


@pytest.mark.parametrize(
    ("ticket", "role", "problem"),
    [
        ({"file": "no.txt"}, "device", f"{PRINCIPAL}.ticket: "),
        ({"file": "a", "env": "B"}, "device", f"{PRINCIPAL}.ticket: say where the secret is by one of"),
        ({}, "device", f"{PRINCIPAL}.ticket: say where the secret is by one of"),
        ("", "device", f"{PRINCIPAL}.ticket: what is here is not shown"),
        (1234, "device", f"{PRINCIPAL}.ticket: what is here is not shown, since it may be a secret (a number "),
        ([1234], "device", f"{PRINCIPAL}.ticket: what is here is not shown"),
        ("x", "devise", f"{PRINCIPAL}.role: no realm has a role 'devise'; did you mean 'device'?"),
        ("x", "trusted", f"{PRINCIPAL}.role: the role 'trusted' is for parts of the node itself"),
    ],
)
def test_problems_are_found_at_load(ticket: object, role: str, problem: str, tmp_path: Path) -> None:
    """Nothing is started with a secret that is not there or a role that nobody knows."""
    with pytest.raises(ConfigErrors) as errors:
        from_tree(tree(ticket, role), "c", tmp_path)
    assert str(errors.value).startswith(f"c: {problem}")


def test_files_that_all_may_read(tmp_path: Path) -> None:
    """A secret file that every user may read is worth a notice."""
    secret = tmp_path / "secret"
    secret.write_text("x")
    secret.chmod(0o644)
    (notice,) = from_tree(tree({"file": "secret"}), "c", tmp_path).notices
    assert "chmod 600" in notice.text
    secret.chmod(0o600)
    assert not from_tree(tree({"file": "secret"}), "c", tmp_path).notices
