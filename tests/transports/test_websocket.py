"""WebSocket at the router's end: handshakes, frames, pings, the end, whatever pieces the bytes come in."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.logger import LogEvent, formatEvent, globalLogPublisher
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.frames import Close, Opcode

from edge_router.config.schema import (
    Compression,
    Deflate,
    Limits,
    TcpEndpoint,
    UnixEndpoint,
    WebSocket,
    WebSocketOptions,
    WebSocketPath,
)
from edge_router.transports.listen import Connections
from edge_router.transports.websocket import MAX_HEAD, WebSockets, WebSocketTransport
from edge_router.wamp.codecs import CODECS
from edge_router.wamp.messages import CloseDetails, Event, EventDetails, Goodbye, Hello, HelloDetails
from edge_router.wamp.outgoing import Outgoing
from tests.transports.loop import Loop
from tests.transports.wires import Client, MemoryNode, MemoryTransport, Recorder

HELLO = Hello("realm1", HelloDetails(roles={"subscriber": {}}))


class Port:
    """A listening port in memory."""

    def __init__(self, serializers: list[Any] | None = None, limits: Limits | None = None, **options: Any) -> None:
        self.node = MemoryNode()
        config = WebSocketPath(
            serializers=serializers or ["json", "msgpack", "cbor"],
            options=WebSocketOptions(**options),
            limits=limits or Limits(),
        )
        self.connections: Connections = self.node.connections(WebSockets(config, self.node.host).protocol)

    def connect(self) -> MemoryTransport:
        return self.node.connect(self.connections)

    def client(self, *arguments: Any, **options: Any) -> Client:
        return Client(self.connect(), *arguments, **options)

    def joined(self, **options: Any) -> tuple[Client, Recorder]:
        """A client that has said HELLO in JSON, and its session."""
        client = self.client(**options)
        client.send(CODECS["json"].encode(HELLO))
        return client, self.node.sessions[-1]

    def pass_time(self, seconds: float) -> None:
        self.node.clock.advance(seconds)


def head(**changes: str | None) -> bytes:
    """A good handshake request with headers replaced, or left out (None)."""
    headers: dict[str, str | None] = {
        "Host": "router.example:8080",
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Protocol": "wamp.2.json",
    }
    headers.update({name.replace("_", "-"): value for name, value in changes.items()})
    lines = [f"{name}: {value}" for name, value in headers.items() if value is not None]
    return ("GET /ws HTTP/1.1\r\n" + "\r\n".join(lines) + "\r\n\r\n").encode()


def status(transport: MemoryTransport) -> int:
    return int(transport.value().split(b" ")[1])


def event(number: int = 1, size: int = 10) -> Outgoing:
    codec = CODECS["json"]
    return Outgoing(Event(1, number, EventDetails(), codec.dumps(["x" * size])), codec)


# --- the handshake -----------------------------------------------------------------------------------------------


def test_the_accept_header_is_that_of_the_rfc() -> None:
    """RFC 6455 section 1.3 gives the answer to this very key."""
    transport = Port().connect()
    transport.protocol.dataReceived(head())
    answer = transport.value()
    assert answer.startswith(b"HTTP/1.1 101 ")
    assert b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in answer
    assert b"Sec-WebSocket-Protocol: wamp.2.json\r\n" in answer


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("name", ["json", "msgpack", "cbor"])
def test_hello_arrives_in_each_encoding_whole_or_byte_by_byte(name: str, whole: bool) -> None:
    """TCP may cut the stream anywhere."""
    port, codec = Port(), CODECS[name]
    client = port.client([codec.subprotocol], whole=whole)
    assert client.open
    client.send(codec.encode(HELLO), codec.binary)
    (session,) = port.node.sessions
    assert session.messages == [HELLO]
    assert session.peer.details.kind == "websocket"
    assert session.peer.details.peer == "tcp4:192.168.1.1:54321"


@pytest.mark.parametrize(
    ("offered", "configured", "chosen"),
    [
        (["wamp.2.cbor", "wamp.2.json"], ["json", "msgpack", "cbor"], "wamp.2.cbor"),
        (["wamp.2.json", "wamp.2.cbor"], ["cbor", "json"], "wamp.2.json"),
        (["wamp.2.ubjson", "wamp.2.msgpack"], ["json", "msgpack"], "wamp.2.msgpack"),
    ],
)
def test_the_clients_order_of_subprotocols_decides(offered: list[str], configured: list[str], chosen: str) -> None:
    """Among those that are configured."""
    client = Port(configured).client(offered)
    assert client.ws.subprotocol == chosen


@pytest.mark.parametrize(
    ("configured", "protocol", "options", "expected", "sentence"),
    [
        (["json"], "wamp.2.cbor", {}, 400, b"none of the subprotocols wamp.2.cbor is spoken here, but wamp.2.json"),
        (["json"], "chat", {"require_websocket_subprotocol": False}, 400, b"none of the subprotocols chat"),
        (["json"], None, {}, 400, b"no subprotocol is named; here wamp.2.json can be spoken"),
        (["json"], None, {"require_websocket_subprotocol": False}, 101, b""),
        (["cbor"], None, {"require_websocket_subprotocol": False}, 400, b"here wamp.2.cbor can be spoken"),
    ],
)
def test_without_a_common_subprotocol_there_is_a_sentence(
    configured: list[str], protocol: str | None, options: dict[str, Any], expected: int, sentence: bytes
) -> None:
    """`require_websocket_subprotocol: false` takes clients that name none for wamp.2.json, if that is configured."""
    transport = Port(configured, **options).connect()
    transport.protocol.dataReceived(head(Sec_WebSocket_Protocol=protocol))
    assert status(transport) == expected
    assert sentence in transport.value()
    assert transport.disconnecting == (expected != 101)


def test_a_client_that_names_no_subprotocol_speaks_json() -> None:
    """The encoding that is assumed."""
    port = Port(require_websocket_subprotocol=False)
    client = port.client([])
    client.send(CODECS["json"].encode(HELLO))
    assert client.ws.subprotocol is None
    assert port.node.sessions[0].messages == [HELLO]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"Upgrade": None, "Connection": None}, 426),
        ({"Upgrade": "h2c"}, 426),
        ({"Sec_WebSocket_Key": None}, 400),
        ({"Sec_WebSocket_Key": "short"}, 400),
        ({"Sec_WebSocket_Version": "8"}, 400),
        ({"Host": None}, 400),
        ({"Origin": "http://evil.example"}, 403),
    ],
)
def test_a_bad_handshake_has_the_status_that_fits(changes: dict[str, str | None], expected: int) -> None:
    """And the connection is closed once the answer has left; no session was opened."""
    port = Port()
    transport = port.connect()
    transport.protocol.dataReceived(head(**changes))
    assert status(transport) == expected
    assert b"\r\nSec-WebSocket-Version: 13\r\n" in transport.value()
    assert transport.disconnecting
    assert port.node.sessions == []
    transport.protocol.connectionLost(None)
    port.pass_time(10)
    assert port.node.clock.getDelayedCalls() == []


def test_refusals_are_logged_with_a_count_at_most_every_ten_seconds() -> None:
    """A page that tries again and again must not fill the log."""
    port = Port()
    events: list[LogEvent] = []
    globalLogPublisher.addObserver(events.append)
    try:
        for _ in range(5):
            port.connect().protocol.dataReceived(head(Origin="http://evil.example"))
        port.pass_time(10)
    finally:
        globalLogPublisher.removeObserver(events.append)
    first, second = map(formatEvent, events)
    assert first.startswith(
        "WebSocket refused: tcp4:192.168.1.1:54321 (403): invalid Origin header: http://evil.example"
    )
    assert second.endswith("(4 in a short time, this is the last)")


def test_a_browser_gets_a_sentence_for_people() -> None:
    """Who types the address of the port should learn what it is."""
    transport = Port().connect()
    transport.protocol.dataReceived(b"GET / HTTP/1.1\r\nHost: router.example:8080\r\n\r\n")
    assert status(transport) == 426
    assert b"\r\nUpgrade: websocket\r\n" in transport.value()
    assert b"This is the address of a WAMP router." in transport.value()


@pytest.mark.parametrize("garbage", [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\r\n", b"SSH-2.0-x\r\n", b"\r\n\r\n"])
def test_what_is_no_http_is_dropped(garbage: bytes) -> None:
    """TLS on a port without, scanners, noise."""
    transport = Port().connect()
    transport.protocol.dataReceived(garbage)
    assert transport.disconnecting


def test_an_endless_head_is_refused() -> None:
    """Nothing is collected without bound."""
    transport = Port().connect()
    line = b"X-Filler: " + b"x" * 1000 + b"\r\n"
    transport.protocol.dataReceived(b"GET /ws HTTP/1.1\r\n")
    for _ in range(MAX_HEAD // len(line) + 1):
        transport.protocol.dataReceived(line)
    assert status(transport) == 431
    assert transport.disconnecting


def test_a_silent_client_is_dropped() -> None:
    """After `open_handshake_timeout` with a word why, and by force if it does not go."""
    port = Port(open_handshake_timeout=3_000)
    transport = port.connect()
    transport.protocol.dataReceived(head()[:50])
    port.pass_time(2.9)
    assert transport.value() == b""
    port.pass_time(0.1)
    assert status(transport) == 408
    assert transport.disconnecting
    port.pass_time(1)
    assert transport.cut


def test_the_time_covers_hello() -> None:
    """A client that shakes hands and says nothing is told so with ABORT."""
    port = Port(open_handshake_timeout=3_000)
    client = port.client()
    port.pass_time(3)
    port.node.settle()
    client.read()
    assert client.texts == [b'[3,{"message":"no HELLO within 3 s"},"wamp.error.protocol_violation"]']
    assert client.ws.close_rcvd is not None
    assert client.ws.close_rcvd.code == 1002


def test_the_time_is_for_hello() -> None:
    """A client that speaks WebSocket but does not say HELLO is sent away in time."""
    port = Port(open_handshake_timeout=3_000)
    port.node.joins = False
    port.joined()
    port.pass_time(3)
    assert port.node.sessions[0].violations == ["no HELLO within 3 s"]


def test_after_hello_the_session_minds_the_time() -> None:
    """Somebody may have to type a password after CHALLENGE; how long that may take is not the transport's business."""
    port = Port(open_handshake_timeout=3_000, auto_ping_interval=0)
    client = port.client()
    session = port.node.sessions[0]
    client.send(b'[1,"realm1",{"roles":{"caller":{}}}]')
    assert session.messages
    port.pass_time(10)
    assert session.violations == []


