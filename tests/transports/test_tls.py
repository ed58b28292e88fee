"""TLS on listening ports, over real sockets: who gets in, what is known of them, slow readers, new certificates."""

from __future__ import annotations

import hashlib
import re
import socket
import ssl
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from twisted.logger import LogEvent, globalLogPublisher

from edge_router.config.schema import (
    Auth,
    Limits,
    RawSocket,
    TcpEndpoint,
    Tls,
    Universal,
    UniversalRawSocket,
    UniversalWeb,
    Web,
    WebOptions,
    WebSocket,
    WebSocketPath,
)
from edge_router.node.authority import Authority
from edge_router.router.interfaces import Peer
from edge_router.transports import tls as tls_module
from edge_router.transports.host import Host
from edge_router.transports.listen import CannotListen
from edge_router.transports.outbox import Outbox
from edge_router.transports.rawsocket import RawSocketTransport
from edge_router.transports.universal import UniversalTransport
from edge_router.transports.websocket import WebSocketTransport
from edge_router.wamp.codecs import JSON
from edge_router.wamp.messages import Hello
from edge_router.web.site import WebTransport
from tests.transports.loop import Loop
from tests.transports.tls_clients import V12, V13, TlsClient, client_context, make_files
from tests.transports.wires import Recorder

FILES = Tls(key="tls/node.key", certificate="tls/node.crt")
HELLO = b'[1,"realm1",{"roles":{"caller":{}}}]'
RAW_HELLO = b"\x7f\xf1\0\0" + struct.pack(">I", len(HELLO)) + HELLO


class TlsNode:
    """Transports on a loop, with sessions that record."""

    def __init__(self, loop: Loop, directory: Path) -> None:
        self.loop = loop
        self.directory = directory
        self.sessions: list[Recorder] = []
        self.host = Host(loop.reactor, Outbox(loop.reactor), self._attach, directory, lambda: {})
        self._started: list[Any] = []

    def _attach(self, peer: Peer, auth: Auth | None, limits: Limits) -> Recorder:
        self.sessions.append(Recorder(peer))
        return self.sessions[-1]

    def start(self, transport: Any) -> tuple[str, int]:
        """Result: the address."""
        place = str(self.loop.result(transport.start()))
        self._started.append(transport)
        found = re.fullmatch(r"tcp[46]:\[?([0-9.:]+?)\]?:(\d+)", place)
        assert found
        return found[1], int(found[2])

    def rawsocket(self, tls: Tls = FILES, **options: Any) -> tuple[str, int]:
        """RawSocket on a port with TLS."""
        return self.start(RawSocketTransport(RawSocket(endpoint=endpoint(tls), **options), self.host))

    def stop(self) -> None:
        for transport in self._started:
            self.loop.result(transport.stop())


def endpoint(tls: Tls = FILES, version: Any = 4) -> TcpEndpoint:
    return TcpEndpoint(port=0, interface="::1" if version == 6 else "127.0.0.1", version=version, tls=tls)


@pytest.fixture
def node(loop: Loop, tmp_path: Path) -> Iterator[TlsNode]:
    """A node whose directory has an authority and certificates."""
    make_files(tmp_path)
    running = TlsNode(loop, tmp_path)
    yield running
    running.stop()


@contextmanager
def logged() -> Iterator[list[str]]:
    """What is logged meanwhile."""
    lines: list[str] = []

    def observe(event: LogEvent) -> None:
        lines.append(str(event.get("log_format", "")).format_map(event))

    globalLogPublisher.addObserver(observe)
    try:
        yield lines
    finally:
        globalLogPublisher.removeObserver(observe)


def wait_for(node: TlsNode, lines: list[str], text: str) -> None:
    """Until something of that kind is logged."""
    try:
        node.loop.until(lambda: any(text in line for line in lines))
    except AssertionError:
        raise AssertionError(f"{text!r} is not among {lines}") from None


def read(node: TlsNode, client: socket.socket) -> bytes:
    """What arrives next without TLS; the empty string at the end."""
    client.setblocking(False)
    got: list[bytes] = []

    def reads() -> bool:
        try:
            got.append(client.recv(65_536))
        except BlockingIOError:
            return False
        return True

    node.loop.until(reads)
    return got[0]


def closed(node: TlsNode, client: socket.socket) -> bool:
    """Whether the other end closes, in order or by a reset."""
    try:
        return read(node, client) == b""
    except ConnectionError:
        return True


