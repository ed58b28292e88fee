"""Every way to log in, with every client library that has it, over RawSocket, WebSocket and Unix sockets."""

from __future__ import annotations

import itertools
import json
import os
import pwd
import shutil
import ssl
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509 import load_pem_x509_certificate
from websockets.sync.client import connect

from edge_router.wamp.derive import scram_keys, wampcra_key
from tests.auth.test_cryptosign import sign
from tests.auth.test_scram import NONCE, prove
from tests.auth.test_wampcra import sign as sign_cra
from tests.hostile.raw import Client
from tests.interop.puppet import Puppet, Refused, Session
from tests.interop.running_node import RunningNode, tcp
from tests.interop.stage import CLIENTS, LIBRARIES, NodeModules, Stage, Unavailable, way
from tests.transports.tls_clients import V12, client_context, make_files

pytestmark = pytest.mark.slow

ROLE = "anonymous"  # the realm of the tests has this one
SECRET = "p4ssw0rd ☕"
KEYS = scram_keys(SECRET, bytes(16), 4096)
PRIVATE = bytes(range(32)).hex()
PUBLIC = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(PRIVATE)).public_key().public_bytes_raw().hex()
SALTED = {"derived-key": wampcra_key(SECRET, "salt", 5000, 32), "salt": "salt", "iterations": 5000, "role": ROLE}
SCRAM = {
    "salt": bytes(16).hex(),
    "iterations": 4096,
    "stored-key": KEYS.stored.hex(),
    "server-key": KEYS.server.hex(),
    "role": ROLE,
}
ANYBODY = {"role": ROLE, "authid": "somebody"}
AUTH: dict[str, Any] = {
    "ticket": {"principals": {"joe": {"ticket": SECRET, "role": ROLE}}},
    "wampcra": {"users": {"joe": {"secret": SECRET, "role": ROLE}, "ann": SALTED}},
    "scram": {"principals": {"joe": SCRAM}},
    "cryptosign": {"principals": {"joe": {"authorized_keys": [PUBLIC], "role": ROLE}}},
    "failed_logins": {"allowed": 1000},
}
#: the same users, as authenticators give them: authmethod -> authid -> what
USERS: dict[str, Any] = {
    "ticket": AUTH["ticket"]["principals"],
    "wampcra": AUTH["wampcra"]["users"],
    "scram": AUTH["scram"]["principals"],
    "cryptosign": {"joe": {"pubkey": PUBLIC, "role": ROLE}},
    "tls": {"*": {"role": ROLE, "authid": "pump"}},
    "anonymous": {"*": ANYBODY},
}
AUTHENTICATE = "com.example.authenticate"
ME = pwd.getpwuid(os.getuid()).pw_name
DENIED = "wamp.error.authentication_denied"


def asking(**source: Any) -> dict[str, Any]:
    """An `auth` whose users somebody else knows."""
    return {name: source for name in USERS if name != "tls"} | {"failed_logins": AUTH["failed_logins"]}


#: name of the doors -> their `auth`
SOURCES = {
    "static": AUTH,
    "dynamic": asking(type="dynamic", authenticator=AUTHENTICATE),
    "function": asking(type="function", create="users_of_the_test.create", config={"users": USERS}),
}
#: library, way in and encoding; every library has the methods but for `scram`, which only autobahn-python has
MEMBERS = [
    ("twisted", "raw", "cbor"),
    ("twisted", "ws", "json"),
    ("asyncio", "raw", "msgpack"),
    ("asyncio", "ws", "cbor"),
    ("autobahn-js", "raw", "json"),
    ("autobahn-js", "ws", "msgpack"),
    ("wampy", "ws", "json"),
    ("xconn", "raw", "cbor"),
    ("xconn", "ws", "json"),
]
WAYS = [("ticket", "joe"), ("wampcra", "joe"), ("wampcra", "ann"), ("scram", "joe"), ("cryptosign", "joe")]
DOORS = ["/".join((library, f"static-{kind}", serializer)) for library, kind, serializer in MEMBERS]
CASES = [
    pytest.param("/".join((library, f"{source}-{kind}", serializer)), method, authid,
                 id=f"{source}-{library}-{kind}-{method}-{authid}")
    for source, (library, kind, serializer), (method, authid) in itertools.product(SOURCES, MEMBERS, WAYS)
    if method != "scram" or library in ("twisted", "asyncio")
]  # fmt: skip
#: those that can show a certificate, and those that can have a cookie (autobahn-python's components send no headers)
BROWSERS = [each for each in MEMBERS if each[1] == "ws" and each[0] in ("autobahn-js", "wampy")]
OVER_TLS = [each for each in MEMBERS if each[0] in ("twisted", "asyncio")] + BROWSERS

Join = Callable[..., dict[str, Any]]
_names = itertools.count(1)