def test_a_joined_session_has_all_the_time() -> None:
    port = Port(open_handshake_timeout=3_000, auto_ping_interval=0)
    _, session = port.joined()
    assert port.node.clock.getDelayedCalls() == []
    port.pass_time(1000)
    assert session.violations == []


# --- messages ----------------------------------------------------------------------------------------------------


def test_fragments_are_put_together() -> None:
    """RFC 6455 section 5.4, with a ping in between."""
    port = Port()
    client = port.client()
    whole = CODECS["json"].encode(HELLO)
    client.ws.send_text(whole[:5], fin=False)
    client.ws.send_ping(b"now")
    client.ws.send_continuation(whole[5:9], fin=False)
    client.ws.send_continuation(whole[9:], fin=True)
    client.exchange()
    assert port.node.sessions[0].messages == [HELLO]
    assert [(frame.opcode, bytes(frame.data)) for frame in client.frames] == [(Opcode.PONG, b"now")]


def test_many_messages_in_one_read() -> None:
    port = Port()
    client, session = port.joined()
    for _ in range(50):
        client.ws.send_text(CODECS["json"].encode(Goodbye(CloseDetails(), "wamp.close.normal")))
    client.raw(b"".join(client.ws.data_to_send()))
    assert len(session.messages) == 51


def frame(first: int, payload: bytes, mask: bytes = b"\x01\x02\x03\x04") -> bytes:
    """A client's frame, made by hand."""
    length = len(payload)
    size = bytes((0x80 | length,)) if length < 126 else b"\xfe" + struct.pack(">H", length)
    return bytes((first,)) + size + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))


