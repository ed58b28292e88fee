"""What `publisher` and `caller` share: who may send a request, what it may look like, and how errors are answered.

Requests and answers are those of Crossbar.io's HTTP bridge, so that its clients and `curl` work unchanged.
"""

from __future__ import annotations

import re
import time
from abc import ABC, abstractmethod
from http import HTTPStatus
from ipaddress import ip_address, ip_network
from typing import Any, Final

import msgspec
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from edge_router.client.session import Session
from edge_router.config.schema.webrealm import CallerPath, HttpBridgeOptions, PublisherPath
from edge_router.config.secret import secret_text
from edge_router.transports.host import Host
from edge_router.wamp import errors
from edge_router.wamp.codecs import CODECS
from edge_router.wamp.codecs.codec import too_deep
from edge_router.wamp.errors import TranscodeError, WampError
from edge_router.wamp.messages import EMPTY
from edge_router.web.cors import Origins
from edge_router.web.realmsession import RealmSession
from edge_router.web.request import WebRequest
from edge_router.web.signature import Signatures, Unsigned

MOST_BODY: Final = 1_048_576

JSON: Final = CODECS["json"]

#: how an error of WAMP is called in HTTP; errors of applications, and what is not listed, are 500
STATUS: Final[dict[str, HTTPStatus]] = {
    errors.INVALID_URI: HTTPStatus.BAD_REQUEST,
    errors.INVALID_ARGUMENT: HTTPStatus.BAD_REQUEST,
    errors.INVALID_PAYLOAD: HTTPStatus.BAD_REQUEST,
    errors.OPTION_NOT_ALLOWED: HTTPStatus.BAD_REQUEST,
    errors.DISCLOSE_ME_DISALLOWED: HTTPStatus.BAD_REQUEST,
    errors.FEATURE_NOT_SUPPORTED: HTTPStatus.BAD_REQUEST,
    errors.NOT_AUTHORIZED: HTTPStatus.FORBIDDEN,
    errors.AUTHORIZATION_FAILED: HTTPStatus.FORBIDDEN,
    errors.NO_SUCH_PROCEDURE: HTTPStatus.NOT_FOUND,
    errors.NO_SUCH_SESSION: HTTPStatus.NOT_FOUND,
    errors.NO_SUCH_SUBSCRIPTION: HTTPStatus.NOT_FOUND,
    errors.NO_SUCH_REGISTRATION: HTTPStatus.NOT_FOUND,
    errors.PAYLOAD_SIZE_EXCEEDED: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.LIMIT_EXCEEDED: HTTPStatus.TOO_MANY_REQUESTS,
    errors.CANCELED: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.NO_AVAILABLE_CALLEE: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.NETWORK_FAILURE: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.TIMEOUT: HTTPStatus.GATEWAY_TIMEOUT,
}


class Malformed(Exception):
    """A request that cannot be understood. The text says what would be right."""


class Payload(msgspec.Struct):
    """What both kinds of requests hold. Everything else in them is passed over."""

    args: msgspec.Raw = EMPTY
    kwargs: msgspec.Raw = EMPTY


