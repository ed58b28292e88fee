"""The `metrics` service: numbers about the node in the text format of OpenMetrics 1.0, which Prometheus reads.

What there is comes from the node's `info`, as on its info page; the table `FAMILIES` says which of it is a number of
interest, and how it is called. A family whose key `info` does not have is left out.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, NamedTuple

from edge_router.config.schema.webserve import MetricsPath
from edge_router.transports.host import Host
from edge_router.web.cors import Anybody
from edge_router.web.request import WebRequest

_TYPE: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"


class Family(NamedTuple):
    """One metric. of: which part of `info` has it. key: there. kind: `gauge` or `counter`."""

    of: str
    key: str
    name: str
    kind: str
    help: str


def _runs(state: Any) -> int:
    return int(state == "running")


def _is_up(link: Any) -> int:
    return int(link == "up")


def _seconds(milliseconds: Any) -> float:
    return float(milliseconds) / 1000


#: keys whose value is no number, or one of another unit: what makes one of it
NUMBERS: Final[dict[str, Callable[[Any], float]]] = {
    "state": _runs, "link": _is_up, "oldest": _seconds, "rtt_ms": _seconds
}  # fmt: skip

_TRAFFIC: Final = {
    "messages_received": "WAMP messages received",
    "messages_sent": "WAMP messages sent",
    "bytes_received": "bytes of WAMP messages received",
    "bytes_sent": "bytes of WAMP messages sent",
}

FAMILIES: Final = (
    Family("node", "uptime", "uptime_seconds", "gauge", "seconds since the node was started"),
    Family("worker", "state", "worker_up", "gauge", "whether a worker in a process of its own runs"),
    Family("worker", "restarts", "worker_restarts", "counter", "how often a worker was started again"),
    Family("worker", "lines_left_out", "worker_lines_left_out", "counter", "lines of its output that were too many"),
    Family("worker", "sessions_refused", "sessions_refused", "counter", "sessions refused or aborted"),
    Family("worker", "events_dropped", "events_dropped", "counter", "events dropped since their receiver reads slowly"),
    Family("realm", "sessions", "realm_sessions", "gauge", "sessions in a realm"),
    Family("realm", "subscriptions", "realm_subscriptions", "gauge", "topics and patterns that are subscribed to"),
    Family("realm", "registrations", "realm_registrations", "gauge", "procedures and patterns that are served"),
    *(Family("realm", key, f"realm_{key}", "counter", f"{text} in a realm") for key, text in _TRAFFIC.items()),
    Family("port", "connections", "port_connections", "gauge", "connections of a port"),
    Family("port", "connections_accepted", "port_connections_accepted", "counter", "connections let in by a port"),
    Family("port", "connections_refused", "port_connections_refused", "counter", "connections over the limit"),
    *(Family("port", key, f"port_{key}", "counter", f"{text} over a port") for key, text in _TRAFFIC.items()),
    Family("realm", "retained", "realm_retained_events", "gauge", "events that are retained"),
    Family("realm", "retained_dropped", "realm_retained_dropped", "counter", "retained events dropped by the limits"),
    Family("realm", "events_repeated", "realm_events_repeated", "counter", "events that an uplink sent once more"),
    Family("realm", "origins_forgotten", "realm_origins_forgotten", "counter", "topics of nodes over max-origins"),
    Family("component", "state", "component_up", "gauge", "whether a component runs"),
    Family("component", "restarts", "component_restarts", "counter", "how often a component was started again"),
    Family("bridge", "state", "bridge_up", "gauge", "whether a bridge runs"),
    Family("bridge", "messages_received", "bridge_messages_received", "counter", "messages received from a bridge"),
    Family("bridge", "messages_sent", "bridge_messages_sent", "counter", "messages sent to a bridge"),
    Family("uplink", "link", "uplink_up", "gauge", "whether a link to a central router is up"),
    Family("uplink", "times_up", "uplink_times_up", "counter", "how often a link came up"),
    Family("uplink", "rtt_ms", "uplink_round_trip_seconds", "gauge", "time to the central router and back"),
    Family("uplink", "rows", "uplink_waiting_events", "gauge", "events that wait for a link"),
    Family("uplink", "bytes", "uplink_store_bytes", "gauge", "bytes of the file in which events wait"),
    Family("uplink", "oldest", "uplink_oldest_timestamp_seconds", "gauge", "when the oldest event that waits happened"),
    Family("uplink", "dropped", "uplink_events_dropped", "counter", "waiting events dropped by the limits"),
    Family("uplink", "refused", "uplink_events_refused", "counter", "waiting events that the central router refused"),
    Family("uplink", "replayed", "uplink_events_replayed", "counter", "events that arrived late"),
    Family("uplink", "written_per_hour", "uplink_written_bytes_per_hour", "gauge", "bytes written to disk in an hour"),
    Family("uplink", "sent", "uplink_events_sent", "counter", "events handed on to the central router"),
    Family("uplink", "not_sent", "uplink_events_not_sent", "counter", "events that could not be handed on"),
    Family("uplink", "held_back", "uplink_events_held_back", "counter", "events that filters left out"),
    Family("uplink", "received", "uplink_events_received", "counter", "events handed on from the central router"),
    Family("uplink", "calls", "uplink_calls", "counter", "calls handed on to the central router"),
    Family("uplink", "calls_refused", "uplink_calls_refused", "counter", "calls refused since a link was down"),
    Family("uplink", "served", "uplink_calls_served", "counter", "calls handed on from the central router"),
)


class Part(NamedTuple):
    """A part of the node's `info`. kind: as in `Family.of`. labels: what tells it from others of its kind."""

    kind: str
    labels: dict[str, str]
    facts: dict[str, Any]


