"""Users that a procedure or a function knows (`type: dynamic`, `type: function`), and what may go wrong."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import convert
from twisted.internet.defer import Deferred
from twisted.logger import capturedLogs, formatEvent

from edge_router.auth.procedure import ANSWER_WITHIN
from edge_router.client.values import CallError
from edge_router.config.schema import Auth
from edge_router.node.logins import Logins, Unusable
from edge_router.router.interfaces import ClientCertificate, TransportDetails
from edge_router.wamp.derive import wampcra_key
from tests.auth.entrance import DENIED, Client, Entrance, refused, welcomed
from tests.auth.test_cryptosign import PUBKEY, sign
from tests.auth.test_scram import NONCE, PRINCIPAL, prove
from tests.auth.test_tls import SHA1, SHA256
from tests.auth.test_wampcra import sign as sign_cra

FAILED = "wamp.error.authentication_failed"
URI = "com.example.authenticate"
KEY = wampcra_key("secret1", "salt", 10, 32)

#: method -> what proves its user, as an authenticator gives it
PROOFS: dict[str, dict[str, Any]] = {
    "anonymous": {},
    "ticket": {},
    "tls": {},
    "wampcra": {"secret": "secret1"},
    "scram": {key: value for key, value in PRINCIPAL.items() if key != "role"},
    "cryptosign": {"pubkey": PUBKEY},
}
METHODS = list(PROOFS)


class World:
    """An entrance whose users an authenticator knows, which `answers` to (realm, authid, details)."""

    def __init__(self, method: str, answer: Callable[..., Any], directory: Path = Path(), **more: Any) -> None:
        self.asked: list[tuple[Any, ...]] = []
        section = {"type": "dynamic", "authenticator": URI, **more}
        self.entrance = Entrance({method: section, "failed_logins": {"allowed": 2}}, directory)
        self.method = method
        self._answer = answer
        self._callee: Any = None

    def serve(self, realm: str = "realm1") -> Any:
        """A local session registers the procedure."""
        self._callee = self.entrance.local(realm)
        self._callee.register(URI, self._asked)
        return self._callee

    def _asked(self, realm: Any, authid: Any, details: Any) -> Any:
        self.asked.append((realm, authid, details))
        return self._answer(realm, authid, details)

    def client(self) -> Client:
        """A connection that has shown a certificate."""
        client = self.entrance.client()
        client.details = TransportDetails(
            "memory", "tcp4:192.168.0.7:50000", "json", True, ClientCertificate("CN=pump", SHA256, SHA1)
        )
        return client

    def log_in(self, realm: str | None = "realm1", right: bool = True) -> list[Any]:
        """Log in as joe, all messages there and back. Result: the last answer."""
        return log_in(self.client(), self.method, self.entrance, realm, right)


def log_in(client: Client, method: str, entrance: Entrance, realm: str | None, right: bool) -> list[Any]:
    """HELLO and AUTHENTICATE of a method, with the right secret or a wrong one."""
    extra: dict[str, Any] = {"cryptosign": {"pubkey": PUBKEY}, "scram": {"nonce": NONCE}}.get(method, {})
    details = {"roles": {"caller": {}}, "authmethods": [method], "authid": "joe", "authextra": extra}
    client.tell(1, realm, details)
    entrance.settle()
    if client.inbox[-1][0] == 4:
        client.tell(5, answer_to(method, client.inbox[-1][2], right), {})
        entrance.settle()
    return client.inbox[-1]


def answer_to(method: str, asked: dict[str, Any], right: bool) -> str:
    """What a client answers to CHALLENGE."""
    if method == "cryptosign":
        return sign(asked) if right else "00" * 96
    if method == "wampcra":
        return sign_cra(asked, "secret1" if right else "wrong")
    if method == "scram":
        return prove(asked, "joe", "pencil" if right else "wrong")[0]
    return "x" if right else "wrong"


@pytest.mark.parametrize("method", METHODS)
def test_whoever_it_knows_gets_in(method: str) -> None:
    """With the role, and what else it gave: realm, authid and `extra`, which WELCOME has."""
    gave = {"role": "operator", "authid": "ann", "realm": "realm2", "extra": {"team": 7}, **PROOFS[method]}
    if method == "scram":
        del gave["authid"]
    world = World(method, lambda *_: gave)
    world.serve()
    answer = world.log_in()
    found = welcomed(answer)
    assert found["authextra"]["team"] == 7
    del found["authextra"]
    authid = "joe" if method == "scram" else "ann"
    assert found == {"authid": authid, "authrole": "operator", "authmethod": method, "authprovider": "dynamic"}
    assert answer[2]["realm"] == "realm2"


@pytest.mark.parametrize("method", ["ticket", "tls", "anonymous"])
def test_a_role_will_do(method: str) -> None:
    """Where nothing is to be proved beyond, a role alone is enough; anonymous clients do not choose their name."""
    world = World(method, lambda *_: "device")
    world.serve()
    found = welcomed(world.log_in())
    assert found["authrole"] == "device"
    assert (found["authid"] == "joe") == (method != "anonymous")


def test_several_roles() -> None:
    """As a list, or with commas between."""
    for role in (["device", "operator"], "device,operator"):
        world = World("ticket", lambda *_, role=role: {"role": role})
        world.serve()
        assert welcomed(world.log_in())["authrole"] == "device,operator"


@pytest.mark.parametrize("method", ["wampcra", "scram", "cryptosign"])
def test_the_proof_counts(method: str) -> None:
    """The authenticator knows the user; who cannot prove to be that is refused like others, and it costs a wait."""
    world = World(method, lambda *_: {"role": "device", **PROOFS[method]})
    world.serve()
    for _ in range(2):
        assert refused(world.log_in(right=False)) == DENIED
    assert len(world.asked) == 2
    assert "too many" in str(world.log_in())
    assert len(world.asked) == 2


def test_salted_secrets() -> None:
    """As the configuration's: derived by the router, or given derived."""
    for gave in ({"secret": "secret1"}, {"derived-key": KEY}, {"derived_key": KEY}):
        world = World("wampcra", lambda *_, gave=gave: {"role": "device", "salt": "salt", "iterations": 10, **gave})
        world.serve()
        client = world.client()
        client.tell(1, "realm1", {"roles": {"caller": {}}, "authmethods": ["wampcra"], "authid": "joe"})
        world.entrance.settle()
        asked = client.inbox[-1][2]
        assert (asked["salt"], asked["iterations"], asked["keylen"]) == ("salt", 10, 32)
        assert welcomed(client.say(5, sign_cra(asked, "secret1"), {}))["authid"] == "joe"