def universal(auth: dict[str, Any], **endpoint: Any) -> dict[str, Any]:
    """RawSocket and WebSocket on one port."""
    return {
        "type": "universal",
        "endpoint": {**tcp(), **endpoint},
        "rawsocket": {"auth": auth},
        "websocket": {"ws": {"type": "websocket", "auth": auth}},
    }


def doors(directory: Path) -> dict[str, dict[str, Any]]:
    """The transports. directory: with certificates."""
    tls = {"key": "tls/node.key", "certificate": "tls/node.crt", "ca_certificates": ["tls/ca.crt"]}
    certificate = load_pem_x509_certificate((directory / "tls/client-pump.crt").read_bytes())
    pump = {"certificate-sha256": certificate.fingerprint(SHA256()).hex(), "role": ROLE}
    by_certificate = {"tls": {"principals": {"pump": pump, "drum": {**pump, "certificate-sha256": "00" * 32}}}}
    return {
        **{source: universal(auth) for source, auth in SOURCES.items()},
        "tls": universal(by_certificate, tls=tls),
        "dynamictls": universal({"tls": SOURCES["dynamic"]["ticket"]}, tls=tls),
        "cookies": {"type": "websocket", "endpoint": tcp(), "auth": {**AUTH, "cookie": {}}, "cookie": {}},
        "unix": {
            "type": "rawsocket",
            "endpoint": {"type": "unix", "path": "sock"},
            "auth": {"peercred": {"users": {ME: ROLE}}},
        },
    }


