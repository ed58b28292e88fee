"""A board under emulation, started from the card that people flash: its console, its serial line, its port.

The kernel, what it begins with and its command line are taken from the card's first partition, where a board's firmware
finds them. (QEMU's `virt` machine; "QEMU Machine Protocol"; mtools(1), debugfs(8); systemd.system-credentials(7).)
"""

from __future__ import annotations

import base64
import json
import re
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

from images import sdcard
from images.steps import run

#: seconds that an emulated board has for its boot, on a machine that does other things too
PATIENCE = 600.0
MACHINES = {
    "arm64": ("qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a72"),
    "armhf": ("qemu-system-arm", "-M", "virt,highmem=off", "-cpu", "cortex-a15"),
}
#: of the command line, besides what is on the card: what this machine can see; the pins' only user is a power button
CMDLINE = "console=ttyAMA0 modprobe.blacklist=gpio_keys initcall_blacklist=gpio_keys_init"
#: of the card; its data partition grows into that
GIGABYTES = 4
#: exit status of e2fsck(8): all is well now; nothing was mended, as was asked for
_MENDED, _UNMENDED = 1, 4
#: what it says of a file system that is whole, of its journal, and of its list of orphans, which is a feature that the
#: backups of the superblock do not know of
_USUAL = (
    r"Pass \d.*|.*: recovering journal|.*files.* blocks|.*still has errors.*|"
    r".*[Oo]rphan.*|.*features different from backup.*|CLEARED\.|Clear\? no"
)
_DAMAGE = re.compile(rf"^(?!({_USUAL})$).+$", re.M)


class Board:
    """A board with a card that was never started. arch: of its processor. place: for its files. config: of the router,
    put on the card's first partition.
    """

    def __init__(self, arch: str, place: Path, config: str) -> None:
        self.console = place / "console.log"
        self.port = _free_port()
        self.arch = arch
        self._place = place
        self._card = place / "card.img"
        run(["cp", "--sparse=always", sdcard.made(arch), self._card])
        run(["truncate", f"--size={GIGABYTES}G", self._card])
        (place / "edge-router.yaml").write_text(config)
        run(["mcopy", "-i", self._boot, place / "edge-router.yaml", "::"])
        for name in ("vmlinuz", "initrd.img", "cmdline.txt"):
            run(["mcopy", "-i", self._boot, f"::{name}", place])
        self._qemu: subprocess.Popen[bytes] | None = None

    def start(self, script: str = "") -> float:
        """Power on. script: of the shell, run as root beside the router; it is on the first partition, which a PC could
        have written. Result: seconds until its page is served.
        """
        for name in ("uart", "qmp"):
            (self._place / name).unlink(missing_ok=True)
        began = time.monotonic()
        with (self._place / "qemu.log").open("ab") as log:
            self._qemu = subprocess.Popen(self._command(script), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.until(lambda: self.get("/info"))
        return time.monotonic() - began

    def _command(self, script: str) -> list[str]:
        place = self._place
        words = [(place / "cmdline.txt").read_text().strip(), CMDLINE]
        if script:
            (place / "script").write_text(script)
            run(["mcopy", "-o", "-i", self._boot, place / "script", "::"])
            unit = base64.b64encode(b"[Service]\nExecStart=/bin/sh /boot/firmware/script\n").decode()
            words += [f"systemd.set_credential_binary=systemd.extra-unit.s.service:{unit}", "systemd.wants=s.service"]
        forward = f"user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:{self.port}-:8080"
        return [
            *MACHINES[self.arch], "-smp", "2", "-m", "512", "-display", "none", "-nic", "none",
            "-kernel", str(place / "vmlinuz"), "-initrd", str(place / "initrd.img"),
            "-append", " ".join(words),
            "-drive", f"file={self._card},if=virtio,format=raw",
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

    def until(self, wanted: Callable[[], Any], patience: float = PATIENCE) -> Any:
        """Ask again and again. patience: seconds. Result: the first answer that is something."""
        end = time.monotonic() + patience
        while not (found := wanted()):
            running = self._qemu is not None and self._qemu.poll() is None
            assert running and time.monotonic() < end, self._last_words()
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

    def files(self, directory: str, place: Path) -> list[str]:
        """What is in a directory of the data partition, as a power cut left it; that and the root have to be whole.
        place: an empty directory, which takes the files. Result: their names. Raises BuildFailed.
        """
        copy = place / "partition"
        for label in ("edge-a", "edge-data"):
            self._partition(label, copy)
            _is_whole(copy)
        run(["debugfs", "-R", f"rdump {directory} {place}", copy])
        copy.unlink()
        (made,) = place.iterdir()
        for file in made.iterdir():
            file.rename(place / file.name)
        made.rmdir()
        return [file.name for file in place.iterdir()]

    def _partition(self, label: str, copy: Path) -> None:
        """A copy of one. The last one goes to the end of the card."""
        labels = list(sdcard.SIZES)
        start = sdcard.GAP + sum(sdcard.SIZES[before] for before in labels[: labels.index(label)])
        count = [] if label == labels[-1] else [f"count={sdcard.SIZES[label]}"]
        copy.unlink(missing_ok=True)
        run(["dd", f"if={self._card}", f"of={copy}", "bs=1M", f"skip={start}", *count, "conv=sparse"])

    @property
    def _boot(self) -> str:
        """The first partition, as mtools calls it."""
        return f"{self._card}@@{sdcard.GAP}M"

    def said(self) -> str:
        """What is on its console since power on."""
        return self.console.read_text(errors="replace").replace("\r", "") if self.console.exists() else ""

    def _last_words(self) -> str:
        return (self._place / "qemu.log").read_text(errors="replace")[-1000:] + self.said()[-3000:]


def _is_whole(partition: Path) -> None:
    """Play the journal of a file system, as the kernel does when it mounts it, and look at all of it. Nothing may have
    to be mended then but the list of files that were open and deleted, which the kernel empties too.
    """
    for options, usual in (("-p", (0, _MENDED)), ("-fn", (0, _UNMENDED))):
        done = subprocess.run(["e2fsck", options, partition], capture_output=True, text=True)
        assert done.returncode in usual and not _DAMAGE.search(done.stdout), done.stdout + done.stderr


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
