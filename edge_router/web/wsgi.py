"""The `wsgi` service: an application after PEP 3333, in a bounded pool of threads."""

from __future__ import annotations

from twisted.web.wsgi import WSGIResource

from edge_router import registry
from edge_router.config.schema.webcode import WsgiPath
from edge_router.transports.host import Host
from edge_router.transports.listen import CannotListen
from edge_router.web.handover import hand_over, site_of
from edge_router.web.request import WebRequest
from edge_router.web.threads import Threads


class WsgiService:
    """A WSGI application (`type: wsgi`). Raises CannotListen if it cannot be imported."""

    methods = None

    def __init__(self, config: WsgiPath, host: Host) -> None:
        self.max_body = config.post_body_limit
        try:
            application = registry.load(f"{config.module}:{config.object}")
        except Exception as problem:  # other people's code may raise anything
            raise CannotListen(f"web: the application {config.module}.{config.object}: {problem!r}") from problem
        self._threads = Threads(host.reactor, config.maxthreads, "wsgi", config.minthreads)
        self._site = site_of(WSGIResource(host.reactor, self._threads.pool, application), host.reactor)

    def answer(self, request: WebRequest, rest: tuple[str, ...]) -> None:  # noqa: ARG002 - the request has it
        """Let the application answer, when a thread is free."""
        self._threads.start()
        hand_over(request, self._site)

    def stop(self) -> None:
        """Let requests that are being answered end."""
        self._threads.stop()