def parts_of(info: dict[str, Any]) -> Iterator[Part]:
    """All parts of the node, the node itself first."""
    yield Part("node", {}, info)
    for number, worker in enumerate(info.get("workers", ()), 1):  # those in processes of their own have a name
        label = {"worker": str(worker.get("id") or f"router{number:03}")}
        yield Part("worker", label, worker)
        for realm in worker.get("realms", ()):
            yield Part("realm", {**label, "realm": str(realm["name"])}, realm)
        for port in worker.get("ports", ()):
            yield Part("port", {**label, "port": str(port["place"])}, port)
        for component in worker.get("components", ()):
            yield Part("component", {**label, "component": str(component.get("id", ""))}, component)
    for bridge in info.get("bridges", ()):
        yield Part("bridge", {"bridge": str(bridge["id"]), "realm": str(bridge["realm"])}, bridge)
    for uplink in info.get("uplinks", ()):
        yield Part("uplink", {"uplink": str(uplink["id"]), "realm": str(uplink["realm"])}, uplink)


def exposition(info: dict[str, Any]) -> str:
    """The whole text. info: the node's."""
    parts = list(parts_of(info))
    lines = [
        "# TYPE edge_router info",
        "# HELP edge_router the version that runs",
        f"edge_router_info{_labels({'version': str(info.get('version', ''))})} 1",
    ]
    for family in FAMILIES:
        samples = [(part.labels, part.facts[family.key]) for part in parts
                   if part.kind == family.of and part.facts.get(family.key) is not None]  # fmt: skip
        if samples:
            number = NUMBERS.get(family.key, float)
            values = [(labels, number(value)) for labels, value in samples]
            lines += _family(f"edge_router_{family.name}", family.kind, family.help, values)
    for name, kind, text, value in _process():
        lines += _family(f"process_{name}", kind, text, [({}, value)])
    return "\n".join((*lines, "# EOF", ""))


def _family(name: str, kind: str, text: str, samples: list[tuple[dict[str, str], float]]) -> Iterator[str]:
    yield f"# TYPE {name} {kind}"
    yield f"# HELP {name} {text}"
    suffix = "_total" if kind == "counter" else ""
    for labels, value in samples:
        yield f"{name}{suffix}{_labels(labels)} {value:.15g}"


def _labels(labels: dict[str, str]) -> str:
    shown = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return f"{{{shown}}}" if shown else ""


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _process() -> Iterator[tuple[str, str, str, float]]:
    """The process, by the names that Prometheus' own clients use (proc(5), getrusage(2))."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    yield "cpu_seconds", "counter", "CPU time of the process", used.ru_utime + used.ru_stime
    yield "resident_memory_bytes", "gauge", "resident memory", pages * os.sysconf("SC_PAGE_SIZE")
    yield "open_fds", "gauge", "open file descriptors", len(os.listdir("/proc/self/fd")) - 1  # noqa: PTH208
    yield "max_fds", "gauge", "file descriptors allowed", resource.getrlimit(resource.RLIMIT_NOFILE)[0]


class MetricsService:
    """Numbers about the node (`type: metrics`)."""

    def __init__(self, config: MetricsPath, host: Host) -> None:
        self.cors = Anybody() if config.allow_cross_origin else None
        self._info = host.info

    def answer(self, request: WebRequest, rest: tuple[str, ...]) -> None:
        """Answer with the numbers as of now."""
        if rest not in ((), ("",)):
            request.page(HTTPStatus.NOT_FOUND, "There is nothing below the metrics.")
            return
        request.setHeader(b"Cache-Control", b"no-store")
        request.respond(HTTPStatus.OK, exposition(self._info()).encode(), _TYPE)
