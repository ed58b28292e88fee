"""How a connected peer is named in logs and session details."""

from __future__ import annotations

import socket
import struct
from typing import Any, Final

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress

_CREDENTIALS: Final = struct.Struct("3i")


def peer_name(transport: Any) -> str:
    """`tcp4:192.168.0.7:53124`, `tcp6:[fe80::1]:53124`, or `unix:pid=812,uid=1000` (unix(7), SO_PEERCRED).

    transport: Twisted's, connected.
    """
    address = transport.getPeer()
    if isinstance(address, IPv4Address):
        return f"tcp4:{address.host}:{address.port}"
    if isinstance(address, IPv6Address):
        return f"tcp6:[{address.host}]:{address.port}"
    if isinstance(address, UNIXAddress):
        octets = transport.getHandle().getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        pid, uid, _gid = _CREDENTIALS.unpack(octets)
        return f"unix:pid={pid},uid={uid}"
    return str(address)
