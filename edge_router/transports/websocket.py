"""WAMP over WebSocket: the server's end of a connection, and the transport that listens for such.

`websockets` does the protocol without I/O; here its events meet Twisted's transport, and messages meet the session.
What the session sends goes out through a `StreamPeer` in frames that all WebSockets of an encoding share (`wsframes`);
with compression they pass through the connection's own compressor on the way (`deflate`).
(RFC 6455; spec, "WebSocket Transport".)
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

from msgspec import structs
from twisted.internet.protocol import Protocol as StreamProtocol
from twisted.logger import Logger
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import CONNECTING, OPEN

from edge_router.config.schema import WebSocket, WebSocketPath
from edge_router.router.interfaces import Delayed, ReceivingSession, Visit
from edge_router.transports.cookies import given, shown
from edge_router.transports.deflate import Compressor, extensions_for
from edge_router.transports.handshake import WampServerProtocol
from edge_router.transports.host import Host
from edge_router.transports.listen import Connections, KeepAlive, Make
from edge_router.transports.listening import ListeningTransport
from edge_router.transports.origins import OriginPolicy, is_loopback
from edge_router.transports.peer import StreamPeer
from edge_router.transports.peername import peer_name, transport_details
from edge_router.transports.pings import Pings
from edge_router.transports.tally import Tally, logged
from edge_router.transports.wsframes import WIRES, whole_messages
from edge_router.wamp.codecs import CODECS, Codec
from edge_router.wamp.errors import ProtocolViolation

Config: TypeAlias = WebSocket | WebSocketPath

#: bytes of the head of a handshake request; those of browsers with many cookies have a few thousand
MAX_HEAD: Final = 16_384

# close codes (RFC 6455 section 7.4.1)
NORMAL: Final = 1000
GOING_AWAY: Final = 1001
PROTOCOL_ERROR: Final = 1002
TOO_BIG: Final = 1009
INTERNAL_ERROR: Final = 1011

#: the first octet of a pong (RFC 6455 section 5.2)
_PONG: Final = 0x80 | Opcode.PONG

_FOR_PEOPLE: Final = (
    "This is the address of a WAMP router. It is for programs that speak WAMP over WebSocket (RFC 6455), "
    "not for reading with a browser.\n"
)


class WebSockets:
    """What the WebSockets of one port, or one path, have in common.

    config: encodings, options, login and limits. host: the node.
    """

    log = Logger(namespace="edge_router.websocket")

    def __init__(self, config: Config, host: Host) -> None:
        self.config = config
        self.host = host
        self.codecs: dict[str, Codec] = {CODECS[name].subprotocol: CODECS[name] for name in config.serializers}
        self.origins = OriginPolicy(config.options.allowed_origins, config.options.allow_null_origin)
        self.extensions = extensions_for(config.options.compression.deflate)
        self.pings = Pings(host.reactor, config.options.auto_ping_interval, config.options.auto_ping_timeout)
        self.refusals = Tally(host.reactor, logged(self.log, "WebSocket refused"))
        self.jar = None if config.cookie is None or host.jar is None else host.jar(config.cookie)

    def protocol(self, connections: Connections) -> WebSocketServer:
        """The protocol for one connection of the port that `connections` belongs to."""
        return WebSocketServer(self, connections)


class WebSocketPeer(StreamPeer):
    """A peer of which it is known that taking what waits for it is a sign of life: a pong may wait behind it."""

    __slots__ = ("connection",)
    connection: WebSocketServer

    def pauseProducing(self) -> None:
        """The transport's buffer is full."""
        self.connection.reads = False
        super().pauseProducing()

    def resumeProducing(self) -> None:
        """The transport's buffer has been taken."""
        self.connection.heard = self.connection.reads = True
        self.connection.send_held_pong()
        super().resumeProducing()


