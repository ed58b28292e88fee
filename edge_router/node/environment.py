"""The environment of a process that the node starts."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import edge_router
from edge_router.config.schema import Environment

#: what systemd gives the node for itself: notifications, the watchdog, sockets (sd_notify(3), sd_listen_fds(3))
NODES_OWN: Final = frozenset(
    {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "JOURNAL_STREAM"}
)

#: where installed packages are
_INSTALLED: Final = ("site-packages", "dist-packages")


def environment_for(config: Environment, inherited: Mapping[str, str]) -> dict[str, str]:
    """The environment that a section asks for. inherited: the node's."""
    names = config.inherit if isinstance(config.inherit, list) else inherited if config.inherit else ()
    kept = {name: inherited[name] for name in names if name in inherited and name not in NODES_OWN}
    return {**kept, **config.vars}


def environment_of_ours(inherited: Mapping[str, str]) -> dict[str, str]:
    """The environment of a process that runs this package, however the node was started. inherited: the node's."""
    found = environment_for(Environment(), inherited)
    home = Path(edge_router.__file__).parents[1]
    if home.name in _INSTALLED:
        return found  # it is found there anyway, and would now come before the standard library
    return {**found, "PYTHONPATH": os.pathsep.join([str(home), *filter(None, [inherited.get("PYTHONPATH")])])}
