"""WAMP over RawSocket: the server's end of a connection, and the transport that listens for such.

Bytes come in, `wamp.rawsocket` cuts them into frames, the codec makes messages of those, the session takes them; what
the session sends leaves through a `StreamPeer`. PING is answered with PONG, and sent if the configuration says so.
(Spec, "RawSocket Transport".)
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

from twisted.internet.protocol import Protocol as StreamProtocol
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from edge_router.config.schema import RawSocket, UniversalRawSocket
from edge_router.router.interfaces import ReceivingSession
from edge_router.transports.host import Host
from edge_router.transports.listen import Connections, KeepAlive, Make
from edge_router.transports.listening import ListeningTransport
from edge_router.transports.peer import StreamPeer
from edge_router.transports.peername import peer_name, transport_details
from edge_router.transports.pings import Pings
from edge_router.transports.tally import Tally, logged
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


class RawSockets:
    """What the RawSocket connections of one port have in common.

    config: encodings, options, login and limits. host: the node.
    """

    log = Logger(namespace="edge_router.rawsocket")

    def __init__(self, config: Config, host: Host) -> None:
        self.config = config
        self.host = host
        self.serializers = [CODECS[name].id for name in config.serializers]
        self.pings = Pings(host.reactor, config.options.auto_ping_interval, config.options.auto_ping_timeout)
        self.refusals = Tally(host.reactor, logged(self.log, "RawSocket refused"))

    def protocol(self, connections: Connections) -> RawSocketServer:
        """The protocol for one connection of the port that `connections` belongs to."""
        return RawSocketServer(self, connections)


class RawSocketServer(StreamProtocol):
    """One connection.

    common: of its port. connections: of the listening port.
    """

    log = Logger(namespace="edge_router.rawsocket")
    transport: Any

    def __init__(self, common: RawSockets, connections: Connections) -> None:
        self.heard = False
        self._common = common
        self._config = common.config
        self._host = common.host
        self._connections = connections
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
        deadline, self._deadline = self._deadline, None
        if deadline is not None and deadline.active():
            deadline.cancel()
        self._common.pings.discard(self)
        peer, session = self._peer, self._session
        if peer is None or session is None:
            return
        self._connections.counts.left(peer)
        peer.gone()
        self._host.outbox.begin()
        session.lost()
        self._host.outbox.flush()
        peer.session = None  # they refer to each other, and need not wait for the collector

    # --- the handshake -----------------------------------------------------------------------------------------

    def _shake_hands(self, octets: bytes) -> bool:
        config = self._config
        transport = self.transport
        name = peer_name(transport)
        try:
            serializer, max_frame = read_hello(octets, self._common.serializers)
        except HandshakeRefused as refusal:
            self._common.refusals.add(f"{name}: {refusal}")
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
            transport_details(transport, "rawsocket", wire.codec.name),
            self._host.reactor,
            max_frame + HEADER_LENGTH,
        )
        self._peer = peer
        self._connections.counts.entered(peer)
        self._session = peer.session = self._host.attach(peer, config.auth, config.limits)
        self._common.pings.add(self)
        return True

    def _too_late(self) -> None:
        """The time for handshake and HELLO is up."""
        if self._session is not None and self._session.greeted:
            return
        patience = self._config.options.open_handshake_timeout
        self._common.refusals.add(f"{peer_name(self.transport)}: no HELLO within {patience} ms")
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
            messages = deframer.feed(data)
            counts = self._peer.counts  # type: ignore[union-attr]
            counts.bytes_received += len(data)
            counts.messages_received += len(messages)
            for message in messages:
                session.receive(decode(message))  # type: ignore[union-attr]
            if deframer.controls:
                self._answer_pings()
            if deframer.violation is not None:
                session.violated(deframer.violation)  # type: ignore[union-attr]
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
                self._peer.send_control(control(PONG, payload))  # type: ignore[union-attr]
        self._deframer.controls.clear()

    # --- pings -------------------------------------------------------------------------------------------------

    def ping(self) -> None:
        """Ask the peer for a sign of life (`pings.Pingable`)."""
        self._peer.send_control(control(PING, b"edge"))  # type: ignore[union-attr]

    def unresponsive(self) -> None:
        """It gave none: free what it holds at once (`pings.Pingable`)."""
        if self._peer is not None and self._peer.avoided:
            return  # it may well have: nobody listened
        self.log.info("{peer}: no answer to a PING: closing", peer=peer_name(self.transport))
        self.transport.abortConnection()


class RawSocketTransport(ListeningTransport):
    """The transport `rawsocket`: RawSocket on a port of its own (`universal` shares one)."""

    _config: RawSocket

    def protocols(self) -> tuple[Make, KeepAlive]:
        """See `ListeningTransport`."""
        options = self._config.options
        keepalive = KeepAlive.from_pings(options.auto_ping_interval, options.auto_ping_timeout)
        return RawSockets(self._config, self._host).protocol, keepalive
