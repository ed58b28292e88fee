"""The method `cryptosign`, and the test vectors of the spec."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from edge_router.auth.cryptosign import Cryptosign
from edge_router.config.schema import CryptosignAuth, CryptosignPrincipal
from edge_router.node.keyfiles import ensure_key, read_tags
from edge_router.router.interfaces import Accepted, Login, Question, TransportDetails
from edge_router.wamp.errors import WampError
from tests.auth.entrance import DENIED, Client, Entrance, refused, welcomed

JOE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
ANN = Ed25519PrivateKey.from_private_bytes(bytes(32))


def public(key: Ed25519PrivateKey) -> str:
    """The public key, as the configuration and HELLO have it."""
    return key.public_key().public_bytes_raw().hex()


PUBKEY = public(JOE)
KEYS: dict[str, Any] = {
    "cryptosign": {
        "principals": {
            "joe": {"authorized_keys": ["00" * 32, PUBKEY], "role": "device"},
            "ann": {"authorized_keys": [public(ANN)], "role": "operator", "realm": "realm2"},
        }
    }
}


def sign(extra: dict[str, Any], key: Ed25519PrivateKey = JOE) -> str:
    """What a client answers: signature and what was signed."""
    challenge = bytes.fromhex(extra["challenge"])
    return (key.sign(challenge) + challenge).hex()


@pytest.mark.parametrize("authid", ["joe", None])
def test_the_key_lets_in(authid: str | None) -> None:
    """With an authid, and without: the key says who it is."""
    client = Entrance(KEYS).client()
    extra = client.challenged("cryptosign", authid, pubkey=PUBKEY)
    assert extra == {"challenge": extra["challenge"], "channel_binding": None}
    found = welcomed(client.answer(sign(extra)))
    assert found == {"authid": "joe", "authrole": "device", "authmethod": "cryptosign", "authprovider": "static"}


@pytest.mark.parametrize(
    ("authid", "pubkey", "key"),
    [
        ("joe", PUBKEY, ANN),
        ("joe", public(ANN), ANN),
        ("jim", PUBKEY, JOE),
        ("joe", "11" * 32, JOE),
        ("joe", "ff" * 32, JOE),
        ("ann", public(ANN), ANN),
    ],
    ids=["other signature", "other's key", "unknown user", "unknown key", "no key at all", "other realm"],
)
def test_others_stay_out(authid: str, pubkey: str, key: Ed25519PrivateKey) -> None:
    """All are asked, and refused in the same words."""
    client = Entrance(KEYS).client()
    answer = client.answer(sign(client.challenged("cryptosign", authid, pubkey=pubkey), key))
    assert refused(answer) == DENIED
    other = Entrance(KEYS).client()
    other.challenged("cryptosign", "joe", pubkey=PUBKEY)
    assert other.answer("") == answer


def test_replay() -> None:
    """A signature is for one challenge."""
    entrance = Entrance(KEYS)
    one: Client = entrance.client()
    signature = sign(one.challenged("cryptosign", "joe", pubkey=PUBKEY))
    welcomed(one.answer(signature))
    other = entrance.client()
    other.challenged("cryptosign", "joe", pubkey=PUBKEY)
    assert refused(other.answer(signature)) == DENIED


@pytest.mark.parametrize("cut", [slice(0, 128), slice(0, 190), slice(1, None), slice(0, 0)])
def test_what_is_no_answer(cut: slice) -> None:
    """The spec wants 64 octets and the 32 that were signed."""
    client = Entrance(KEYS).client()
    assert refused(client.answer(sign(client.challenged("cryptosign", "joe", pubkey=PUBKEY))[cut])) == DENIED


@pytest.mark.parametrize("extra", [{}, {"pubkey": "00"}, {"pubkey": "x" * 64}, {"pubkey": 5}, {"pubkey": None}])
def test_what_hello_must_say(extra: dict[str, Any]) -> None:
    """A public key, in hexadecimal."""
    assert refused(Entrance(KEYS).client().hello("cryptosign", "joe", **extra)) == DENIED


def test_channel_binding_needs_tls() -> None:
    """Where there is no TLS, or no `tls-unique`, a client that wants to be bound to it hears so."""
    for binding in ("tls-unique", "tls-exporter", 5):
        answer = Entrance(KEYS).client().hello("cryptosign", "joe", pubkey=PUBKEY, channel_binding=binding)
        assert "channel binding" in answer[1]["message"]


#: spec, "Computing the Signature", test vectors: private key, challenge, signature; the channel id is the same for all
CHANNEL_ID = "62e935ae755f3d48f80d4d59f6121358c435722a67e859cc0caa8b539027f2ff"
VECTORS = [
    (
        None,
        "4d57d97a68f555696620a6d849c0ce582568518d729eb753dc7c732de2804510",
        "ff" * 32,
        "b32675b221f08593213737bef8240e7c15228b07028e19595294678c90d11c0cae80a357331bfc5cc9fb71081464e6e75013517c2cf067ad"
        "566a6b7b728e5d03",
    ),
    (
        None,
        "d511fe78e23934b3dadb52fcd022974b80bd92bccc7c5cf404e46cc0a8a2f5cd",
        "b26c1f87c13fc1da14997f1b5a71995dff8fbe0a62fae8473c7bdbd05bfb607d",
        "d4209ad10d5aff6bfbc009d7e924795de138a63515efc7afc6b01b7fe5201372190374886a70207b042294af5bd64ce725cd8dceb344e6d1"
        "1c09d1aaaf4d660f",
    ),
    (
        CHANNEL_ID,
        "4d57d97a68f555696620a6d849c0ce582568518d729eb753dc7c732de2804510",
        "ff" * 32,
        "9b6f41540c9b95b4b7b281c3042fa9c54cef43c842d62ea3fd6030fcb66e70b3e80d49d44c29d1635da9348d02ec93f3ed1ef227dfb59a07"
        "b580095c2b82f80f",
    ),
]


@pytest.mark.parametrize(("channel_id", "private", "challenge", "signature"), VECTORS)
def test_vectors_of_the_spec(
    channel_id: str | None, private: str, challenge: str, signature: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The signatures of the spec are taken for its challenges, bound to the channel and not."""
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(private))
    principals = {"joe": CryptosignPrincipal(authorized_keys=[public(key)], role="device")}
    method = Cryptosign(CryptosignAuth(principals=principals), entropy=lambda _size: bytes.fromhex(challenge))
    bound = {"tls-unique": b"the Finished message"} if channel_id else {}
    if channel_id:
        digest = type("", (), {"digest": lambda _self: bytes.fromhex(channel_id)})
        monkeypatch.setattr("edge_router.auth.cryptosign.sha256", lambda _octets: digest())
    extra = {"pubkey": public(key), "channel_binding": "tls-unique" if channel_id else None}
    question = method.hello(Login("realm1", 1, "cryptosign", None, extra, TransportDetails("x", channel_id=bound)))
    assert question.extra == {"challenge": challenge, "channel_binding": extra["channel_binding"]}
    mask = bytes.fromhex(channel_id) if channel_id else bytes(32)
    signed = bytes(a ^ b for a, b in zip(bytes.fromhex(challenge), mask, strict=True)).hex()
    assert question.answer(signature + signed, {}) == Accepted("joe", "device")
    with pytest.raises(WampError):
        question.answer(signature + "00" * 32, {})


