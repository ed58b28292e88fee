"""The `reverseproxy` service: requests are passed on to another web server, and its answers back, as they come.

Neither side's bytes pile up here: whoever sends faster than the other side takes is told to wait. What concerns one
connection only (RFC 9110 section 7.6.1) is not passed on. A failure of the server is 502 or 504, never ours.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Protocol
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.client import Agent, HTTPConnectionPool, ResponseDone
from twisted.web.http import NO_BODY_CODES, PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import UNKNOWN_LENGTH, IAgentEndpointFactory, IBodyProducer
from zope.interface import implementer

from edge_router.config.schema.webserve import ReverseProxyPath
from edge_router.router.interfaces import Delayed
from edge_router.transports.host import Host
from edge_router.transports.tally import Tally, logged
from edge_router.web.request import SAFE_HEADERS, WebRequest

_HOP_BY_HOP: Final = frozenset(
    (b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection", b"te",
     b"trailer", b"transfer-encoding", b"upgrade", b"content-length", b"expect", b"host")
)  # fmt: skip
_SAID: Final = {
    HTTPStatus.BAD_REQUEST: "The request is none that could be passed on.",
    HTTPStatus.BAD_GATEWAY: "The server behind this address does not answer as it should.",
    HTTPStatus.GATEWAY_TIMEOUT: "The server behind this address does not answer in time.",
}
#: seconds a connection to the server is kept for the next request, and how many of them
KEPT_FOR, MOST_KEPT = 30, 8


@implementer(IAgentEndpointFactory)
class _Address:
    """How the server is connected to. An address needs no resolver, whose threads a node has no use for otherwise."""

    def __init__(self, reactor: Any, name: str, config: ReverseProxyPath) -> None:
        kinds = ((isIPAddress, TCP4ClientEndpoint), (isIPv6Address, TCP6ClientEndpoint))
        kind: Any = next((kind for fits, kind in kinds if fits(name)), HostnameEndpoint)
        self._endpoint = kind(reactor, name, config.port, timeout=config.timeout)

    def endpointForURI(self, uri: Any) -> Any:  # noqa: ARG002 - there is one server
        """See `IAgentEndpointFactory`."""
        return self._endpoint


class ReverseProxyService:
    """Another web server (`type: reverseproxy`)."""

    methods = None
    log = Logger(namespace="edge_router.web")

    def __init__(self, config: ReverseProxyPath, host: Host) -> None:
        self.config = config
        self.clock = host.reactor
        name = config.host.strip("[]")
        self.authority = f"[{name}]:{config.port}" if ":" in name else f"{name}:{config.port}"
        self._pool = HTTPConnectionPool(host.reactor)
        self._pool.cachedConnectionTimeout = KEPT_FOR
        self._pool.maxPersistentPerHost = MOST_KEPT
        self.agent = Agent.usingEndpointFactory(host.reactor, _Address(host.reactor, name, config), self._pool)
        self.failures = Tally(host.reactor, logged(self.log, "the server behind a reverse proxy failed"))

    def open_body(self, request: WebRequest, rest: tuple[str, ...]) -> Exchange:
        """The body is passed on while it comes."""
        return Exchange(self, request, rest)

    def answer(self, request: WebRequest, rest: tuple[str, ...]) -> None:  # noqa: ARG002 - the exchange has it
        """The request is complete."""
        exchange = request.sink
        assert isinstance(exchange, Exchange)
        exchange.complete()

    def stop(self) -> None:
        """Let go of connections that are kept."""
        self._pool.closeCachedConnections()


@implementer(IBodyProducer)
class Exchange:
    """One request on its way to the server, and its answer on the way back.

    It is the sink of the request's body, and the producer of the body for the server. The answer is not begun before
    the request is complete, so that HTTP stays in step even with servers that answer early.
    """

    def __init__(self, service: ReverseProxyService, request: WebRequest, rest: tuple[str, ...]) -> None:
        self.limit: int | None = service.config.post_body_limit
        #: for `IBodyProducer`
        self.length: Any = UNKNOWN_LENGTH
        self._service = service
        self._request = request
        self._prefix, self._target = _paths(request.uri, len(rest), service.config.path)
        self._asked: Deferred[Any] | None = None
        self._patience: Delayed | None = None
        self._response: Any = None
        self._consumer: Any = None
        self._sent: Deferred[None] | None = None
        self._early: list[bytes] = []
        self._complete = self._unwanted = self._closed = False
        self._problem: HTTPStatus | None = None

    # --- the request -------------------------------------------------------------------------------------------

    def take(self, data: bytes) -> None:
        """A piece of the body."""
        if self._asked is None:
            self._ask(self)
        if self._unwanted:
            return
        if self._consumer is None:
            self._early.append(data)
            self._request.channel.transport.pauseProducing()
        else:
            self._consumer.write(data)

    def complete(self) -> None:
        """The request has come."""
        self._complete = True
        if self._asked is None:
            self._ask(None)
        elif self._sent is not None:
            self._end_body()
        self._reply()

    def _ask(self, body: Exchange | None) -> None:
        request, service = self._request, self._service
        length = request.requestHeaders.getRawHeaders(b"Content-Length")
        if length:
            self.length = int(length[0])
        url = f"http://{service.authority}".encode() + self._target
        producer: Any = body
        self._patience = service.clock.callLater(service.config.timeout, self._too_late)
        try:
            self._asked = service.agent.request(request.method, url, self._headers(), producer)
        except ValueError:  # an octet that no method or URL may hold
            self._stop_waiting()
            self._problem = HTTPStatus.BAD_REQUEST
            self._asked = Deferred()
            self._unwanted = True
        else:
            self._asked.addCallbacks(self._answered, self._failed)

    def _headers(self) -> Headers:
        request, config = self._request, self._service.config
        headers = passed_on(request.requestHeaders)
        here = request.channel.transport.getHost()
        secure = request.isSecure()
        said = {
            b"X-Forwarded-Host": request.header("Host"),
            b"X-Forwarded-Proto": config.forwarded_proto or ("https" if secure else "http"),
            b"X-Forwarded-Port": str(config.forwarded_port or getattr(here, "port", 443 if secure else 80)),
        }
        for name, value in said.items():
            headers.setRawHeaders(name, [value.encode("utf-8", "replace")])
        before = request.header("X-Forwarded-For")
        client = str(getattr(request.client, "host", "unknown"))
        headers.setRawHeaders(b"X-Forwarded-For", [f"{before}, {client}" if before else client])
        return headers

    # --- what Twisted calls, for the body ----------------------------------------------------------------------

    def startProducing(self, consumer: Any) -> Deferred[None]:
        """The server is connected and takes the body."""
        self._consumer = consumer
        self._sent = Deferred(lambda _: self.stopProducing())
        early, self._early = self._early, []
        for data in early:
            consumer.write(data)
        sent = self._sent
        if self._complete:
            self._end_body()
        else:
            self.resumeProducing()
        return sent

    def pauseProducing(self) -> None:
        """The server does not keep up with the body."""
        if not self._complete:
            self._request.channel.transport.pauseProducing()

    def resumeProducing(self) -> None:
        """The server takes more of the body."""
        if not self._complete and not self._request.over:
            self._request.channel.progressed()
            self._request.channel.transport.resumeProducing()

    def stopProducing(self) -> None:
        """The server wants no more of the body: the rest is thrown away."""
        self._unwanted = True
        self._early.clear()
        self._sent = None
        self.resumeProducing()

    def _end_body(self) -> None:
        sent, self._sent = self._sent, None
        if sent is not None:
            sent.callback(None)

    # --- the answer --------------------------------------------------------------------------------------------

    def _answered(self, response: Any) -> None:
        self._stop_waiting()
        self._response = response
        self._reply()

    def _too_late(self) -> None:
        self._patience = None
        self._problem = HTTPStatus.GATEWAY_TIMEOUT
        if self._asked is not None:
            self._asked.cancel()

    def _failed(self, failure: Failure) -> None:
        self._stop_waiting()
        if self._closed:
            return
        if self._problem is None:
            self._problem = HTTPStatus.BAD_GATEWAY
        late = self._problem is HTTPStatus.GATEWAY_TIMEOUT
        reason = "no answer in time" if late else failure.getErrorMessage() or str(failure.type)
        self._service.failures.add(f"{self._service.authority}: {reason}")
        self.stopProducing()
        self._reply()

    def _stop_waiting(self) -> None:
        patience, self._patience = self._patience, None
        if patience is not None:
            patience.cancel()

    def _reply(self) -> None:
        """Answer, if both the request is complete and the server has spoken."""
        request = self._request
        if not self._complete or self._closed:
            return
        if self._problem is not None:
            request.page(self._problem, _SAID[self._problem])
        elif self._response is not None:
            response, self._response = self._response, None
            self._begin_answer(response)
            response.deliverBody(_Answer(request))

    def _begin_answer(self, response: Any) -> None:
        request = self._request
        for name, _ in SAFE_HEADERS:
            request.responseHeaders.removeHeader(name)  # what is safe for its pages is the server's affair
        request.setResponseCode(response.code, response.phrase)
        for name, values in passed_on(response.headers).getAllRawHeaders():
            request.responseHeaders.setRawHeaders(name, [self._here(value) for value in values]
                                                  if name == b"Location" else values)  # fmt: skip
        has_body = response.code not in NO_BODY_CODES and request.method != b"HEAD"
        if has_body and response.length is not UNKNOWN_LENGTH:
            request.setHeader(b"Content-Length", b"%d" % response.length)

    def _here(self, location: bytes) -> bytes:
        """An address on the server as it is called here."""
        own = f"http://{self._service.authority}".encode()
        path = location.removeprefix(own).removeprefix(own.removesuffix(b":80"))
        base = self._service.config.path.rstrip("/").encode()
        if path.startswith(b"/") and not path.startswith(b"//") and (path + b"/").startswith(base + b"/"):
            return self._prefix + path[len(base) :]
        return location

    def close(self) -> None:
        """The client has been answered, or is gone."""
        self._closed = True
        self._stop_waiting()
        asked, self._asked = self._asked, None
        if asked is not None:
            asked.cancel()  # nothing happens if it has been answered
        self._response = None


@implementer(IPushProducer)
class _Answer(Protocol):
    """The body of the server's answer. request: to be answered."""

    transport: Any

    def __init__(self, request: WebRequest) -> None:
        self._request = request

    def connectionMade(self) -> None:
        self._request.registerProducer(self, True)

    def dataReceived(self, data: bytes) -> None:
        if not self._request.over:
            self._request.write(data)

    def connectionLost(self, reason: Failure = None) -> None:  # type: ignore[assignment]
        request = self._request
        if request.over:
            return
        request.unregisterProducer()
        if reason.check(ResponseDone, PotentialDataLoss):
            request.finish()
        else:
            request.channel.abortConnection()  # the client must not take a part for the whole

    def pauseProducing(self) -> None:
        """The client does not keep up."""
        self._tell("pauseProducing")

    def resumeProducing(self) -> None:
        """The client takes more."""
        self._tell("resumeProducing")

    def stopProducing(self) -> None:
        """The client is gone."""
        self._tell("loseConnection")

    def _tell(self, what: str) -> None:
        method: Callable[[], object] | None = getattr(self.transport, what, None)
        if method is not None:
            method()


def passed_on(headers: Headers) -> Headers:
    """The headers that do not concern one connection only."""
    named = {
        token.strip().lower()
        for value in headers.getRawHeaders(b"Connection") or ()
        for token in value.split(b",")
    }
    kept = Headers()
    for name, values in headers.getAllRawHeaders():
        if name.lower() not in _HOP_BY_HOP and name.lower() not in named:
            kept.setRawHeaders(name, list(values))
    return kept


def _paths(uri: bytes, below: int, base: str) -> tuple[bytes, bytes]:
    """A request's path up to the service, and what the server is asked for.

    uri: of the request. below: how many parts of its path are below the service. base: the server's own path.
    """
    path, question, query = uri.partition(b"?")
    parts = path.split(b"/")
    prefix, rest = parts[: len(parts) - below], parts[len(parts) - below :]
    target = re.sub(rb"/$", b"", base.encode()) + b"".join(b"/" + part for part in rest)
    # `//name` would be a host to some who read it
    return b"/".join(prefix).rstrip(b"/"), b"/" + target.lstrip(b"/") + question + query