@pytest.mark.parametrize(
    ("bytes_sent", "code"),
    [
        (b"\x81\x05hello", 1002),  # not masked
        (frame(0xC1, b"{}"), 1002),  # RSV1 without an extension
        (frame(0x83, b"{}"), 1002),  # an unknown opcode
        (frame(0x80, b"{}"), 1002),  # a continuation of nothing
        (frame(0x09, b"ping"), 1002),  # a fragmented ping
        (frame(0x89, b"p" * 126), 1002),  # a long ping
        (frame(0x88, b"\x03"), 1002),  # half a close code
        (frame(0x01, b"[1,") + frame(0x81, b"[1,"), 1002),  # a message within a message
        (b"\x81\xff" + struct.pack(">Q", 2**40), 1009),  # a terabyte
        (frame(0x01, b"x" * 600) + frame(0x80, b"x" * 600), 1009),  # too long only when put together
    ],
)
def test_a_broken_frame_ends_the_connection_with_its_code(bytes_sent: bytes, code: int) -> None:
    """RFC 6455 section 7.1.7: a close frame, then the server closes; the session is lost, once."""
    port = Port(max_message_size=1000)
    client, session = port.joined()
    client.raw(bytes_sent)
    client.read()
    assert client.ws.close_rcvd is not None
    assert client.ws.close_rcvd.code == code
    assert client.transport.disconnecting
    assert session.losses == 1
    client.transport.protocol.connectionLost(None)
    assert session.losses == 1
    assert port.node.clock.getDelayedCalls() == []


