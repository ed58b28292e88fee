"""Connections of our own client over real sockets: TCP, Unix, TLS; who is trusted, and what goes wrong how."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import convert
from OpenSSL import SSL
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import DNSLookupError, TCPTimedOutError, TimeoutError
from twisted.internet.protocol import Factory, Protocol

from edge_router.client import CallError, Received
from edge_router.client.failures import CannotConnect, ConnectFailed, NotTrusted, Refused, TookTooLong
from edge_router.client.opening import why_not
from edge_router.config.schema.connecting import (
    ClientAuth,
    ClientRawSocket,
    ClientTcpEndpoint,
    ClientTls,
    ClientTransport,
    ClientUnixEndpoint,
    ClientWebSocket,
    ClientWebSocketOptions,
)
from edge_router.node.authority import Authority
from edge_router.tls import client as tls_client
from tests.client.routers import AUTH, PRIVATE, Place, prepare, tcp
from tests.transports.loop import Loop

DOORS = [
    "rawsocket-tcp",
    "rawsocket-ipv6",
    "rawsocket-unix",
    "rawsocket-tls",
    "rawsocket-ipv6-tls",
    "websocket-tcp",
    "websocket-ipv6",
    "websocket-tls",
    "websocket-ipv6-tls",
    "websocket-compressed",
]
TRUSTED = ClientTls(ca_certificates=["tls/ca.crt"])


def _endpoint(name: str) -> dict[str, Any]:
    if "unix" in name:
        return {"type": "unix", "path": name}
    return tcp(6 if "ipv6" in name else 4, {} if "tls" in name else None)


def _door(name: str) -> dict[str, Any]:
    return {"type": name.partition("-")[0], "endpoint": _endpoint(name)}


@pytest.fixture(scope="module")
def place(loop: Loop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A router with every door, open to everybody."""
    directory = tmp_path_factory.mktemp("router")
    prepare(directory)
    doors: dict[str, dict[str, Any]] = {name: _door(name) for name in DOORS}
    doors["websocket-compressed"]["options"] = {"compression": {"deflate": {}}}
    doors["rawsocket-short"] = {"type": "rawsocket", "endpoint": tcp(), "options": {"max_message_size": 1024}}
    doors["rawsocket-mutual-tls"] = {"type": "rawsocket", "endpoint": tcp(tls={"ca_certificates": ["tls/ca.crt"]})}
    doors["rawsocket-keys-tls"] = {"type": "rawsocket", "endpoint": tcp(tls={}), "auth": AUTH}
    doors["websocket-web"] = {"type": "web", "endpoint": tcp(), "paths": {"/": {"type": "nodeinfo"}}}
    doors["websocket-page"] = {"type": "web", "endpoint": tcp(), "paths": {"none": {"type": "json", "value": 1}}}
    running = Place(loop, directory, doors)
    yield running
    running.stop()


def transport(place: Place, door: str, **more: Any) -> ClientTransport:
    if door == "websocket-compressed":
        more["options"] = convert({"compression": {"deflate": {}}}, ClientWebSocketOptions)
    return place.transport(door, **more)


def failure(place: Place, to: ClientTransport, auth: ClientAuth | None = None) -> ConnectFailed:
    with pytest.raises(ConnectFailed) as caught:
        place.join(to, auth)
    return caught.value


