"""`edge-router passwd`: what it prints lets the password in, and nothing else."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
import yaml

from edge_router.__main__ import dispatch
from edge_router.client.scram import Scram
from edge_router.config.schema.connecting import ScramLogin
from tests.auth.entrance import Entrance, welcomed
from tests.auth.test_scram import NONCE, prove
from tests.auth.test_wampcra import sign


def passwd(monkeypatch: pytest.MonkeyPatch, *options: str, text: str = "pencil\n") -> int:
    """Run the command with this on stdin. Result: its exit status."""
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    return dispatch(["passwd", *options])


def test_scram(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """What is printed is a `scram` principal that the password opens; the password is not in it."""
    assert passwd(monkeypatch, "joe", "--role", "device") == 0
    said = capsys.readouterr().out
    assert "pencil" not in said
    client = Entrance({"scram": {"principals": yaml.safe_load(said)}}).client()
    proof, _ = prove(client.challenged("scram", "joe", nonce=NONCE), "joe", "pencil")
    assert welcomed(client.answer(proof))["authrole"] == "device"


def test_argon2(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A `scram` principal that our own client opens, with Argon2id."""
    assert passwd(monkeypatch, "joe", "--argon2", "--role", "device") == 0
    client = Entrance({"scram": {"principals": yaml.safe_load(capsys.readouterr().out)}}).client()
    login = Scram(ScramLogin(authid="joe", password="pencil"), Path())
    extra = client.challenged("wamp-scram", "joe", nonce=login._nonce)
    assert (extra["kdf"], extra["iterations"], extra["memory"]) == ("argon2id13", 2, 19_456)
    signature, answered = login.answer(extra)
    login.welcome(welcomed(client.answer(signature, **answered))["authextra"])


def test_no_argon2(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Where no library has it, that is said."""
    for module in ("cryptography.hazmat.primitives.kdf.argon2", "argon2.low_level"):
        monkeypatch.setitem(sys.modules, module, None)
    assert passwd(monkeypatch, "joe", "--argon2") == 1
    assert "argon2-cffi" in capsys.readouterr().err


def test_wampcra(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The same as a salted `wampcra` user, with a name that YAML would take for something else."""
    assert passwd(monkeypatch, "007", "--wampcra", "--role", "device", "--iterations", "5000") == 0
    said = capsys.readouterr().out
    assert "pencil" not in said
    client = Entrance({"wampcra": {"users": yaml.safe_load(said)}}).client()
    assert welcomed(client.answer(sign(client.challenged("wampcra", "007"), "pencil")))["authid"] == "007"


@pytest.mark.parametrize(
    ("options", "text", "words"),
    [((), "\n", "no password"), (("--iterations", "1"), "a\n", "4096 to"), ((), "\x07\n", "SASLprep")],
)
def test_what_cannot_be_used(
    options: tuple[str, ...], text: str, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is printed for no password, too few iterations, or characters nobody can type."""
    assert passwd(monkeypatch, "joe", *options, text=text) == 1
    printed = capsys.readouterr()
    assert not printed.out
    assert words in printed.err


def test_two_different_passwords(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """On a terminal it is asked twice, unseen."""
    typed = iter(["one", "other"])
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("getpass.getpass", lambda _prompt: next(typed))
    assert dispatch(["passwd", "joe"]) == 1
    assert "different" in capsys.readouterr().err
