"""The method `scram`, against a client written after RFC 5802 and the spec."""

from __future__ import annotations

from base64 import b64decode, b64encode
from hashlib import pbkdf2_hmac, sha256
from hmac import digest
from typing import Any

import pytest

from edge_router.router.interfaces import TransportDetails
from edge_router.wamp.derive import prepared, scram_keys
from tests.auth.entrance import DENIED, Client, Entrance, refused, welcomed

SALT = bytes(range(16))
KEYS = scram_keys("pencil", SALT, 4096)
PRINCIPAL = {
    "role": "device",
    "salt": SALT.hex(),
    "iterations": 4096,
    "stored-key": KEYS.stored.hex(),
    "server-key": KEYS.server.hex(),
}
SCRAM = {"scram": {"principals": {"joe": PRINCIPAL, "a=b,c": PRINCIPAL}}}
NONCE = "rOprNGfwEbeRWgbNEkqO"


def prove(extra: dict[str, Any], name: str, password: str, unbound: str = "biws") -> tuple[str, str]:
    """Proof and the server's signature to expect, as RFC 5802 section 3 has them."""
    salted = pbkdf2_hmac("sha256", password.encode(), b64decode(extra["salt"]), extra["iterations"])
    message = (
        f"n={name},r={NONCE},r={extra['nonce']},s={extra['salt']},i={extra['iterations']},c={unbound},r={extra['nonce']}"
    ).encode()
    client_key = digest(salted, b"Client Key", "sha256")
    signature = digest(sha256(client_key).digest(), message, "sha256")
    proof = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
    verifier = digest(digest(salted, b"Server Key", "sha256"), message, "sha256")
    return b64encode(proof).decode(), b64encode(verifier).decode()


def test_keys_of_the_rfc() -> None:
    """RFC 7677 section 3: user `user`, password `pencil`."""
    keys = scram_keys("pencil", b64decode("W22ZaJ0SNY7soEsUEjb6gQ=="), 4096)
    both = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    message = f"n=user,r={NONCE},r={both},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r={both}".encode()
    assert b64encode(digest(keys.server, message, "sha256")) == b"6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
    proof = b64decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
    client_key = bytes(a ^ b for a, b in zip(proof, digest(keys.stored, message, "sha256"), strict=True))
    assert sha256(client_key).digest() == keys.stored


@pytest.mark.parametrize("method", ["scram", "wamp-scram"])
@pytest.mark.parametrize(
    ("authid", "name", "unbound"),
    [("joe", "joe", "biws"), ("joe", "joe", ""), ("a=b,c", "a=3Db=2Cc", "biws"), ("a=b,c", "a=b,c", "")],
    ids=["spec", "autobahn", "escaped", "autobahn's as it is"],
)
def test_the_right_password_lets_in(method: str, authid: str, name: str, unbound: str) -> None:
    """By both names of the method; the router proves that it knows the password too, under both names of that."""
    client = Entrance(SCRAM).client()
    extra = client.challenged(method, authid, nonce=NONCE)
    assert extra["nonce"].startswith(NONCE)
    assert len(extra["nonce"]) >= len(NONCE) + 24
    assert extra == {"nonce": extra["nonce"], "salt": b64encode(SALT).decode(), "kdf": "pbkdf2", "iterations": 4096}
    proof, verifier = prove(extra, name, "pencil", unbound)
    assert welcomed(client.answer(proof)) == {
        "authid": authid,
        "authrole": "device",
        "authmethod": method,
        "authprovider": "static",
        "authextra": {"verifier": verifier, "scram_server_signature": verifier},
    }


@pytest.mark.parametrize(("authid", "password"), [("joe", "pen"), ("jim", "pencil"), ("joe", "")])
def test_the_wrong_password_does_not(authid: str, password: str) -> None:
    """Neither does the right one of somebody who is not there."""
    client = Entrance(SCRAM).client()
    proof, _ = prove(client.challenged("scram", authid, nonce=NONCE), authid, password)
    assert refused(client.answer(proof)) == DENIED


@pytest.mark.parametrize("proof", ["", "x", "ä", "AAAA", b64encode(bytes(32)).decode(), b64encode(bytes(33)).decode()])
def test_what_is_no_proof(proof: str) -> None:
    """Anything at all is answered in the same words."""
    client = Entrance(SCRAM).client()
    client.challenged("scram", "joe", nonce=NONCE)
    assert refused(client.answer(proof)) == DENIED


def test_what_the_router_keeps_is_no_password() -> None:
    """Who has read the configuration cannot log in with what stands there."""
    client = Entrance(SCRAM).client()
    extra = client.challenged("scram", "joe", nonce=NONCE)
    message = f"n=joe,r={NONCE},r={extra['nonce']},s={extra['salt']},i=4096,c=biws,r={extra['nonce']}".encode()
    signature = digest(KEYS.stored, message, "sha256")
    forged = bytes(a ^ b for a, b in zip(KEYS.stored, signature, strict=True))
    assert refused(client.answer(b64encode(forged).decode())) == DENIED


