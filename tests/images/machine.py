"""A Debian with systemd, in a container of its own, without a network but loopback. (systemd-nspawn(1), nsenter(1).)"""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from images.packages import DEPENDS, RECOMMENDS
from images.roots import copy, root

PATIENCE = 90.0
SYSTEM = ("systemd-sysv", "dbus", "udev", "curl", "procps", "python3-msgspec")


class Machine:
    """A container that runs. root: its files. leader: the process id of its init."""

    def __init__(self, files: Path, leader: int) -> None:
        self.root = files
        self._leader = leader

    def does(self, command: str, status: int | None = 0) -> str:
        """Run a shell command in there. status: that it has to end with, or None. Result: what it said."""
        words = ["nsenter", "-t", str(self._leader), "-m", "-p", "-n", "-u", "-i", "-C", "--", "/bin/sh", "-c", command]
        done = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE, stdin=subprocess.DEVNULL)
        said = done.stdout + done.stderr
        assert status is None or done.returncode == status, f"{command}: {done.returncode}\n{said}"
        return said

    def until(self, command: str, wanted: Callable[[str], bool]) -> str:
        """Run a command again and again until what it says is as wanted. Result: that."""
        end = time.monotonic() + PATIENCE
        while not wanted(said := self.does(command, None)):
            assert time.monotonic() < end, f"{command}: {said}"
            time.sleep(0.2)
        return said

    def shows(self, name: str, unit: str = "edge-router") -> str:
        """A property of a unit."""
        return self.does(f"systemctl show -P {name} {unit}").strip()

    def journal(self, unit: str = "edge-router") -> str:
        """What the unit has said."""
        return self.does(f"journalctl --no-pager -o cat -u {unit}")


@contextmanager
def container(files: Path) -> Iterator[Machine]:
    """Boot one. files: where its root is made; removed afterwards."""
    names = [name.split()[0] for name in (*DEPENDS, *RECOMMENDS)]
    copy(root("amd64", (*SYSTEM, *names)), files)
    command = ["systemd-nspawn", "-q", "--register=no", "--keep-unit", "--private-network", "-D", str(files), "-b"]
    with files.with_suffix(".log").open("wb") as log:
        nspawn = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        yield _booted(files, nspawn)
    finally:
        nspawn.terminate()
        nspawn.wait(PATIENCE)
        shutil.rmtree(files, ignore_errors=True)


def _booted(files: Path, nspawn: subprocess.Popen[bytes]) -> Machine:
    end = time.monotonic() + PATIENCE
    children = Path(f"/proc/{nspawn.pid}/task/{nspawn.pid}/children")
    while not (found := children.read_text().split()):
        assert nspawn.poll() is None and time.monotonic() < end, files.with_suffix(".log").read_text()
        time.sleep(0.1)
    machine = Machine(files, int(found[0]))
    machine.until("systemctl is-system-running", lambda said: said.strip() in ("running", "degraded"))
    return machine
