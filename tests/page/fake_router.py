"""A very small WAMP router on one port with the page, for tests that decide what a browser is sent, and when.

It is not edge-router and shares no code with it. One thread accepts, one thread a connection.
"""

from __future__ import annotations

import json
import mimetypes
import threading
from collections.abc import Callable
from contextlib import ExitStack
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any

from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve
from websockets.typing import Subprotocol

HELLO, WELCOME, GOODBYE, ERROR = 1, 2, 6, 8
SUBSCRIBE, SUBSCRIBED, UNSUBSCRIBE, EVENT, CALL, RESULT = 32, 33, 34, 36, 48, 50


class FakeRouter:
    """Serves `directory`, at `/` and at `/live/`, and `/ws`; whoever subscribes gets what `publish` is given.

    A context manager. port: 0 takes a free one. refuse: error URI for every SUBSCRIBE.

    received: all messages so far. procedures: name -> args and kwargs of the result.
    """

    def __init__(self, directory: Path, port: int = 0, refuse: str | None = None) -> None:
        self._directory = directory
        self._port = port
        self._refuse = refuse
        self._subscribers: dict[ServerConnection, int] = {}
        self._lock = threading.Condition()
        self._publication = 0
        self.received: list[list[Any]] = []
        self.procedures: dict[str, list[Any]] = {}

    def __enter__(self) -> FakeRouter:
        with ExitStack() as stack:
            server = stack.enter_context(
                serve(
                    self._talk,
                    "127.0.0.1",
                    self._port,
                    process_request=self._page,
                    subprotocols=[Subprotocol("wamp.2.json")],
                )
            )
            self.port: int = server.socket.getsockname()[1]
            self.url = f"http://127.0.0.1:{self.port}/"
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            stack.callback(thread.join, 10)
            stack.callback(self._hang_up)
            stack.callback(server.shutdown)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _hang_up(self) -> None:
        for connection in list(self._subscribers):
            connection.close()

    def _page(self, connection: ServerConnection, request: Request) -> Response | None:
        path = request.path.partition("?")[0].removeprefix("/live")
        if path == "/ws":
            return None
        file = self._directory / (path.lstrip("/") or "index.html")
        if not file.is_file():
            return connection.respond(HTTPStatus.NOT_FOUND, "no such file\n")
        body = file.read_bytes()
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        headers = Headers({"Content-Type": kind, "Content-Length": str(len(body)), "Connection": "close"})
        return Response(200, "OK", headers, body)

    def _talk(self, connection: ServerConnection) -> None:
        answers: dict[int, Callable[[list[Any]], list[Any]]] = {
            HELLO: lambda message: [WELCOME, 1234567, {"roles": {"broker": {}}}],
            UNSUBSCRIBE: lambda message: [ERROR, UNSUBSCRIBE, message[1], {}, "wamp.error.no_such_subscription"],
            GOODBYE: lambda message: [GOODBYE, {}, "wamp.close.goodbye_and_out"],
            CALL: self._call,
        }
        try:
            for text in connection:
                message = json.loads(text)
                self.received.append(message)
                if message[0] == SUBSCRIBE:
                    self._subscribe(connection, message)
                elif message[0] in answers:
                    connection.send(json.dumps(answers[message[0]](message)))
        except ConnectionClosed:
            pass
        finally:
            with self._lock:
                self._subscribers.pop(connection, None)

    def _call(self, message: list[Any]) -> list[Any]:
        if message[3] in self.procedures:
            return [RESULT, message[1], {}, *self.procedures[message[3]]]
        return [ERROR, CALL, message[1], {}, "wamp.error.no_such_procedure"]

    def _subscribe(self, connection: ServerConnection, message: list[Any]) -> None:
        if self._refuse:
            connection.send(json.dumps([ERROR, SUBSCRIBE, message[1], {}, self._refuse, ["not for you"]]))
            return
        connection.send(json.dumps([SUBSCRIBED, message[1], 7]))
        with self._lock:
            self._subscribers[connection] = 7
            self._lock.notify_all()

    def wait_for_subscriber(self, timeout: float = 20) -> None:
        """Return when somebody has subscribed. Raises TimeoutError."""
        with self._lock:
            if not self._lock.wait_for(lambda: bool(self._subscribers), timeout):
                raise TimeoutError("nobody subscribed")

    def publish(self, topic: str, *args: Any, **kwargs: Any) -> None:
        """Send one event to everybody who has subscribed."""
        self._publication += 1
        for connection, subscription in list(self._subscribers.items()):
            event = [EVENT, subscription, self._publication, {"topic": topic}, args, kwargs]
            try:
                connection.send(json.dumps(event))
            except ConnectionClosed:
                continue
