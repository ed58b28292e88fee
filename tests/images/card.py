"""A board that starts from the image of an SD card, and a shell in it.

The shell is a unit that only this machine's QEMU gives it, on the kernel's command line: nothing of it is on the card.
(systemd.system-credentials(7), `systemd.extra-unit.*`; QEMU's virtserialport; mcopy(1).)
"""

from __future__ import annotations

import base64
import re
import socket
import time
from pathlib import Path

from images.steps import run
from tests.images.board import PATIENCE, Board

#: short, as the line is: 1,024 octets on armhf
UNIT = "s.service"
SHELL = """\
[Unit]
DefaultDependencies=no
StartLimitIntervalSec=0
[Service]
Restart=always
RestartSec=1
ExecStart=/bin/sh -c 'exec <>/dev/virtio-ports/shell >&0 2>&0; \
  while read -r line; do sh -c "$$line" </dev/null 2>&1; echo "=== $$?"; done'
"""


class Card(Board):
    """A board with a shell. arch, place, config: as of every board."""

    def __init__(self, arch: str, place: Path, config: str) -> None:
        super().__init__(arch, place, config)
        #: for the kernel's command line, at the next start
        self.words = ""
        self._shell: socket.socket | None = None
        self._asked = 0

    def put(self, *files: Path) -> None:
        """Onto the boot partition, as from any PC."""
        run(["mcopy", "-o", "-i", self._boot, *files, "::"])

    def _command(self, script: str) -> list[str]:
        (self._place / "shell").unlink(missing_ok=True)
        command = super()._command(script)
        unit = base64.b64encode(SHELL.encode()).decode()
        words = f"systemd.set_credential_binary=systemd.extra-unit.{UNIT}:{unit} systemd.wants={UNIT} {self.words}"
        command[command.index("-append") + 1] += f" {words}"
        return [
            *command,
            "-device", "virtio-serial", "-device", "virtserialport,chardev=shell,name=shell",
            "-chardev", f"socket,id=shell,path={self._place / 'shell'},server=on,wait=off",
        ]  # fmt: skip

    def pull_the_plug(self) -> None:
        """The power is gone."""
        super().pull_the_plug()
        if self._shell is not None:
            self._shell.close()
        self._shell = None

    def does(self, command: str, status: int | None = 0, patience: float = 2 * PATIENCE) -> str:
        """Run a shell command on the board. status: that it has to end with, or None. Result: what it said.

        Raises TimeoutError if there is no answer in time: it may be on its way to another start.
        """
        self._tell(command, patience)
        said, found = self._hear(re.compile(rb"^=== (\d+)\r?\n", re.M), patience)
        text = said.decode(errors="replace").replace("\r", "")
        assert status in (None, int(found[1])), f"{command}: {int(found[1])}\n{text}"
        return text

    def begins(self, command: str, until: str) -> None:
        """Run a command, and come back when it has said something, while it runs on."""
        self._tell(command, 2 * PATIENCE)
        said, found = self._hear(re.compile(rb"%b|^===" % until.encode(), re.M), 2 * PATIENCE)
        assert found[0] != b"===", said.decode(errors="replace")

    def _tell(self, command: str, patience: float) -> None:
        """Say it to the shell once that answers: what nobody reads on the board is lost."""
        if self._shell is None:
            self._shell = socket.socket(socket.AF_UNIX)
            self._shell.connect(str(self._place / "shell"))
        end = time.monotonic() + patience
        answer = None
        while answer is None:
            self._asked += 1
            self._shell.sendall(b"echo here %d\n" % self._asked)
            try:
                answer = self._hear(re.compile(rb"^here %d\r?\n=== 0\r?\n" % self._asked, re.M), 5)
            except TimeoutError:
                if time.monotonic() > end:
                    raise
        self._shell.sendall(command.encode() + b"\n")

    def _hear(self, wanted: re.Pattern[bytes], patience: float) -> tuple[bytes, re.Match[bytes]]:
        """Result: what the shell said before what is wanted, and that. Raises TimeoutError."""
        assert self._shell is not None
        end = time.monotonic() + patience
        said = b""
        while not (found := wanted.search(said)):
            self._shell.settimeout(max(0.1, end - time.monotonic()))
            said += self._shell.recv(65536)
        return said[: found.start()], found
