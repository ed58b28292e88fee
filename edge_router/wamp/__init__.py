"""The vocabulary of WAMP v2: messages, encodings, framing, URIs, ids. No I/O, no Twisted, no state.

Everything here is a value or a pure function; who talks to whom is decided in `edge_router.router`.
"""