def test_another_users_key() -> None:
    """A client that proves to have its key does not get in with a key that the named user does not have."""
    world = World("cryptosign", lambda *_: {"role": "device", "pubkey": ["00" * 32, "11" * 32]})
    world.serve()
    assert refused(world.log_in()) == DENIED


@pytest.mark.parametrize("method", METHODS)
def test_what_it_is_told(method: str) -> None:
    """Realm and authid as in HELLO; how the client is connected, what it said, and for tickets the ticket."""
    world = World(method, lambda *_: {"role": "device", **PROOFS[method]})
    world.serve()
    answer = world.log_in()
    ((realm, authid, details),) = world.asked
    assert realm == "realm1"
    assert (authid == "joe") == (method != "anonymous")
    assert details.pop("ticket", None) == ("x" if method == "ticket" else None)
    assert details.pop("session") == answer[1]
    transport = details.pop("transport")
    assert transport["client_cert"] == {"subject": "CN=pump", "sha256": SHA256, "sha1": SHA1}
    assert (transport["peer"], transport["is_secure"]) == ("tcp4:192.168.0.7:50000", True)
    assert details == {"authmethod": method, "authprovider": "dynamic", "authextra": details["authextra"]}


def test_where_it_is() -> None:
    """`authenticator-realm` may be another than the client's; then HELLO need not name one."""
    world = World("ticket", lambda *_: {"role": "device", "realm": "realm1"}, **{"authenticator-realm": "realm2"})
    world.serve("realm2")
    assert world.log_in()[2]["realm"] == "realm1"
    assert world.log_in(None)[2]["realm"] == "realm1"
    assert [asked[0] for asked in world.asked] == ["realm1", None]


def test_default_role() -> None:
    """For users to whom it gives none."""
    world = World("ticket", lambda *_: {"authid": "ann"}, **{"default-role": "device"})
    world.serve()
    assert welcomed(world.log_in())["authrole"] == "device"


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("no", [None, False, "error"])
def test_it_says_no(method: str, no: object) -> None:
    """None, False, and an error of the application's: refused, with the error's text if it has one; it counts."""
    world = World(method, lambda *_: no if no != "error" else fails("com.example.locked", "your account is locked"))
    world.serve()
    answer = world.log_in()
    assert refused(answer) == DENIED
    assert ("locked" in answer[1]["message"]) == (no == "error")
    world.log_in()
    assert "too many" in str(world.log_in())


def fails(uri: str, *args: object) -> Any:
    """What a callee does to answer with an error."""
    raise CallError(uri, *args)