# --- what works --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("serializer", ["json", "msgpack", "cbor"])
@pytest.mark.parametrize("door", DOORS)
def test_a_session_works(door: str, serializer: str, place: Place) -> None:
    """Events, calls with large payloads, errors, and an orderly end."""
    more = {"serializer": serializer} if door.startswith("raw") else {"serializers": [serializer]}
    session = place.join(transport(place, door, **more))
    got: list[Received] = []
    text = "ü" * 70_000

    def work(value: str) -> str:
        if value == "fail":
            raise CallError("com.example.bad", 1, two=2)
        return value

    result = place.loop.result
    result(session.subscribe("com.x", got.append))
    result(session.register("com.work", work))
    result(session.publish("com.x", [1], {"k": text}, acknowledge=True, exclude_me=False))  # type: ignore[arg-type]
    place.loop.until(lambda: got)
    assert (got[0].args, got[0].kwargs) == ([1], {"k": text})
    assert result(session.call("com.work", [text])).value == text  # type: ignore[attr-defined]
    with pytest.raises(CallError) as caught:
        result(session.call("com.work", ["fail"]))
    assert (caught.value.uri, list(caught.value.error_args), caught.value.error_kwargs) == (
        "com.example.bad", [1], {"two": 2},
    )  # fmt: skip
    place.leave(session)
    assert place.sessions == 0


def test_by_url_alone(place: Place) -> None:
    """Where it goes is in the URL."""
    for to in (
        ClientWebSocket(url=f"ws://127.0.0.1:{place.port('websocket-tcp')}"),
        ClientRawSocket(url=f"rs://127.0.0.1:{place.port('rawsocket-tcp')}"),
        ClientRawSocket(endpoint=ClientUnixEndpoint(path="rawsocket-unix")),
    ):
        place.leave(place.join(to))


