"""Endpoints: what is bound, what the sockets are like, and what is said when it cannot be."""

from __future__ import annotations

import errno
import gc
import os
import resource
import socket
import time
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import LogEvent, globalLogPublisher

from edge_router.config.schema import TcpEndpoint, UnixEndpoint
from edge_router.transports.listen import CannotListen, Connections, KeepAlive, Listener, listen
from tests.transports.loop import Loop

HERE = Path("/")


#: Twisted 24.11 does not close the socket that it could not bind
TWISTED_24_LEAKS = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


class Greeter(Protocol):
    """Says hello, and whatever it gets back."""

    def __init__(self, connections: Connections) -> None:
        self.connections = connections

    def connectionMade(self) -> None:
        self.connections.entered(self.transport)
        self.transport.write(b"hello")

    def connectionLost(self, reason: Any = None) -> None:
        self.connections.left(self.transport)


def greeters(loop: Loop, limit: int = 10) -> Connections:
    return Connections(Greeter, limit, loop.reactor)


DEFAULT = KeepAlive()


def tcp(loop: Loop, endpoint: TcpEndpoint, keepalive: KeepAlive = DEFAULT, limit: int = 10) -> Listener:
    return listen(loop.reactor, endpoint, HERE, greeters(loop, limit), keepalive)


def connect(listener: Listener) -> socket.socket:
    host = listener.port.getHost()
    family = socket.AF_INET6 if ":" in host.host else socket.AF_INET
    client = socket.socket(family, socket.SOCK_STREAM)
    client.setblocking(False)
    client.connect_ex((host.host, host.port))
    return client


def received(loop: Loop, client: socket.socket, size: int = 100) -> bytes:
    """What arrives; the empty string when the other end has closed."""
    got: list[bytes] = []

    def reads() -> bool:
        try:
            got.append(client.recv(size))
        except BlockingIOError:
            return False
        return True

    loop.until(reads)
    return got[0]


# --- TCP ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "interface", "place"),
    [(4, "127.0.0.1", "tcp4:127.0.0.1:"), (6, "::1", "tcp6:[::1]:")],
)
def test_port_0_takes_a_free_port_and_says_which(loop: Loop, version: Any, interface: str, place: str) -> None:
    """The place that is reported has the real port, and it answers."""
    listener = tcp(loop, TcpEndpoint(port=0, version=version, interface=interface))
    port = listener.port.getHost().port
    assert listener.place == f"{place}{port}"
    assert port > 0
    with connect(listener) as client:
        assert received(loop, client) == b"hello"
    loop.result(listener.stop())


def test_connections_inherit_the_options_of_the_port(loop: Loop) -> None:
    """No delay, keepalive from the pings, TCP_USER_TIMEOUT of both together; for connections, not only the port."""
    listener = tcp(loop, TcpEndpoint(port=0, interface="127.0.0.1"), KeepAlive.from_pings(20_000, 6_000))
    with connect(listener):
        loop.until(lambda: listener.connections.open)
        (transport,) = listener.connections.open
        accepted: socket.socket = transport.getHandle()  # type: ignore[attr-defined]
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
        assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 20
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 26_000
    loop.result(listener.stop())


def test_user_timeout_of_the_endpoint_goes_first(loop: Loop) -> None:
    """`user_timeout` of the configuration is taken as it is, 0 (the system's own) included."""
    for timeout in (0, 1234):
        listener = tcp(loop, TcpEndpoint(port=0, interface="127.0.0.1", user_timeout=timeout))
        assert listener.port.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == timeout
        loop.result(listener.stop())


def test_keepalive_without_pings_has_a_default() -> None:
    """An `auto_ping_interval` of 0 sends no pings of WAMP's own, but TCP still probes."""
    assert KeepAlive.from_pings(0, 5_000) == KeepAlive(idle=10.0, timeout=5.0)


@TWISTED_24_LEAKS
def test_a_busy_port_is_named_with_what_to_do(loop: Loop) -> None:
    """Port busy: the error says the place, the reason, and what would help."""
    first = tcp(loop, TcpEndpoint(port=0, interface="127.0.0.1"))
    port = first.port.getHost().port
    with pytest.raises(CannotListen) as caught:
        tcp(loop, TcpEndpoint(port=port, interface="127.0.0.1"))
    assert str(caught.value).startswith(f"tcp4:127.0.0.1:{port}: the port is in use by another program")
    del caught
    gc.collect()
    loop.result(first.stop())


@TWISTED_24_LEAKS
def test_an_address_that_is_not_there_is_named(loop: Loop) -> None:
    """192.0.2.0/24 is nobody's (RFC 5737)."""
    with pytest.raises(CannotListen, match=r"tcp4:192\.0\.2\.1:0: no network interface of this machine"):
        tcp(loop, TcpEndpoint(port=0, interface="192.0.2.1"))
    gc.collect()


