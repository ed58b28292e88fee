"""Keys and certificates for tests, and a client that speaks TLS while the test turns the loop."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge_router.node.authority import Authority
from tests.transports.loop import Loop

V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


def make_files(directory: Path) -> None:
    """An authority, a node's certificate for 127.0.0.1 and ::1, and one for the client `pump`, in `directory/tls`."""
    authority = Authority(directory / "tls", "test authority")
    authority.sign_node(["localhost", "127.0.0.1", "::1"], 30)
    authority.sign_client("pump", 30)


def client_context(
    directory: Path, version: ssl.TLSVersion | None = None, certificate: str | None = None
) -> ssl.SSLContext:
    """A client's rules: trusts the authority, checks names. version: only this one. certificate: name of its own."""
    context = ssl.create_default_context(cafile=str(directory / "tls/ca.crt"))
    if version is not None:
        context.minimum_version = context.maximum_version = version
    if certificate is not None:
        files = [directory / "tls" / f"{certificate}.{ending}" for ending in ("crt", "key")]
        context.load_cert_chain(*map(str, files))
    return context


class TlsClient:
    """A client that is connected and has shaken hands.

    Raises what the handshake raises (ssl.SSLError, ConnectionError).
    """

    def __init__(self, loop: Loop, address: tuple[str, int], context: ssl.SSLContext, receive: int = 0) -> None:
        self._loop = loop
        plain = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
        if receive:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
        plain.setblocking(False)
        plain.connect_ex(address)
        loop.until(lambda: _connected(plain))
        try:
            self.socket = context.wrap_socket(plain, server_hostname=address[0], do_handshake_on_connect=False)
            self._done(self.socket.do_handshake)
        except BaseException:
            plain.close()
            getattr(self, "socket", plain).close()
            raise

    def send(self, data: bytes) -> None:
        """Send all of it; it is short."""
        self._done(lambda: self.socket.sendall(data))

    def receive(self, size: int = 65_536) -> bytes:
        """What arrives next; the empty string when the other end has closed in order."""
        data: bytes = self._done(lambda: self.socket.recv(size))
        return data

    def exactly(self, size: int) -> bytes:
        """So many octets."""
        data = b""
        while len(data) < size:
            piece = self.receive(size - len(data))
            assert piece, f"closed after {len(data)} of {size} octets"
            data += piece
        return data

    def certificate(self) -> bytes:
        """What the node has shown, in DER."""
        return self.socket.getpeercert(binary_form=True) or b""

    def close(self) -> None:
        self.socket.close()

    def _done(self, step: Callable[[], Any]) -> Any:
        """Turn the loop until a step needs to wait no more. Result: its result."""
        results: list[Any] = []

        def attempt() -> bool:
            try:
                results.append(step())
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return False
            return True

        self._loop.until(attempt)
        return results[0]


def _connected(plain: socket.socket) -> bool:
    try:
        plain.getpeername()
    except OSError:
        return False
    return True