def test_max_frame_size_bounds_single_frames() -> None:
    """Long messages in short frames may be allowed, long frames not."""
    port = Port(max_message_size=10_000, max_frame_size=600)
    client, session = port.joined()
    client.ws.send_text(b'["' + b"x" * 590, fin=False)
    client.ws.send_continuation(b"x" * 590 + b'"]', fin=True)
    client.exchange()
    assert len(session.violations) == 1  # it is no WAMP message, but it arrived
    client, session = port.joined()
    client.send(b"x" * 601)
    assert client.ws.close_rcvd is not None
    assert client.ws.close_rcvd.code == 1009


@pytest.mark.parametrize(("name", "binary"), [("json", True), ("msgpack", False), ("cbor", False)])
def test_a_message_in_the_wrong_kind_of_frame_is_a_violation(name: str, binary: bool) -> None:
    """Spec, "WebSocket Transport": text frames for JSON, binary ones for the others. ABORT, then close 1002."""
    port, codec = Port(), CODECS[name]
    client = port.client([codec.subprotocol])
    client.send(codec.encode(HELLO), binary)
    (session,) = port.node.sessions
    assert session.messages == []
    right = "BINARY" if codec.binary else "TEXT"
    assert session.violations == [f"a {'BINARY' if binary else 'TEXT'} frame; {right} would be right"]
    assert codec.decode(client.texts[0]).reason == "wamp.error.protocol_violation"  # type: ignore[attr-defined]
    assert client.ws.close_rcvd is not None
    assert client.ws.close_rcvd.code == 1002


@pytest.mark.parametrize("text", [b"\xff\xfe", b'[1,"realm\xff1",{"roles":{}}]', b"no json", b"[]", b"", b"[99]"])
def test_text_that_is_no_message_is_a_violation(text: bytes) -> None:
    """Invalid UTF-8 included: ABORT to its sender, and nobody else notices."""
    port = Port()
    client = port.client()
    client.raw(frame(0x81, text))
    client.read()
    (session,) = port.node.sessions
    assert session.messages == []
    assert len(session.violations) == 1
    assert client.ws.close_rcvd is not None
    assert client.ws.close_rcvd.code == 1002


def test_a_bug_of_ours_ends_one_session_only() -> None:
    """Whatever the core raises stops at the border."""
    port = Port()
    client, session = port.joined()
    other, healthy = port.joined()

    def fails(_: object) -> None:
        raise ZeroDivisionError

    session.on_message = fails
    client.send(CODECS["json"].encode(HELLO))
    assert session.violations == ["the router failed on this message"]
    assert client.ws.close_rcvd is not None
    assert client.ws.close_rcvd.code == 1011
    other.send(CODECS["json"].encode(HELLO))
    assert len(healthy.messages) == 2


# --- what is sent ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 100, 125, 126, 65_535, 65_536, 200_000])
@pytest.mark.parametrize("name", ["json", "msgpack"])
def test_frames_of_all_lengths_are_understood(name: str, size: int) -> None:
    """RFC 6455 section 5.2: 7, 16 and 64 bit lengths, and the kind of frame that fits the encoding."""
    port, codec = Port(), CODECS[name]
    client = port.client([codec.subprotocol])
    message = Event(1, 2, EventDetails(), codec.dumps(["x" * size]))
    port.node.sessions[0].peer.send(Outgoing(message, codec))
    port.node.settle()
    client.read()
    assert [codec.decode(text) for text in client.texts] == [message]
    assert client.frames[0].opcode is (Opcode.BINARY if codec.binary else Opcode.TEXT)


