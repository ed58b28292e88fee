"""A client over WebSocket, as a program on the LAN is: it subscribes, calls and counts what comes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from websockets.sync.client import ClientConnection, connect

_WELCOME, _ERROR, _SUBSCRIBE, _SUBSCRIBED, _EVENT, _CALL, _RESULT = 2, 8, 32, 33, 36, 48, 50
#: seconds that an emulated board on a busy machine may take for an answer
PATIENCE = 120


class Client:
    """One that has joined realm1."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._last = 0
        self._say(1, "realm1", {"roles": {"subscriber": {}, "caller": {}}})
        self._until(_WELCOME)

    def subscribe(self, topic: str) -> int:
        """Also to what is retained. Result: the subscription."""
        self._say(_SUBSCRIBE, self._next(), {"get_retained": True}, topic)
        return int(self._until(_SUBSCRIBED)[2])

    def call(self, procedure: str, *args: Any, **kwargs: Any) -> Any:
        """Result: the first of its results."""
        self._say(_CALL, self._next(), {}, procedure, args, kwargs)
        return self._until(_RESULT)[3][0]

    def event(self) -> list[Any]:
        """The args of the next event."""
        args: list[Any] = self._until(_EVENT)[4]
        return args

    def _next(self) -> int:
        self._last += 1
        return self._last

    def _say(self, *message: Any) -> None:
        self._socket.send(json.dumps(message))

    def _until(self, code: int) -> list[Any]:
        while (message := json.loads(self._socket.recv(timeout=PATIENCE)))[0] != code:
            assert message[0] != _ERROR, message
        return list(message)


@contextmanager
def joined(port: int) -> Iterator[Client]:
    """A client, until the end. port: of the board's web server."""
    url = f"ws://127.0.0.1:{port}/ws"
    protocols: Any = ["wamp.2.json"]
    with connect(url, subprotocols=protocols, open_timeout=60, proxy=None) as socket:
        yield Client(socket)
