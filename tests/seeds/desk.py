"""A reader of an example at the keyboard: a directory, and the programs that he has started in it.

The examples say port 8080, and so do their configurations, pages and programs. Tests run beside each other, so all of
them are copied with another port; nothing else is changed unless a test says so.
"""

from __future__ import annotations

import errno
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.interop.stage import HERE as INTEROP
from tests.interop.stage import NodeModules

DATA = Path(__file__).parent / "data"
PATIENCE = 30.0
ROOT = Path(__file__).parents[2]

#: Node calls its own ways deprecated; the examples are of 2018
NODE = ["node", "--no-deprecation"]


class Program:
    """A program in a terminal of its own.

    log: where what it prints is kept. name: for messages.
    """

    def __init__(self, argv: list[str], directory: Path, log: Path, environment: dict[str, str]) -> None:
        self._log = log
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                argv, cwd=directory, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environment
            )

    def said(self) -> str:
        """What it has printed so far."""
        return self._log.read_text("utf-8", "replace")

    def says(self, pattern: str) -> re.Match[str]:
        """Wait until it has printed this. pattern: a regular expression."""
        deadline = time.monotonic() + PATIENCE
        while True:
            running = self.process.poll() is None
            found = re.search(pattern, self.said())
            if found:
                return found
            assert running, f"ended without {pattern!r}:\n{self.said()}"
            assert time.monotonic() < deadline, f"never said {pattern!r}:\n{self.said()}"
            time.sleep(0.02)

    def ends(self) -> int:
        """Wait for its end. Result: the exit status."""
        return self.process.wait(PATIENCE)

    def interrupt(self) -> int:
        """Ctrl-C. Result: the exit status."""
        self.process.send_signal(signal.SIGINT)
        return self.ends()

    def close(self) -> None:
        """End it if it still runs."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Desk:
    """A fresh directory, and a port in the place of 8080.

    directory: where commands are typed. modules: the libraries for JavaScript, required by what uses them.
    """

    def __init__(self, directory: Path, modules: NodeModules) -> None:
        self.directory = directory / "desk"
        self.directory.mkdir()
        self.port = free_port()
        self._logs = directory
        self._modules = modules
        self._programs: list[Program] = []
        # `six`, which the examples in Python import and do not use, was everywhere in 2018
        (directory / "python").mkdir()
        (directory / "python" / "six.py").write_text("")
        self._environment = {
            **os.environ,
            "PYTHONPATH": f"{ROOT}:{directory / 'python'}",
            "NODE_PATH": str(INTEROP / "node_modules"),
            "CBURL": f"ws://localhost:{self.port}/ws",
            "CBREALM": "realm1",
        }
        self._environment.pop("CROSSBAR_DIR", None)

    # --- files -------------------------------------------------------------------------------------------------

    def ported(self, text: str) -> str:
        """A text of an example with this desk's port."""
        return re.sub(r"\b8080\b", str(self.port), text)

    def put(self, example: str, where: str, change: Callable[[str], str] = lambda text: text) -> Path:
        """Copy a file or a folder of `data`. where: below the directory. change: what the test has to change."""
        source, target = DATA / example, self.directory / where
        files = [source] if source.is_file() else [path for path in source.rglob("*") if path.is_file()]
        for path in files:
            copy = target / path.relative_to(source) if path != source else target
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(change(self.ported(path.read_text("utf-8"))), "utf-8")
        return target

    def put_autobahn(self, *folders: str) -> None:
        """Put the library for browsers beside pages. Skips where npm is not."""
        self._modules.require()
        for folder in folders:
            library = INTEROP / "node_modules" / "autobahn-browser" / "autobahn.min.js"
            shutil.copy(library, self.directory / folder / "autobahn.min.js")

    # --- programs ----------------------------------------------------------------------------------------------

    def edge_router(self, *arguments: str) -> str:
        """Run a command to its end, which must be good. Result: what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "edge_router", *arguments],
            cwd=self.directory, env=self._environment, capture_output=True, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    def start(self, *arguments: str) -> Program:
        """`edge-router start`, and wait until the node is ready."""
        node = self.run([sys.executable, "-m", "edge_router", "start", *arguments])
        node.says("ready: ")
        return node

    def python(self, script: str) -> Program:
        """Start a program in Python."""
        return self.run([sys.executable, "-u", script])

    def node(self, script: str, **environment: str) -> Program:
        """Start a program in JavaScript. Skips where Node is not."""
        self._modules.require()
        return self.run([*NODE, script], **environment)

    def run(self, argv: list[str], **environment: str) -> Program:
        """Start a program. environment: what is different for this one."""
        log = self._logs / f"{len(self._programs)}.log"
        self._programs.append(Program(argv, self.directory, log, {**self._environment, **environment}))
        return self._programs[-1]

    def close(self) -> None:
        """End all, the last first."""
        for program in reversed(self._programs):
            program.close()


def free_port() -> int:
    """A port that nobody has, and that no connection is given by chance (ip(7), `ip_local_port_range`)."""
    while True:
        port = random.randrange(10_000, 30_000)
        with socket.socket() as attempt:
            if attempt.connect_ex(("127.0.0.1", port)) == errno.ECONNREFUSED:
                return port


def complaints(log: str) -> list[str]:
    """Lines of a node's log that should not be there when all is well."""
    return [line for line in log.splitlines() if re.search(r"Traceback|Unhandled| error | critical ", line)]
