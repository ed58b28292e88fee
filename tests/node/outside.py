"""A real node with processes of its own, as tests of guests and containers need it."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.cli.running import PATIENCE, RunningNode, configuration, run, write


class World:
    """A node with guests, each a few lines of Python that may write files into the node directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.config = configuration()
        self.node: Any = None

    def guest(self, code: str, name: str = "guest1", **options: Any) -> None:
        """Add a guest. code: with `tell(name, text)`, which writes a file in one go."""
        tell = (
            "import os, sys, time, signal, subprocess\n"
            "def tell(name, text):\n"
            "    open(name + '.new', 'w').write(str(text)); os.rename(name + '.new', name)\n"
        )
        (self.directory / f"{name}.py").write_text(tell + code)
        worker = {
            "type": "guest", "id": name, "executable": sys.executable, "arguments": [f"{name}.py"], "options": options,
        }  # fmt: skip
        self.config["workers"].append(worker)

    def container(self, code: str, *components: dict[str, Any], name: str = "box1", **options: Any) -> None:
        """Add a container. code: of the module `<name>_module`; `tell(name, text)` is there. components: sections, by
        default in realm1 over the Unix socket."""
        tell = (
            "import os\n"
            "def tell(name, text):\n"
            "    open(name + '.new', 'w').write(str(text)); os.rename(name + '.new', name)\n"
        )
        (self.directory / f"{name}_module.py").write_text(tell + code)
        unix = {"type": "rawsocket", "endpoint": {"type": "unix", "path": "router.sock"}}
        sections = [{"realm": "realm1", "transport": unix, **component} for component in components]
        options = {"pythonpath": ["."], **options}
        self.config["workers"].append({"type": "container", "id": name, "components": sections, "options": options})

    def facts(self) -> list[dict[str, Any]]:
        """What the node has told of its workers."""
        try:
            workers: list[dict[str, Any]] = json.loads((self.directory / "node.status").read_text())["workers"]
        except FileNotFoundError:
            return []
        return workers

    def start(self) -> int:
        write(self.directory, self.config)
        self.node = RunningNode(self.directory)
        return int(self.node.wait_until_ready())

    def told(self, name: str) -> str:
        """What a guest has written into a file, once it has."""
        path = self.directory / name
        until(path.exists, f"{name} was never written")
        return path.read_text()

    def status(self) -> str:
        return run("status", "--cbdir", self.directory).stdout

    def stop(self) -> str:
        """End the node. Result: its log."""
        self.node.process.terminate()
        assert self.node.ended() == 0
        return str(self.node.stderr)


def until(happened: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.02)


def is_gone(pid: int) -> bool:
    """Whether a process has ended: a zombie is nobody's child here, so whoever adopts it waits for it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
