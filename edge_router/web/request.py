"""One HTTP request: where its body goes, who answers it, safe headers, and the short answers that services give.

What may live here is what holds for every request whatever service answers it. (RFC 9110.)
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import unquote_to_bytes

from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web import http

from edge_router.web.bodies import Kept, Refused, Sink, sink_for
from edge_router.web.cors import preflight
from edge_router.web.pages import message_page

if TYPE_CHECKING:
    from edge_router.web.channel import WebChannel

#: on every answer: types are not guessed, pages are not framed by others, other sites learn no addresses
SAFE_HEADERS: Final = (
    (b"X-Content-Type-Options", b"nosniff"),
    (b"X-Frame-Options", b"SAMEORIGIN"),
    (b"Referrer-Policy", b"same-origin"),
)
#: on pages made here, which need nothing but their own style
PAGE_POLICY: Final = b"default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"
#: bytes of a body that buy its sender another `client_timeout`
PROGRESS: Final = 65_536

READ: Final = (b"GET", b"HEAD")


class Service(Protocol):
    """What is served at a path. Constructed with (config, host). What follows is optional, besides `answer`.

    methods: those that are answered (default: GET and HEAD; None: all, OPTIONS too). max_body: bytes of a body that is
    kept as `request.body`. cors: which pages of other origins may come (see `cors`). open_body(request, rest): a
    `bodies.Sink` for a body that is taken piece by piece. hidden: a pattern of bytes for what the access log leaves out
    of a URI, since it lets in whoever knows it. stop(): the transport ends.
    """

    def answer(self, request: WebRequest, rest: tuple[str, ...]) -> None:
        """Answer a request, now or later.

        rest: the parts of the path below the service's own; `("",)` is `/path/`, `()` is `/path`.
        """


class WebRequest(http.Request):
    """A request. Services read `method`, `uri`, `args`, `requestHeaders`, `body` and answer by the methods below."""

    channel: WebChannel
    log = Logger()
    service: Any = None
    rest: tuple[str, ...] = ()
    sink: Sink | None = None
    _received = 0
    _rewarded = 0

    # --- while it comes in -------------------------------------------------------------------------------------

    def head_received(self, method: bytes, uri: bytes, version: bytes) -> None:
        """The head is there, nothing of the body: find who answers."""
        self.method, self.uri, self.clientproto = method, uri, version
        self._forget_authority()
        try:
            segments = path_segments(self.uri.partition(b"?")[0])
        except ValueError:
            return
        self.service, self.rest = self.channel.root.find(segments)

    def gotLength(self, length: int | None) -> None:
        """How long the body will be; None: it comes in chunks.

        Twisted keeps a body in memory or in a temporary file and looks for forms in it; here it never gets any.
        """
        super().gotLength(0)
        try:
            self.sink = sink_for(self.service, self, self.rest, self.channel.budget)
            if length is not None and self.sink.limit is not None and length > self.sink.limit:
                raise self._too_large()
        except Refused as refused:
            self._refuse(refused)

    def handleContentChunk(self, data: bytes) -> None:
        """A piece of the body."""
        sink = self.sink
        if self.channel.refused or sink is None:
            return
        self._received += len(data)
        try:
            if sink.limit is not None and self._received > sink.limit:
                raise self._too_large()
            sink.take(data)
        except Refused as refused:
            self._refuse(refused)
            return
        if self._received - self._rewarded >= PROGRESS:
            self._rewarded = self._received
            self.channel.progressed()

    def _too_large(self) -> Refused:
        assert self.sink is not None
        return Refused(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The body of a request may have {self.sink.limit} bytes here."
        )

    def _refuse(self, refused: Refused) -> None:
        self.requestHeaders.removeHeader(b"Expect")
        status, text = refused.status, f"{refused}\n".encode()
        head = f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: text/plain\r\nContent-Length: {len(text)}\r\n"
        self.release()
        self.channel.refuse(head.encode() + b"Connection: close\r\n\r\n" + text)

    def _forget_authority(self) -> None:
        """Proxies ask for `http://host/path` (RFC 9112 section 3.2.2); the host is that of the header."""
        if self.uri[:7].lower() == b"http://":
            self.uri = b"/" + self.uri[7:].partition(b"/")[2]

    @property
    def body(self) -> bytes:
        """The body, for services with `max_body`."""
        return self.sink.whole() if isinstance(self.sink, Kept) else b""

    # --- when it is complete -----------------------------------------------------------------------------------

    def process(self) -> None:
        """The request is complete: let it be answered."""
        if self.channel.refused:
            return
        self._forget_authority()
        self.path = self.uri.partition(b"?")[0]
        self._prepare()
        if self.service is None:
            self.page(HTTPStatus.BAD_REQUEST, "The path of the request is no valid URL path.")
            return
        try:
            if self._may_be_answered():
                self.service.answer(self, self.rest)
        except Exception:  # noqa: BLE001 - a service that fails must not take the connection's other requests along
            self.log.failure("answering {method} {path}", method=self.method, path=self.path)
            self.failed()

    def _prepare(self) -> None:
        for name, value in SAFE_HEADERS:
            self.responseHeaders.setRawHeaders(name, [value])
        options = self.channel.options
        if options.hsts and self.isSecure():
            self.setHeader(b"Strict-Transport-Security", b"max-age=%d" % options.hsts_max_age)
        self.setHeader(b"Date", http.datetimeToString())

    def _may_be_answered(self) -> bool:
        """Whether the origin of the page and the method are those the service takes; if not, it has been answered."""
        cors = getattr(self.service, "cors", None)
        if cors is not None and not cors.admit(self):
            self.page(HTTPStatus.FORBIDDEN, "Pages of this origin may not use what is here.")
            return False
        methods = getattr(self.service, "methods", READ)
        if methods is None or self.method in methods:
            return True
        allowed = b", ".join((*methods, b"OPTIONS"))
        self.setHeader(b"Allow", allowed)
        if self.method == b"OPTIONS":
            if cors is not None:
                preflight(self, allowed)
            self.nothing()
        else:
            shown = allowed.decode().removesuffix(", OPTIONS")
            self.page(HTTPStatus.METHOD_NOT_ALLOWED, f"What is here answers {shown}.")
        return False

    def failed(self) -> None:
        """Nothing better can be answered: something of ours is broken, and the log says what."""
        if not self.startedWriting:
            self.page(HTTPStatus.INTERNAL_SERVER_ERROR, "The router failed to answer; its log says why.")
        elif not self.over:
            self.channel.abortConnection()

    def header(self, name: str) -> str:
        """A header of the request; the empty string if there is none."""
        value = self.getHeader(name.encode())  # for octets: as text it would have to be UTF-8
        return value.decode("utf-8", "replace") if value is not None else ""

    # --- answers -----------------------------------------------------------------------------------------------

    @property
    def over(self) -> bool:
        """Whether it was answered, or the client is gone."""
        return bool(self._disconnected or self.finished)

    def respond(self, status: int, body: bytes, content_type: str) -> None:
        """Answer with a short body. To HEAD, only its length is told. Nothing happens if the client is gone."""
        if self.over:
            return
        self.setResponseCode(status, HTTPStatus(status).phrase.encode())
        self.setHeader(b"Content-Type", content_type.encode())
        self.setHeader(b"Content-Length", str(len(body)).encode())
        if self.method != b"HEAD":
            self.write(body)
        self.finish()

    def nothing(self) -> None:
        """Answer that there is nothing to say (204)."""
        if not self.over:
            self.setResponseCode(HTTPStatus.NO_CONTENT, HTTPStatus.NO_CONTENT.phrase.encode())
            self.finish()

    def html(self, status: int, page: str) -> None:
        """Answer with a page made here."""
        self.setHeader(b"Content-Security-Policy", PAGE_POLICY)
        self.respond(status, page.encode("utf-8", "surrogateescape"), "text/html; charset=utf-8")

    def page(self, status: HTTPStatus, text: str) -> None:
        """Answer with a short page: the status and a sentence."""
        self.html(status, message_page(f"{status.value} {status.phrase}", text))

    def redirect_to(self, location: str) -> None:
        """Answer that it is elsewhere. location: encoded."""
        self.setHeader(b"Location", location.encode("ascii"))
        self.page(HTTPStatus.FOUND, f"See {location}.")

    def finish(self) -> None:
        """The answer is complete."""
        self.ended()
        super().finish()

    def ended(self) -> None:
        """The request is answered, by whomever."""
        if self.channel is not None and self.channel.options.access_log:
            hidden = getattr(self.service, "hidden", None)
            uri = self.uri if hidden is None else hidden.sub(b"...", self.uri)
            self.log.info(
                '{peer} "{method} {uri}" {code} {sent}',
                peer=getattr(self.client, "host", "unix"),
                method=self.method.decode("ascii", "backslashreplace"),
                uri=uri.decode("ascii", "backslashreplace"),
                code=self.code,
                sent=self.sentLength,
            )
        self.release()

    def connectionLost(self, reason: Failure) -> None:
        """The client is gone."""
        self.release()
        super().connectionLost(reason)

    def release(self) -> None:
        """Let go of the body."""
        sink, self.sink = self.sink, None
        if sink is not None:
            sink.close()


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