GARBAGE: list[tuple[Any, str]] = [
    (7, "it gave int; a role"),
    (["device"], "it gave list; a role"),
    (True, "it gave bool"),
    ({}, "no `role`"),
    ({"role": 7}, "no `role`"),
    ({"role": []}, "no `role`"),
    ({"role": ["device", 7]}, "no `role`"),
    ({"role": "device", "authid": 7}, "no `authid`"),
    ({"role": "device", "realm": 7}, "`realm` is no text"),
    ({"role": "device", "extra": "x"}, "`extra` no mapping"),
]


@pytest.mark.parametrize(("gave", "problem"), GARBAGE)
def test_garbage(gave: Any, problem: str) -> None:
    """The client hears that nobody could decide, the operator why; it costs the client no wait."""
    world = World("ticket", lambda *_: gave)
    world.serve()
    with capturedLogs() as logs:
        answers = [world.log_in() for _ in range(4)]
    assert {refused(answer) for answer in answers} == {FAILED}
    assert problem not in str(answers)
    assert problem in formatEvent(logs[0])
    assert URI in formatEvent(logs[0])
    assert len(logs) == 1  # the others are told together, later


@pytest.mark.parametrize(
    ("method", "gave", "problem"),
    [
        ("wampcra", "device", "either `secret`"),
        ("wampcra", {"secret": {"env": "HOME"}}, "$.secret"),
        ("wampcra", {"secret": ""}, "$.secret"),
        ("wampcra", {"secret": "s3cret", "salt": "a", "iterations": 10**9}, "$.iterations"),
        ("wampcra", {"derived-key": "s3cret"}, "`salt`"),
        ("scram", {**PROOFS["scram"], "kdf": "argon2id-13"}, "`memory`"),
        ("scram", {**PROOFS["scram"], "salt": "zz"}, "salt"),
        ("cryptosign", {"pubkey": "ff"}, "pubkey"),
        ("cryptosign", {"authorized_keys": [PUBKEY, 1]}, "authorized-keys"),
    ],
)
def test_secrets_that_are_none(method: str, gave: Any, problem: str) -> None:
    """What does not fit is told without what it was."""
    world = World(method, lambda *_: gave if isinstance(gave, str) else {"role": "device", **gave})
    world.serve()
    with capturedLogs() as logs:
        assert refused(world.log_in()) == FAILED
    said = formatEvent(logs[0])
    assert problem.replace("-", "_") in said.replace("-", "_")
    assert "s3cret" not in said


@pytest.mark.parametrize("method", METHODS)
def test_nobody_to_ask(method: str) -> None:
    """The procedure is not there (yet)."""
    world = World(method, lambda *_: "device")
    with capturedLogs() as logs:
        assert refused(world.log_in()) == FAILED
    assert "no_such_procedure" in formatEvent(logs[0])
    world.serve()
    if method in ("ticket", "tls", "anonymous"):
        assert world.log_in()[0] == 2


def test_no_answer() -> None:
    """An authenticator that does not answer in time; one that goes away."""
    for end in ("time", "leave"):
        world = World("ticket", lambda *_: Deferred())
        callee = world.serve()
        client = world.client()
        client.tell(1, "realm1", {"roles": {"caller": {}}, "authmethods": ["ticket"], "authid": "joe"})
        client.tell(5, "x", {})
        world.entrance.settle()
        assert client.inbox[-1][0] == 4
        with capturedLogs() as logs:
            if end == "time":
                world.entrance.clock.advance(ANSWER_WITHIN / 1000)
            else:
                callee.leave()
            world.entrance.settle()
        assert refused(client.inbox[-1]) == FAILED
        assert ("timeout" if end == "time" else "canceled") in formatEvent(logs[0])
        assert client.closed


def test_a_bug_in_it() -> None:
    """What a callee raises by mistake is no refusal, and no matter for clients."""
    world = World("ticket", lambda *_: 1 / 0)
    world.serve()
    with capturedLogs() as logs:
        answer = world.log_in()
    assert refused(answer) == FAILED
    assert "division" not in str(answer)
    assert any("runtime_error" in formatEvent(log) for log in logs)


def test_a_realm_or_role_that_is_not_there() -> None:
    """What it gives must exist."""
    for gave, uri in (({"role": "device", "realm": "x"}, "no_such_realm"), ({"role": "x"}, "no_such_role")):
        world = World("ticket", lambda *_, gave=gave: gave)
        world.serve()
        assert refused(world.log_in()) == f"wamp.error.{uri}"


# --- functions ---------------------------------------------------------------------------------------------------

