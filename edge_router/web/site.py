"""The `web` transport: one port for pages, files and WebSockets, by path."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, execute, succeed

from edge_router.config.schema import NestedPath, Web, WebOptions
from edge_router.transports.host import Host
from edge_router.transports.listen import CannotListen, Connections, KeepAlive, Listener, listen
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


class WebTransport:
    """A `web` transport. Construction reads the configuration only; see transports.host.Transport."""

    def __init__(self, config: Web, host: Host) -> None:
        self._config = config
        self._host = host
        self._listener: Listener | None = None

    def start(self) -> Deferred[str]:
        """Listen. Result: where. Fails with CannotListen."""
        return execute(self._listen)

    def _listen(self) -> str:
        config, host = self._config, self._host
        site = Site(config.paths, config.options, host)
        connections = Connections(site.channel, config.max_connections, host.reactor)
        self._listener = listen(host.reactor, config.endpoint, host.directory, connections, KeepAlive())
        return self._listener.place

    def stop(self) -> Deferred[None]:
        """Stop listening and drop what is connected. Idempotent."""
        listener, self._listener = self._listener, None
        return succeed(None) if listener is None else listener.stop()
