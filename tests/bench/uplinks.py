"""What it costs an uplink to keep events, and how fast they are sent once the link is there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from . import servers
from .results import Results

REPLAYED = 50_000
WAITING = 1_000_000
#: by what a short run does less
QUICK = 20


def measure(results: Results, workdir: Path, note: Callable[[str], None], quick: bool = False) -> None:
    """Replay to a central edge-router that keeps what has arrived in a file; memory while very many events wait."""
    less = QUICK if quick else 1
    realm = {**servers.REALM, "store": {"type": "sqlite", "path": "realm1.sqlite"}}
    realm["roles"] = [{**role, "forwards": True} for role in servers.REALM["roles"]]
    note(f"uplink: {REPLAYED // less:,} events kept and replayed")
    with servers.node(workdir, realm=realm) as centre:
        port = centre.ways["tcp"][1].rpartition(":")[2]
        found = spooling(workdir, REPLAYED // less, port)
    results.figure("uplink: events kept, a second", found["stored"])
    results.figure("uplink: bytes written for an event that is kept", found["bytes"])
    results.figure("uplink: bytes written for an event that is replayed", found["replay_bytes"])
    results.figure("uplink: events replayed and acknowledged, a second", found["replayed"])
    waiting = WAITING // less
    note(f"uplink: {waiting:,} events waiting")
    found = spooling(workdir, waiting)
    few = min(10_000, waiting // 10)
    for count, which in ((few, "few"), (waiting, "many")):
        results.figure(f"uplink: memory for {count:,} waiting events, MB", (found[which] - found["before"]) / 1e6)


def spooling(workdir: Path, events: int, port: str | None = None) -> dict[str, float]:
    """What the process of that name says."""
    directory = workdir / f"spool-{os.urandom(3).hex()}"
    directory.mkdir()
    command = [sys.executable, "-m", "tests.bench.spooling", str(directory), str(events), *([port] if port else [])]
    ran = subprocess.run(command, cwd=servers.REPOSITORY, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise servers.ServerFailed(f"the store of an uplink failed: {ran.stderr.strip()[-500:]}")
    found: dict[str, float] = json.loads(ran.stdout)
    return found
