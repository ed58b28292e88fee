"""Every way to log in, with every client library that has it, over RawSocket, WebSocket and Unix sockets."""

from __future__ import annotations

import itertools
import os
import pwd
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge_router.wamp.derive import scram_keys, wampcra_key
from tests.interop.puppet import Puppet, Refused
from tests.interop.running_node import RunningNode, tcp
from tests.interop.stage import NodeModules, Stage, Unavailable, way

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
AUTH: dict[str, Any] = {
    "ticket": {"principals": {"joe": {"ticket": SECRET, "role": ROLE}}},
    "wampcra": {"users": {"joe": {"secret": SECRET, "role": ROLE}, "ann": SALTED}},
    "scram": {"principals": {"joe": SCRAM}},
    "cryptosign": {"principals": {"joe": {"authorized_keys": [PUBLIC], "role": ROLE}}},
    "failed_logins": {"allowed": 1000},
}
ME = pwd.getpwuid(os.getuid()).pw_name
DENIED = "wamp.error.authentication_denied"

#: library and door; every library has the methods but for `scram`, which only autobahn-python has
DOORS = [
    "twisted/rawsocket/cbor",
    "twisted/websocket/json",
    "asyncio/rawsocket/msgpack",
    "asyncio/websocket/cbor",
    "autobahn-js/rawsocket/json",
    "autobahn-js/websocket/msgpack",
    "wampy/websocket/json",
    "xconn/rawsocket/cbor",
    "xconn/websocket/json",
]
WAYS = [("ticket", "joe"), ("wampcra", "joe"), ("wampcra", "ann"), ("scram", "joe"), ("cryptosign", "joe")]
CASES = [
    pytest.param(member, method, authid, id=f"{member}-{method}-{authid}")
    for member, (method, authid) in itertools.product(DOORS, WAYS)
    if method != "scram" or member.startswith(("twisted", "asyncio"))
]

Join = Callable[..., dict[str, Any]]
_names = itertools.count(1)


@pytest.fixture(scope="module")
def stage(modules: NodeModules, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A node that lets in nobody without credentials, but for its own user on the Unix socket; and the puppets."""
    doors = {
        "rawsocket": {"type": "rawsocket", "endpoint": tcp(), "auth": AUTH},
        "websocket": {"type": "websocket", "endpoint": tcp(), "auth": AUTH},
        "unix": {
            "type": "rawsocket",
            "endpoint": {"type": "unix", "path": "sock"},
            "auth": {"peercred": {"users": {ME: ROLE}}},
        },
    }
    running = RunningNode(tmp_path_factory.mktemp("login-node"), doors)
    running.start()
    made = Stage(running, tmp_path_factory.mktemp("login-puppets"), modules)
    yield made
    made.close()
    assert running.stop() == 0
    assert running.complaints() == []


@pytest.fixture
def join(stage: Stage) -> Join:
    """Join by a way and see who one is; what the library reports as refused is raised. Skips where it is missing."""

    def joined(member: str, **login: str) -> dict[str, Any]:
        library, door, serializer = member.split("/")
        try:
            puppet: Puppet = stage.puppet(library)
        except Unavailable as reason:
            pytest.skip(str(reason))
        known = {"login": login} if login else {}
        _, waiting = puppet.begin(
            "join",
            session=f"{member}#{next(_names)}",
            transport=way(stage.node, door),
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


@pytest.mark.parametrize("member", ["twisted/unix/cbor", "asyncio/unix/json", "autobahn-js/unix/json"])
def test_by_the_user_of_the_process(member: str, join: Join) -> None:
    """On the Unix socket the kernel says who it is; the client needs to know nothing of that."""
    found = join(member)
    assert (found["authid"], found["authrole"]) == (ME, ROLE)
