"""The arithmetic of the authmethods, against the spec's and the RFC's own figures, and routers that cheat."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from edge_router.client.cryptosign import Cryptosign, private_key
from edge_router.client.failures import CannotConnect, CannotLogIn, NotTrusted, Refused
from edge_router.client.joining import Joining
from edge_router.client.logins import Ticket, Unasked, logins_of
from edge_router.client.scram import Scram
from edge_router.client.wampcra import WampCra
from edge_router.config.schema.connecting import (
    AnonymousLogin,
    ClientAuth,
    CryptosignLogin,
    ScramLogin,
    TicketLogin,
    WampCraLogin,
)
from edge_router.wamp.messages import Abort, Authenticate, Challenge, CloseDetails, Hello, Welcome, WelcomeDetails

HERE = Path()
KEY = "4d57d97a68f555696620a6d849c0ce582568518d729eb753dc7c732de2804510"
#: spec, "Cryptosign-based Authentication", "Test Vectors": channel id, private key, challenge, signature
VECTORS = [
    (
        None,
        KEY,
        "ff" * 32,
        "b32675b221f08593213737bef8240e7c15228b07028e19595294678c90d11c0cae80a357331bfc5cc9fb71081464e6e75013517c2cf067"
        "ad566a6b7b728e5d03" + "ff" * 32,
    ),
    (
        "62e935ae755f3d48f80d4d59f6121358c435722a67e859cc0caa8b539027f2ff",
        KEY,
        "ff" * 32,
        "9b6f41540c9b95b4b7b281c3042fa9c54cef43c842d62ea3fd6030fcb66e70b3e80d49d44c29d1635da9348d02ec93f3ed1ef227dfb59a"
        "07b580095c2b82f80f9d16ca518aa0c2b707f2b2a609edeca73bca8dd59817a633f35574ac6fd80d00",
    ),
]


@pytest.mark.parametrize(("channel", "key", "challenge", "signature"), VECTORS)
def test_cryptosign_vectors(channel: str | None, key: str, challenge: str, signature: str) -> None:
    """With and without channel binding."""
    binding: Any = "tls-exporter" if channel else None
    login = Cryptosign(CryptosignLogin(privkey=key, channel_binding=binding), HERE)
    login.hello(lambda _: bytes.fromhex(channel or ""))
    assert login.answer({"challenge": challenge, "channel_binding": binding}) == (signature, {})


def test_cryptosign_and_a_router_that_drops_the_binding() -> None:
    """It may be somebody in between."""
    login = Cryptosign(CryptosignLogin(privkey=KEY, channel_binding="tls-exporter"), HERE)
    login.hello(lambda _: bytes(32))
    with pytest.raises(NotTrusted, match="does not bind the login to this connection by 'tls-exporter'"):
        login.answer({"challenge": "ff" * 32})


def test_cryptosign_and_a_router_that_proves_nothing() -> None:
    """It was asked to."""
    login = Cryptosign(CryptosignLogin(privkey=KEY, router_key="ab" * 32), HERE)
    assert len(login.hello(lambda _: None)["challenge"]) == 64
    login.answer({"challenge": "ff" * 32})
    with pytest.raises(NotTrusted, match="the router did not prove to have the key"):
        login.welcome({})


@pytest.mark.parametrize("challenge", [None, "ff", "zz" * 32, 5])
def test_cryptosign_without_a_challenge(challenge: object) -> None:
    """Nothing is signed that is not one."""
    with pytest.raises(CannotLogIn, match="challenge is not 64 hexadecimal digits"):
        Cryptosign(CryptosignLogin(privkey=KEY), HERE).answer({"challenge": challenge})


def test_forms_of_keys() -> None:
    """As digits, as Crossbar writes it, as OpenSSH and OpenSSL do; and what is none."""
    made = private_key(KEY)
    wanted = made.private_bytes_raw()
    assert private_key(f"creator: me\nprivate-key-ed25519: {KEY}\n").private_bytes_raw() == wanted
    for form in (PrivateFormat.OpenSSH, PrivateFormat.PKCS8):
        text = made.private_bytes(Encoding.PEM, form, NoEncryption()).decode()
        assert private_key(text).private_bytes_raw() == wanted
    other = ec.generate_private_key(ec.SECP256R1())
    for bad in (
        other.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode(),
        made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")).decode(),
        "x",
        "-----BEGIN PRIVATE KEY-----\n",
    ):
        with pytest.raises(CannotLogIn, match="the key is neither 64 hexadecimal digits, nor a file"):
            private_key(bad)


def test_scram_as_in_the_rfc() -> None:
    """RFC 7677 section 3, whose nonce is no Base64: the login's own is put in its place."""
    login = Scram(ScramLogin(authid="user", password="pencil"), HERE)
    login._nonce = "rOprNGfwEbeRWgbNEkqO"
    extra = {
        "nonce": "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
        "salt": "W22ZaJ0SNY7soEsUEjb6gQ==",
        "kdf": "pbkdf2",
        "iterations": 4096,
        "memory": None,
    }
    signature, said = login.answer(extra)
    assert signature == "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    assert said["nonce"] == extra["nonce"]
    login.welcome({"verifier": "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="})
    login.welcome({"scram_server_signature": "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="})
    for wrong in ({}, {"verifier": "AAAA"}, {"verifier": 5}, {"verifier": "ü"}):
        with pytest.raises(NotTrusted, match="the router did not prove to know of the password"):
            login.welcome(wrong)


