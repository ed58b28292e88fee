"""Plays a scenario through real sockets: a router listens, players connect over RawSocket (TCP, Unix) or WebSocket.

Router and players live in one thread: a private reactor is turned by hand while a player waits, and its clock is the
test's. A player pings after all it sends; when the pong is there, the router has handled what was sent.
"""

from __future__ import annotations

import socket
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from twisted.internet.defer import ensureDeferred
from websockets.client import ClientProtocol
from websockets.frames import Opcode
from websockets.uri import parse_uri

from edge_router.config.schema import RawSocket, TcpEndpoint, UnixEndpoint, WebSocket
from edge_router.config.schema import (
    RouterWorker as WorkerConfig,
)
from edge_router.node.router import RouterWorker
from tests.scenarios.language import Scenario
from tests.scenarios.spoken import SPOKEN, Spoken
from tests.scenarios.stage import auth_of, limits_of, realm_of
from tests.transports.loop import Loop

#: real seconds that anything may take
PATIENCE = 10.0


class SocketConnection:
    """A player's end of a socket. Subclasses know the framing."""

    def __init__(self, turn: Callable[[], None], sock: socket.socket, spoken: Spoken) -> None:
        self.inbox: deque[Any] = deque()
        self.closed = False
        self.spoken = spoken
        self._turn = turn
        self._socket = sock
        self._pongs = 0

    def send(self, message: list[Any]) -> None:
        """Send, and wait until it has been handled."""
        self.write(self.framed(self.spoken.dumps(message)))
        self.synchronize()

    def synchronize(self) -> None:
        """Until the router has handled everything up to now."""
        wanted = self._pongs + 1
        self.write(self.ping())
        self.turn_until(lambda: self._pongs >= wanted or self.closed)

    def wait(self) -> None:
        if not self.inbox:
            self.synchronize()

    def hang_up(self) -> None:
        """Close; the router has noticed after a turn."""
        self._socket.close()
        self.closed = True
        for _ in range(3):
            self._turn()

    def write(self, data: bytes) -> None:
        while data and not self.closed:
            try:
                data = data[self._socket.send(data) :]
            except BlockingIOError:
                self.read()
            except (BrokenPipeError, ConnectionResetError):
                self.closed = True

    def turn_until(self, reached: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not reached():
            assert time.monotonic() < deadline, "no answer from the router"
            self._turn()
            self.read()

    def read(self) -> None:
        """Take what has arrived."""
        try:
            while not self.closed:
                data = self._socket.recv(65_536)
                if data:
                    self.feed(data)
                else:
                    self.closed = True
        except BlockingIOError:
            pass
        except ConnectionResetError:
            self.closed = True

    def message(self, payload: bytes) -> None:
        self.inbox.append(self.spoken.loads(payload))

    def shake_hands(self) -> None:
        raise NotImplementedError

    def framed(self, payload: bytes) -> bytes:
        raise NotImplementedError

    def ping(self) -> bytes:
        raise NotImplementedError

    def feed(self, data: bytes) -> None:
        raise NotImplementedError


class RawSocketConnection(SocketConnection):
    """RawSocket, read off the page of the spec: `7F FS 00 00`, then type, length and payload."""

    def __init__(self, turn: Callable[[], None], sock: socket.socket, spoken: Spoken) -> None:
        super().__init__(turn, sock, spoken)
        self._data = b""
        self._shaken = False

    def shake_hands(self) -> None:
        self.write(bytes((0x7F, 0xF0 | self.spoken.serializer, 0, 0)))
        self.turn_until(lambda: self._shaken or self.closed)
        assert self._shaken, "the router refused the handshake"

    def framed(self, payload: bytes) -> bytes:
        return b"\0" + len(payload).to_bytes(3, "big") + payload

    def ping(self) -> bytes:
        return b"\x01\0\0\x04sync"

    def feed(self, data: bytes) -> None:
        self._data += data
        while len(self._data) >= 4:
            if not self._shaken:
                assert self._data[0] == 0x7F
                assert self._data[1] & 0x0F == self.spoken.serializer, "the router agrees on the serializer"
                self._shaken, self._data = True, self._data[4:]
                continue
            kind, end = self._data[0], 4 + int.from_bytes(self._data[1:4], "big")
            if len(self._data) < end:
                return
            payload, self._data = self._data[4:end], self._data[end:]
            if kind == 2:
                self._pongs += 1
            else:
                assert kind == 0, f"a frame of type {kind}"
                self.message(payload)


class WebSocketConnection(SocketConnection):
    """WebSocket, by the client side of `websockets`."""

    def __init__(self, turn: Callable[[], None], sock: socket.socket, spoken: Spoken) -> None:
        super().__init__(turn, sock, spoken)
        self._protocol = ClientProtocol(parse_uri("ws://localhost/"), subprotocols=[f"wamp.2.{spoken.name}"])
        self._opened = False

    def shake_hands(self) -> None:
        self._protocol.send_request(self._protocol.connect())
        self.write(b"".join(self._protocol.data_to_send()))
        self.turn_until(lambda: self._opened or self.closed)
        assert self._protocol.subprotocol == f"wamp.2.{self.spoken.name}"

    def framed(self, payload: bytes) -> bytes:
        (self._protocol.send_binary if self.spoken.binary else self._protocol.send_text)(payload)
        return b"".join(self._protocol.data_to_send())

    def ping(self) -> bytes:
        self._protocol.send_ping(b"sync")
        return b"".join(self._protocol.data_to_send())

    def feed(self, data: bytes) -> None:
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if not self._opened:
                self._opened = True
                assert self._protocol.handshake_exc is None, self._protocol.handshake_exc
            elif event.opcode is Opcode.PONG:
                self._pongs += 1
            elif event.opcode in (Opcode.TEXT, Opcode.BINARY):
                assert (event.opcode is Opcode.BINARY) == self.spoken.binary
                self.message(event.data)
            elif event.opcode is Opcode.CLOSE:
                self.closed = True
        answer = b"".join(self._protocol.data_to_send())
        if answer and not self.closed:
            self.write(answer)


class SocketStage:
    """A listening router, one port a player, since who a player is depends on the port's `auth`.

    spoken: player -> encoding. transports: player -> `tcp`, `unix` or `websocket`.
    """

    def __init__(
        self, loop: Loop, directory: Path, scenario: Scenario, spoken: Mapping[str, str], transports: Mapping[str, str]
    ) -> None:
        self._loop = loop
        self._now = 1000.0
        loop.reactor.seconds = lambda: self._now
        self._scenario = scenario
        self._spoken = spoken
        self._transports = transports
        self._directory = directory
        self._players = list(scenario.players)
        self._connections: list[SocketConnection] = []
        config = WorkerConfig(realms=[realm_of(scenario)], transports=[self._listen(name) for name in self._players])
        self._worker = RouterWorker(config, directory, loop.reactor, dict, lambda: None)
        loop.result(ensureDeferred(self._worker.start()))

    def _listen(self, player: str) -> RawSocket | WebSocket:
        kind = self._transports[player]
        endpoint = UnixEndpoint(path=f"{player}.sock") if kind == "unix" else TcpEndpoint(port=0, interface="127.0.0.1")
        transport = WebSocket if kind == "websocket" else RawSocket
        return transport(endpoint=endpoint, auth=auth_of(self._scenario, player), limits=limits_of(self._scenario))

    def connect(self, player: str) -> SocketConnection:
        place = self._worker.places[self._players.index(player)]
        if self._transports[player] == "unix":
            sock = socket.socket(socket.AF_UNIX)
            sock.connect(str(self._directory / f"{player}.sock"))
        else:
            sock = socket.create_connection(("127.0.0.1", int(place.rpartition(":")[2])), timeout=PATIENCE)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else each ping waits 40 ms for an ACK
        sock.setblocking(False)
        kind = WebSocketConnection if self._transports[player] == "websocket" else RawSocketConnection
        connection = kind(self._turn, sock, SPOKEN[self._spoken[player]])
        connection.shake_hands()
        self._connections.append(connection)
        return connection

    def _turn(self) -> None:
        self._loop.reactor.iterate(0)

    def pass_time(self, milliseconds: int) -> None:
        self._now += milliseconds / 1000
        self.settle()

    def settle(self) -> None:
        self._turn()
        self._turn()
        for connection in self._connections:
            if not connection.closed:
                connection.synchronize()
        self._turn()
        for connection in self._connections:
            connection.read()

    def end(self) -> None:
        goodbye = ensureDeferred(self._worker.say_goodbye())
        goodbye.addErrback(lambda _: None)
        self.settle()

    def close(self) -> None:
        """Hang up and stop listening."""
        for connection in self._connections:
            connection.hang_up()
        self._loop.result(ensureDeferred(self._worker.stop()))
