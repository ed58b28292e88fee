"""The `webhook` service: a POST of anything is published, as it is, for programs that know what to make of it.

With `github_secret` only what GitHub has signed is taken ("Validating webhook deliveries" in GitHub's documentation).
"""

from __future__ import annotations

import hmac
from http import HTTPStatus
from typing import Any, Final

from twisted.internet.defer import CancelledError
from twisted.logger import Logger
from twisted.python.failure import Failure

from edge_router.config.schema.webrealm import WebhookPath
from edge_router.config.secret import secret_text
from edge_router.transports.host import Host
from edge_router.web.cors import Origins
from edge_router.web.realmsession import RealmSession
from edge_router.web.request import WebRequest

MOST_BODY: Final = 1_048_576
_TEXT: Final = "text/plain; charset=utf-8"


class WebhookService:
    """Requests from elsewhere as events (`type: webhook`).

    The event has one argument: `headers`, a list of values by name, and `body`, text if it is UTF-8 and binary if not.
    Raises Missing for a secret that is not there.
    """

    methods = (b"POST",)
    log = Logger(namespace="edge_router.web")

    def __init__(self, config: WebhookPath, host: Host) -> None:
        options = config.options
        self.max_body = options.post_body_limit or MOST_BODY
        self.cors = Origins(options.allowed_origins)
        self._options = options
        secret = options.github_secret
        self._secret = None if secret is None else secret_text(secret, host.directory).encode()
        self._session = RealmSession(host, config.realm, config.role, "webhook")

    def answer(self, request: WebRequest, rest: tuple[str, ...]) -> None:
        """Publish the request, and answer when the router has it."""
        if rest not in ((), ("",)):
            request.page(HTTPStatus.NOT_FOUND, "There is nothing below this address.")
        elif not self._is_signed(request):
            request.respond(HTTPStatus.UNAUTHORIZED, b"the signature is missing or wrong\n", _TEXT)
        else:
            self._publish(request)

    def _is_signed(self, request: WebRequest) -> bool:
        if self._secret is None:
            return True
        kinds = [("X-Hub-Signature-256", "sha256")]
        if self._options.github_sha1:
            kinds.append(("X-Hub-Signature", "sha1"))
        for header, digest in kinds:
            given = request.header(header)
            if given:
                right = f"{digest}={hmac.digest(self._secret, request.body, digest).hex()}"
                return hmac.compare_digest(given.encode("utf-8", "replace"), right.encode())
        return False

    def _publish(self, request: WebRequest) -> None:
        try:
            published = self._session.get().publish(self._options.topic, [_event_of(request)], acknowledge=True)
        except LookupError as problem:
            request.respond(HTTPStatus.SERVICE_UNAVAILABLE, f"{problem.args[0]}\n".encode(), _TEXT)
            return
        assert published is not None
        request.notifyFinish().addErrback(lambda _: None)
        published.addCallback(lambda _: self._answer(request, HTTPStatus.ACCEPTED, self._options.success_response))
        published.addErrback(self._failed, request)

    def _failed(self, failure: Failure, request: WebRequest) -> None:
        if not failure.check(CancelledError):
            self.log.warn("{path}: not published: {reason}", path=request.path, reason=failure.getErrorMessage())
            self._answer(request, HTTPStatus.INTERNAL_SERVER_ERROR, self._options.error_response)

    def _answer(self, request: WebRequest, status: HTTPStatus, text: str) -> None:
        request.respond(status, text.encode(), _TEXT)

    def stop(self) -> None:
        """Leave the realm."""
        self._session.stop()


def _event_of(request: WebRequest) -> dict[str, Any]:
    headers = {
        name.decode("latin-1"): [value.decode("utf-8", "replace") for value in values]
        for name, values in request.requestHeaders.getAllRawHeaders()
    }
    try:
        return {"headers": headers, "body": request.body.decode()}
    except UnicodeDecodeError:
        return {"headers": headers, "body": request.body}