@pytest.mark.parametrize(
    ("version", "binding"), [(SSL.TLS1_2_VERSION, "tls-unique"), (SSL.TLS1_3_VERSION, "tls-exporter")]
)
def test_tls_1_2_and_1_3(version: int, binding: str, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A signature is bound to the channel where both ends know one."""
    make = tls_client.make_context

    def only(*arguments: Any) -> Any:
        context = make(*arguments)
        context.set_max_proto_version(version)
        context.set_min_proto_version(version)
        return context

    monkeypatch.setattr("edge_router.client.tls.make_context", only)
    auth = convert({"cryptosign": {"privkey": PRIVATE, "channel_binding": binding}}, ClientAuth)
    session = place.join(place.transport("rawsocket-keys-tls"), auth)
    assert session.authid == "joe"
    place.leave(session)


# --- who is trusted ----------------------------------------------------------------------------------------------


def _reachable(place: Place, tls: ClientTls) -> ClientTransport:
    return place.transport("rawsocket-tls", tls)


def test_an_unknown_authority_is_not_trusted(place: Place) -> None:
    """Without `ca_certificates` only those of the system are; and it is said how to change that."""
    problem = failure(place, _reachable(place, ClientTls()))
    assert isinstance(problem, NotTrusted)
    assert f"tls:127.0.0.1:{place.port('rawsocket-tls')}: the router's certificate is not trusted" in str(problem)
    assert "its authority is not known here; give the file of the authority in `ca_certificates`" in str(problem)


@pytest.mark.parametrize("hostname", ["router.example", "127.0.0.2"])
def test_a_certificate_for_another_name_is_not_trusted(hostname: str, place: Place) -> None:
    """Whoever signed it."""
    problem = failure(place, _reachable(place, ClientTls(hostname=hostname, ca_certificates=["tls/ca.crt"])))
    assert isinstance(problem, NotTrusted)
    assert f"the router's certificate is not for '{hostname}'; connect by a name that it has" in str(problem)


def test_a_name_that_the_certificate_has(place: Place) -> None:
    """In place of the address that is connected to."""
    place.leave(place.join(_reachable(place, ClientTls(hostname="localhost", ca_certificates=["tls/ca.crt"]))))


def test_a_certificate_that_has_ended_is_not_trusted(loop: Loop, tmp_path: Path) -> None:
    """And the clock may be the reason."""
    prepare(tmp_path)
    Authority(tmp_path / "tls", "test authority").sign_node(["127.0.0.1"], -1)
    running = Place(loop, tmp_path, {"rawsocket-tls": {"type": "rawsocket", "endpoint": tcp(tls={})}})
    try:
        problem = failure(running, running.transport("rawsocket-tls"))
    finally:
        running.stop()
    assert isinstance(problem, NotTrusted)
    assert "it has ended; the router needs a new one" in str(problem)


def test_a_router_that_wants_a_certificate(place: Place) -> None:
    """Says so; TLS 1.3 says it only after the client believes to be in."""
    problem = failure(place, place.transport("rawsocket-mutual-tls"))
    assert isinstance(problem, CannotConnect)
    assert "the router wants a certificate of this client: `certificate` and `key`" in str(problem)
    mutual = ClientTls(
        ca_certificates=["tls/ca.crt"], certificate="tls/client-pump.crt", key="tls/client-pump.key"
    )
    place.leave(place.join(place.transport("rawsocket-mutual-tls", mutual)))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"ca_certificates": ["none.crt"]}, "tls.ca_certificates.0: there is no file"),
        ({"certificate": "tls/client-pump.crt"}, "tls.key: is missing; a certificate has both"),
        ({"certificate": "tls/client-pump.crt", "key": "tls/node.key"}, "tls.certificate: does not belong to the key"),
    ],
)
def test_files_that_cannot_be_used(options: dict[str, Any], text: str, place: Place) -> None:
    """Nothing is connected."""
    assert text in str(failure(place, _reachable(place, ClientTls(**options))))


# --- what goes wrong ---------------------------------------------------------------------------------------------


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def test_nobody_listens(place: Place) -> None:
    """TCP, a socket that is not there, and one that is left over."""
    port = free_port()
    there = ClientTcpEndpoint(host="127.0.0.1", port=port)
    problem = failure(place, ClientRawSocket(endpoint=there))
    assert str(problem) == f"tcp:127.0.0.1:{port}: nobody listens there; is the router running, and is this its port?"
    assert isinstance(problem, CannotConnect)
    missing = ClientRawSocket(endpoint=ClientUnixEndpoint(path="none"))
    assert str(failure(place, missing)) == "unix:none: there is no such socket; is the node running?"
    with socket.socket(socket.AF_UNIX) as left_over:
        left_over.bind(str(place.directory / "stale"))
    stale = ClientRawSocket(endpoint=ClientUnixEndpoint(path="stale"))
    assert str(failure(place, stale)) == "unix:stale: nobody listens on it any more; is the node running?"


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (DNSLookupError("no"), CannotConnect, "the name 'router.lan' is not known"),
        (TimeoutError(), TookTooLong, "no answer within 3 s"),
        (TCPTimedOutError(110, "late"), TookTooLong, "no answer within 3 s"),
    ],
)
def test_what_twisted_says_in_plain_words(error: Exception, kind: type[ConnectFailed], text: str) -> None:
    """Names are looked up in threads, which a reactor that is turned by hand has none of."""
    problem = why_not(error, ClientTcpEndpoint(host="router.lan", port=80, timeout=3))
    assert type(problem) is kind
    assert str(problem) == f"tcp:router.lan:80: {text}"


def test_a_realm_that_does_not_exist(place: Place) -> None:
    """The router's reason is there as such."""
    from edge_router.client.connect import connect

    waiting = connect(place.transport("websocket-tcp"), "realm2", reactor=place.loop.reactor)
    with pytest.raises(Refused) as refused:
        place.loop.result(waiting)
    assert refused.value.uri == "wamp.error.no_such_realm"
    assert str(refused.value) == (
        "the router refused the session: wamp.error.no_such_realm: there is no realm 'realm2' here"
    )


@pytest.mark.parametrize(
    ("kind", "door", "text"),
    [
        (ClientWebSocket, "rawsocket-tcp", "the router closed the connection before the session was there"),
        (ClientWebSocket, "websocket-tls", "without a word; it may speak TLS (wss:, rss:), or no WAMP"),
        (ClientWebSocket, "websocket-web", "refused the WebSocket: 404 Not Found; the path of the url may be wrong"),
        (ClientWebSocket, "websocket-page", "refused the WebSocket: 200 OK; the path of the url may be wrong"),
    ],
)
def test_the_wrong_door(kind: Any, door: str, text: str, place: Place) -> None:
    """What answers speaks something else."""
    scheme = "ws" if kind is ClientWebSocket else "rs"
    problem = failure(place, kind(url=f"{scheme}://127.0.0.1:{place.port(door)}/none"))
    assert isinstance(problem, CannotConnect)
    assert text in str(problem)


def test_tls_where_nobody_speaks_it(place: Place) -> None:
    """And the other way round, above."""
    there = ClientTcpEndpoint(host="127.0.0.1", port=place.port("rawsocket-tcp"), tls=TRUSTED)
    problem = failure(place, ClientRawSocket(endpoint=there))
    assert isinstance(problem, CannotConnect)
    assert "no TLS: the other end closed the connection during the handshake" in str(problem)


def test_an_encoding_that_is_not_offered(loop: Loop, tmp_path: Path) -> None:
    """The router says so in its own way."""
    doors = {
        "rawsocket-tcp": {"type": "rawsocket", "endpoint": tcp(), "serializers": ["json"]},
        "websocket-tcp": {"type": "websocket", "endpoint": tcp(), "serializers": ["json"]},
    }
    running = Place(loop, tmp_path, doors)
    try:
        raw = failure(running, running.transport("rawsocket-tcp", serializer="cbor"))
        web = failure(running, running.transport("websocket-tcp", serializers=["cbor"]))
    finally:
        running.stop()
    assert "the router refused the handshake: serializer unsupported" in str(raw)
    assert "none of the subprotocols wamp.2.cbor is spoken here" in str(web)


class Silent(Protocol):
    """Says what it was given to say, and no more."""

    says = b""

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(self.says)


@pytest.fixture
def silence(place: Place) -> Iterator[Callable[[bytes], int]]:
    """A port where somebody says that much. Result: the port."""
    ports: list[Any] = []

    def listen(says: bytes) -> int:
        factory: Any = Factory.forProtocol(type("Says", (Silent,), {"says": says}))
        factory.noisy = False
        ports.append(place.loop.reactor.listenTCP(0, factory, interface="127.0.0.1"))
        port: int = ports[-1].getHost().port
        return port

    yield listen
    for port in ports:
        port.stopListening()


@pytest.mark.parametrize(
    ("says", "tls", "text"),
    [
        (b"", False, "the transport's handshake was not done within 0.1 s"),
        (b"\x7f\xf2\0\0", False, "the router did not answer HELLO within 0.1 s"),
        (b"", True, "the TLS handshake was not done within 0.1 s"),
    ],
)
def test_a_router_that_does_not_answer(
    says: bytes, tls: bool, text: str, place: Place, silence: Callable[[bytes], int]
) -> None:
    """Each step has its time."""
    there = ClientTcpEndpoint(host="127.0.0.1", port=silence(says), tls=TRUSTED if tls else None, timeout=0.1)
    slow = convert({"type": "rawsocket", "options": {"open_handshake_timeout": 100}}, ClientRawSocket)
    slow.endpoint = there
    problem = failure(place, slow)
    assert isinstance(problem, TookTooLong)
    assert text in str(problem)


@pytest.mark.parametrize(
    ("says", "text"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "no RawSocket: the first octet is 0x48; 0x7f would be RawSocket"),
        (b"\x7f\x10\0\0", "no RawSocket: the router refused the handshake: serializer unsupported"),
        (b"\x7f\xf1\0\0", "no RawSocket: the router answered with another serializer"),
        (b"\x7f\xf2\0\0\0\0\0\x03\x93\x02\x05", "broke the protocol: this is no WAMP message in MsgPack"),
        (b"\x7f\xf2\0\0\0\0\0\x04\x93\x21\x01\x01", "the router sent SUBSCRIBED where WELCOME would be right"),
        (b"\x7f\xf2\0\0\x07\0\0\x01", "broke the protocol: a frame of type 7; 0 (message), 1 (PING)"),
    ],
)
def test_a_router_that_talks_nonsense(
    says: bytes, text: str, place: Place, silence: Callable[[bytes], int]
) -> None:
    """It is said what it was."""
    there = ClientTcpEndpoint(host="127.0.0.1", port=silence(says))
    problem = failure(place, ClientRawSocket(endpoint=there))
    assert isinstance(problem, CannotConnect)
    assert text in str(problem)


