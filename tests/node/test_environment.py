"""The environment of processes."""

from __future__ import annotations

from typing import Any

import pytest

from edge_router.config.schema import Environment
from edge_router.node.environment import environment_for

NODES = {"PATH": "/bin", "HOME": "/root", "NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "1", "WATCHDOG_PID": "2"}


@pytest.mark.parametrize(
    ("inherit", "expected"),
    [
        (True, {"PATH": "/bin", "HOME": "/root"}),
        (False, {}),
        (["PATH", "MISSING", "NOTIFY_SOCKET"], {"PATH": "/bin"}),
    ],
)
def test_what_is_inherited(inherit: Any, expected: dict[str, str]) -> None:
    """All, nothing, or what a list names; never what systemd gives the node for itself."""
    assert environment_for(Environment(inherit=inherit), NODES) == expected
    assert environment_for(Environment(inherit=inherit, vars={"PATH": "/opt"}), NODES) == {**expected, "PATH": "/opt"}
