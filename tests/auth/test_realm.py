"""Which realm: the one that HELLO names, or the one that a user is bound to."""

from __future__ import annotations

from typing import Any

import pytest

from edge_router.router.interfaces import ClientCertificate, TransportDetails
from tests.auth.entrance import DENIED, Client, Entrance, refused, welcomed
from tests.auth.test_config import loaded
from tests.auth.test_cryptosign import PUBKEY, sign
from tests.auth.test_tls import SHA1, SHA256

BOUND: dict[str, Any] = {"role": "device", "realm": "realm2"}
FREE: dict[str, Any] = {"role": "device"}


def auth(principal: dict[str, Any]) -> dict[str, Any]:
    """Every method that is easy to answer, with one user each."""
    return {
        "anonymous": principal,
        "ticket": {"principals": {"joe": {**principal, "ticket": "x"}}},
        "cryptosign": {"principals": {"joe": {**principal, "authorized_keys": [PUBKEY]}}},
        "tls": {"principals": {"joe": {**principal, "certificate-sha256": SHA256}}},
    }


def log_in(method: str, realm: str | None, principal: dict[str, Any]) -> list[Any]:
    """Log in by a method as its user. Result: the last answer."""
    client: Client = Entrance(auth(principal)).client()
    client.details = TransportDetails("memory", "tcp4:10.0.0.1:5", certificate=ClientCertificate("", SHA256, SHA1))
    extra = {"pubkey": PUBKEY} if method == "cryptosign" else {}
    authid = "joe" if method == "ticket" else None
    answer = client.hello(method, authid, realm, **extra)
    if answer[0] == 4:
        answer = client.answer("x" if method == "ticket" else sign(answer[2]))
    return answer


METHODS = ["anonymous", "ticket", "cryptosign", "tls"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("realm", [None, "", "realm2"])
def test_a_bound_user_joins_its_realm(method: str, realm: str | None) -> None:
    """Whether HELLO names it or leaves it out; WELCOME says which it is."""
    answer = log_in(method, realm, BOUND)
    assert welcomed(answer)["authmethod"] == method
    assert answer[2]["realm"] == "realm2"


@pytest.mark.parametrize("method", METHODS)
def test_a_bound_user_joins_no_other_realm(method: str) -> None:
    """With the right secret too; the words are those for unknown users."""
    answer = log_in(method, "realm1", BOUND)
    assert refused(answer) == DENIED
    assert "no such user" in answer[1]["message"]


@pytest.mark.parametrize("method", METHODS)
def test_somebody_has_to_say_which(method: str) -> None:
    """No realm in HELLO and none at the user: refused, and said why."""
    answer = log_in(method, None, FREE)
    assert refused(answer) == "wamp.error.no_such_realm"
    assert "not bound" in answer[1]["message"]
    assert log_in(method, "realm1", FREE)[2]["realm"] == "realm1"


def test_a_realm_that_is_not_there() -> None:
    """Is refused before anything is asked."""
    assert refused(log_in("ticket", "realm3", BOUND)) == "wamp.error.no_such_realm"


@pytest.mark.parametrize("method", ["ticket", "tls", "cryptosign"])
def test_the_realm_must_exist(method: str, tmp_path: Any) -> None:
    """`check` says where it does not."""
    found = loaded({method: auth(BOUND)[method]}, tmp_path, {"type": "unix", "path": "s"})
    wanted = "principals.joe.realm: there is no realm 'realm2'; did you mean 'realm1'?"
    assert any(wanted in problem for problem in found)