class BridgeService(ABC):
    """A service whose requests act in a realm. A kind of service gives `act`.

    config: realm, role, options. host: the node. name: of the kind, for sessions. Raises Missing for a secret that is
    not there.
    """

    methods = (b"POST", b"PUT")
    hidden = re.compile(rb"(?<=[?&]signature=)[^&]*")
    log = Logger(namespace="edge_router.web")
    #: the wall clock; an attribute so that tests have their own
    now = staticmethod(time.time)

    def __init__(self, config: PublisherPath | CallerPath, host: Host, name: str) -> None:
        options: HttpBridgeOptions = config.options
        self.options = options
        self.max_body = options.post_body_limit or MOST_BODY
        self.cors = Origins(options.allowed_origins)
        self._networks = [ip_network(network, strict=False) for network in options.require_ip]
        keys = {key: (each.secret, each.role or config.role) for key, each in options.keys.items()}
        if options.key is not None and options.secret is not None:
            keys[options.key] = (options.secret, config.role)
        self._signatures = None
        if keys:
            secrets = {key: secret_text(secret, host.directory) for key, (secret, _) in keys.items()}
            self._signatures = Signatures(secrets, options.timestamp_delta_limit, lambda: self.now())
        self._unsigned = RealmSession(host, config.realm, config.role, name)
        self._sessions = {key: RealmSession(host, config.realm, role, key) for key, (_, role) in keys.items()}

    @abstractmethod
    def act(self, session: Session, body: bytes) -> Deferred[Any]:
        """Do what a request asks for. Result: the answer, to be said in JSON.

        Raises Malformed, TranscodeError; the result fails with WampError.
        """

    def answer(self, request: WebRequest, rest: tuple[str, ...]) -> None:
        """Act, and answer with what came of it."""
        if rest not in ((), ("",)):
            request.page(HTTPStatus.NOT_FOUND, "There is nothing below this address.")
            return
        if not self._may_come(request):
            return
        try:
            session = self._session_for(request)
            acting = self.act(session.get(), self._json_of(request))
        except Unsigned as problem:
            request.setHeader(b"WWW-Authenticate", b"HMAC-SHA256")
            refuse(request, HTTPStatus.UNAUTHORIZED, str(problem))
        except (Malformed, TranscodeError) as problem:
            refuse(request, HTTPStatus.BAD_REQUEST, str(problem))
        except LookupError as problem:
            refuse(request, HTTPStatus.SERVICE_UNAVAILABLE, str(problem.args[0]))
        else:
            request.notifyFinish().addErrback(lambda _: acting.cancel())
            acting.addCallback(lambda result: self._reply(request, HTTPStatus.OK, result))
            acting.addErrback(self._failed, request)

    def stop(self) -> None:
        """Leave the realm."""
        for session in (self._unsigned, *self._sessions.values()):
            session.stop()

    def _may_come(self, request: WebRequest) -> bool:
        if self.options.require_tls and not request.isSecure():
            refuse(request, HTTPStatus.FORBIDDEN, "requests are to come by https")
        elif self._networks and not self._is_near(getattr(request.client, "host", "")):
            refuse(request, HTTPStatus.FORBIDDEN, "requests from your address are not taken here")
        elif not is_json(request.header("Content-Type")):
            refuse(request, HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "`Content-Type: application/json` would be right")
        else:
            return True
        return False

    def _is_near(self, host: str) -> bool:
        try:
            address: Any = ip_address(host.partition("%")[0])
        except ValueError:
            return False
        address = getattr(address, "ipv4_mapped", None) or address
        return any(address in network for network in self._networks)

    def _session_for(self, request: WebRequest) -> RealmSession:
        """The session of whoever has signed, or of the service. Raises Unsigned."""
        if self._signatures is None:
            return self._unsigned
        return self._sessions[self._signatures.verify(request.args, request.body)]

    def _json_of(self, request: WebRequest) -> bytes:
        try:
            request.body.decode()
        except UnicodeDecodeError:
            raise Malformed("the body is no UTF-8") from None
        return request.body

    def _reply(self, request: WebRequest, status: HTTPStatus, result: Any) -> None:
        try:
            said = bytes(JSON.dumps(result))
        except TranscodeError as problem:
            refuse(request, HTTPStatus.INTERNAL_SERVER_ERROR, f"the answer cannot be said in JSON: {problem}")
        else:
            request.respond(status, said + b"\n", "application/json")

    def _failed(self, failure: Failure, request: WebRequest) -> None:
        error = failure.value
        if isinstance(error, CancelledError):
            return
        if not isinstance(error, WampError):
            self.log.failure("answering {path}", failure=failure, path=request.path)
            request.failed()
            return
        status = STATUS.get(error.uri, HTTPStatus.INTERNAL_SERVER_ERROR)
        said = {"error": error.uri, "args": list(error.error_args), "kwargs": dict(error.error_kwargs)}
        self._reply(request, HTTPStatus.OK if self.options.error_style == "crossbar" else status, said)


def refuse(request: WebRequest, status: HTTPStatus, why: str) -> None:
    """Answer that a request is not taken, in JSON."""
    request.respond(status, msgspec.json.encode({"error": why}) + b"\n", "application/json")


def is_json(content_type: str) -> bool:
    """Whether a `Content-Type` is JSON in UTF-8."""
    kind, *parameters = (part.strip().lower() for part in content_type.split(";"))
    charsets = [parameter[8:].strip('"') for parameter in parameters if parameter.startswith("charset=")]
    return kind == "application/json" and all(charset in ("utf-8", "utf8") for charset in charsets)


def payload_of(document: Payload) -> tuple[list[Any], dict[str, Any]]:
    """Args and kwargs of a request, as plain values. Raises Malformed."""
    try:
        args = JSON.loads(document.args) if document.args else None
        kwargs = JSON.loads(document.kwargs) if document.kwargs else None
        if too_deep([args, kwargs]):
            raise RecursionError
    except (TranscodeError, RecursionError):
        raise Malformed("the payload cannot be read; it may be nested too deeply") from None
    if not isinstance(args, list | None):
        raise Malformed("`args` is to be a list")
    if not isinstance(kwargs, dict | None):
        raise Malformed("`kwargs` is to be an object")
    return args or [], kwargs or {}
