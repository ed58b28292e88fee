"""Where transports listen, and TLS there."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from edge_router.config.schema.section import Mode, Port, Section, SocketPath


class Tls(Section):
    """TLS 1.2 and 1.3 for a TCP port. Files are PEM, relative to the node directory; a reload reads them again.

    key: the private key, not encrypted. certificate: the node's certificate; what follows it in the file is sent along.
    chain_certificates: files of certificates between the node's and the authority's. ca_certificates: files of
    authorities; if given, clients must show a certificate that one of them has signed. dhparam: a file of
    Diffie-Hellman parameters, for clients that know DHE only. ciphers: for TLS 1.2, as OpenSSL writes lists of them;
    left out, those with forward secrecy and authentication.
    """

    key: str
    certificate: str
    chain_certificates: list[str] = []
    ca_certificates: Annotated[list[str], Meta(min_length=1)] | None = None
    dhparam: str | None = None
    ciphers: str | None = None


class TcpEndpoint(Section, tag="tcp"):
    """A TCP port to listen on.

    port: the port; 0 takes a free one, `$NAME` is a variable of the environment. interface: the address to bind; left
    out, all. version: 4, or 6, which without `interface` is for both. tls: with this section TLS is spoken here.
    backlog: connections waiting to be accepted. user_timeout: after so many milliseconds without an acknowledgement
    the connection is dropped (TCP_USER_TIMEOUT); left out, taken from the pings; 0 leaves it to the kernel, which small
    devices need that read slowly through a window of a few kilobytes.
    """

    port: Port
    interface: str | None = None
    version: Literal[4, 6] = 4
    backlog: Annotated[int, Meta(ge=1, le=65535)] = 512
    user_timeout: Annotated[int, Meta(ge=0, le=65535)] | None = None
    tls: Tls | None = None


class UnixEndpoint(Section, tag="unix"):
    """A Unix socket to listen on.

    path: the socket, relative to the node directory; `$NAME` in it is a variable of the environment. mode: its
    permissions, octal. owner, group: who it belongs to. backlog: connections waiting to be accepted.
    """

    path: SocketPath
    mode: Mode = "660"
    owner: str | None = None
    group: str | None = None
    backlog: Annotated[int, Meta(ge=1, le=65535)] = 512


Endpoint = TcpEndpoint | UnixEndpoint