@pytest.mark.parametrize("tls", [False, True])
def test_an_attempt_that_is_given_up(tls: bool, place: Place, silence: Callable[[bytes], int]) -> None:
    """Before there is a connection, and after."""
    there = ClientTcpEndpoint(host="127.0.0.1", port=silence(b""), tls=TRUSTED if tls else None)
    for turns in (0, 5):
        waiting = place.begin(ClientRawSocket(endpoint=there))
        for _ in range(turns):
            place.loop.reactor.iterate(0.01)
        waiting.cancel()
        with pytest.raises(CancelledError):
            place.loop.result(waiting)
    place.loop.until(lambda: not any("Client" in type(reader).__name__ for reader in place.loop.reactor.getReaders()))


# --- while it lasts ----------------------------------------------------------------------------------------------


def test_what_is_too_long_for_the_router_is_not_sent(place: Place) -> None:
    """An event, a call, a result: each says so to whoever asked, and the session goes on."""
    session = place.join(place.transport("rawsocket-short"))
    with pytest.raises(CallError, match=r"payload_size_exceeded: a message of 2\d\d\d octets; the router takes 1024"):
        session.publish("com.x", ["x" * 2000])
    with pytest.raises(CallError, match="payload_size_exceeded"):
        place.loop.result(session.call("com.x", ["x" * 2000]))
    place.loop.result(session.register("com.work", lambda: "x" * 2000))
    other = place.join(place.transport("rawsocket-unix"))
    with pytest.raises(CallError, match="payload_size_exceeded"):
        place.loop.result(other.call("com.work"))
    assert session.is_open
    place.leave(session)
    place.leave(other)