def test_an_event_is_framed_once_for_all() -> None:
    """A hundred browsers share one frame: the very same bytes object is written to each."""
    port = Port()
    written: list[bytes] = []
    for _ in range(3):
        transport = port.connect()
        transport.protocol.dataReceived(head())
        transport.sent()
        transport.write = written.append  # type: ignore[method-assign]
        port.node.sessions[-1].peer._write = written.append  # type: ignore[attr-defined]
    outgoing = event()
    for session in port.node.sessions:
        session.peer.send(outgoing)
    port.node.settle()
    assert len(written) == 3
    assert written[0] is written[1] is written[2]


def test_what_one_read_causes_leaves_in_one_write() -> None:
    """Principle 3."""
    port = Port()
    client, session = port.joined()
    writes: list[bytes] = []
    session.peer._write = writes.append  # type: ignore[attr-defined]
    session.on_message = lambda _: session.peer.send(event())
    for _ in range(5):
        client.ws.send_text(CODECS["json"].encode(HELLO))
    client.raw(b"".join(client.ws.data_to_send()))
    assert len(writes) == 1
    assert writes[0].count(b"[36,") == 5


def test_a_slow_reader_loses_its_oldest_events_and_the_frames_stay_whole() -> None:
    """The policy is the peer's (`limits`); what arrives afterwards is the newest, in order."""
    port = Port(limits=Limits(send_queue=4096))
    client, session = port.joined()
    session.peer.pauseProducing()  # type: ignore[attr-defined]
    for number in range(1, 101):
        session.peer.send(event(number, 100))
        port.node.settle()
    assert client.transport.value() == b""
    session.peer.resumeProducing()  # type: ignore[attr-defined]
    client.read()
    numbers = [CODECS["json"].decode(text).publication for text in client.texts]  # type: ignore[attr-defined]
    assert numbers == list(range(101 - len(numbers), 101))
    assert 0 < len(numbers) < 100
    assert session.peer.dropped == 100 - len(numbers)  # type: ignore[attr-defined]


# --- compression -------------------------------------------------------------------------------------------------


def deflating(port: Port, **options: Any) -> Client:
    return port.client(extensions=[ClientPerMessageDeflateFactory(**options)])


def test_compression_is_off_unless_configured() -> None:
    """A client that offers it is not given it."""
    client = deflating(Port())
    assert client.open
    assert client.ws.extensions == []


@pytest.mark.parametrize("no_context_takeover", [True, False])
@pytest.mark.parametrize("takes_windows", [True, None])
def test_compressed_messages_arrive_both_ways(no_context_takeover: bool, takes_windows: bool | None) -> None:
    """With and without a context that lives on, also for clients that cannot limit their window."""
    port = Port(compression=Compression(Deflate(no_context_takeover=no_context_takeover)))
    client = deflating(port, client_max_window_bits=takes_windows)
    assert [extension.name for extension in client.ws.extensions] == ["permessage-deflate"]
    client.send(CODECS["json"].encode(HELLO))
    (session,) = port.node.sessions
    assert session.messages == [HELLO]
    for number in range(1, 6):
        session.peer.send(event(number, 1000))
        port.node.settle()
        size = len(client.transport.value())
        assert size < 100
        client.read()
    assert [CODECS["json"].decode(text).publication for text in client.texts] == [1, 2, 3, 4, 5]  # type: ignore[attr-defined]


def test_compression_is_as_small_as_configured() -> None:
    """`max_window_bits` bounds both directions' windows, as far as the client can."""
    port = Port(compression=Compression(Deflate(max_window_bits=10)))
    client = deflating(port, client_max_window_bits=True)
    (extension,) = client.ws.extensions
    assert extension.remote_max_window_bits == 10  # type: ignore[attr-defined]
    assert extension.local_max_window_bits == 10  # type: ignore[attr-defined]


