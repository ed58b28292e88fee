"""A pseudo terminal with a name in the file system: what a program opens as a serial device, seen from its far end.

No Twisted here: simulators drive it with the reactor, `edge-router record` and `replay` without. (pty(7))
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import struct
import termios
import time
import tty
from pathlib import Path
from typing import Final

READ_SIZE: Final = 4_096
#: seconds between two looks at what the program does
LOOK: Final = 0.02


class Terminal:
    """The device's end of it.

    link: becomes a link to the program's end, as udev makes them; a link that is there is replaced, anything else is
    not. None: no link. ends: of os.openpty, if they are there already; they are closed with it.

    name: of the program's end. Raises OSError.
    """

    def __init__(self, link: Path | None, ends: tuple[int, int] | None = None) -> None:
        # Our own descriptor of the program's end keeps the line from hanging up when a program closes it.
        self._device, self._program = ends or os.openpty()
        self._link = link
        try:
            tty.setraw(self._program, termios.TCSANOW)
            os.set_blocking(self._device, False)
            self.name = os.ttyname(self._program)
            if link is not None:
                self._make(link)
        except BaseException:
            self._close_ends()
            raise

    def fileno(self) -> int:
        """The device's end, for select."""
        return self._device

    def read(self, size: int = READ_SIZE) -> bytes:
        """What the program has sent, and nothing if it has not. size: bytes at most."""
        try:
            return os.read(self._device, size)
        except BlockingIOError:
            return b""

    def write(self, data: bytes) -> int:
        """Send to the program. Result: how many bytes it will get; the others are too many for the kernel to keep."""
        try:
            return os.write(self._device, data)
        except BlockingIOError:
            return 0

    def wait_until_opened(self, seconds: float) -> bool:
        """Whether a program has it open, or opens it within that time, more or less."""
        os.close(self._program)
        self._program = -1  # until it is open again, should this be interrupted
        poll = select.poll()
        poll.register(self._device, 0)  # tells of POLLHUP alone
        if poll.poll(0):
            select.select([], [], [], seconds)
        opened = not poll.poll(0)
        self._program = os.open(self.name, os.O_RDWR | os.O_NOCTTY)
        return opened

    def wait_until_read(self, seconds: float) -> bool:
        """Whether the program has read all, or does so within that time. What it has not when this closes is lost."""
        end = time.monotonic() + seconds
        unread = 1
        while unread and time.monotonic() < end:
            select.select([], [], [], LOOK)  # first, for the kernel takes its time to bring it to the other end
            (unread,) = struct.unpack("i", fcntl.ioctl(self._program, termios.FIONREAD, bytes(4)))
        return not unread

    def close(self) -> None:
        """As when a cable is pulled: udev takes the link away, and who has it open is hung up."""
        link = self._link
        if link is not None and link.is_symlink() and str(link.readlink()) == self.name:
            with contextlib.suppress(FileNotFoundError):
                link.unlink()
        self._close_ends()

    def _make(self, link: Path) -> None:
        if link.exists() and not link.is_symlink():
            raise FileExistsError(f"{link} exists and is no link; another path is needed")
        fresh = link.with_name(f"{link.name}.{os.getpid()}")
        fresh.symlink_to(self.name)
        fresh.replace(link)

    def _close_ends(self) -> None:
        for descriptor in (self._program, self._device):
            if descriptor >= 0:
                os.close(descriptor)
        self._program = self._device = -1