MODULE = '''
from twisted.internet.defer import Deferred, succeed

class ApplicationError(Exception):
    """As autobahn's."""
    def __init__(self, error, *args):
        super().__init__(*args)
        self.error = error

def create(config, controller):
    assert controller is None
    def authenticate(realm, authid, details):
        if authid != config.get("user", "joe"):
            raise ApplicationError("com.example.no_such_user", "who is that?")
        return {"role": config["role"], "extra": {"ticket": details["ticket"]}}
    return authenticate

async def create_later(config, controller):
    async def authenticate(realm, authid, details):
        return await succeed("device")
    return authenticate

def create_deferred(config, controller):
    return lambda *_: succeed("device")

def create_broken(config, controller):
    return lambda *_: 1 / 0

def create_never(config, controller):
    return lambda *_: Deferred()

def create_nothing(config, controller):
    return None

def raises(config, controller):
    raise KeyError("no database")
'''


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A module of the user's in the node directory."""
    name = f"users_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(MODULE)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield name
    sys.modules.pop(name, None)


def function(module: str, name: str, directory: Path, config: dict[str, Any] | None = None) -> Entrance:
    """An entrance whose tickets a function looks at."""
    entrance = Entrance({}, directory)
    logins = Logins(directory, entrance.clock, entrance.router)
    section = {"type": "function", "create": f"{module}.{name}", **({"config": config} if config else {})}
    entrance.methods = logins.methods(convert({"ticket": section}, Auth))
    started = Deferred.fromCoroutine(logins.start())
    problems: list[Any] = []
    started.addErrback(problems.append)
    if problems:
        problems[0].raiseException()
    return entrance


def enter(entrance: Entrance, authid: str = "joe") -> list[Any]:
    client = entrance.client()
    client.challenged("ticket", authid)
    return client.answer("x")


LOADS = """
import sys
from pathlib import Path
from twisted.internet.defer import Deferred
from edge_router.node.functions import Function
problems = []
Deferred.fromCoroutine(Function("logging_users.create", None, Path(sys.argv[1])).load()).addErrback(problems.append)
sys.exit(problems[0].getTraceback() if problems else 0)
"""


def test_a_module_with_a_logger_of_txaio(tmp_path: Path) -> None:
    """As Crossbar's examples have them; Crossbar has chosen Twisted for txaio by then, so it is chosen here too."""
    pytest.importorskip("txaio")
    code = "import txaio\nlog = txaio.make_logger()\ndef create(config, controller):\n    return print\n"
    (tmp_path / "logging_users.py").write_text(code)
    done = subprocess.run([sys.executable, "-c", LOADS, str(tmp_path)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_a_function(module: str, tmp_path: Path) -> None:
    """It gets its config, and decides at once."""
    entrance = function(module, "create", tmp_path, {"role": "operator"})
    found = welcomed(enter(entrance))
    assert (found["authrole"], found["authprovider"], found["authextra"]) == ("operator", "function", {"ticket": "x"})
    answer = enter(entrance, "jim")
    assert refused(answer) == DENIED
    assert answer[1]["message"] == "who is that?"


@pytest.mark.parametrize("name", ["create_later", "create_deferred"])
def test_functions_that_wait(module: str, name: str, tmp_path: Path) -> None:
    """Coroutines and Deferreds, of the factory too."""
    assert welcomed(enter(function(module, name, tmp_path)))["authrole"] == "device"


def test_a_broken_function(module: str, tmp_path: Path) -> None:
    """A bug is in the log with its traceback; the client hears that nobody could decide."""
    entrance = function(module, "create_broken", tmp_path)
    with capturedLogs() as logs:
        answer = enter(entrance)
    assert refused(answer) == FAILED
    assert any("log_failure" in log and "division" in str(log["log_failure"].value) for log in logs)


def test_a_function_that_never_ends(module: str, tmp_path: Path) -> None:
    """Its clients are sent away in time; hanging up cancels it."""
    entrance = function(module, "create_never", tmp_path)
    client = entrance.client()
    client.challenged("ticket", "joe")
    client.tell(5, "x", {})
    entrance.clock.advance(60)
    assert refused(client.inbox[-1]) == FAILED


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("create_nothing", "gave None; a function"),
        ("raises", "KeyError: 'no database'"),
        ("missing", "has no attribute 'missing'"),
    ],
)
def test_functions_that_cannot_be_had(module: str, name: str, problem: str, tmp_path: Path) -> None:
    """The node does not start, and says why."""
    with capturedLogs(), pytest.raises(Unusable, match=problem):
        function(module, name, tmp_path)


def test_a_module_that_is_not_there(tmp_path: Path) -> None:
    """Like the others."""
    with capturedLogs(), pytest.raises(Unusable, match="No module named"):
        function("no_such_module_here", "create", tmp_path)