@pytest.fixture(scope="module")
def stage(modules: NodeModules, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A node that lets in nobody without credentials, but for its own user on the Unix socket; and the puppets."""
    directory = tmp_path_factory.mktemp("login-node")
    make_files(directory)
    shutil.copy(CLIENTS / "users_of_the_test.py", directory)
    running = RunningNode(directory, doors(directory))
    running.start()
    made = Stage(running, tmp_path_factory.mktemp("login-puppets"), modules)
    # a puppet of its own, which ends after all others: some of them try to log in until they end
    puppet = Puppet(LIBRARIES["asyncio"], directory / "authenticator.log")
    authenticator = Session(puppet, "authenticator", "cbor", plain_json=False)
    authenticator.join(way(running, "unix"))
    authenticator.register(AUTHENTICATE, "decide", tag=json.dumps(USERS))
    yield made
    made.close()
    puppet.close()
    assert running.stop() == 0
    assert running.complaints() == []


@pytest.fixture
def join(stage: Stage) -> Join:
    """Join by a way and see who one is; what the library reports as refused is raised. Skips where it is missing."""

    def joined(member: str, headers: dict[str, str] | None = None, **login: str) -> dict[str, Any]:
        library, door, serializer = member.split("/")
        try:
            puppet: Puppet = stage.puppet(library)
        except Unavailable as reason:
            pytest.skip(str(reason))
        known = {"login": login} if login else {}
        transport = way(stage.node, door)
        if "tls" in door:
            transport["url"] = transport["url"].replace("ws:", "wss:").replace("rs:", "rss:")
            files = {"ca": "ca.crt", "cert": "client-pump.crt", "key": "client-pump.key"}
            transport["tls"] = {name: f"{stage.node.directory}/tls/{file}" for name, file in files.items()}
        if headers:
            transport["headers"] = headers
        _, waiting = puppet.begin(
            "join",
            session=f"{member}#{next(_names)}",
            transport=transport,
            serializer=serializer,
            realm="realm1",
            **known,
        )
        return puppet.answer(waiting)

    return joined


def secret_for(method: str) -> str:
    """What is right."""
    return PRIVATE if method == "cryptosign" else SECRET


@pytest.mark.parametrize(("member", "method", "authid"), CASES)
def test_right(member: str, method: str, authid: str, join: Join) -> None:
    """The library's own login is accepted, and the library accepts the router's WELCOME."""
    found = join(member, method=method, authid=authid, secret=secret_for(method))
    assert (found["authid"], found["authrole"]) == (authid, ROLE)
    assert found.get("authmethod", method) == method  # xconn does not tell


@pytest.mark.parametrize(("member", "method", "authid"), CASES)
def test_wrong(member: str, method: str, authid: str, join: Join) -> None:
    """A wrong secret, and a user that does not exist."""
    wrong = "ff" * 32 if method == "cryptosign" else "wrong"
    for user, secret in ((authid, wrong), ("jim", secret_for(method))):
        with pytest.raises(Refused) as refused:
            join(member, method=method, authid=user, secret=secret)
        assert refused.value.uri == DENIED


@pytest.mark.parametrize("member", DOORS)
def test_missing(member: str, join: Join) -> None:
    """Without credentials nobody comes in."""
    with pytest.raises(Refused) as refused:
        join(member)
    assert refused.value.uri == "wamp.error.no_matching_auth_method"


@pytest.mark.parametrize("source", ["dynamic", "function"])
@pytest.mark.parametrize(("library", "kind", "serializer"), MEMBERS)
def test_anonymous(source: str, library: str, kind: str, serializer: str, join: Join) -> None:
    """Where nobody is asked for credentials, somebody else says who one is."""
    found = join(f"{library}/{source}-{kind}/{serializer}")
    assert (found["authid"], found["authrole"]) == ("somebody", ROLE)
    assert found.get("authmethod", "anonymous") == "anonymous"


@pytest.mark.parametrize("door", ["tls", "dynamictls"])
@pytest.mark.parametrize(("library", "kind", "serializer"), OVER_TLS)
def test_certificates(door: str, library: str, kind: str, serializer: str, join: Join) -> None:
    """The right one lets in; not as another user, nor without the method."""
    member = f"{library}/{door}-{kind}/{serializer}"
    found = join(member, method="tls", authid="pump", secret="")
    assert (found["authid"], found["authrole"], found["authmethod"]) == ("pump", ROLE, "tls")
    if door == "tls":
        with pytest.raises(Refused) as refused:
            join(member, method="tls", authid="drum", secret="")
        assert refused.value.uri == DENIED
    with pytest.raises(Refused) as refused:
        join(member)
    assert refused.value.uri == "wamp.error.no_matching_auth_method"


def test_no_certificate_at_all(stage: Stage) -> None:
    """Whoever has none does not get as far as HELLO."""
    context = client_context(stage.node.directory, V12)
    plain = stage.node.connect("tls")
    with pytest.raises((ssl.SSLError, ConnectionError)), context.wrap_socket(plain, server_hostname="127.0.0.1") as tls:
        tls.recv(1)


@pytest.mark.parametrize(("library", "kind", "serializer"), BROWSERS)
@pytest.mark.parametrize(("method", "authid"), [("ticket", "joe"), ("wampcra", "ann"), ("cryptosign", "joe")])
def test_cookies(
    library: str, kind: str, serializer: str, method: str, authid: str, stage: Stage, join: Join
) -> None:
    """A cookie that somebody has logged in with lets in; before that, and another one, it does not."""
    host, port = stage.node.tcp("cookies")
    protocols: Any = ["wamp.2.json"]
    with connect(f"ws://{host}:{port}/", subprotocols=protocols, proxy=None) as browser:
        assert browser.response is not None
        cookie = browser.response.headers["Set-Cookie"].partition(";")[0]
    member = f"{library}/cookies/{serializer}"
    for headers in ({"Cookie": cookie}, {"Cookie": "cbtid=abcdefabcdefabcdefabcdef"}, None):
        with pytest.raises(Refused) as refused:
            join(member, headers, method="cookie", authid=authid, secret="")
        assert refused.value.uri == DENIED
    join(member, {"Cookie": cookie}, method=method, authid=authid, secret=secret_for(method))
    found = join(member, {"Cookie": cookie}, method="cookie", authid=authid, secret="")
    assert (found["authid"], found["authrole"], found["authmethod"]) == (authid, ROLE, "cookie")


# --- replay ------------------------------------------------------------------------------------------------------


def asked(client: Client, method: str, authid: str) -> dict[str, Any]:
    """Say HELLO. Result: the extra of CHALLENGE."""
    authextra = {"scram": {"nonce": NONCE}, "cryptosign": {"pubkey": PUBLIC}}.get(method, {})
    details = {"roles": {"caller": {}}, "authmethods": [method], "authid": authid, "authextra": authextra}
    code, name, extra = client.ask([1, "realm1", details])
    assert (code, name) == (4, method)
    assert isinstance(extra, dict)
    return extra


def signature(method: str, extra: dict[str, Any]) -> str:
    """The right answer, as clients make it."""
    if method == "cryptosign":
        return sign(extra)
    return sign_cra(extra, SECRET) if method == "wampcra" else prove(extra, "joe", SECRET)[0]


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("kind", ["raw", "ws"])
@pytest.mark.parametrize(("method", "authid"), [each for each in WAYS if each[0] != "ticket"])
def test_replay(source: str, kind: str, method: str, authid: str, stage: Stage) -> None:
    """Who has seen a login cannot repeat it: not on another connection, nor on the same after GOODBYE."""
    with (
        closing(Client(stage.node, f"{source}-{kind}")) as first,
        closing(Client(stage.node, f"{source}-{kind}")) as second,
    ):
        seen = signature(method, asked(first, method, authid))
        assert first.ask([5, seen, {}])[0] == 2
        asked(second, method, authid)
        assert second.ask([5, seen, {}])[2] == DENIED
        assert second.expect_end() == []
        assert first.ask([6, {}, "wamp.close.normal"])[0] == 6
        asked(first, method, authid)
        assert first.ask([5, seen, {}])[2] == DENIED
        assert first.expect_end() == []


@pytest.mark.parametrize("member", ["twisted/unix/cbor", "asyncio/unix/json", "autobahn-js/unix/json"])
def test_by_the_user_of_the_process(member: str, join: Join) -> None:
    """On the Unix socket the kernel says who it is; the client needs to know nothing of that."""
    found = join(member)
    assert (found["authid"], found["authrole"]) == (ME, ROLE)
