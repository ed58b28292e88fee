"""Our own client and our own router: every way to log in, over every kind of connection, right, wrong and missing."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import convert

from edge_router.client import Session
from edge_router.client.failures import CannotLogIn, NotTrusted, Refused
from edge_router.config.schema.connecting import ClientAuth, ClientTls
from tests.client.routers import AUTH, ME, PRIVATE, ROUTER_KEY, SECRET, Place, prepare, public, tcp
from tests.transports.loop import Loop

DOORS = ["rawsocket-tcp", "rawsocket-tls", "rawsocket-unix", "websocket-tcp", "websocket-tls"]
LOGINS: dict[str, dict[str, Any]] = {
    "ticket": {"authid": "joe", "ticket": SECRET},
    "wampcra": {"authid": "joe", "secret": SECRET},
    "wampcra-salted": {"authid": "ann", "secret": SECRET},
    "scram": {"authid": "joe", "password": SECRET},
    "cryptosign": {"authid": "joe", "privkey": PRIVATE},
    "cryptosign-proved": {"privkey": PRIVATE, "router_key": public(ROUTER_KEY)},
}
WRONG = {"ticket": "wrong", "secret": "wrong", "password": "wrong", "privkey": "ff" * 32}
CASES = list(itertools.product(DOORS, LOGINS))
WITH_CERTIFICATE = ClientTls(
    ca_certificates=["tls/ca.crt"], certificate="tls/client-pump.crt", key="tls/client-pump.key"
)


def auth_of(login: str, **changed: Any) -> ClientAuth:
    """The section for a login of the table."""
    return convert({login.partition("-")[0]: {**LOGINS[login], **changed}}, ClientAuth)


def fingerprint(certificate: Path) -> str:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.x509 import load_pem_x509_certificate

    return load_pem_x509_certificate(certificate.read_bytes()).fingerprint(SHA256()).hex()


@pytest.fixture(scope="module")
def place(loop: Loop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A router that lets in nobody without credentials."""
    directory = tmp_path_factory.mktemp("router")
    prepare(directory)
    pump = {"certificate-sha256": fingerprint(directory / "tls/client-pump.crt"), "role": "user"}
    by_certificate = {"tls": {"principals": {"pump": pump}}}
    authorities = {"ca_certificates": ["tls/ca.crt"]}
    doors = {
        "rawsocket-tcp": {"type": "rawsocket", "endpoint": tcp(), "auth": AUTH},
        "rawsocket-tls": {"type": "rawsocket", "endpoint": tcp(tls={}), "auth": AUTH},
        "rawsocket-unix": {"type": "rawsocket", "endpoint": {"type": "unix", "path": "a"}, "auth": AUTH},
        "websocket-tcp": {"type": "websocket", "endpoint": tcp(), "auth": AUTH},
        "websocket-tls": {"type": "websocket", "endpoint": tcp(tls={}), "auth": AUTH},
        "rawsocket-mine-unix": {
            "type": "rawsocket",
            "endpoint": {"type": "unix", "path": "b"},
            "auth": {"peercred": {"users": {ME: "user"}}},
        },
        "rawsocket-mutual-tls": {"type": "rawsocket", "endpoint": tcp(tls=authorities), "auth": by_certificate},
        "websocket-mutual-tls": {"type": "websocket", "endpoint": tcp(tls=authorities), "auth": by_certificate},
    }
    running = Place(loop, directory, doors)
    yield running
    running.stop()


def who(session: Session) -> tuple[str, str, str]:
    return session.authid, session.authrole, session.authmethod


@pytest.mark.parametrize(("door", "login"), CASES)
def test_right(door: str, login: str, place: Place) -> None:
    """The session is the user's, and it works."""
    session = place.join(place.transport(door), auth_of(login))
    assert who(session) == (LOGINS[login].get("authid", "joe"), "user", login.partition("-")[0])
    assert session.id
    assert session.realm == "realm1"
    assert "broker" in session.roles
    assert place.loop.result(session.call("wamp.session.count")).value == 1  # type: ignore[attr-defined]
    place.leave(session)
    assert place.sessions == 0


