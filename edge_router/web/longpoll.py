"""The `longpoll` service: WAMP for clients that get nothing but plain HTTP requests through.

A client opens a transport (`POST open`), and then has two requests under way by turns: one to send, one that waits for
what is to be received. Its id is a secret that only the client knows. (Spec, "HTTP Longpoll Transport". Where the spec
says "202 (no content)" the answer is 204: autobahn-js takes anything else for a failure, as Crossbar knows.)
"""

from __future__ import annotations

import re
from http import HTTPStatus
from secrets import token_urlsafe
from typing import Any, Final

import msgspec
from twisted.logger import Logger

from edge_router.config.schema.webrealm import LongPollPath
from edge_router.router.interfaces import Delayed
from edge_router.transports.host import Host
from edge_router.transports.peer import StreamPeer
from edge_router.transports.peername import transport_details
from edge_router.wamp.codecs import CODECS, Codec
from edge_router.wamp.errors import ProtocolViolation
from edge_router.web.cors import Origins
from edge_router.web.mailbox import WIRES, Mailbox, messages_in
from edge_router.web.request import WebRequest

#: seconds a client has to open a session, where sessions never time out
HELLO_WITHIN: Final = 30

_TYPES: Final = {"json": "application/json", "msgpack": "application/msgpack", "cbor": "application/cbor"}
_BATCHED: Final = ".batched"


class _Open(msgspec.Struct):
    protocols: list[str]


class LongPollService:
    """WAMP over long-polling (`type: longpoll`)."""

    methods = (b"POST",)
    hidden = re.compile(rb"[^/]+(?=/(?:send|receive|close)(?:\?|$))")
    log = Logger(namespace="edge_router.longpoll")

    def __init__(self, config: LongPollPath, host: Host) -> None:
        self.config = config
        self.host = host
        self.max_body = config.options.max_message_size
        self.cors = Origins(config.options.allowed_origins)
        self.limits = msgspec.structs.replace(config.limits, send_queue=config.options.queue_limit_bytes)
        self.open: dict[str, Poller] = {}
        self._protocols = {
            CODECS[name].subprotocol + batched: (CODECS[name], bool(batched))
            for name in config.serializers
            for batched in ("", _BATCHED)
        }

    def answer(self, request: WebRequest, rest: tuple[str, ...]) -> None:
        """Open a transport, or do for an open one what the path says."""
        request.setHeader(b"Cache-Control", b"no-store")
        name = rest[0] if rest else ""
        action = _ACTIONS.get(rest[1]) if len(rest) == 2 else None
        if rest == ("open",):
            self._open(request)
        elif action is None:
            _refuse(request, HTTPStatus.NOT_FOUND, "POST to `open`, or to `send`, `receive` or `close` of a transport")
        elif name in self.open:
            action(self.open[name], request)
        elif action is Poller.close:
            request.nothing()  # who got ABORT closes what is closed already, and waits for the answer
        else:
            _refuse(request, HTTPStatus.NOT_FOUND, "there is no such transport; it may have been closed")

    def _open(self, request: WebRequest) -> None:
        try:
            wanted = msgspec.json.decode(request.body, type=_Open).protocols
        except (msgspec.DecodeError, RecursionError) as problem:
            _refuse(request, HTTPStatus.BAD_REQUEST, f'{problem}; {{"protocols": ["wamp.2.json"]}} would be right')
            return
        chosen = next((protocol for protocol in wanted if protocol in self._protocols), None)
        if chosen is None:
            _refuse(request, HTTPStatus.BAD_REQUEST, f"spoken here: {', '.join(self._protocols)}")
        elif len(self.open) >= self.config.options.max_sessions:
            request.setHeader(b"Retry-After", b"%d" % self.config.options.session_timeout)
            _refuse(request, HTTPStatus.SERVICE_UNAVAILABLE, "there are as many sessions as there may be")
        else:
            name = token_urlsafe(18)
            codec, batched = self._protocols[chosen]
            self.open[name] = Poller(self, name, codec, batched, request.channel.transport)
            said = msgspec.json.encode({"protocol": chosen, "transport": name})
            request.respond(HTTPStatus.OK, said, "application/json")

    def stop(self) -> None:
        """The transport ends: all sessions are lost."""
        for poller in list(self.open.values()):
            poller.end()


