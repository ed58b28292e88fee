"""Sockets that the service manager opened: which endpoint is served by which, and what becomes of them."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from edge_router.config.schema import TcpEndpoint, UnixEndpoint
from edge_router.transports import listen as listening
from edge_router.transports.handed import Handed
from edge_router.transports.listen import CannotListen, Connections, KeepAlive, Listener, listen
from tests.transports.loop import Loop
from tests.transports.test_listen import Greeter, received

PID = 4711


class Manager:
    """A service manager, and the node's side of what it hands over."""

    def __init__(self, loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
        self._loop = loop
        self._opened = ExitStack()
        self._numbers: list[int] = []
        self.handed = Handed()
        monkeypatch.setattr(listening, "HANDED", self.handed)

    def opens(self, address: Any, family: int = socket.AF_INET, kind: int = socket.SOCK_STREAM) -> int:
        """A socket that listens. Result: its TCP port, or 0."""
        made = self._opened.enter_context(socket.socket(family, kind))
        made.bind(address)
        if kind == socket.SOCK_STREAM:
            made.listen()
        self._numbers.append(made.fileno())
        name = made.getsockname()
        return int(name[1]) if isinstance(name, tuple) else 0

    def adds(self, number: int) -> None:
        """What is open already."""
        self._numbers.append(number)

    def hands_over(self, pid: int = PID) -> list[str]:
        """All of them, in descriptors that follow each other. Result: what is wrong."""
        count = len(self._numbers)
        holes = [os.open("/dev/null", os.O_RDONLY) for _ in range(200)]
        first = next(n for n in holes if all(n + i in holes for i in range(count)))
        for hole in holes:
            os.close(hole)
        for i, number in enumerate(self._numbers):
            os.dup2(number, first + i)
        told = {"LISTEN_FDS": str(count), "LISTEN_PID": str(pid)}
        return self.handed.take_over(told, PID, first)

    def serves(self, endpoint: TcpEndpoint | UnixEndpoint) -> Listener:
        """The node opens an endpoint."""
        connections = Connections(Greeter, 10, self._loop.reactor)
        return listen(self._loop.reactor, endpoint, Path("/"), connections, KeepAlive())

    def close(self) -> None:
        """Both are gone."""
        self._opened.close()
        self.handed.close()


@pytest.fixture
def manager(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> Iterator[Manager]:
    made = Manager(loop, monkeypatch)
    yield made
    made.close()


def greeted(loop: Loop, family: int, address: Any) -> bytes:
    with socket.socket(family) as client:
        client.connect(address)
        client.setblocking(False)
        return received(loop, client)


def test_an_endpoint_with_that_address_is_served_by_it(manager: Manager, loop: Loop) -> None:
    """Though the port is in use, by the manager itself."""
    port = manager.opens(("127.0.0.1", 0))
    assert manager.hands_over() == []
    assert manager.handed.idle() == [f"127.0.0.1:{port}"]
    listener = manager.serves(TcpEndpoint(interface="127.0.0.1", port=port))
    assert listener.place == f"tcp4:127.0.0.1:{port}"
    assert greeted(loop, socket.AF_INET, ("127.0.0.1", port)) == b"hello"
    assert manager.handed.idle() == []
    loop.result(listener.stop())


def test_nobody_is_refused_while_a_transport_starts_anew(manager: Manager, loop: Loop) -> None:
    """Who connects in between waits in the socket's queue."""
    port = manager.opens(("127.0.0.1", 0))
    manager.hands_over()
    endpoint = TcpEndpoint(interface="127.0.0.1", port=port)
    loop.result(manager.serves(endpoint).stop())
    with socket.socket() as client:
        client.connect(("127.0.0.1", port))
        client.setblocking(False)
        listener = manager.serves(endpoint)
        assert received(loop, client) == b"hello"
    loop.result(listener.stop())


@pytest.mark.parametrize("interface", ["", "0.0.0.0"])
def test_one_for_both_versions_of_ip_serves_version_4(manager: Manager, loop: Loop, interface: str) -> None:
    """As `ListenStream=8080` makes it."""
    port = manager.opens(("::", 0), socket.AF_INET6)
    manager.hands_over()
    listener = manager.serves(TcpEndpoint(interface=interface, port=port))
    assert greeted(loop, socket.AF_INET, ("127.0.0.1", port)) == b"hello"
    loop.result(listener.stop())


def test_a_socket_file_stays_as_the_manager_made_it(manager: Manager, loop: Loop, tmp_path: Path) -> None:
    """Mode, and the file itself when the node is gone."""
    path = tmp_path / "x.sock"
    manager.opens(str(path), socket.AF_UNIX)
    path.chmod(0o600)
    manager.hands_over()
    endpoint = UnixEndpoint(path=str(path), mode="666")
    for _ in range(2):
        listener = manager.serves(endpoint)
        assert greeted(loop, socket.AF_UNIX, str(path)) == b"hello"
        loop.result(listener.stop())
    assert path.is_socket()
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_was_meant_for_another_process_is_left(manager: Manager) -> None:
    """A program that the node starts inherits the environment of nobody."""
    manager.opens(("127.0.0.1", 0))
    assert manager.hands_over(pid=PID + 1) == []
    assert manager.handed.idle() == []


def test_an_endpoint_of_another_address_opens_its_own(manager: Manager, loop: Loop) -> None:
    """And is told as ever if the port is taken."""
    port = manager.opens(("127.0.0.1", 0))
    manager.hands_over()
    endpoint = TcpEndpoint(interface="127.0.0.2", port=port)
    listener = manager.serves(endpoint)
    assert greeted(loop, socket.AF_INET, ("127.0.0.2", port)) == b"hello"
    with pytest.raises(CannotListen, match="in use"):
        manager.serves(endpoint)
    assert manager.handed.idle() == [f"127.0.0.1:{port}"]
    loop.result(listener.stop())


def test_what_is_no_listening_stream_is_told(manager: Manager) -> None:
    """`ListenDatagram=` is a mistake."""
    port = manager.opens(("127.0.0.1", 0), kind=socket.SOCK_DGRAM)
    (wrong,) = manager.hands_over()
    assert f"127.0.0.1:{port}: not a listening stream; use `ListenStream=`" in wrong


def test_what_is_no_socket_is_told(manager: Manager) -> None:
    """`ListenFIFO=` is one, too, and no reason not to start."""
    reading, writing = os.pipe()
    manager.adds(reading)
    (wrong,) = manager.hands_over()
    assert "not a socket; use `ListenStream=`" in wrong
    os.close(reading)
    os.close(writing)