# --- who gets in -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ip", [4, 6])
@pytest.mark.parametrize("version", [V12, V13])
def test_rawsocket(node: TlsNode, version: ssl.TLSVersion, ip: int) -> None:
    """TLS 1.2 and 1.3, IPv4 and IPv6; the client checks certificate and address; the session knows it is secure."""
    address = node.start(RawSocketTransport(RawSocket(endpoint=endpoint(version=ip)), node.host))
    client = TlsClient(node.loop, address, client_context(node.directory, version))
    client.send(RAW_HELLO)
    assert client.exactly(4)[:2] == b"\x7f\xb1"
    node.loop.until(lambda: node.sessions and node.sessions[0].messages)
    (session,) = node.sessions
    assert isinstance(session.messages[0], Hello)
    details = session.peer.details
    assert (details.kind, details.protocol, details.secure, details.certificate) == ("rawsocket", "json", True, None)
    assert details.peer.startswith(f"tcp{ip}:")
    assert client.socket.version() == {V12: "TLSv1.2", V13: "TLSv1.3"}[version]
    client.close()
    node.loop.until(lambda: session.losses)


REQUEST = (
    b"GET %b HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Protocol: wamp.2.json\r\n\r\n"
)
MASKED_HELLO = bytes([0x81, 0x80 | len(HELLO), 0, 0, 0, 0]) + HELLO


def transports(host: Host) -> dict[str, Any]:
    websocket = WebSocketPath()
    universal = Universal(
        endpoint=endpoint(), rawsocket=UniversalRawSocket(), websocket={"ws": websocket}, web=UniversalWeb(paths={})
    )
    return {
        "websocket": lambda: WebSocketTransport(WebSocket(endpoint=endpoint()), host),
        "web": lambda: WebTransport(Web(endpoint=endpoint(), paths={"ws": websocket}), host),
        "universal": lambda: UniversalTransport(universal, host),
    }


@pytest.mark.parametrize("kind", ["websocket", "web", "universal"])
@pytest.mark.parametrize("version", [V12, V13])
def test_websocket(node: TlsNode, kind: str, version: ssl.TLSVersion) -> None:
    """On a port of its own, at a path of `web` and of `universal`; request and HELLO in one piece are taken, too."""
    address = node.start(transports(node.host)[kind]())
    client = TlsClient(node.loop, address, client_context(node.directory, version))
    client.send(REQUEST % b"/ws" + MASKED_HELLO)
    assert client.receive().startswith(b"HTTP/1.1 101 ")
    node.loop.until(lambda: node.sessions and node.sessions[0].messages)
    details = node.sessions[0].peer.details
    assert (details.kind, details.secure) == ("websocket", True)
    node.sessions[0].goodbye("wamp.close.normal")
    assert b"wamp.close.normal" in client.receive()
    client.close()


def test_universal_takes_rawsocket(node: TlsNode) -> None:
    """The first byte under TLS decides, as it does without."""
    address = node.start(transports(node.host)["universal"]())
    client = TlsClient(node.loop, address, client_context(node.directory))
    client.send(RAW_HELLO)
    assert client.exactly(4)[:2] == b"\x7f\xb1"
    client.close()


def test_a_close_of_the_client_is_answered_at_once(node: TlsNode) -> None:
    """The closing handshake ends, and then TLS in order, although a session was there to be told to pause."""
    address = node.start(transports(node.host)["websocket"]())
    client = TlsClient(node.loop, address, client_context(node.directory))
    client.send(REQUEST % b"/" + MASKED_HELLO)
    client.receive()
    client.send(bytes([0x88, 0x82, 0, 0, 0, 0]) + struct.pack(">H", 1000))
    began = node.loop.reactor.seconds()
    assert client.exactly(4) == bytes([0x88, 2]) + struct.pack(">H", 1000)
    assert client.receive() == b""
    assert node.loop.reactor.seconds() - began < 0.5
    client.close()