def test_scram_with_argon2() -> None:
    """The RFC 9106 parameters that a browser can bear; the salted password is the reference implementation's."""
    login = Scram(ScramLogin(authid="user", password="password"), HERE)
    extra = {"nonce": login._nonce + "x", "salt": "c29tZXNhbHQ=", "iterations": 2, "memory": 65536, "kdf": "argon2id13"}
    from edge_router.client import scram

    try:
        salted = scram._salted(b"password", "c29tZXNhbHQ=", 2, extra)
    except CannotLogIn as missing:
        pytest.skip(str(missing))
    assert salted.hex() == "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7"
    login.answer(extra)


@pytest.mark.parametrize(
    ("changed", "kind", "text"),
    [
        ({"nonce": "other"}, NotTrusted, "nonce does not begin with ours"),
        ({"nonce": 5}, CannotLogIn, "lacks nonce, salt or iterations"),
        ({"salt": "ü"}, CannotLogIn, "salt is no Base64"),
        ({"iterations": 1}, CannotLogIn, "asks for 1 iterations of 'pbkdf2', which is not done"),
        ({"iterations": 10**9}, CannotLogIn, "which is not done"),
        ({"kdf": "md5"}, CannotLogIn, "asks for 4096 iterations of 'md5'"),
        ({"kdf": "argon2id13", "iterations": 2, "memory": 2**40}, CannotLogIn, "KiB of memory"),
    ],
)
def test_scram_and_a_router_that_wants_too_much_or_too_little(
    changed: dict[str, Any], kind: type[Exception], text: str
) -> None:
    """Cheap keys are easily guessed, costly ones keep this end busy."""
    login = Scram(ScramLogin(authid="user", password="x"), HERE)
    good = {"nonce": login._nonce + "x", "salt": "AAAA", "iterations": 4096, "kdf": "pbkdf2"}
    login.answer(good)
    with pytest.raises(kind, match=text):
        login.answer({**good, **changed})


def test_a_password_that_nobody_can_type() -> None:
    """SASLprep does not allow it."""
    with pytest.raises(CannotLogIn, match="SASLprep"):
        Scram(ScramLogin(authid="user", password="\x07"), HERE)


def test_wampcra_and_a_router_that_wants_too_much() -> None:
    """Nobody needs a thousand million rounds; a challenge must be text."""
    login = WampCra(WampCraLogin(authid="joe", secret="x"), HERE)
    with pytest.raises(CannotLogIn, match="asks for 1000000000 iterations"):
        login.answer({"challenge": "x", "salt": "s", "iterations": 10**9, "keylen": 32})
    with pytest.raises(CannotLogIn, match="has no challenge"):
        login.answer({"challenge": 5})


# --- joining -----------------------------------------------------------------------------------------------------


def joining(*logins: Any) -> Joining:
    return Joining("realm1", logins or logins_of(None, HERE), lambda _: None)


def test_hello_says_what_the_session_does() -> None:
    """Methods, user, features."""
    ticket = Ticket(TicketLogin(authid="joe", ticket="x"), HERE)
    hello = joining(ticket, Unasked("anonymous", AnonymousLogin())).hello()
    assert isinstance(hello, Hello)
    assert (hello.realm, hello.details.authmethods, hello.details.authid) == ("realm1", ("ticket", "anonymous"), "joe")
    assert set(hello.details.roles) == {"publisher", "subscriber", "caller", "callee"}


def test_the_question_is_answered_by_its_method() -> None:
    """And a method that was not offered is not."""
    way = joining(Ticket(TicketLogin(authid="joe", ticket="x"), HERE))
    assert way.receive(Challenge("ticket")) == Authenticate("x")
    with pytest.raises(CannotLogIn, match="the router asks for 'wampcra', which was not offered"):
        way.receive(Challenge("wampcra"))
    with pytest.raises(CannotLogIn, match="'anonymous' has none of"):
        joining().receive(Challenge("anonymous"))


@pytest.mark.parametrize("method", ["anonymous", "scram", None])
def test_a_router_that_lets_in_without_a_question(method: str | None) -> None:
    """Where it was to prove something, that is no welcome."""
    way = joining(Scram(ScramLogin(authid="user", password="x"), HERE))
    with pytest.raises(NotTrusted):
        way.receive(Welcome(1, WelcomeDetails(authmethod=method)))


def test_refusals() -> None:
    """ABORT, and what has no place here."""
    with pytest.raises(Refused, match=r"com\.no: text"):
        joining().receive(Abort(CloseDetails("text"), "com.no"))
    with pytest.raises(CannotConnect, match="the router sent HELLO where WELCOME would be right"):
        joining().receive(Hello("realm1"))


def test_a_library_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which, is said."""
    monkeypatch.setitem(__import__("sys").modules, "edge_router.client.cryptosign", None)
    with pytest.raises(CannotLogIn, match="cryptosign needs the Python package"):
        logins_of(ClientAuth(cryptosign=CryptosignLogin(privkey=KEY)), HERE)
