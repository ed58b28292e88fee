"""Procedures about the node as a whole: what it is, what it does, what it says, and its end."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from edge_router.node import crash
from edge_router.node.management_calls import Procedure, failure, parameters
from edge_router.node.statistics import bridge_figures, realm_figures, slow_readers

if TYPE_CHECKING:
    from edge_router.node.management import Management


def get_status(management: Management) -> dict[str, Any]:
    """The node in short: id, version, pid, directory, state, started, uptime (s), and its parts by state."""
    node, info = management.node, management.node.info()
    last = crash.read(node.directory)
    return {
        **{name: info[name] for name in ("node", "version", "pid", "state", "uptime")},
        "directory": str(node.directory.absolute()),
        "started": started(management),
        "workers": {worker["id"]: worker.get("state", node.state) for worker in _workers(management)},
        "bridges": {bridge["id"]: bridge["state"] for bridge in info["bridges"]},
        "uplinks": {uplink["id"]: uplink["link"] for uplink in info.get("uplinks", ())},
        "last_crash": None if last is None else {"time": last.when, "text": last.what, "file": str(last.path)},
    }


def get_info(management: Management) -> dict[str, Any]:
    """All that the info page shows: workers with their transports, realms and components, bridges, figures."""
    return management.node.info()


def get_stats(management: Management) -> dict[str, Any]:
    """Figures since the start, to take differences of: process, realms, ports, parts; `time` is monotonic seconds."""
    node, info = management.node, management.node.info()
    routers = [worker for worker in info["workers"] if "ports" in worker]
    return {
        "time": node.reactor.seconds(),
        "uptime": info["uptime"],
        "process": get_process_stats(management),
        "realms": [figures for worker in node.workers for figures in realm_figures(worker)],
        "ports": [port for worker in routers for port in worker["ports"]],
        "bridges": [bridge_figures(node, bridge) for bridge in node.bridges],
        "uplinks": [uplink.info() for uplink in node.uplinks],
        "sessions_refused": sum(worker["sessions_refused"] for worker in routers),
        "events_dropped": sum(worker["events_dropped"] for worker in routers),
    }


def get_process_stats(management: Management) -> dict[str, Any]:  # noqa: ARG001
    """The node's process: pid, CPU time (s), resident memory (octets), open file descriptors."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return {
        "pid": os.getpid(),
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 3),
        "resident_memory": pages * os.sysconf("SC_PAGE_SIZE"),
        "open_fds": len(os.listdir("/proc/self/fd")) - 1,  # noqa: PTH208
    }


def get_system_stats(management: Management) -> dict[str, Any]:
    """The machine: load, memory and disk of the node directory (octets), uptime (s), CPUs, temperature (°C)."""
    memory = _memory()
    disk = os.statvfs(management.node.directory)
    return {
        "load": list(os.getloadavg()),
        "cpus": os.cpu_count(),
        "uptime": float(Path("/proc/uptime").read_text("ascii").split()[0]),
        "memory_total": memory.get("MemTotal"),
        "memory_available": memory.get("MemAvailable"),
        "disk_total": disk.f_blocks * disk.f_frsize,
        "disk_available": disk.f_bavail * disk.f_frsize,
        "temperature": _temperature(),
    }


def _memory() -> dict[str, int]:
    lines = (line.split() for line in Path("/proc/meminfo").read_text("ascii").splitlines())
    return {words[0].rstrip(":"): int(words[1]) * 1024 for words in lines if len(words) > 2}


def _temperature() -> float | None:
    try:
        return int(Path("/sys/class/thermal/thermal_zone0/temp").read_text("ascii")) / 1000
    except (OSError, ValueError):
        return None


def utcnow(management: Management) -> str:  # noqa: ARG001
    """The wall clock, as 2026-11-21T18:04:05Z."""
    return _utc(time.time())


def started(management: Management) -> str:
    """When the node was started, by the wall clock of now."""
    return _utc(time.time() - uptime(management))


def uptime(management: Management) -> float:
    """Seconds since the node was started."""
    seconds: float = management.node.info()["uptime"]
    return seconds


