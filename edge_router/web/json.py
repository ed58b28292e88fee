"""The `json` service: a value that stands in the configuration."""

from __future__ import annotations

from hashlib import sha256
from http import HTTPStatus

import msgspec
from twisted.web.http import CACHED

from edge_router.config.schema.webserve import JsonPath
from edge_router.transports.host import Host
from edge_router.web.cors import Anybody
from edge_router.web.request import WebRequest


class JsonService:
    """A value as JSON (`type: json`)."""

    def __init__(self, config: JsonPath, host: Host) -> None:  # noqa: ARG002 - as all services
        options = config.options
        self.cors = Anybody() if options.allow_cross_origin else None
        said = msgspec.json.encode(config.value, order="sorted" if options.prettify else None)
        self._body = (msgspec.json.format(said, indent=2) if options.prettify else said) + b"\n"
        self._tag = b'"%b"' % sha256(self._body).hexdigest()[:32].encode()
        self._caching = b"no-store" if options.discourage_caching else b"no-cache"

    def answer(self, request: WebRequest, rest: tuple[str, ...]) -> None:
        """Answer with the value, or that it has not changed."""
        if rest not in ((), ("",)):
            request.page(HTTPStatus.NOT_FOUND, "There is nothing below this document.")
            return
        request.setHeader(b"Cache-Control", self._caching)
        if request.setETag(self._tag) is CACHED:
            request.finish()
        else:
            request.respond(HTTPStatus.OK, self._body, "application/json")
