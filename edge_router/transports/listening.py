"""What all listening transports are: made without side effects, started once, stopped as often as one likes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from twisted.internet.defer import Deferred, execute, succeed

from edge_router.transports.host import Host
from edge_router.transports.listen import CannotListen, Connections, KeepAlive, Listener, Make, listen


class ListeningTransport(ABC):
    """A transport with an `endpoint` and `max_connections`. A kind of transport gives `protocols`.

    config: its section. host: the node. Construction reads the configuration only; see `host.Transport`.
    """

    def __init__(self, config: Any, host: Host) -> None:
        self._config = config
        self._host = host
        self._listener: Listener | None = None

    @property
    def reloads(self) -> bool:
        """See `host.Transport`."""
        return getattr(self._config.endpoint, "tls", None) is not None

    def reload(self) -> None:
        """See `host.Transport`."""
        if self._listener is not None and self._listener.tls is not None:
            self._listener.tls.reload()

    @abstractmethod
    def protocols(self) -> tuple[Make, KeepAlive]:
        """What makes the protocol for a connection, and how soon TCP itself notices a peer that vanished.

        Called when the transport starts. Raises CannotListen if something it needs is not there.
        """

    def start(self) -> Deferred[str]:
        """Listen. Result: where. Fails with CannotListen."""
        return execute(self._listen)

    def _listen(self) -> str:
        config, host = self._config, self._host
        make, keepalive = self.protocols()
        connections = Connections(make, config.max_connections, host.reactor)
        try:
            self._listener = listen(host.reactor, config.endpoint, host.directory, connections, keepalive)
        except CannotListen:
            self.release()
            raise
        return self._listener.place

    def release(self) -> None:  # noqa: B027 - most have nothing
        """Let go of what `protocols` has made: the transport ends, or could not listen. Idempotent."""

    def statistics(self) -> dict[str, int]:
        """Figures of the port, JSON-like; empty if it is not open."""
        if self._listener is None:
            return {}
        connections = self._listener.connections
        return {
            "connections": len(connections.open),
            "connections_accepted": connections.accepted,
            "connections_refused": connections.refused,
            **connections.counts.total().shown(),
        }

    def stop(self) -> Deferred[None]:
        """Stop listening and drop what is connected. Idempotent."""
        self.release()
        listener, self._listener = self._listener, None
        return succeed(None) if listener is None else listener.stop()
