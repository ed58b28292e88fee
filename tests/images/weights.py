"""What the router weighs on a board: measured there by a script that is handed in at power on, and told on its console.

The service is started anew with each configuration in turn, at last with its own; nothing is changed on the disk.
(proc_pid_smaps_rollup(5), proc_meminfo(5), systemd-analyze(1).)
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final

from tests.images.board import Board

#: the configuration that is on the board, and the shapes of the design's table
WHOLE: Final = "whole"
SOCKETS: Final = "sockets only"
LAN: Final = "LAN router"
#: seconds after which a node that is ready has nothing more to do
SETTLE: Final = 20

_ALLOW: Final = {"uri": "", "match": "prefix", "allow": {"call": True, "register": True, "publish": True}}
_REALM: Final = {"name": "realm1", "roles": [{"name": "anonymous", "permissions": [_ALLOW]}]}
_TCP: Final = {"type": "rawsocket", "endpoint": {"type": "tcp", "port": 8000}}
_UNIX: Final = {"type": "rawsocket", "endpoint": {"type": "unix", "path": "/run/edge-router/router.sock"}}
_PAGE: Final = {"type": "static", "package": "edge_router", "resource": "page"}
_PATHS: Final = {"/": _PAGE, "ws": {"type": "websocket"}}
_WEB: Final = {"type": "web", "endpoint": {"type": "tcp", "port": 8080}, "paths": _PATHS}
_SERIAL: Final = {"type": "serial", "id": "bench", "realm": "realm1", "baudrate": 115200, "decode": "json"}

_BEGIN: Final = """\
exec > /dev/console 2>&1
ask() { systemctl show -P $1 edge-router; }
weigh() {
    sleep @SETTLE@
    echo "weights: $1:" $(sed -n 's/^[RP]ss: *\\([0-9]*\\) kB/\\1/p' "/proc/$(ask MainPID)/smaps_rollup") \\
        $(sed -n 's/^Mem\\(Total\\|Available\\): *\\([0-9]*\\) kB/\\2/p' /proc/meminfo) \\
        $(ask ExecMainStartTimestampMonotonic) $(ask ActiveEnterTimestampMonotonic)
}
systemctl is-system-running --wait
systemd-analyze time
weigh whole
mkdir -p /run/weights /run/systemd/system/edge-router.service.d
"""
_SHAPE: Final = """\
cat > '/run/weights/@NAME@.json' <<'END'
@CONFIG@
END
printf '[Service]\\nEnvironment="CROSSBAR_CONFIG=/run/weights/@NAME@.json"\\n' \\
    > /run/systemd/system/edge-router.service.d/weights.conf
systemctl daemon-reload
systemctl restart edge-router
weigh '@NAME@'
"""
_AGAIN: Final = """\
rm -r /run/systemd/system/edge-router.service.d
systemctl daemon-reload
systemctl restart edge-router
echo 'weights: that is all'
"""
_TOLD: Final = re.compile(r"^weights: (?P<shape>[^:]+): (?P<numbers>[\d ]+)$", re.M)
_END: Final = "weights: that is all"


@dataclass(frozen=True)
class Weight:
    """Of a node that is ready and has nothing to do.

    rss, pss: MB (a million bytes) that it has in memory; with all that it shares with others, and with its share of
    that. total, available: MB of the board, and what is left of it to other programs. start: seconds from the start of
    its process to ready. uptime: seconds from the start of the kernel to ready.
    """

    rss: float
    pss: float
    total: float
    available: float
    start: float
    uptime: float


def script(device: str) -> str:
    """For `Board.start`. device: of the serial line."""
    shapes = {SOCKETS: _config([_TCP, _UNIX]), LAN: _config([_TCP, _UNIX, _WEB], [{**_SERIAL, "device": device}])}
    restarts = [_SHAPE.replace("@NAME@", name).replace("@CONFIG@", text) for name, text in shapes.items()]
    return "".join((_BEGIN.replace("@SETTLE@", str(SETTLE)), *restarts, _AGAIN))


def _config(transports: list[dict[str, Any]], bridges: list[dict[str, Any]] | None = None) -> str:
    worker = {"type": "router", "realms": [_REALM], "transports": transports}
    return json.dumps({"version": 2, "workers": [worker], "bridges": bridges or []})


def told(board: Board) -> dict[str, Weight]:
    """What the script has told, by shape, when it is done."""
    board.until(lambda: _END in board.said())
    return {found["shape"]: _weight(found["numbers"]) for found in _TOLD.finditer(board.said())}


def _weight(numbers: str) -> Weight:
    rss, pss, total, available, began, ready = (int(number) for number in numbers.split())
    return Weight(*(kib * 1024 / 1e6 for kib in (rss, pss, total, available)), (ready - began) / 1e6, ready / 1e6)