def test_a_compressed_bomb_is_not_unpacked() -> None:
    """`max_message_size` counts what comes out."""
    port = Port(max_message_size=10_000, compression=Compression(Deflate()))
    client = deflating(port)
    client.ws.send_text(b" " * 10_000_000)
    client.exchange()
    assert client.ws.close_rcvd is not None
    assert client.ws.close_rcvd.code == 1009


def test_dropped_events_do_not_spoil_the_context() -> None:
    """What is dropped for a slow reader has not been compressed yet."""
    port = Port(compression=Compression(Deflate()), limits=Limits(send_queue=4096))
    client = deflating(port)
    (session,) = port.node.sessions
    session.peer.send(event(1, 100))
    port.node.settle()
    session.peer.pauseProducing()  # type: ignore[attr-defined]
    for number in range(2, 101):
        session.peer.send(event(number, 100))
        port.node.settle()
    session.peer.resumeProducing()  # type: ignore[attr-defined]
    client.read()
    numbers = [CODECS["json"].decode(text).publication for text in client.texts]  # type: ignore[attr-defined]
    assert numbers[0] == 1
    assert numbers[-1] == 100
    assert len(numbers) < 100


@pytest.mark.parametrize("name", ["json", "msgpack"])
def test_compressed_frames_of_all_lengths_arrive(name: str) -> None:
    """Several in one write: the compressor takes them apart again."""
    codec = CODECS[name]
    port = Port(compression=Compression(Deflate()))
    client = port.client([codec.subprotocol], extensions=[ClientPerMessageDeflateFactory()])
    messages = [Event(1, 2, EventDetails(), codec.dumps(["x" * size])) for size in (0, 100, 126, 65_536, 200_000)]
    for message in messages:
        port.node.sessions[0].peer.send(Outgoing(message, codec))
    port.node.settle()
    client.read()
    assert [codec.decode(text) for text in client.texts] == messages


# --- pings -------------------------------------------------------------------------------------------------------


def test_pings_are_sent_and_answers_keep_the_connection() -> None:
    port = Port(auto_ping_interval=10_000, auto_ping_timeout=5_000)
    client, session = port.joined()
    for _ in range(10):
        port.pass_time(10)
        client.exchange()
    assert [frame.opcode for frame in client.frames].count(Opcode.PING) == 10
    assert not client.transport.cut
    assert session.losses == 0


def test_a_vanished_client_is_cut_within_interval_and_timeout() -> None:
    """Half-open connections: its registrations are free again at once."""
    port = Port(auto_ping_interval=10_000, auto_ping_timeout=5_000)
    client, _ = port.joined()
    port.pass_time(10)
    port.pass_time(4.9)
    assert not client.transport.cut
    port.pass_time(0.1)
    assert client.transport.cut


def test_any_traffic_counts_as_an_answer() -> None:
    """A client busy sending is alive even if its pong is late."""
    port = Port(auto_ping_interval=10_000, auto_ping_timeout=5_000)
    client, _ = port.joined()
    port.pass_time(10)
    client.raw(frame(0x81, CODECS["json"].encode(HELLO)))
    port.pass_time(5)
    assert not client.transport.cut


def test_taking_what_waits_counts_as_an_answer() -> None:
    """The pong of a slow reader waits behind what it has still to read."""
    port = Port(auto_ping_interval=10_000, auto_ping_timeout=5_000)
    client, session = port.joined()
    port.pass_time(10)
    session.peer.pauseProducing()  # type: ignore[attr-defined]
    session.peer.resumeProducing()  # type: ignore[attr-defined]
    port.pass_time(5)
    assert not client.transport.cut


@pytest.mark.parametrize("compressed", [False, True])
def test_whom_the_router_does_not_listen_to_need_not_answer(compressed: bool) -> None:
    """Its pong waits in the connection; once it is listened to again, pings count again."""
    compression = {"compression": Compression(deflate=Deflate())} if compressed else {}
    port = Port(auto_ping_interval=10_000, auto_ping_timeout=5_000, **compression)
    client, session = port.joined(extensions=[ClientPerMessageDeflateFactory()] if compressed else None)
    session.peer.stop_reading()  # type: ignore[attr-defined]
    assert client.transport.producerState == "paused"
    for _ in range(3):
        port.pass_time(5)
    assert not client.transport.cut
    session.peer.read_on()  # type: ignore[attr-defined]
    assert client.transport.producerState == "producing"
    for _ in range(4):
        port.pass_time(5)
    assert client.transport.cut