class WebSocketServer(StreamProtocol):
    """One connection.

    common: of its port or path. connections: of the listening port. reads: whether the client takes what it is sent.
    """

    log = Logger(namespace="edge_router.websocket")
    transport: Any

    def __init__(self, common: WebSockets, connections: Connections) -> None:
        self.heard = False
        self.reads = True
        self._pong = b""
        self._common = common
        self._connections = connections
        self._ws = WampServerProtocol(tuple(common.codecs), common.origins, common.config.options, common.extensions)
        self._head_size = 0
        self._opcode = Opcode.TEXT
        self._plain = False
        self._limit = 0
        self._visit: Visit | None = None
        self._message: bytearray | None = None
        self._peer: WebSocketPeer | None = None
        self._session: ReceivingSession | None = None
        self._deadline: Delayed | None = None
        self._close_code = NORMAL
        self._closing = False

    # --- what Twisted calls ------------------------------------------------------------------------------------

    def connectionMade(self) -> None:
        """Connected: a handshake and a HELLO are due."""
        self._connections.entered(self)
        patience = self._common.config.options.open_handshake_timeout
        if patience:
            self._deadline = self._common.host.reactor.callLater(patience / 1000, self._too_late)

    def dataReceived(self, data: bytes) -> None:
        """Bytes of the handshake, then of frames."""
        self.heard = True
        ws = self._ws
        size = len(data)
        outbox = self._common.host.outbox
        outbox.begin()
        try:
            if self._plain and not ws.reader.buffer and self._message is None and ws.state is OPEN:
                messages, data = whole_messages(data, self._opcode is Opcode.BINARY, self._limit)
                self._count(len(messages), size - len(data))
                for message in messages:
                    self._decode(message)
            if data:
                self._parse(data)
            if self._deadline is not None and not self._closing:
                self._check_greeted()
        except Exception:  # noqa: BLE001 - the border: a bug of ours ends this session, not the router
            self.log.failure("{peer}: handling a message", peer=peer_name(self.transport))
            self._violated(ProtocolViolation("the router failed on this message"), INTERNAL_ERROR)
        finally:
            if ws.eof_sent:
                self._leave()
            self._write_controls()
            outbox.flush()

    def _parse(self, data: bytes) -> None:
        """Let `websockets` read, and see to what it found."""
        ws = self._ws
        ws.receive_data(data)
        for event in ws.events_received():
            if isinstance(event, Frame):
                self._received(event)
            elif isinstance(event, Request):
                self._requested(event)
        if ws.state is CONNECTING:
            self._bound_head(len(data))

    def connectionLost(self, reason: Any = None) -> None:  # noqa: ARG002
        """The connection is gone, in order or not."""
        self._connections.left(self)
        self._forget_deadline()
        self._leave()
        self._ws.dispose()

    # --- what `Connections` calls at the end -------------------------------------------------------------------

    def loseConnection(self) -> None:
        """The router stops: say so, and close without waiting for an answer."""
        if self._ws.state is OPEN:
            self._ws.send_close(GOING_AWAY, "the router stops")
            self._write_controls()
        self.transport.loseConnection()

    def abortConnection(self) -> None:
        """Close at once, whatever has not left yet."""
        self.transport.abortConnection()

    # --- what `Pings` calls ------------------------------------------------------------------------------------

    def ping(self) -> None:
        """Ask for a sign of life."""
        if self._ws.state is OPEN:
            self._ws.send_ping(b"")
            self._write_controls()

    def unresponsive(self) -> None:
        """Not a word since the ping."""
        if self._peer is not None and self._peer.avoided:
            return  # there may well have been one: nobody listened
        name = self._peer.details.peer if self._peer is not None else ""
        self.log.info("{peer}: does not answer pings: closing", peer=name)
        self.transport.abortConnection()

    # --- the handshake -----------------------------------------------------------------------------------------

    def _requested(self, request: Request) -> None:
        ws = self._ws
        ws.local = is_loopback(getattr(self.transport.getPeer(), "host", ""))
        response = ws.accept(request)
        if response.status_code == 426:
            response = ws.reject(426, _FOR_PEOPLE)
            response.headers["Upgrade"] = "websocket"
        if response.status_code != 101:
            response.headers["Sec-WebSocket-Version"] = "13"  # the one spoken here (RFC 6455 section 4.4)
        elif self._common.jar is not None:
            self._visited(request, response, self._common.jar)
        ws.send_response(response)
        if response.status_code == 101:
            self._open()
        else:
            self._common.refusals.add(f"{peer_name(self.transport)} ({response.status_code}): {ws.handshake_exc}")

    def _visited(self, request: Request, response: Response, jar: Any) -> None:
        """Look for the browser's cookie, and give it one if it has none of use."""
        self._visit, fresh = jar.visit(shown(request.headers, jar.config.name))
        if fresh is not None:
            secure = getattr(self.transport, "transport_details", None) is not None
            response.headers["Set-Cookie"] = given(jar.config, fresh, request.path, secure)

    def _open(self) -> None:
        """Shaken hands: the answer leaves before anything of the session can."""
        self._write_controls()
        common, transport = self._common, self.transport
        config, host = common.config, common.host
        codec = common.codecs[self._ws.subprotocol or "wamp.2.json"]
        self._opcode = Opcode.BINARY if codec.binary else Opcode.TEXT
        options = config.options
        self._plain = not self._ws.extensions
        self._limit = min(options.max_message_size, options.max_frame_size or options.max_message_size)
        out = Compressor(transport, self._ws.extensions) if self._ws.extensions else transport
        details = transport_details(transport, "websocket", codec.name)
        if self._visit is not None:
            details = structs.replace(details, cookie=self._visit)
        peer = WebSocketPeer(
            out, WIRES[codec.name], host.outbox, config.limits, details, host.reactor, finish=self._start_closing
        )
        peer.connection = self
        self._peer = peer
        self._connections.counts.entered(peer)
        self._session = peer.session = host.attach(peer, config.auth, config.limits)
        common.pings.add(self)

    def _bound_head(self, size: int) -> None:
        self._head_size += size
        if self._head_size > MAX_HEAD and not self._ws.eof_sent:
            self._refuse(431, f"The head of the request is longer than {MAX_HEAD} bytes.\n")

    def _check_greeted(self) -> None:
        if self._session is not None and self._session.greeted:
            self._forget_deadline()

    def _too_late(self) -> None:
        """Neither handshake nor HELLO in time."""
        self._deadline = None
        seconds = self._common.config.options.open_handshake_timeout / 1000
        if self._session is not None:
            self._violated(ProtocolViolation(f"no HELLO within {seconds:g} s"))
        elif self._ws.state is CONNECTING and not self._ws.eof_sent:
            self._refuse(408, f"No request came within {seconds:g} s.\n")
            self._write_controls()
        else:
            self.transport.abortConnection()

    def _refuse(self, status: int, text: str) -> None:
        self._ws.send_response(self._ws.reject(status, text))

    # --- messages ----------------------------------------------------------------------------------------------

    def _received(self, frame: Frame) -> None:
        opcode = frame.opcode
        if self._session is None or self._ws.state is CONNECTING:
            return
        longest = self._common.config.options.max_frame_size
        if longest and len(frame.data) > longest:
            self._ws.fail(TOO_BIG, f"a frame of {len(frame.data)} bytes; at most {longest} are taken here")
            self._leave()
            return
        if opcode is Opcode.TEXT or opcode is Opcode.BINARY:
            if opcode is not self._opcode:
                self._violated(ProtocolViolation(f"a {opcode.name} frame; {self._opcode.name} would be right"))
            elif frame.fin:
                self._decode_frame(frame.data)
            else:
                self._message = bytearray(frame.data)
        elif opcode is Opcode.CONT and self._message is not None:
            self._message += frame.data
            if frame.fin:
                whole, self._message = self._message, None
                self._decode_frame(whole)

    def _decode_frame(self, data: bytes | bytearray | memoryview) -> None:
        self._count(1, len(data))
        self._decode(data)

    def _count(self, messages: int, octets: int) -> None:
        if self._peer is not None:
            counts = self._peer.counts
            counts.messages_received += messages
            counts.bytes_received += octets

    def _decode(self, data: bytes | bytearray | memoryview) -> None:
        peer, session = self._peer, self._session
        if peer is None or session is None:
            return
        try:
            message = peer.codec.decode(data if type(data) is bytes else bytes(data))
        except ProtocolViolation as violation:
            self._violated(violation)
        else:
            session.receive(message)

    def _violated(self, violation: ProtocolViolation, close_code: int = PROTOCOL_ERROR) -> None:
        if self._session is not None:
            self._close_code = close_code
            self._session.violated(violation)

    # --- the end -----------------------------------------------------------------------------------------------

    def _start_closing(self) -> None:
        """Everything the session sent has left: start the closing handshake (RFC 6455 section 7.1.2)."""
        if self._ws.state is OPEN:
            self._ws.send_close(self._close_code)
            self._write_controls()

    def _write_controls(self) -> None:
        """Write what the protocol itself has to say: handshake, pongs, close. At its end the client has a while."""
        for data in self._ws.data_to_send():
            if data and data[0] == _PONG and (self._closing or not self.reads):
                self._pong = data  # the latest will do (RFC 6455 section 5.5.3), so that pings fill no buffer
            elif data:
                self.transport.write(data)
            else:
                self.transport.loseConnection()
        if self._ws.close_expected() and not self._closing:
            self._expect_close()

    def send_held_pong(self) -> None:
        """The client reads again: it gets the answer to its latest ping."""
        pong, self._pong = self._pong, b""
        if pong:
            self.transport.write(pong)

    def _expect_close(self) -> None:
        self._closing = True
        self._forget_deadline()
        patience = self._common.config.options.close_handshake_timeout / 1000
        self._deadline = self._common.host.reactor.callLater(patience, self._cut)

    def _cut(self) -> None:
        self._deadline = None
        self.transport.abortConnection()

    def _forget_deadline(self) -> None:
        deadline, self._deadline = self._deadline, None
        if deadline is not None:
            deadline.cancel()

    def _leave(self) -> None:
        """Nothing can be sent any more: the session is lost. Idempotent."""
        session, self._session = self._session, None
        peer, self._peer = self._peer, None
        if session is None or peer is None:
            return
        self._common.pings.discard(self)
        self._connections.counts.left(peer)
        peer.flush()
        peer.gone()
        session.lost()
        peer.session = None  # they refer to each other, and need not wait for the collector


class WebSocketTransport(ListeningTransport):
    """The transport `websocket`: WebSockets on a port of their own."""

    _config: WebSocket

    def protocols(self) -> tuple[Make, KeepAlive]:
        """See `ListeningTransport`."""
        options = self._config.options
        keepalive = KeepAlive.from_pings(options.auto_ping_interval, options.auto_ping_timeout)
        return WebSockets(self._config, self._host).protocol, keepalive
