"""Shells that know sockets and no WAMP rules: bytes in, `session.receive`; `peer.send`, bytes out.

Twisted lives here.
"""
