"""WAMP over RawSocket: the server's end of a connection, and the transport that listens for such.

Bytes come in, `wamp.rawsocket` cuts them into frames, the codec makes messages of those, the session takes them; what
the session sends leaves through a `StreamPeer`. PING is answered with PONG, and sent if the configuration says so.
(Spec, "RawSocket Transport".)
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

from twisted.internet.defer import Deferred, execute, succeed
from twisted.internet.protocol import Protocol as StreamProtocol
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from edge_router.config.schema import RawSocket, UniversalRawSocket
from edge_router.router.interfaces import ReceivingSession, TransportDetails
from edge_router.transports.host import Host
from edge_router.transports.listen import Connections, KeepAlive, Listener, listen
from edge_router.transports.peer import StreamPeer
from edge_router.transports.peername import peer_name
from edge_router.transports.pings import Pings
from edge_router.wamp.codecs import BY_SERIALIZER, CODECS
from edge_router.wamp.errors import ProtocolViolation
from edge_router.wamp.outgoing import Wire
from edge_router.wamp.rawsocket import (
    HANDSHAKE_LENGTH,
    HEADER_LENGTH,
    PING,
    PONG,
    Deframer,
    HandshakeRefused,
    announced_limit,
    control,
    frame,
    hello,
    read_hello,
)

Config: TypeAlias = RawSocket | UniversalRawSocket

#: one per encoding, so that all RawSocket peers of an encoding share an event's frame
WIRES: Final = {serializer: Wire(codec, frame) for serializer, codec in BY_SERIALIZER.items()}


class RawSocketServer(StreamProtocol):
    """One connection.

    config: the transport's options, encodings, login and limits. host: the node. connections: of the listening port.
    pings: of the transport; None if it sends none.
    """

    log = Logger(namespace="edge_router.rawsocket")
    transport: Any

    def __init__(self, config: Config, host: Host, connections: Connections, pings: Pings | None) -> None:
        self.heard = False
        self._config = config
        self._host = host
        self._connections = connections
        self._pings = pings
        self._octets = b""
        self._refused = False
        self._peer: StreamPeer | None = None
        self._session: ReceivingSession | None = None
        self._deadline: Any = None

    # --- what Twisted calls ------------------------------------------------------------------------------------

    def connectionMade(self) -> None:
        """Connected: a handshake and a HELLO are due."""
        self._connections.entered(self.transport)
        patience = self._config.options.open_handshake_timeout
        if patience:
            self._deadline = self._host.reactor.callLater(patience / 1000, self._too_late)

    def dataReceived(self, data: bytes) -> None:
        """Octets of the handshake, then of frames."""
        if self._session is not None:
            self._read(data)
            return
        if self._refused:
            return
        self._octets += data
        if len(self._octets) >= HANDSHAKE_LENGTH:
            octets, rest = self._octets[:HANDSHAKE_LENGTH], self._octets[HANDSHAKE_LENGTH:]
            self._octets = b""
            if self._shake_hands(octets) and rest:
                self._read(rest)

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: ARG002
        """The connection is gone, in order or not."""
        self._connections.left(self.transport)
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()
        if self._pings is not None:
            self._pings.discard(self)
        if self._peer is not None:
            self._peer.gone()
        if self._session is not None:
            self._host.outbox.begin()
            self._session.lost()
            self._host.outbox.flush()

    # --- the handshake -----------------------------------------------------------------------------------------

    def _shake_hands(self, octets: bytes) -> bool:
        config = self._config
        transport = self.transport
        name = peer_name(transport)
        try:
            serializer, max_frame = read_hello(octets, [CODECS[name].id for name in config.serializers])
        except HandshakeRefused as refusal:
            self.log.info("{peer}: RawSocket handshake refused: {reason}", peer=name, reason=refusal)
            transport.write(refusal.reply)
            transport.loseConnection()
            self._refused = True
            return False
        limit = config.options.max_message_size
        transport.write(hello(serializer, limit))
        wire = WIRES[serializer]
        self._deframer = Deframer(announced_limit(limit))
        self._decode = wire.codec.decode
        peer = StreamPeer(
            transport,
            wire,
            self._host.outbox,
            config.limits,
            TransportDetails("rawsocket", name, wire.codec.name),
            self._host.reactor,
            max_frame + HEADER_LENGTH,
        )
        self._peer = peer
        self._session = peer.session = self._host.attach(peer, config.auth, config.limits)
        if self._pings is not None:
            self._pings.add(self)
        return True

    def _too_late(self) -> None:
        """The time for handshake and HELLO is up."""
        if self._session is not None and self._session.id:  # joined; it may have left again by now
            return
        patience = self._config.options.open_handshake_timeout
        self.log.info("{peer}: no HELLO within {patience} ms", peer=peer_name(self.transport), patience=patience)
        if self._session is None:
            self.transport.abortConnection()
        else:
            self._session.violated(ProtocolViolation(f"no HELLO within {patience} ms"))

    # --- frames ------------------------------------------------------------------------------------------------

    def _read(self, data: bytes) -> None:
        """The six hops begin here; nothing may be done per message but what routing needs."""
        self.heard = True
        deframer, decode, session = self._deframer, self._decode, self._session
        outbox = self._host.outbox
        outbox.begin()
        try:
            for message in deframer.feed(data):
                session.receive(decode(message))  # type: ignore[union-attr]
            if deframer.controls:
                self._answer_pings()
            if deframer.violation is not None:
                raise deframer.violation
        except ProtocolViolation as violation:
            session.violated(violation)  # type: ignore[union-attr]
        except Exception:  # noqa: BLE001 - the border: a bug of ours ends this session, not the router
            self.log.failure("{peer}: handling a message", peer=peer_name(self.transport))
            session.violated(ProtocolViolation("the router failed on this message"))  # type: ignore[union-attr]
        finally:
            outbox.flush()

    def _answer_pings(self) -> None:
        for kind, payload in self._deframer.controls:
            if kind == PING:
                self._peer.send_data(control(PONG, payload))  # type: ignore[union-attr]
        self._deframer.controls.clear()

    # --- pings -------------------------------------------------------------------------------------------------

    def ping(self) -> None:
        """Ask the peer for a sign of life (`pings.Pingable`)."""
        self._peer.send_data(control(PING, b"edge"))  # type: ignore[union-attr]

    def unresponsive(self) -> None:
        """It gave none: free what it holds at once (`pings.Pingable`)."""
        self.log.info("{peer}: no answer to a PING: closing", peer=peer_name(self.transport))
        self.transport.abortConnection()


class RawSocketTransport:
    """The transport `rawsocket`: listens for RawSocket connections alone (`universal` shares a port)."""

    def __init__(self, config: RawSocket, host: Host) -> None:
        self._config = config
        self._host = host
        self._listener: Listener | None = None

    def start(self) -> Deferred[str]:
        """Listen; see `host.Transport`."""
        return execute(self._listen)

    def _listen(self) -> str:
        config, host = self._config, self._host
        pings = pings_of(config, host)
        connections = Connections(
            lambda connections: RawSocketServer(config, host, connections, pings), config.max_connections, host.reactor
        )
        options = config.options
        keepalive = KeepAlive.from_pings(options.auto_ping_interval, options.auto_ping_timeout)
        self._listener = listen(host.reactor, config.endpoint, host.directory, connections, keepalive)
        return self._listener.place

    def stop(self) -> Deferred[None]:
        """Stop listening and drop what is connected. Idempotent."""
        listener, self._listener = self._listener, None
        return listener.stop() if listener else succeed(None)


def pings_of(config: Config, host: Host) -> Pings | None:
    """The pings of a transport, if it sends any."""
    options = config.options
    if not options.auto_ping_interval:
        return None
    return Pings(host.reactor, options.auto_ping_interval, options.auto_ping_timeout)