def test_the_end_of_the_node_does_not_wait_for_tls(node: TlsNode) -> None:
    """Connections with a session are closed in order, at once; those in the middle of a handshake, too."""
    transport = RawSocketTransport(RawSocket(endpoint=endpoint()), node.host)
    address = node.start(transport)
    client = TlsClient(node.loop, address, client_context(node.directory))
    client.send(RAW_HELLO)
    client.exactly(4)
    with socket.create_connection(address) as silent:
        node.loop.until(lambda: len(transport._listener.connections.open) == 2)  # type: ignore[union-attr]
        began = node.loop.reactor.seconds()
        node.loop.result(transport.stop())
        assert node.loop.reactor.seconds() - began < 0.5
        assert closed(node, silent)
    assert client.receive() == b""
    client.close()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_older_versions_are_refused(node: TlsNode, version: ssl.TLSVersion) -> None:
    """RFC 8996 has taken them away; the log says what the client lacks."""
    address = node.rawsocket()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(str(node.directory / "tls/ca.crt"))
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.minimum_version = context.maximum_version = version
    context.set_ciphers("ALL:@SECLEVEL=0")
    with logged() as lines:
        refused(node, address, context)
        wait_for(node, lines, "the client speaks neither TLS 1.2 nor 1.3")


@pytest.mark.parametrize("cipher", ["AES128-SHA", "AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA", "NULL"])
def test_ciphers_without_forward_secrecy_or_authentication_are_refused(node: TlsNode, cipher: str) -> None:
    """RFC 9325 section 4.2: forward secrecy and authenticated encryption."""
    context = client_context(node.directory, V12)
    context.set_ciphers(f"{cipher}:@SECLEVEL=0")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        TlsClient(node.loop, node.rawsocket(), context)


def test_ciphers_of_the_configuration_count(node: TlsNode) -> None:
    """`ciphers` takes the place of the default for TLS 1.2."""
    only = "ECDHE-ECDSA-CHACHA20-POLY1305"
    address = node.rawsocket(Tls(key=FILES.key, certificate=FILES.certificate, ciphers=only))
    client = TlsClient(node.loop, address, client_context(node.directory, V12))
    cipher = client.socket.cipher()
    assert cipher is not None and cipher[0] == only
    client.close()
    other = client_context(node.directory, V12)
    other.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")
    with pytest.raises(ssl.SSLError):
        TlsClient(node.loop, address, other)


def test_plain_http_on_a_tls_port(node: TlsNode) -> None:
    """The connection ends, and the log says what was meant."""
    with logged() as lines, socket.create_connection(node.rawsocket()) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        wait_for(node, lines, "TLS handshake failed: tcp4:127.0.0.1:")
    assert any("the client speaks plain HTTP" in line for line in lines)
    assert not node.sessions


@pytest.mark.parametrize(
    "octets",
    [
        b"\x7f\xf1\0\0",
        bytes(5),
        b"\x16\x03\x01\xff\xff" + bytes(70_000),
        b"\x16\x03\x01\0\x05\x01\0\0\x01\x03",
        b"\x15\x03\x01\0\x02\x02\x28",
        b"\x16\x03\x01\x02",
    ],
    ids=["plain rawsocket", "zeros", "record too long", "short ClientHello", "alert", "half a header"],
)
def test_what_is_no_handshake_ends_one_connection(node: TlsNode, octets: bytes) -> None:
    """Whoever comes next is served, and nothing is left of the other."""
    transport = RawSocketTransport(RawSocket(endpoint=endpoint()), node.host)
    address = node.start(transport)
    with logged() as lines, socket.create_connection(address) as bad:
        bad.sendall(octets)
        if len(octets) > 4:  # OpenSSL waits for the whole header of a record
            assert closed_at_last(node, bad)
    with logged() as more:
        node.loop.until(lambda: not transport._listener.connections.open)  # type: ignore[union-attr]
    assert not any("Traceback" in line or "Unhandled" in line for line in lines + more)
    client = TlsClient(node.loop, address, client_context(node.directory))
    assert say_hello(client)[:2] == b"\x7f\xb1"


def closed_at_last(node: TlsNode, client: socket.socket) -> bool:
    """Whether the other end closes, perhaps after an alert."""
    return any(closed(node, client) for _ in range(3))


