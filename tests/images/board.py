"""A board under emulation: its disk, its console, the far end of its serial line, and its port on this machine.

(QEMU's `virt` machine; "QEMU Machine Protocol"; debugfs(8).)
"""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

from images import boards
from images.steps import run

#: seconds that an emulated board has for its boot, on a machine that does other things too
PATIENCE = 300.0
MACHINES = {
    "arm64": ("qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a72"),
    "armhf": ("qemu-system-arm", "-M", "virt,highmem=off", "-cpu", "cortex-a15"),
}


class Board:
    """A board with the router. arch: of its processor. place: for its files. config: of the router."""

    def __init__(self, arch: str, place: Path, config: str) -> None:
        self.console = place / "console.log"
        self.port = _free_port()
        self._arch = arch
        self._place = place
        tree = boards.installed(arch)
        (place / "initrd").write_bytes(boards.initrd(tree))
        (place / "kernel").write_bytes(boards.kernel(tree).read_bytes())
        boards.disk(tree, place / "disk", 1536)
        (place / "config.yaml").write_text(config)
        self._debugfs("rm /etc/edge-router/config.yaml")
        self._debugfs(f"write {place / 'config.yaml'} /etc/edge-router/config.yaml")
        self._qemu: subprocess.Popen[bytes] | None = None

    def start(self) -> float:
        """Power on. Result: seconds until its page is served."""
        for name in ("uart", "qmp"):
            (self._place / name).unlink(missing_ok=True)
        began = time.monotonic()
        with (self._place / "qemu.log").open("ab") as log:
            self._qemu = subprocess.Popen(self._command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.until(lambda: self.get("/info"))
        return time.monotonic() - began

    def _command(self) -> list[str]:
        place = self._place
        forward = f"user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:{self.port}-:8080"
        return [
            *MACHINES[self._arch], "-smp", "2", "-m", "512", "-display", "none", "-nic", "none",
            "-kernel", str(place / "kernel"), "-initrd", str(place / "initrd"),
            "-append", "root=LABEL=edge-root rw console=ttyAMA0 modprobe.blacklist=gpio_keys",
            "-drive", f"file={place / 'disk'},if=virtio,format=raw",
            "-netdev", forward, "-device", "virtio-net-pci,netdev=net,romfile=",
            "-chardev", f"socket,id=uart,path={place / 'uart'},server=on,wait=off",
            "-device", "pci-serial,chardev=uart",
            "-qmp", f"unix:{place / 'qmp'},server=on,wait=off", "-serial", f"file:{self.console}",
        ]  # fmt: skip

    def pull_the_plug(self) -> None:
        """The power is gone."""
        if self._qemu is not None:
            self._qemu.kill()
            self._qemu.wait()
            self._qemu = None

    def until(self, wanted: Callable[[], Any]) -> Any:
        """Ask again and again. Result: the first answer that is something."""
        end = time.monotonic() + PATIENCE
        while not (found := wanted()):
            running = self._qemu is not None and self._qemu.poll() is None
            assert running and time.monotonic() < end, self._said()
            time.sleep(0.5)
        return found

    def get(self, path: str) -> str:
        """What its web server says; nothing if it does not."""
        request = Request(f"http://127.0.0.1:{self.port}{path}", headers={"Accept": "application/json"})
        try:
            with urlopen(request, timeout=5) as answer:
                return str(answer.read().decode())
        except (URLError, OSError):
            return ""

    def sensor(self) -> socket.socket:
        """The far end of its serial line."""
        line = socket.socket(socket.AF_UNIX)
        line.connect(str(self._place / "uart"))
        return line

    def presses_the_power_button(self) -> None:
        """Which is line 3 of its pins: an edge."""
        with socket.socket(socket.AF_UNIX) as qmp:
            qmp.connect(str(self._place / "qmp"))
            lines = qmp.makefile("rwb")
            lines.readline()
            for command in ("qmp_capabilities", "system_powerdown"):
                lines.write(json.dumps({"execute": command}).encode() + b"\n")
                lines.flush()
                assert b"error" not in lines.readline()

    def check_disk(self) -> None:
        """Play the journal of a disk whose power went. Raises BuildFailed if more than that has to be mended."""
        subprocess.run(["e2fsck", "-p", str(self._place / "disk")], capture_output=True)
        run(["e2fsck", "-fn", self._place / "disk"])

    def _debugfs(self, command: str) -> None:
        run(["debugfs", "-w", "-R", command, self._place / "disk"])

    def _said(self) -> str:
        console = self.console.read_text(errors="replace")[-3000:] if self.console.exists() else ""
        return (self._place / "qemu.log").read_text(errors="replace")[-1000:] + console


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
