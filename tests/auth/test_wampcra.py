"""The method `wampcra`, against autobahn's client side of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from autobahn.wamp.auth import compute_wcs, derive_key

from edge_router.auth.wampcra import WampCra
from edge_router.config.schema import WampCraAuth, WampCraUser
from edge_router.router.interfaces import Login, TransportDetails
from edge_router.wamp.derive import wampcra_key
from tests.auth.entrance import DENIED, Client, Entrance, refused, welcomed

SALT = "salt123"
PLAIN = {"wampcra": {"users": {"joe": {"secret": "secret1", "role": "device"}}}}
SALTED = {"wampcra": {"users": {"joe": {"secret": "secret1", "role": "device", "salt": SALT}}}}
DERIVED = {
    "wampcra": {
        "users": {
            "joe": {
                "derived-key": wampcra_key("secret1", SALT, 5000, 32),
                "role": "device",
                "salt": SALT,
                "iterations": 5000,
            }
        }
    }
}
FORMS = pytest.mark.parametrize("auth", [PLAIN, SALTED, DERIVED], ids=["plain", "salted", "derived"])


def sign(extra: dict[str, Any], secret: str) -> str:
    """What autobahn-python answers to a CHALLENGE."""
    key = secret.encode()
    if "salt" in extra:
        key = derive_key(key, extra["salt"], extra["iterations"], extra["keylen"])
    signature: str = compute_wcs(key, extra["challenge"].encode()).decode()
    return signature


@FORMS
def test_the_right_secret_lets_in(auth: dict[str, Any]) -> None:
    """Plain, salted, and with nothing but the derived key in the configuration."""
    client = Entrance(auth).client()
    extra = client.challenged("wampcra", "joe")
    found = welcomed(client.answer(sign(extra, "secret1")))
    assert found == {"authid": "joe", "authrole": "device", "authmethod": "wampcra", "authprovider": "static"}


@FORMS
def test_the_wrong_secret_does_not(auth: dict[str, Any]) -> None:
    """Wrong secrets, somebody who is not there, and what is no signature, all in the same words."""
    texts = set()
    for authid, secret in (("joe", "secret2"), ("jim", "secret1"), ("joe", "")):
        client = Entrance(auth).client()
        answer = client.answer(sign(client.challenged("wampcra", authid), secret))
        assert refused(answer) == DENIED
        texts.add(str(answer))
    client = Entrance(auth).client()
    client.challenged("wampcra", "joe")
    texts.add(str(client.answer("kein Schlüssel")))
    assert len(texts) == 1


@FORMS
def test_who_is_there_cannot_be_told(auth: dict[str, Any]) -> None:
    """The question to somebody unknown looks like one to a user, and its salt is the same each time, also later."""
    known = Entrance(auth).client().challenged("wampcra", "joe")
    one, again = (Entrance(auth).client().challenged("wampcra", "jim") for _ in range(2))
    other = Entrance(auth).client().challenged("wampcra", "jack")
    assert known.keys() == one.keys()
    assert json.loads(known["challenge"]).keys() == json.loads(one["challenge"]).keys()
    assert json.loads(one["challenge"])["authrole"] == "device"
    if "salt" in known:
        assert one["salt"] == again["salt"]
        assert len({known["salt"], one["salt"], other["salt"]}) == 3
        assert (one["iterations"], one["keylen"]) == (known["iterations"], known["keylen"])
        assert len(one["salt"]) == len(known["salt"])


def test_the_challenge_says_what_the_spec_wants() -> None:
    """Who, in which role, when, and the id that the session then has; and a nonce that is never the same."""
    client = Entrance(PLAIN).client()
    extra = client.challenged("wampcra", "joe")
    challenge = json.loads(extra["challenge"])
    assert {key: challenge[key] for key in ("authid", "authrole", "authmethod", "authprovider")} == {
        "authid": "joe", "authrole": "device", "authmethod": "wampcra", "authprovider": "static",
    }  # fmt: skip
    assert client.answer(sign(extra, "secret1"))[1] == challenge["session"]
    nonces = {json.loads(Entrance(PLAIN).client().challenged("wampcra", "joe")["challenge"])["nonce"] for _ in range(5)}
    assert len(nonces) == 5


def test_the_time_in_the_challenge() -> None:
    """UTC, to the millisecond, as ISO 8601 has it."""
    method = WampCra(WampCraAuth(users={"joe": WampCraUser(role="a", secret="b")}), now=lambda: 1403455001.6437)
    question = method.hello(Login("realm1", 1, "wampcra", "joe", {}, TransportDetails("memory")))
    assert json.loads(question.extra["challenge"])["timestamp"] == "2014-06-22T16:36:41.643Z"


def test_replay() -> None:
    """A signature that was good once is none for the next challenge, on the same connection or another."""
    entrance = Entrance(PLAIN)
    client = entrance.client()
    signature = sign(client.challenged("wampcra", "joe"), "secret1")
    welcomed(client.answer(signature))
    client.say(6, {}, "wamp.close.normal")
    for again in (client, entrance.client()):
        again.challenged("wampcra", "joe")
        assert refused(again.answer(signature)) == DENIED


def test_an_answer_to_another_connection() -> None:
    """Two connections at a time: each has a challenge of its own."""
    entrance = Entrance(PLAIN)
    one: Client = entrance.client()
    other: Client = entrance.client()
    signature = sign(one.challenged("wampcra", "joe"), "secret1")
    other.challenged("wampcra", "joe")
    assert refused(other.answer(signature)) == DENIED
    welcomed(one.answer(signature))
