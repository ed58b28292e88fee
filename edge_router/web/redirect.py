"""The `redirect` service: it is elsewhere (RFC 9110 section 15.4.3)."""

from __future__ import annotations

from edge_router.config.schema.webserve import RedirectPath
from edge_router.transports.host import Host
from edge_router.web.request import WebRequest


class RedirectService:
    """Another address (`type: redirect`), also for everything below."""

    def __init__(self, config: RedirectPath, host: Host) -> None:  # noqa: ARG002 - as all services
        self._url = config.url

    def answer(self, request: WebRequest, rest: tuple[str, ...]) -> None:  # noqa: ARG002 - as all services
        """Say where it is."""
        request.redirect_to(self._url)
