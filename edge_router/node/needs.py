"""What a configuration needs to be loaded; asked before Twisted is."""

from __future__ import annotations

from edge_router import registry
from edge_router.config.schema import Config, RouterWorker, Transport
from edge_router.config.schema.connecting import ClientTransport


def part_types(config: Config) -> set[str]:
    """The types of the transports and bridges of a configuration, in the node's own process."""
    transports = (transport for router in routers_of(config) for transport in router.transports)
    return {registry.type_name(part) for part in (*transports, *config.bridges)}


def has_tls(config: Config) -> bool:
    """Whether TLS may be needed: an endpoint or an uplink speaks it, or a component may, which is nobody else's
    business.
    """
    outgoing = (each for uplink in config.uplinks for each in (uplink.transport, *uplink.transports))
    routers = routers_of(config)
    incoming = (each for router in routers for each in router.transports)
    return any(map(speaks_tls, (*outgoing, *incoming))) or any(router.components for router in routers)


def speaks_tls(transport: Transport | ClientTransport | None) -> bool:
    """Whether a transport speaks TLS, one to listen by or one to connect by."""
    if str(getattr(transport, "url", "")).startswith(("wss:", "rss:")):
        return True
    return getattr(getattr(transport, "endpoint", None), "tls", None) is not None


def routers_of(config: Config) -> list[RouterWorker]:
    """The routers that run in the node's own process."""
    routers = (worker for worker in config.workers if isinstance(worker, RouterWorker) and not worker.options.disabled)
    return [router for router in routers if router.options.process == "node"]