@pytest.mark.parametrize(("door", "login"), CASES)
def test_wrong(door: str, login: str, place: Place) -> None:
    """A wrong secret, and a user that does not exist; one learns nothing of which it was."""
    wrong = {key: WRONG[key] for key in LOGINS[login] if key in WRONG}
    for changed in (wrong, {"authid": "jim"}):
        with pytest.raises(Refused) as refused:
            place.join(place.transport(door), auth_of(login, **changed))
        assert refused.value.uri == "wamp.error.authentication_denied"


@pytest.mark.parametrize("door", DOORS)
def test_missing(door: str, place: Place) -> None:
    """Without credentials nobody comes in; the router says what it is about."""
    with pytest.raises(Refused, match=r"no_matching_auth_method: none of the authmethods anonymous") as refused:
        place.join(place.transport(door))
    assert refused.value.uri == "wamp.error.no_matching_auth_method"


def test_by_the_user_of_the_process(place: Place) -> None:
    """On a Unix socket the kernel says who it is."""
    session = place.join(place.transport("rawsocket-mine-unix"))
    assert who(session)[:2] == (ME, "user")
    place.leave(session)


@pytest.mark.parametrize("door", ["rawsocket-mutual-tls", "websocket-mutual-tls"])
def test_by_certificate(door: str, place: Place) -> None:
    """Known, unknown user, and none shown."""
    session = place.join(place.transport(door, WITH_CERTIFICATE), convert({"tls": {}}, ClientAuth))
    assert who(session) == ("pump", "user", "tls")
    place.leave(session)
    with pytest.raises(Refused):
        place.join(place.transport(door, WITH_CERTIFICATE), convert({"tls": {"authid": "other"}}, ClientAuth))


def test_several_methods(place: Place) -> None:
    """The router takes the first that it knows; those that prove most are offered first."""
    logins = {"ticket": LOGINS["ticket"], "scram": LOGINS["scram"], "anonymous": {}}
    session = place.join(place.transport("websocket-tcp"), convert(logins, ClientAuth))
    assert session.authmethod in ("scram", "wamp-scram")
    place.leave(session)


def test_methods_of_two_users(place: Place) -> None:
    """A session is one user's."""
    logins = {"ticket": LOGINS["ticket"], "wampcra": LOGINS["wampcra-salted"]}
    with pytest.raises(CannotLogIn, match="here are ann, joe; give all one authid"):
        place.join(place.transport("rawsocket-tcp"), convert(logins, ClientAuth))


@pytest.mark.parametrize("door", ["rawsocket-tcp", "websocket-tls"])
def test_a_router_with_another_key(door: str, place: Place) -> None:
    """It cannot prove to be the one that is meant, and gets no signature."""
    auth = auth_of("cryptosign", router_key="ab" * 32)
    with pytest.raises(NotTrusted, match="router's proof is not one of the key"):
        place.join(place.transport(door), auth)
    assert place.sessions == 0


@pytest.mark.parametrize("door", ["rawsocket-tls", "websocket-tls"])
@pytest.mark.parametrize("login", ["cryptosign", "cryptosign-proved"])
def test_bound_to_the_channel(door: str, login: str, place: Place) -> None:
    """Both ends have the same octets of this connection (RFC 9266), and sign them with the challenge."""
    session = place.join(place.transport(door), auth_of(login, channel_binding="tls-exporter"))
    assert who(session)[0] == "joe"
    place.leave(session)


def test_a_channel_that_does_not_exist(place: Place) -> None:
    """Without TLS there is nothing to bind to."""
    with pytest.raises(CannotLogIn, match=r"this connection has no channel binding 'tls-unique'; TLS 1.2 has"):
        place.join(place.transport("rawsocket-tcp"), auth_of("cryptosign", channel_binding="tls-unique"))


def test_secrets_from_elsewhere(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file relative to the node directory, the environment; and what cannot be had is said."""
    (place.directory / "secret").write_text(SECRET + "\n")
    monkeypatch.setenv("THE_TICKET", SECRET)
    for secret in ({"file": "secret"}, {"env": "THE_TICKET"}):
        place.leave(place.join(place.transport("rawsocket-unix"), auth_of("ticket", ticket=secret)))
    with pytest.raises(CannotLogIn, match=r"ticket: .*none cannot be read: No such file"):
        place.join(place.transport("rawsocket-unix"), auth_of("ticket", ticket={"file": "none"}))