@pytest.mark.parametrize("door", ["rawsocket-tcp", "rawsocket-tls", "websocket-tcp", "websocket-tls"])
def test_a_router_that_goes_away(door: str, loop: Loop, tmp_path: Path) -> None:
    """In order: the reason is the router's."""
    prepare(tmp_path)
    running = Place(loop, tmp_path, {door: _door(door)})
    session = running.join(running.transport(door))
    left: list[str] = []
    session.on_leave = left.append
    waiting = session.call("com.none.waits")
    waiting.addErrback(lambda failure: failure.trap(CallError))
    loop.result(Deferred.fromCoroutine(running.worker.say_goodbye()))
    loop.until(lambda: left)
    assert left == ["wamp.close.system_shutdown"]
    assert not session.is_open
    running.stop()
    loop.result(session.leave())


@pytest.mark.parametrize("door", ["rawsocket-tcp", "rawsocket-tls", "rawsocket-unix", "websocket-tcp", "websocket-tls"])
def test_a_connection_that_breaks(door: str, loop: Loop, tmp_path: Path) -> None:
    """Without a word: what waits fails, and the reason names the place."""
    prepare(tmp_path)
    running = Place(loop, tmp_path, {door: _door(door)})
    session = running.join(running.transport(door))
    left: list[str] = []
    session.on_leave = left.append
    loop.result(session.register("com.work", Deferred))
    failed: list[Any] = []
    session.call("com.work").addErrback(failed.append)
    for open_door in running.worker.doors.all:
        for open_now in list(open_door.transport._listener.connections.open):  # type: ignore[attr-defined]
            open_now.abortConnection()
    loop.until(lambda: left)
    assert "unix:" in left[0] or "127.0.0.1" in left[0]
    assert failed[0].value.uri == "wamp.error.network_failure"
    loop.result(session.leave())
    running.stop()