def asked(directory: Path, challenge: str, **config: Any) -> Question:
    """HELLO with a challenge for the router."""
    principals = {"joe": CryptosignPrincipal(authorized_keys=[PUBKEY], role="device")}
    method = Cryptosign(CryptosignAuth(principals=principals, **config), directory)
    extra = {"pubkey": PUBKEY, "challenge": challenge}
    return method.hello(Login("realm1", 1, "cryptosign", "joe", extra, TransportDetails("x")))


def test_the_router_proves_its_key(tmp_path: Path) -> None:
    """A client that asks gets the router's public key and its signature (spec, "Router Authentication")."""
    ensure_key(tmp_path, "here")
    challenge = sha256(b"anything").digest()
    extra = asked(tmp_path, challenge.hex(), prove_node_key=True).extra
    assert extra["pubkey"] == read_tags(tmp_path / "key.pub")["public-key-ed25519"]
    octets = bytes.fromhex(extra["signature"])
    assert octets[64:] == challenge
    Ed25519PublicKey.from_public_bytes(bytes.fromhex(extra["pubkey"])).verify(octets[:64], challenge)


def test_the_router_signs_for_nobody_unless_told(tmp_path: Path) -> None:
    """Neither by default, nor what is no challenge, nor without a key."""
    assert "signature" not in asked(tmp_path, "00" * 32, prove_node_key=True).extra
    ensure_key(tmp_path, "here")
    assert "signature" not in asked(tmp_path, "00" * 32).extra
    assert "signature" not in asked(tmp_path, "00" * 33, prove_node_key=True).extra