def test_an_address_of_the_other_version_is_refused(loop: Loop) -> None:
    """`version` and `interface` must agree, or the operator gets a port he did not ask for."""
    with pytest.raises(CannotListen, match="`interface` is no IPv6 address"):
        tcp(loop, TcpEndpoint(port=0, interface="127.0.0.1", version=6))
    with pytest.raises(CannotListen, match="`interface` is no IPv4 address"):
        tcp(loop, TcpEndpoint(port=0, interface="::1", version=4))


def test_a_low_port_without_permission_says_which_is_missing() -> None:
    """EACCES, whatever user the test runs as."""

    class Forbidden(MemoryReactorClock):
        def listenTCP(self, port: int, factory: Any, backlog: int = 50, interface: str = "") -> Any:
            raise CannotListenError(interface, port, OSError(errno.EACCES, "Permission denied"))

    reactor = Forbidden()
    with pytest.raises(CannotListen, match=r"tcp4:\*:80: not allowed: .*CAP_NET_BIND_SERVICE"):
        listen(reactor, TcpEndpoint(port=80), HERE, Connections(Greeter, 1, reactor), KeepAlive())


# --- Unix --------------------------------------------------------------------------------------------------------


def unix(loop: Loop, directory: Path, **options: Any) -> Listener:
    return listen(loop.reactor, UnixEndpoint(path="x.sock", **options), directory, greeters(loop), KeepAlive())


def connect_unix(path: Path) -> socket.socket:
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    client.setblocking(False)
    client.connect(bytes(path))
    return client


@pytest.mark.parametrize(("mode", "bits"), [("660", 0o660), ("0600", 0o600), ("777", 0o777)])
def test_the_socket_has_the_mode_of_the_configuration(loop: Loop, tmp_path: Path, mode: str, bits: int) -> None:
    """Whatever the umask is."""
    before = os.umask(0o077)
    try:
        listener = unix(loop, tmp_path, mode=mode)
    finally:
        os.umask(before)
    assert (tmp_path / "x.sock").stat().st_mode & 0o777 == bits
    assert listener.place == f"unix:{tmp_path}/x.sock"
    with connect_unix(tmp_path / "x.sock") as client:
        assert received(loop, client) == b"hello"
    loop.result(listener.stop())


@pytest.mark.skipif(os.getuid() != 0, reason="only root may give a file away")
def test_the_socket_belongs_to_the_owner_and_group_of_the_configuration(loop: Loop, tmp_path: Path) -> None:
    """By name or by number."""
    listener = unix(loop, tmp_path, owner="nobody", group="12345")
    found = (tmp_path / "x.sock").stat()
    assert (found.st_uid, found.st_gid) == (65534, 12345)
    loop.result(listener.stop())


def test_owner_and_group_are_set_before_the_mode_lets_anybody_in(
    loop: Loop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the moment of chown nobody may connect yet."""
    modes: list[int] = []
    monkeypatch.setattr(os, "chown", lambda path, uid, gid: modes.append(Path(path).stat().st_mode & 0o777))
    listener = unix(loop, tmp_path, mode="666", group="0")
    assert modes == [0]
    loop.result(listener.stop())


@pytest.mark.parametrize("option", ["owner", "group"])
def test_an_unknown_owner_or_group_is_named_and_nothing_is_left(loop: Loop, tmp_path: Path, option: str) -> None:
    with pytest.raises(CannotListen, match=f"`{option}`: there is no .* 'nosuchname'"):
        unix(loop, tmp_path, **{option: "nosuchname"})
    assert list(tmp_path.iterdir()) == []


def test_a_chown_that_is_not_allowed_leaves_nothing_behind(
    loop: Loop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The port is closed again and the file is gone."""

    def forbidden(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "chown", forbidden)
    with pytest.raises(CannotListen, match="its owner or group cannot be set"):
        unix(loop, tmp_path, group="0")
    assert list(tmp_path.iterdir()) == []


def test_a_stale_socket_is_replaced(loop: Loop, tmp_path: Path) -> None:
    """A file that a killed router left does not keep the next one from starting."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
        dead.bind(bytes(tmp_path / "x.sock"))
        dead.listen()
    listener = unix(loop, tmp_path)
    with connect_unix(tmp_path / "x.sock") as client:
        assert received(loop, client) == b"hello"
    loop.result(listener.stop())


def test_a_live_socket_is_not(loop: Loop, tmp_path: Path) -> None:
    """Somebody who listens keeps the socket, even if nobody accepts there just now."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as alive:
        alive.bind(bytes(tmp_path / "x.sock"))
        alive.listen(0)
        with connect_unix(tmp_path / "x.sock"):  # the backlog is full now
            with pytest.raises(CannotListen, match="another program listens on this socket"):
                unix(loop, tmp_path)
            assert (tmp_path / "x.sock").is_socket()


def test_another_file_is_not(loop: Loop, tmp_path: Path) -> None:
    """A typing error in `path` must not cost a file, nor must a link be followed."""
    (tmp_path / "x.sock").write_text("precious")
    with pytest.raises(CannotListen, match="a file of that name which is no socket"):
        unix(loop, tmp_path)
    assert (tmp_path / "x.sock").read_text() == "precious"


def test_the_file_is_removed_at_stop(loop: Loop, tmp_path: Path) -> None:
    listener = unix(loop, tmp_path)
    loop.result(listener.stop())
    assert list(tmp_path.iterdir()) == []


def test_somebody_elses_file_is_not_removed_at_stop(loop: Loop, tmp_path: Path) -> None:
    """Who came after us and replaced our file keeps his."""
    listener = unix(loop, tmp_path)
    (tmp_path / "x.sock").unlink()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
        other.bind(bytes(tmp_path / "x.sock"))
        other.listen()
        loop.result(listener.stop())
        with connect_unix(tmp_path / "x.sock"):
            pass


def test_a_file_that_is_gone_already_does_no_harm_at_stop(loop: Loop, tmp_path: Path) -> None:
    listener = unix(loop, tmp_path)
    (tmp_path / "x.sock").unlink()
    loop.result(listener.stop())


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("no/such/x.sock", "the directory does not exist"),
        ("y" * 120, r"bytes long; a Unix socket's has at most 107"),
    ],
)
def test_a_path_that_cannot_be_says_why(loop: Loop, tmp_path: Path, path: str, reason: str) -> None:
    with pytest.raises(CannotListen, match=reason):
        listen(loop.reactor, UnixEndpoint(path=path), tmp_path, greeters(loop), KeepAlive())


