"""One HTTP connection and its requests: bounds, safe headers, error pages, and handing the connection over.

What may live here is what holds for every request whatever service answers it. (RFC 9110, RFC 9112.)
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final, Protocol
from urllib.parse import unquote_to_bytes

from twisted.internet.protocol import Protocol as StreamProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web import http

from edge_router.config.schema import WebOptions
from edge_router.transports.listen import Connections
from edge_router.web.pages import message_page

#: bytes of a request's body; no service here reads one, but small ones are taken and thrown away
MAX_BODY: Final = 65_536

#: bytes of a body, or of requests that wait for the answer to one before them
MAX_RAW: Final = 2 * MAX_BODY

#: on every answer: types are not guessed, pages are not framed by others, other sites learn no addresses
SAFE_HEADERS: Final = (
    (b"X-Content-Type-Options", b"nosniff"),
    (b"X-Frame-Options", b"SAMEORIGIN"),
    (b"Referrer-Policy", b"same-origin"),
)
#: on pages made here, which need nothing but their own style
PAGE_POLICY: Final = b"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'"


class Service(Protocol):
    """What is served at a path. Constructed with (config, host)."""

    def answer(self, request: WebRequest, rest: tuple[str, ...]) -> None:
        """Answer a request, now or later.

        rest: the parts of the path below the service's own; `("",)` is `/path/`, `()` is `/path`.
        """


class WebRequest(http.Request):
    """A request. Services read `method`, `uri`, `args`, `requestHeaders` and answer by one of the methods below."""

    channel: WebChannel
    log = Logger()
    _discarded = 0

    def gotLength(self, length: int | None) -> None:
        """The head was read. Twisted keeps a long body in a temporary file; here it is not kept at all."""
        super().gotLength(0)
        if length is not None and length > MAX_BODY:
            self._too_large()

    def handleContentChunk(self, data: bytes) -> None:
        """Throw a piece of the body away."""
        self._discarded += len(data)
        if self._discarded > MAX_BODY:
            self._too_large()

    def _too_large(self) -> None:
        status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        self.channel.refuse(f"HTTP/1.1 {status.value} {status.phrase}\r\nConnection: close\r\n\r\n".encode())

    def process(self) -> None:
        """The request is complete: find who answers it."""
        for name, value in SAFE_HEADERS:
            self.responseHeaders.setRawHeaders(name, [value])
        options = self.channel.options
        if options.hsts and self.isSecure():
            self.setHeader(b"Strict-Transport-Security", b"max-age=%d" % options.hsts_max_age)
        self.setHeader(b"Date", http.datetimeToString())
        self._forget_authority()
        try:
            segments = path_segments(self.path)
        except ValueError:
            self.page(HTTPStatus.BAD_REQUEST, "The path of the request is no valid URL path.")
            return
        try:
            self.channel.root.answer(self, segments)
        except Exception:  # noqa: BLE001 - a service that fails must not take the connection's other requests along
            self.log.failure("answering {method} {path}", method=self.method, path=self.path)
            if not self.startedWriting:
                self.page(HTTPStatus.INTERNAL_SERVER_ERROR, "The router failed to answer; its log says why.")

    def _forget_authority(self) -> None:
        """Proxies ask for `http://host/path` (RFC 9112 section 3.2.2); the host is that of the header."""
        if self.uri[:7].lower() == b"http://":
            self.uri = b"/" + self.uri[7:].partition(b"/")[2]
            self.path = self.uri.partition(b"?")[0]

    def header(self, name: str) -> str:
        """A header of the request; the empty string if there is none."""
        value = self.getHeader(name)
        return value if value is not None else ""

    def readable(self) -> bool:
        """Whether the method is GET or HEAD; if not, it has been answered."""
        if self.method in (b"GET", b"HEAD"):
            return True
        self.setHeader(b"Allow", b"GET, HEAD")
        self.page(HTTPStatus.METHOD_NOT_ALLOWED, "Only GET and HEAD are answered here.")
        return False

    def respond(self, status: int, body: bytes, content_type: str) -> None:
        """Answer with a short body. To HEAD, only its length is told."""
        self.setResponseCode(status, HTTPStatus(status).phrase.encode())
        self.setHeader(b"Content-Type", content_type.encode())
        self.setHeader(b"Content-Length", str(len(body)).encode())
        if self.method != b"HEAD":
            self.write(body)
        self.finish()

    def html(self, status: int, page: str) -> None:
        """Answer with a page made here."""
        self.setHeader(b"Content-Security-Policy", PAGE_POLICY)
        self.respond(status, page.encode("utf-8", "surrogateescape"), "text/html; charset=utf-8")

    def page(self, status: HTTPStatus, text: str) -> None:
        """Answer with a short page: the status and a sentence."""
        self.html(status, message_page(f"{status.value} {status.phrase}", text))

    def redirect_to(self, location: str) -> None:
        """Answer that it is elsewhere. location: a path on this host, encoded."""
        self.setHeader(b"Location", location.encode("ascii"))
        self.page(HTTPStatus.FOUND, f"See {location}.")

    def finish(self) -> None:
        """The answer is complete."""
        if self.channel is not None and self.channel.options.access_log:
            self.log.info(
                '{peer} "{method} {uri}" {code} {sent}',
                peer=getattr(self.client, "host", "unix"),
                method=self.method.decode("ascii", "backslashreplace"),
                uri=self.uri.decode("ascii", "backslashreplace"),
                code=self.code,
                sent=self.sentLength,
            )
        super().finish()


class WebChannel(http.HTTPChannel):
    """One HTTP connection.

    root: answers the requests. options: of the transport. connections: those of the port. clock: the reactor.
    """

    requestFactory = WebRequest  # noqa: N815 - Twisted's name
    transport: Any

    def __init__(self, root: Service, options: WebOptions, connections: Connections, clock: Any) -> None:
        super().__init__()
        self.root = root
        self.options = options
        self.connections = connections
        self.clock = clock
        self.timeOut = options.client_timeout
        self._successor: StreamProtocol | None = None
        self._raw_size = 0
        self._begun = False

    def connectionMade(self) -> None:
        self.connections.entered(self.transport)
        super().connectionMade()

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        self.connections.left(self.transport)
        super().connectionLost(reason)
        if self._successor is not None:
            self._successor.connectionLost(reason)

    def callLater(self, delay: float, call: Callable[[], object]) -> Any:
        """What the time-outs are made with; Twisted's own takes the global reactor."""
        return self.clock.callLater(delay, call)

    def resetTimeout(self) -> None:
        """Twisted calls this for each read. But a request has its time from its first octet on, however it drips."""
        if not self._begun:
            self._begun = True
            super().resetTimeout()

    def timeoutConnection(self) -> None:
        """Close an idle connection. Twisted's own writes a line at info for each."""
        self._abortingCall = self.callLater(self.abortTimeout, self.forceAbortClient)
        self.loseConnection()

    def refuse(self, answer: bytes) -> None:
        """Write an answer in the middle of a request, and close. Once; what comes meanwhile is passed over."""
        if self.persistent:
            self.transport.write(answer)
            self.persistent = 0
            self.loseConnection()

    def hand_over(self, successor: StreamProtocol) -> None:
        """Another protocol takes the connection from here, whatever the client has sent beyond the request included."""
        transport = self.transport
        self._successor = successor
        self.requests.clear()
        transport.unregisterProducer()
        transport.resumeProducing()  # it is paused while requests wait behind others
        if getattr(transport, "protocol", None) is self:
            transport.protocol = successor
        successor.makeConnection(transport)
        self.connections.left(transport)

    def dataReceived(self, data: bytes) -> None:
        if self._successor is None:
            super().dataReceived(data)
        else:
            self._successor.dataReceived(data)

    def rawDataReceived(self, data: bytes) -> None:
        """A piece of a body, or of requests that wait for the answer to one before them."""
        if self._successor is not None:
            if data:
                self._successor.dataReceived(data)
            return
        self._raw_size += len(data)
        super().rawDataReceived(data)
        if self._raw_size > MAX_RAW and self.persistent:  # Twisted goes on collecting when the client does not read
            self.transport.abortConnection()

    def requestDone(self, request: WebRequest) -> None:
        """A request is answered; those that wait are next, unless the client does not read the answers.

        Twisted would answer all that one read brought, thousands, whatever waits for the client already.
        """
        self._raw_size = 0
        self._begun = False
        self.paused = self._waitingForTransport
        if self.paused:
            self.transport.pauseProducing()
        super().requestDone(request)

    def resumeProducing(self) -> None:
        """The client has read what it was sent."""
        super().resumeProducing()
        if self.paused:
            self.paused = False
            self.dataReceived(b"")


def path_segments(path: bytes) -> tuple[str, ...]:
    """The parts of a URL's path, decoded: `/a/b%20c/` -> `("a", "b c", "")`.

    Raises ValueError if it is not absolute, or a part holds `/` or NUL once decoded, or is `.` or `..`: clients resolve
    those before they ask (RFC 3986 section 5.2.4), so whoever sends one means no good.
    """
    if not path.startswith(b"/"):
        raise ValueError("the path is not absolute")
    segments = []
    for part in path[1:].split(b"/"):
        raw = unquote_to_bytes(part)
        if raw in (b".", b"..") or b"/" in raw or b"\0" in raw:
            raise ValueError("the path has a part that no file can have")
        segments.append(raw.decode("utf-8", "surrogateescape"))
    return tuple(segments)