def test_a_timeout_longer_than_the_interval_is_kept() -> None:
    """One ping at a time is under way."""
    port = Port(auto_ping_interval=1_000, auto_ping_timeout=5_000)
    client, _ = port.joined()
    for _ in range(11):
        port.pass_time(0.5)
    assert not client.transport.cut
    for _ in range(1):
        port.pass_time(0.5)
    assert client.transport.cut


def test_one_timer_serves_all_connections_and_none_when_there_are_none() -> None:
    """An idle router sleeps."""
    port = Port()
    clients = [port.joined()[0] for _ in range(20)]
    assert len(port.node.clock.getDelayedCalls()) == 1
    for client in clients:
        client.transport.protocol.connectionLost(None)
    assert port.node.clock.getDelayedCalls() == []


def test_the_clients_pings_are_answered() -> None:
    """With the same payload (RFC 6455 section 5.5.3)."""
    client, _ = Port().joined()
    client.ws.send_ping(b"are you there?")
    client.exchange()
    assert [(frame.opcode, bytes(frame.data)) for frame in client.frames] == [(Opcode.PONG, b"are you there?")]


def test_who_pings_but_does_not_read_gets_the_last_answer_only() -> None:
    """RFC 6455 section 5.5.3 allows it; else the answers would fill the memory."""
    client, session = Port().joined()
    session.peer.pauseProducing()  # type: ignore[attr-defined]
    for number in range(100):
        client.raw(frame(0x89, b"%d" % number))
    assert client.transport.value() == b""
    session.peer.resumeProducing()  # type: ignore[attr-defined]
    client.read()
    assert [bytes(frame.data) for frame in client.frames] == [b"99"]
    client.raw(frame(0x89, b"again"))
    client.read()
    assert bytes(client.frames[-1].data) == b"again"


def test_pings_after_the_close_frame_are_not_answered() -> None:
    """Nobody tells any more whether the client reads."""
    port = Port()
    client, session = port.joined()
    session.goodbye("wamp.close.normal")
    port.node.settle()
    client.transport.sent()
    client.raw(frame(0x89, b"still here") * 100)
    assert client.transport.sent() == b""


# --- the end -----------------------------------------------------------------------------------------------------


def test_the_client_closes() -> None:
    """Its close frame is echoed after what was to be said, the server closes TCP, the session is lost once."""
    port = Port()
    client, session = port.joined()
    session.on_message = lambda _: session.peer.send(event())
    client.ws.send_text(CODECS["json"].encode(HELLO))
    client.ws.send_close(1000, "bye")
    client.raw(b"".join(client.ws.data_to_send()))
    client.read()
    assert [frame.opcode for frame in client.frames] == [Opcode.TEXT, Opcode.CLOSE]
    assert client.ws.close_rcvd is not None
    assert client.ws.close_rcvd.code == 1000
    assert client.transport.disconnecting
    client.transport.protocol.connectionLost(None)
    assert session.losses == 1
    assert port.node.clock.getDelayedCalls() == []


def test_a_close_frame_without_a_code_is_answered_with_a_normal_end() -> None:
    """autobahn-js in Node closes so, and calls its connection lost if it is not told 1000."""
    client, _session = Port().joined()
    client.ws.send_close()
    client.raw(b"".join(client.ws.data_to_send()))
    client.read()
    assert client.ws.close_rcvd == Close(1000, "")
    assert client.transport.disconnecting


def test_nothing_is_written_after_the_close_frame() -> None:
    """RFC 6455 section 5.5.1."""
    port = Port()
    client, session = port.joined()
    client.ws.send_close(1000)
    client.exchange()
    session.peer.send(event())
    session.peer.send_message(Goodbye(CloseDetails(), "wamp.close.normal"))
    port.node.settle()
    assert client.transport.sent() == b""


def test_the_session_closes_and_the_client_answers() -> None:
    """GOODBYE first, then the close frame, then the client has `close_handshake_timeout`."""
    port = Port(close_handshake_timeout=1_000)
    client, session = port.joined()
    session.goodbye("wamp.close.normal")
    port.node.settle()
    client.read()
    assert [frame.opcode for frame in client.frames] == [Opcode.TEXT, Opcode.CLOSE]
    assert not client.transport.disconnecting
    client.exchange()
    assert client.transport.disconnecting
    client.transport.protocol.connectionLost(None)
    assert session.losses == 1
    assert port.node.clock.getDelayedCalls() == []