# --- connections -------------------------------------------------------------------------------------------------


def test_over_the_limit_is_closed_at_once(loop: Loop) -> None:
    """The third of two gets nothing; when one has left there is room again."""
    listener = tcp(loop, TcpEndpoint(port=0, interface="127.0.0.1"), limit=2)
    with connect(listener) as first, connect(listener) as second:
        assert received(loop, first) == received(loop, second) == b"hello"
        with connect(listener) as third:
            assert received(loop, third) == b""
        second.close()
        loop.until(lambda: len(listener.connections.open) == 1)
        with connect(listener) as fourth:
            assert received(loop, fourth) == b"hello"
    loop.result(listener.stop())


def test_refusals_are_logged_with_a_count_at_most_every_ten_seconds() -> None:
    """The first at once, the others together: an attack must not fill the log."""
    clock = Clock()
    connections = Connections(Greeter, 0, clock)
    events: list[LogEvent] = []
    globalLogPublisher.addObserver(events.append)
    try:
        for _ in range(5):
            assert connections.buildProtocol(None) is None
        assert [event["count"] for event in events] == [1]
        clock.advance(10)
        assert [event["count"] for event in events] == [1, 4]
        clock.advance(10)
        connections.buildProtocol(None)
        assert [event["count"] for event in events] == [1, 4, 1]
        clock.advance(10)
        assert len(events) == 3
        assert clock.getDelayedCalls() == []
    finally:
        globalLogPublisher.removeObserver(events.append)


def test_stop_closes_connections_and_cuts_those_that_do_not_read(loop: Loop) -> None:
    """`stop` ends within about a second, whatever the clients do."""
    listener = tcp(loop, TcpEndpoint(port=0, interface="127.0.0.1"))
    with connect(listener) as client:
        assert received(loop, client) == b"hello"
        (transport,) = listener.connections.open
        transport.write(b"x" * 50_000_000)  # type: ignore[attr-defined]
        loop.result(listener.stop())
        assert not listener.connections.open


def test_stop_delivers_what_was_written_before(loop: Loop) -> None:
    """A GOODBYE written just before is not lost."""
    listener = tcp(loop, TcpEndpoint(port=0, interface="127.0.0.1"))
    with connect(listener) as client:
        assert received(loop, client) == b"hello"
        (transport,) = listener.connections.open
        transport.write(b"goodbye")  # type: ignore[attr-defined]
        loop.result(listener.stop())
        assert received(loop, client) == b"goodbye"
        assert received(loop, client) == b""


def test_no_descriptors_left_does_not_spin(loop: Loop) -> None:
    """EMFILE: those who wait are closed, the loop sleeps again, and later ones are served."""
    listener = tcp(loop, TcpEndpoint(port=0, interface="127.0.0.1"), limit=1000)
    clients = [connect(listener) for _ in range(20)]
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    first_free = os.dup(0)
    os.close(first_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (first_free, hard))
    try:
        for _ in range(5):
            loop.reactor.iterate(0.01)
        before = time.process_time()
        for _ in range(5):
            loop.reactor.iterate(0.05)
        assert time.process_time() - before < 0.1
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    answers = [received(loop, client) for client in clients]
    assert answers == [b""] * 20
    with connect(listener) as late:
        assert received(loop, late) == b"hello"
    for client in clients:
        client.close()
    loop.result(listener.stop())
