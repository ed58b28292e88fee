"""The simulated sensor as a device: a pseudo terminal with a name in the file system, in a process of its own.

    python -m edge_router.demo.device PATH [--rate HZ] [--day SECONDS]

PATH becomes a link to the terminal, as udev makes them for real devices; any serial program may open it. The process
ends with SIGINT or SIGTERM and, if asked to, when its standard input is closed, as happens when its parent dies.
"""

from __future__ import annotations

import argparse
import os
import select
import signal
import sys
import termios
import time
import tty
from collections.abc import Callable
from pathlib import Path
from random import Random

from edge_router.demo.sensor import DAY, FASTEST, SLOWEST, Sensor

MAX_COMMAND = 1024  # bytes; a longer line is dropped


class Terminal:
    """A pseudo terminal that is plugged in: its end that the device has, and the link to the other one.

    link: the path for programs; a link that is there is replaced, anything else is not. Raises OSError.
    """

    def __init__(self, link: Path) -> None:
        self._link = link
        # Our own descriptor of the program's end keeps the line from hanging up between two programs.
        self._device, self._program = os.openpty()
        try:
            tty.setraw(self._program, termios.TCSANOW)
            os.set_blocking(self._device, False)
            self._name = os.ttyname(self._program)
            fresh = link.with_name(f"{link.name}.{os.getpid()}")
            fresh.symlink_to(self._name)
            if link.exists() and not link.is_symlink():
                fresh.unlink()
                raise FileExistsError(f"{link} exists and is no link; another path is needed")
            fresh.replace(link)
        except OSError:
            self._close_both()
            raise

    def fileno(self) -> int:
        """The device's end, for select."""
        return self._device

    def write(self, data: bytes) -> None:
        """Send. As on a real line, what nobody reads is lost."""
        try:
            os.write(self._device, data)
        except BlockingIOError:
            termios.tcflush(self._program, termios.TCIFLUSH)

    def read(self) -> bytes:
        """What was sent to the device."""
        try:
            return os.read(self._device, 4096)
        except BlockingIOError:
            return b""

    def unplug(self) -> None:
        """Hang up, and take the link away if it is still ours."""
        if self._link.is_symlink() and str(self._link.readlink()) == self._name:
            self._link.unlink()
        self._close_both()

    def _close_both(self) -> None:
        os.close(self._program)
        os.close(self._device)


class Device:
    """The loop of the process.

    sensor: what speaks. link: where. until: descriptors; the loop ends when one can be read. tell: is given a line
    whenever the device was plugged in or out.
    """

    def __init__(self, sensor: Sensor, link: Path, until: list[int], tell: Callable[[str], object]) -> None:
        self._sensor = sensor
        self._link = link
        self._until = until
        self._tell = tell
        self._heard = b""

    def run(self) -> None:
        """Speak and obey until told to end. Raises OSError if the terminal cannot be made."""
        start = time.monotonic()
        ended = False
        while not ended:
            terminal = Terminal(self._link)
            self._heard = b""
            try:
                self._tell(f"{self._link} is plugged in\n")
                ended = self._speak(terminal, start)
            finally:
                terminal.unplug()
            self._tell(f"{self._link} is unplugged\n")
            ended = ended or self._wait([], self._sensor.unplugged_for)
            self._sensor.unplugged_for = 0.0

    def _speak(self, terminal: Terminal, start: float) -> bool:
        """Until it is unplugged. Result: whether that is the end."""
        due = time.monotonic()
        while not self._sensor.unplugged_for:
            now = time.monotonic()
            if now >= due:
                terminal.write(self._sensor.reading(now - start))
                due = max(due + self._sensor.period, now)
            if self._wait([terminal], max(0.0, due - now)):
                return True
            self._obey(terminal)
        return False

    def _wait(self, files: list[Terminal], seconds: float) -> bool:
        """Wait for files or for the time. Result: whether it is the end."""
        watched: list[int | Terminal] = [*self._until, *files]
        readable, _, _ = select.select(watched, [], [], seconds)
        return any(descriptor in readable for descriptor in self._until)

    def _obey(self, terminal: Terminal) -> None:
        *lines, self._heard = (self._heard + terminal.read()).split(b"\n")
        if len(self._heard) > MAX_COMMAND:
            self._heard = b""
        for line in lines:
            if line.strip():
                terminal.write(self._sensor.command(line))


def arguments() -> argparse.ArgumentParser:
    """What may be said on the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m edge_router.demo.device",
        description="A simulated sensor on a pseudo terminal. It obeys: led on|off, rate HZ, unplug SECONDS.",
    )
    parser.add_argument("path", type=Path, metavar="PATH", help="becomes a link to the terminal")
    parser.add_argument("--rate", type=float, default=4, metavar="HZ", help="readings a second (default: 4)")
    parser.add_argument("--day", type=float, default=DAY, metavar="SECONDS", help=f"length of a day (default: {DAY:g})")
    parser.add_argument("--with-parent", action="store_true", help="end when standard input is closed")
    return parser


def tell(line: str) -> None:
    """Say what happened, on standard output."""
    sys.stdout.write(line)
    sys.stdout.flush()


def end(_number: int, _frame: object) -> None:
    """SIGINT or SIGTERM: leave by way of every `finally`."""
    raise SystemExit(0)


def main() -> int:
    """Run the device. Result: the exit status."""
    parser = arguments()
    args = parser.parse_args()
    if not SLOWEST <= args.rate <= FASTEST or not args.day > 0:
        parser.error(f"--rate is from {SLOWEST:g} to {FASTEST:g}, --day more than 0")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    sensor = Sensor(Random(), args.day)
    sensor.period = 1 / args.rate
    try:
        Device(sensor, args.path, [sys.stdin.fileno()] if args.with_parent else [], tell).run()
    except OSError as error:
        parser.exit(1, f"{parser.prog}: {error}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
