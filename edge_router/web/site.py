"""The `web` transport: one port for pages, files and WebSockets, by path."""

from __future__ import annotations

from typing import Any

from edge_router.config.schema import NestedPath, Web, WebOptions
from edge_router.transports.host import Host
from edge_router.transports.listen import CannotListen, Connections, KeepAlive, Make
from edge_router.transports.listening import ListeningTransport
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
        except FileNotFoundError as missing:
            raise CannotListen(f"web: {missing}") from missing
        self._options = options
        self._clock = host.reactor

    def channel(self, connections: Connections) -> WebChannel:
        """The protocol for one connection of the port that `connections` belongs to."""
        return WebChannel(self._root, self._options, connections, self._clock)


class WebTransport(ListeningTransport):
    """The transport `web`."""

    _config: Web

    def protocols(self) -> tuple[Make, KeepAlive]:
        """See `ListeningTransport`."""
        return Site(self._config.paths, self._config.options, self._host).channel, KeepAlive()
