"""How a connected peer is named in logs and session details, and what else is known of its connection."""

from __future__ import annotations

import socket
import struct
from typing import Any, Final

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress

from edge_router.router.interfaces import TransportDetails

_CREDENTIALS: Final = struct.Struct("3i")


def peer_name(transport: Any) -> str:
    """`tcp4:192.168.0.7:53124`, `tcp6:[fe80::1]:53124`, or `unix:pid=812,uid=1000,gid=1000` (unix(7), SO_PEERCRED).

    transport: Twisted's, connected.
    """
    address = transport.getPeer()
    if isinstance(address, IPv4Address):
        return f"tcp4:{address.host}:{address.port}"
    if isinstance(address, IPv6Address):
        return f"tcp6:[{address.host}]:{address.port}"
    if isinstance(address, UNIXAddress):
        octets = transport.getHandle().getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        pid, uid, gid = _CREDENTIALS.unpack(octets)
        return f"unix:pid={pid},uid={uid},gid={gid}"
    return str(address)


def transport_details(transport: Any, kind: str, protocol: str) -> TransportDetails:
    """How a peer is connected. transport: Twisted's; one under TLS knows more. kind, protocol: as in the details."""
    secured = getattr(transport, "transport_details", None)
    if secured is None:
        return TransportDetails(kind, peer_name(transport), protocol)
    details: TransportDetails = secured(kind, protocol)
    return details