def test_a_client_that_does_not_answer_close_is_cut() -> None:
    """After `close_handshake_timeout`, however much it sends meanwhile."""
    port = Port(close_handshake_timeout=1_000)
    client, session = port.joined()
    session.goodbye("wamp.close.normal")
    port.node.settle()
    for _ in range(4):
        client.raw(frame(0x89, b"still here"))
        port.pass_time(0.25)
    assert client.transport.cut


def test_a_lost_connection_is_told_once_and_leaves_no_timer() -> None:
    port = Port()
    for client in (port.joined()[0], port.client()):
        client.transport.protocol.connectionLost(None)
    port.connect().protocol.connectionLost(None)
    assert [session.losses for session in port.node.sessions] == [1, 1]
    assert port.node.clock.getDelayedCalls() == []
    assert not port.connections.open


def test_the_router_stops() -> None:
    """Browsers learn that it goes away (1001), and the connection is closed."""
    port = Port()
    client, _ = port.joined()
    port.connections.drop()
    client.read()
    assert client.ws.close_rcvd is not None
    assert client.ws.close_rcvd.code == 1001
    assert client.transport.disconnecting
    port.pass_time(1)
    assert client.transport.cut


# --- whatever comes ----------------------------------------------------------------------------------------------


@st.composite
def streams(draw: st.DrawFn) -> list[bytes]:
    """A client's bytes: a handshake good or bad, frames good or bad, noise; cut anywhere."""
    frames = st.builds(frame, st.integers(0, 255), st.binary(max_size=200))
    noise = st.binary(max_size=50)
    messages = st.sampled_from([frame(0x81, CODECS["json"].encode(HELLO)), frame(0x88, b""), frame(0x89, b"")])
    first = draw(st.sampled_from([head(), head(Upgrade=None), b""]))
    data = first + b"".join(draw(st.lists(frames | noise | messages)))
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=5)))
    return [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]


@given(streams())
def test_any_bytes_end_in_messages_or_a_closed_connection(pieces: list[bytes]) -> None:
    """Never in an exception, never in a session that is lost twice or not at all, never in a timer left behind."""
    port = Port(max_message_size=1000)
    transport = port.connect()
    for piece in pieces:
        if piece:
            transport.protocol.dataReceived(piece)
    port.node.settle()
    transport.protocol.connectionLost(None)
    port.pass_time(10)
    assert all(session.losses == 1 for session in port.node.sessions)
    assert port.node.clock.getDelayedCalls() == []


# --- over real sockets -------------------------------------------------------------------------------------------


@pytest.fixture
def transports(loop: Loop, tmp_path: Any) -> Iterator[list[WebSocketTransport]]:
    started: list[WebSocketTransport] = []
    yield started
    for transport in started:
        loop.result(transport.stop())


@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_it_listens_on_tcp_and_unix_sockets(loop: Loop, tmp_path: Any, kind: str) -> None:
    """The place that `start` reports is where it is, and `stop` ends it, twice if need be."""
    import socket

    node = MemoryNode(tmp_path)
    host = node.host.__class__(loop.reactor, node.host.outbox, node.host.attach, tmp_path, node.host.info)
    endpoint = TcpEndpoint(port=0, interface="127.0.0.1") if kind == "tcp" else UnixEndpoint(path="ws.sock")
    transport = WebSocketTransport(WebSocket(endpoint=endpoint), host)
    place = str(loop.result(transport.start()))
    if kind == "tcp":
        client = socket.create_connection(("127.0.0.1", int(place.rpartition(":")[2])))
    else:
        client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        client.connect(place.removeprefix("unix:"))
    with client:
        client.setblocking(False)
        client.sendall(head() + frame(0x81, CODECS["json"].encode(HELLO)))
        loop.until(lambda: node.sessions and node.sessions[0].messages)
        assert node.sessions[0].messages == [HELLO]
        assert node.sessions[0].peer.details.peer.startswith("tcp4:127.0.0.1:" if kind == "tcp" else "unix:pid=")
    loop.until(lambda: node.sessions[0].losses)
    loop.result(transport.stop())
    loop.result(transport.stop())