def test_a_handshake_has_its_time(node: TlsNode, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who connects and says nothing is cut, and counts for the limit until then."""
    monkeypatch.setattr(tls_module, "HANDSHAKE_WITHIN", 0.05)
    address = node.rawsocket(max_connections=1)
    with logged() as lines, socket.create_connection(address) as silent:
        wait_for(node, lines, "it was not done within 0.05 s")
        assert closed(node, silent)
    assert sum("handshake failed" in line for line in lines) == 1


def test_the_limit_on_connections_holds(node: TlsNode) -> None:
    """A handshake that is not done takes a place; what is over the limit is closed without one."""
    address = node.rawsocket(max_connections=1)
    with socket.create_connection(address), socket.create_connection(address) as second:
        assert closed(node, second)


# --- client certificates -----------------------------------------------------------------------------------------

MUTUAL = Tls(key="tls/node.key", certificate="tls/node.crt", ca_certificates=["tls/ca.crt"])


@pytest.mark.parametrize("version", [V12, V13])
@pytest.mark.parametrize("kind", ["rawsocket", "web"])
def test_a_client_certificate_is_known_to_the_session(node: TlsNode, version: ssl.TLSVersion, kind: str) -> None:
    """Its subject and both fingerprints, as `openssl x509 -fingerprint` has them."""
    if kind == "rawsocket":
        address, hello = node.rawsocket(MUTUAL), RAW_HELLO
    else:
        config = Web(endpoint=endpoint(MUTUAL), paths={"ws": WebSocketPath()})
        address, hello = node.start(WebTransport(config, node.host)), REQUEST % b"/ws" + MASKED_HELLO
    client = TlsClient(node.loop, address, client_context(node.directory, version, "client-pump"))
    client.send(hello)
    node.loop.until(lambda: node.sessions and node.sessions[0].messages)
    shown = node.sessions[0].peer.details.certificate
    assert shown is not None
    der = ssl.PEM_cert_to_DER_cert((node.directory / "tls/client-pump.crt").read_text())
    assert shown.subject == "CN=pump"
    assert shown.sha256 == hashlib.sha256(der).hexdigest()
    assert shown.sha1 == hashlib.sha1(der).hexdigest()
    client.close()


def refused(node: TlsNode, address: tuple[str, int], context: ssl.SSLContext) -> None:
    """Whether at the handshake (TLS 1.2) or at the first read after it (TLS 1.3), the client is told by an alert."""
    with pytest.raises((ssl.SSLError, ConnectionError)):
        say_hello(TlsClient(node.loop, address, context))
    assert not node.sessions


def say_hello(client: TlsClient) -> bytes:
    """Result: the beginning of the answer."""
    try:
        client.send(RAW_HELLO)
        return client.receive()
    finally:
        client.close()


@pytest.mark.parametrize("version", [V12, V13])
def test_without_a_client_certificate_nobody_gets_in(node: TlsNode, version: ssl.TLSVersion) -> None:
    """`ca_certificates` asks for one."""
    with logged() as lines:
        refused(node, node.rawsocket(MUTUAL), client_context(node.directory, version))
        wait_for(node, lines, "the client showed no certificate")


@pytest.mark.parametrize("version", [V12, V13])
def test_a_certificate_of_another_authority_does_not_do(
    node: TlsNode, tmp_path: Path, version: ssl.TLSVersion
) -> None:
    """However alike it looks."""
    stranger = Authority(tmp_path / "other", "test authority").sign_client("pump", 30)
    context = client_context(node.directory, version)
    context.load_cert_chain(str(stranger.certificate), str(stranger.key))
    with logged() as lines:
        refused(node, node.rawsocket(MUTUAL), context)
        wait_for(node, lines, "not signed by one of `ca_certificates`")


def test_a_certificate_for_servers_is_none_for_clients(node: TlsNode) -> None:
    """The node's own certificate, stolen with its key, opens no door (RFC 5280 section 4.2.1.12)."""
    refused(node, node.rawsocket(MUTUAL), client_context(node.directory, V13, "node"))


def test_what_binds_to_a_channel(node: TlsNode) -> None:
    """RFC 5929 section 3, for TLS 1.2: both ends have the same octets, others have not. RFC 9266, for TLS 1.3."""
    address = node.rawsocket()
    for version in (V12, V12, V13, V13):
        client = TlsClient(node.loop, address, client_context(node.directory, version))
        client.send(RAW_HELLO)
        client.exactly(4)
        channel_id = node.sessions[-1].peer.details.channel_id
        own = client.socket.get_channel_binding("tls-unique")
        assert list(channel_id) == ["tls-unique" if version == V12 else "tls-exporter"]
        assert channel_id.get("tls-unique", own) == own
        assert len(channel_id.get("tls-exporter", bytes(32))) == 32
        client.close()
    found = [octets for session in node.sessions for octets in session.peer.details.channel_id.values()]
    assert len(set(found)) == 4


# --- slow readers ------------------------------------------------------------------------------------------------


class Event:
    """So much for an EVENT, on the wire of whoever gets it."""

    wire: Any = None

    def __init__(self, data: bytes) -> None:
        self._data = data

    def frame(self, wire: Any) -> bytes:
        return bytes(wire.framing(self._data))


@pytest.mark.parametrize("policy", ["drop_oldest", "close"])
def test_slow_readers(node: TlsNode, policy: Any) -> None:
    """Under TLS the bound of what waits holds as without: events are dropped and counted, or the session ends."""
    address = node.rawsocket(limits=Limits(send_queue=65_536, slow_reader=policy))
    client = TlsClient(node.loop, address, client_context(node.directory), receive=4096)
    client.send(RAW_HELLO)
    client.exactly(4)
    node.loop.until(lambda: node.sessions[0].messages)
    peer: Any = node.sessions[0].peer
    events = 4000
    for number in range(events):
        event: Any = Event(JSON.dumps([36, number, "x" * 4000]))
        peer.send(event)
        node.loop.reactor.iterate(0)
        assert peer._held <= 65_536 + 8192
    if policy == "close":
        node.loop.until(lambda: node.sessions[0].losses, 8.0)
        client.close()
        return
    assert 0 < peer.dropped < events
    last = read_until_last(client, events - 1)
    assert last == events - peer.dropped
    client.close()


def read_until_last(client: TlsClient, number: int) -> int:
    """Result: how many events came until that one."""
    count = 0
    while True:
        (size,) = struct.unpack(">I", client.exactly(4))
        message = JSON.loads(client.exactly(size))
        count += 1
        if message[1] == number:
            return count


# --- new certificates --------------------------------------------------------------------------------------------


def test_new_certificates_are_for_new_connections(node: TlsNode) -> None:
    """Who is connected stays, and notices nothing; who comes next sees the new certificate."""
    transport = RawSocketTransport(RawSocket(endpoint=endpoint()), node.host)
    address = node.start(transport)
    context = client_context(node.directory)
    early = TlsClient(node.loop, address, context)
    early.send(RAW_HELLO)
    early.exactly(4)
    Authority(node.directory / "tls", "").sign_node(["127.0.0.1"], 60)
    assert transport.reloads
    transport.reload()
    late = TlsClient(node.loop, address, context)
    assert early.certificate() != late.certificate()
    assert late.certificate() == ssl.PEM_cert_to_DER_cert((node.directory / "tls/node.crt").read_text())
    node.sessions[0].goodbye("wamp.close.normal")
    assert b"wamp.close.normal" in early.receive()
    early.close()
    late.close()


def test_bad_new_files_change_nothing(node: TlsNode) -> None:
    """The error says what is wrong with them; the old certificate goes on."""
    transport = RawSocketTransport(RawSocket(endpoint=endpoint()), node.host)
    address = node.start(transport)
    before = ssl.PEM_cert_to_DER_cert((node.directory / "tls/node.crt").read_text())
    (node.directory / "tls/node.crt").write_text("no certificate")
    with pytest.raises(CannotListen, match="holds no certificate"):
        transport.reload()
    client = TlsClient(node.loop, address, client_context(node.directory))
    assert client.certificate() == before
    client.close()


def test_a_port_without_good_files_is_not_opened(node: TlsNode) -> None:
    """The place and what is wrong, in one line."""
    bad = Tls(key="tls/node.key", certificate="tls/client-pump.crt")
    with pytest.raises(CannotListen, match=r"tcp4:127\.0\.0\.1:0: tls\.certificate: does not belong to the key"):
        node.rawsocket(bad)


# --- web ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("hsts", "told"), [(True, True), (False, False)])
def test_hsts_if_configured(node: TlsNode, hsts: bool, told: bool) -> None:
    """RFC 6797: not unless the operator says so, for it cannot be taken back."""
    options = WebOptions(hsts=hsts, hsts_max_age=600)
    address = node.start(WebTransport(Web(endpoint=endpoint(), paths={}, options=options), node.host))
    client = TlsClient(node.loop, address, client_context(node.directory))
    client.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert (b"\r\nStrict-Transport-Security: max-age=600\r\n" in client.receive()) is told
    client.close()


def test_hsts_is_never_said_without_tls(node: TlsNode) -> None:
    """RFC 6797 section 7.2."""
    plain = TcpEndpoint(port=0, interface="127.0.0.1")
    config = Web(endpoint=plain, paths={}, options=WebOptions(hsts=True))
    with socket.create_connection(node.start(WebTransport(config, node.host))) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        got = read(node, client)
    assert b"HTTP/1.1 404" in got and b"Strict-Transport" not in got
