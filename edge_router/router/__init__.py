"""The routing core: sessions, realms, broker, dealer. No I/O, no Twisted, no time of its own.

Messages go in (`session.RouterSession.receive`), messages come out (`interfaces.Peer.send`). Whatever the core needs
from the world (a clock, randomness, a way to the peer) is passed in; see `interfaces`.
"""