class Poller:
    """One client's transport.

    service: whose. name: its id. codec, batched: what is spoken. transport: the connection that opened it.
    """

    def __init__(self, service: LongPollService, name: str, codec: Codec, batched: bool, transport: Any) -> None:
        self._service = service
        self._name = name
        self._codec = codec
        self._batched = batched
        self._mailbox = Mailbox(codec.binary, batched, self._filled)
        self._request: WebRequest | None = None
        self._patience: Delayed | None = None
        host, options = service.host, service.config.options
        self._peer = StreamPeer(
            self._mailbox, WIRES[codec.name], host.outbox, service.limits,
            transport_details(transport, "longpoll", codec.name), host.reactor,
        )  # fmt: skip
        self._session = self._peer.session = host.attach(self._peer, service.config.auth, service.limits)
        within = options.session_timeout or HELLO_WITHIN
        self._deadline: Delayed | None = host.reactor.callLater(within, self._too_late)
        self._idle: Delayed | None = None
        self._expect_request()

    # --- what a client asks for --------------------------------------------------------------------------------

    def send(self, request: WebRequest) -> None:
        """Messages from the client."""
        self._expect_request()
        outbox = self._service.host.outbox
        outbox.begin()
        try:
            batch = request.body
            counts = self._peer.counts
            counts.bytes_received += len(batch)
            for message in messages_in(batch, self._codec.binary) if self._batched else (batch,):
                counts.messages_received += 1
                self._session.receive(self._codec.decode(message))
        except ProtocolViolation as violation:
            self._session.violated(violation)
            _refuse(request, HTTPStatus.BAD_REQUEST, violation.message)
        else:
            request.nothing()
        finally:
            outbox.flush()

    def receive(self, request: WebRequest) -> None:
        """Messages for the client, when there are any."""
        self._answer_waiting()
        self._request = request
        request.notifyFinish().addErrback(self._gone, request)
        timeout = self._service.config.options.request_timeout
        self._patience = self._service.host.reactor.callLater(timeout, self._nothing_came)
        self._cancel_idle()
        if not self._mailbox.empty or self._mailbox.ended:
            self._filled()

    def close(self, request: WebRequest) -> None:
        """The client has enough."""
        self.end()
        request.nothing()

    # --- what happens meanwhile --------------------------------------------------------------------------------

    def _filled(self) -> None:
        """Something came, or nothing will any more."""
        if self._request is not None and not self._mailbox.empty:
            request = self._stop_waiting()
            request.respond(HTTPStatus.OK, self._mailbox.fetch(), self._content_type)
        elif self._mailbox.ended and self._mailbox.empty:
            self.end()

    @property
    def _content_type(self) -> str:
        return "application/octet-stream" if self._batched else _TYPES[self._codec.name]

    def _stop_waiting(self) -> WebRequest:
        """The request that waits, which is answered next."""
        request, self._request = self._request, None
        assert request is not None
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        self._expect_request()
        return request

    def _answer_waiting(self) -> None:
        """The request that waits will get nothing: a younger one has come, or the end."""
        if self._request is not None:
            self._stop_waiting().nothing()

    def _nothing_came(self) -> None:
        self._patience = None
        self._answer_waiting()

    def _gone(self, _failure: Any, request: WebRequest) -> None:
        """The connection of a request is lost."""
        if request is self._request:
            self._stop_waiting()

    def _expect_request(self) -> None:
        """A request of the client has ended, or will not wait: the next one has its time from now on."""
        self._cancel_idle()
        timeout = self._service.config.options.session_timeout
        if timeout and self._request is None:
            self._idle = self._service.host.reactor.callLater(timeout, self._went_away)

    def _cancel_idle(self) -> None:
        idle, self._idle = self._idle, None
        if idle is not None:
            idle.cancel()

    def _went_away(self) -> None:
        self._idle = None
        self.end()

    def _too_late(self) -> None:
        self._deadline = None
        if not self._session.greeted:
            self._session.violated(ProtocolViolation("no session was opened in time"))

    def end(self) -> None:
        """The transport is no more: the session is lost. Idempotent."""
        if self._service.open.pop(self._name, None) is None:
            return
        deadline, self._deadline = self._deadline, None
        if deadline is not None:
            deadline.cancel()
        self._answer_waiting()
        self._cancel_idle()
        self._peer.flush()
        self._peer.gone()
        self._session.lost()
        self._peer.session = None  # they refer to each other, and need not wait for the collector


_ACTIONS: Final = {"send": Poller.send, "receive": Poller.receive, "close": Poller.close}


def _refuse(request: WebRequest, status: HTTPStatus, why: str) -> None:
    request.respond(status, msgspec.json.encode({"error": why}) + b"\n", "application/json")