def test_replay() -> None:
    """A proof is for one pair of nonces, even if the client's is the same again."""
    entrance = Entrance(SCRAM)
    client = entrance.client()
    proof, _ = prove(client.challenged("scram", "joe", nonce=NONCE), "joe", "pencil")
    welcomed(client.answer(proof))
    other = entrance.client()
    other.challenged("scram", "joe", nonce=NONCE)
    assert refused(other.answer(proof)) == DENIED


@pytest.mark.parametrize("answered", [{"nonce": "other"}, {"channel_binding": "tls-unique"}])
def test_what_the_answer_says_beside_the_proof(answered: dict[str, Any]) -> None:
    """Another nonce or a channel binding that was not agreed on is refused (spec, "Final Client Authentication")."""
    client = Entrance(SCRAM).client()
    proof, _ = prove(client.challenged("scram", "joe", nonce=NONCE), "joe", "pencil")
    assert refused(client.answer(proof, **answered)) == DENIED


@pytest.mark.parametrize(
    "extra",
    [{}, {"nonce": ""}, {"nonce": 5}, {"nonce": "a,b"}, {"nonce": "x" * 300}, {"nonce": "x", "channel_binding": "a"}],
)
def test_what_hello_must_say(extra: dict[str, Any]) -> None:
    """A nonce that fits the messages, and no channel binding where there is none to be had."""
    assert refused(Entrance(SCRAM).client().hello("scram", "joe", **extra)) == DENIED


def test_who_is_there_cannot_be_told() -> None:
    """Somebody unknown is asked like a user, with a salt that stays."""
    known, one, again = (
        Entrance(SCRAM).client().challenged("scram", authid, nonce=NONCE) for authid in ("joe", "jim", "jim")
    )
    assert one["salt"] == again["salt"] != known["salt"]
    assert len(one["salt"]) == len(known["salt"])
    assert one.keys() == known.keys()


@pytest.mark.parametrize(("method", "kdf"), [("scram", "argon2id-13"), ("wamp-scram", "argon2id13")])
def test_argon2_is_the_clients_work(method: str, kdf: str) -> None:
    """The router tells the client how to derive the key, in its words, and needs no library for it."""
    principal = {**PRINCIPAL, "kdf": "argon2id-13", "memory": 512}
    client: Client = Entrance({"scram": {"principals": {"joe": principal}}}).client()
    extra = client.challenged(method, "joe", nonce=NONCE)
    assert (extra["kdf"], extra["memory"]) == (kdf, 512)


def bound(binding: str, ours: bytes, theirs: bytes, **answered: Any) -> list[Any]:
    """Log in bound to a channel. ours: what the router has of it. theirs: the client. Result: the last answer."""
    client = Entrance(SCRAM).client()
    client.details = TransportDetails("memory", "tcp4:10.0.0.1:5", channel_id={"tls-exporter": ours})
    answer = client.hello("wamp-scram", "joe", nonce=NONCE, channel_binding=binding)
    if answer[0] != 4:
        return answer
    data = b64encode(f"p={binding},,".encode() + theirs).decode()
    extra = {"channel_binding": binding, "cbind_data": b64encode(theirs).decode(), **answered}
    return client.answer(prove(answer[2], "joe", "pencil", data)[0], **extra)


def test_channel_binding() -> None:
    """What both ends have of the channel is signed; somebody in between has something else (RFC 5802 section 6)."""
    assert welcomed(bound("tls-exporter", b"x" * 32, b"x" * 32))["authid"] == "joe"
    assert refused(bound("tls-exporter", b"x" * 32, b"y" * 32)) == DENIED
    assert refused(bound("tls-exporter", b"x" * 32, b"x" * 32, channel_binding=None)) == DENIED
    assert "tls-unique" in bound("tls-unique", b"x" * 32, b"x" * 32)[1]["message"]


def test_a_bound_login_needs_its_binding() -> None:
    """Who asks for a binding cannot prove himself without."""
    client = Entrance(SCRAM).client()
    client.details = TransportDetails("memory", "tcp4:10.0.0.1:5", channel_id={"tls-exporter": bytes(32)})
    extra = client.challenged("wamp-scram", "joe", nonce=NONCE, channel_binding="tls-exporter")
    answer = client.answer(prove(extra, "joe", "pencil")[0], channel_binding="tls-exporter")
    assert refused(answer) == DENIED


def test_passwords_are_prepared() -> None:
    """SASLprep: examples of RFC 4013 section 3, and a space of another alphabet."""
    assert [prepared(text) for text in ("I\u00adX", "user", "USER", "\u00aa", "\u2168", "a\u3000b")] == [
        "IX", "user", "USER", "a", "IX", "a b",
    ]  # fmt: skip
    with pytest.raises(ValueError, match="RFC 4013"):
        prepared("\x07")
