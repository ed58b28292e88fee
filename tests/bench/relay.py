"""A bare relay of bytes on Twisted: what a sender writes goes to every receiver, unread. The limit on this stack.

    python relay.py PORT

A connection says by its first byte whether it receives (`r`) or sends (`s`) and is answered with one byte. What a
receiver writes goes to every sender, so that an echoed call is measured too. One sender at a time: what is handed on
are the chunks that a read brings, not frames.
"""

from __future__ import annotations

import sys
from typing import Any

from twisted.internet import protocol, reactor

RECEIVERS: list[Relay] = []
SENDERS: list[Relay] = []


class Relay(protocol.Protocol):
    """One end of the relay."""

    transport: Any
    mine: list[Relay] | None = None
    theirs: list[Relay] = []

    def connectionMade(self) -> None:
        self.transport.setTcpNoDelay(True)

    def dataReceived(self, data: bytes) -> None:
        if self.mine is None:
            self.mine, self.theirs = (RECEIVERS, SENDERS) if data[:1] == b"r" else (SENDERS, RECEIVERS)
            self.mine.append(self)
            self.transport.write(b"k")
            return
        for end in self.theirs:
            end.transport.write(data)

    def connectionLost(self, reason: object = None) -> None:
        if self.mine is not None:
            self.mine.remove(self)


if __name__ == "__main__":
    loop: Any = reactor
    loop.listenTCP(int(sys.argv[1]), protocol.Factory.forProtocol(Relay), interface="127.0.0.1")
    loop.run()