def _utc(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


# --- workers and bridges -----------------------------------------------------------------------------------------


def _workers(management: Management) -> list[dict[str, Any]]:
    """All workers, with the names that calls use."""
    node = management.node
    routers = [
        {**worker.info(), "id": worker.name, "type": "router", "state": node.state, "pid": os.getpid()}
        for worker in node.workers
    ]
    return [*routers, *node.process_info()]


def get_workers(management: Management, filter_types: list[str] | None = None) -> list[str]:
    """The ids of all workers, or of those of some types: `router`, `container`, `guest`."""
    return [
        worker["id"] for worker in _workers(management) if filter_types is None or worker["type"] in filter_types
    ]


def get_worker(management: Management, worker_id: str) -> dict[str, Any]:
    """A worker: id, type, state, pid, restarts, how it ended the last time, components; of a router its realms."""
    for worker in _workers(management):
        if worker["id"] == worker_id:
            return worker
    raise failure("no_such_worker", f"there is no worker '{worker_id[:80]}'")


def get_worker_log(management: Management, worker_id: str, limit: int = 100) -> list[dict[str, Any]]:
    """The last lines that a worker wrote: time (s since 1970), level, text. Of a router in the node: the node's."""
    worker = get_worker(management, worker_id)
    recent = management.recent
    return recent.last(limit) if worker["pid"] == os.getpid() else recent.last_of(worker_id, limit)


def get_log(management: Management, limit: int = 100) -> list[dict[str, Any]]:
    """The last lines of the node's log: time (s since 1970), level, text; 500 are kept, from info on."""
    return management.recent.last(limit)


def get_bridges(management: Management) -> list[str]:
    """The ids of all bridges."""
    return [bridge.info()["id"] for bridge in management.node.bridges]


def get_bridge(management: Management, bridge_id: str) -> dict[str, Any]:
    """A bridge: id, realm, state, figures."""
    for bridge in management.node.bridges:
        if bridge.info()["id"] == bridge_id:
            return bridge_figures(management.node, bridge)
    raise failure("no_such_object", f"there is no bridge '{bridge_id[:80]}'")


def get_uplinks(management: Management) -> list[str]:
    """The ids of all uplinks."""
    return [uplink.config.id for uplink in management.node.uplinks]


def get_uplink(management: Management, uplink_id: str) -> dict[str, Any]:
    """An uplink: id, realm, state, `link` (up or down), since when, address or error, figures of events and calls."""
    for uplink in management.node.uplinks:
        if uplink.config.id == uplink_id:
            found: dict[str, Any] = uplink.info()
            return found
    raise failure("no_such_object", f"there is no uplink '{uplink_id[:80]}'")


def get_slow_readers(management: Management) -> list[dict[str, Any]]:
    """Sessions that do not read what they are sent: who, octets that wait, events dropped so far; the worst first."""
    found = [each for worker in management.node.workers for each in slow_readers(worker)]
    return sorted(found, key=lambda each: (each["bytes_waiting"], each["events_dropped"]), reverse=True)


# --- the rest ----------------------------------------------------------------------------------------------------


def get_procedures(management: Management) -> list[dict[str, str]]:
    """What there is to call: uri, arguments, and what it gives; `<worker>` stands for the id of a router."""
    from_tables = [("crossbar.", 1, management.of_node), ("crossbar.worker.<worker>.", 2, management.of_router)]
    return [
        {
            "uri": prefix + name,
            "arguments": ", ".join(parameters(procedure, subjects)),
            "about": (procedure.__doc__ or "").strip(),
        }
        for prefix, subjects, table in from_tables
        for name, procedure in table.items()
    ]


def reload(management: Management) -> Any:
    """Read the configuration again, as `edge-router reload` does; gives `{state, lines}`: what was done or is wrong."""
    return management.reread()


def shutdown(management: Management) -> None:
    """End the node in order, as `edge-router stop` does."""
    node = management.node
    management.publish("on_shutdown_requested", node.id)
    # in a moment, so that the answer leaves before GOODBYE
    node.reactor.callLater(0.1, node.shut_down, "the management realm asks for it")


PROCEDURES_OF_NODE: Final[Mapping[str, Procedure]] = {
    function.__name__: function
    for function in (
        get_status, get_info, get_stats, get_process_stats, get_system_stats, utcnow, started, uptime, get_workers,
        get_worker, get_worker_log, get_log, get_bridges, get_bridge, get_uplinks, get_uplink, get_slow_readers,
        get_procedures, reload, shutdown,
    )
}  # fmt: skip

