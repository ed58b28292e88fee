"""The `web` transport: one port for pages, files and WebSockets, by path."""

from __future__ import annotations

from typing import Any

from edge_router.config.schema import NestedPath, Web, WebOptions
from edge_router.config.secret import Missing
from edge_router.transports.host import Host
from edge_router.transports.listen import CannotListen, Connections, KeepAlive, Make
from edge_router.transports.listening import ListeningTransport
from edge_router.web.bodies import Budget
from edge_router.web.channel import WebChannel
from edge_router.web.path import NestedService


class Site:
    """Makes the HTTP connections of a port.

    paths: path -> configuration of a web service. options: of the transport. host: the node.
    Raises CannotListen if something that is to be served is not there.
    """

    def __init__(self, paths: dict[str, Any], options: WebOptions, host: Host) -> None:
        try:
            self._root = NestedService(NestedPath(paths=paths), host)
        except (OSError, Missing) as missing:
            raise CannotListen(f"web: {missing}") from missing
        self._options = options
        self._clock = host.reactor
        self._budget = Budget(options.body_memory)

    def channel(self, connections: Connections) -> WebChannel:
        """The protocol for one connection of the port that `connections` belongs to."""
        return WebChannel(self._root, self._options, connections, self._clock, self._budget)

    def stop(self) -> None:
        """The port is closed: the services let go of what they hold. Idempotent."""
        self._root.stop()


class WebTransport(ListeningTransport):
    """The transport `web`."""

    _config: Web
    _site: Site | None = None

    def protocols(self) -> tuple[Make, KeepAlive]:
        """See `ListeningTransport`."""
        self._site = Site(self._config.paths, self._config.options, self._host)
        return self._site.channel, KeepAlive()

    def release(self) -> None:
        """See `ListeningTransport`."""
        site, self._site = self._site, None
        if site is not None:
            site.stop()
