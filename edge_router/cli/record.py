"""`edge-router record`: what a serial device says, into a file, with its timing."""

from __future__ import annotations

import argparse
import os
import select
import sys
import time
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TextIO

import serial

from bridges.serial.recording import Record, head, line
from bridges.serial.terminal import Terminal
from edge_router.cli.ending import ended_in_order
from edge_router.cli.fitting import fitting, positive
from edge_router.cli.progress import EVERY, Progress
from edge_router.cli.serialline import CannotOpen, LineSettings, add_line_options, open_line, settings_of
from edge_router.cli.words import in_words

READ_SIZE: Final = 4_096
MAX_SIZE: Final = 10_000_000
#: seconds between two looks for a device that is gone
AGAIN: Final = 0.5
GONE: Final = "it was unplugged or hung up"

EPILOG = """\
The recording is text, one line a read: seconds, < (from the device) or > (to it), bytes. A device that is unplugged is
waited for. Ctrl-C ends it, and leaves a whole file.

examples:
  edge-router record /dev/ttyUSB0 sensor.rec --baudrate 115200 --seconds 60
  edge-router record /dev/ttyUSB0 both.rec --link /tmp/tap      a program that opens /tmp/tap has the device, and both
                                                                directions are recorded
  edge-router replay sensor.rec                                 hear it again
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Of what, where to, how long."""
    parser.add_argument("device", metavar="DEVICE", help="the serial device, as /dev/ttyUSB0")
    parser.add_argument("file", metavar="FILE", help="where to; - is stdout")
    parser.add_argument("--force", action="store_true", help="write over a file that is there")
    parser.add_argument("--seconds", type=positive, metavar="N", help="end after so long (default: with Ctrl-C)")
    parser.add_argument(
        "--max-size",
        type=fitting(int, lambda size: size >= READ_SIZE, f"{READ_SIZE} or more"),
        default=MAX_SIZE,
        metavar="BYTES",
        help=f"of the file (default: {MAX_SIZE})",
    )
    parser.add_argument(
        "--link", type=Path, metavar="PATH", help="stand between the device and a program that opens PATH"
    )
    add_line_options(parser)
    parser.epilog = EPILOG


def run(args: argparse.Namespace) -> int:
    """Record until told to end. Result: the exit status."""
    settings = settings_of(args)
    try:
        with ExitStack() as stack:
            device = stack.enter_context(open_line(args.device, settings))
            out = opened(args.file, args.force, stack)
            tap = Terminal(args.link) if args.link else None
            if tap is not None:
                stack.callback(tap.close)
            recorder = Recorder(args, settings, device, out, tap)
            with suppress(KeyboardInterrupt), ended_in_order():
                recorder.run()
            return recorder.end()
    except (CannotOpen, OSError) as error:
        print(f"edge-router: {in_words(error)}", file=sys.stderr)
        return 1


def opened(file: str, force: bool, stack: ExitStack) -> TextIO:
    """The file to write. Each line is in it at once, so that a crash costs none. Raises OSError."""
    if file == "-":
        sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
        return sys.stdout
    try:
        return stack.enter_context(Path(file).open("w" if force else "x", encoding="ascii", buffering=1))
    except FileExistsError:
        raise FileExistsError(f"{file} is there already; --force writes over it") from None


class Recorder:
    """One recording.

    args: of the command. device: open. out: the file. tap: where a program has the device through us.
    """

    def __init__(
        self,
        args: argparse.Namespace,
        settings: LineSettings,
        device: serial.Serial,
        out: TextIO,
        tap: Terminal | None,
    ) -> None:
        self._args = args
        self._settings = settings
        self._device: serial.Serial | None = device
        self._out = out
        self._tap = tap
        self._begun = time.monotonic()
        self._size = 0
        self._reads = 0
        self._bytes = 0
        self._unread = 0
        self._full = False
        self._progress = Progress()

    def run(self) -> None:
        """Until the time is over, the file full, or KeyboardInterrupt. Raises OSError if it cannot be written."""
        remarks = {"device": self._args.device, "recorded": datetime.now(UTC).isoformat(timespec="seconds")}
        text = head(remarks | {name: str(value) for name, value in self._settings._asdict().items()})
        self._size = len(text)
        self._out.write(text)
        if self._tap is not None:
            self._progress.say(f"open {self._args.link} with your program; it has the device through this recorder")
        while not self._full and self._left() > 0:
            self._step()

    def end(self) -> int:
        """Say what was recorded. Result: the exit status."""
        if self._device is not None:
            self._device.close()
        why = f"; the file is full (--max-size {self._args.max_size})" if self._full else ""
        unread = f"; {self._unread} bytes were too many for the program at {self._args.link}" if self._unread else ""
        self._progress.say(f"{self._told()} in {self._args.file}{why}{unread}")
        return 0

    def _step(self) -> None:
        if self._device is None:
            select.select([], [], [], min(AGAIN, self._left()))
            self._come_back()
            return
        files: list[Any] = [self._device, *([self._tap] if self._tap is not None else [])]
        ready, _, _ = select.select(files, [], [], min(EVERY, self._left()))
        if self._device in ready:
            self._from_device(self._device)
        if self._tap in ready:
            self._from_program()
        self._progress.show(self._told())

    def _from_device(self, device: serial.Serial) -> None:
        try:
            data = os.read(device.fileno(), READ_SIZE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            device.close()
            self._device = None
            self._add("!", GONE.encode())
            self._progress.say(f"{self._args.device}: {GONE}; it is waited for")
            return
        self._reads += 1
        self._bytes += len(data)
        self._add("<", data)
        if self._tap is not None:
            self._unread += len(data) - self._tap.write(data)

    def _from_program(self) -> None:
        assert self._tap is not None
        data = self._tap.read()
        if data and self._device is not None:
            self._add(">", data)
            with suppress(serial.SerialException):  # it is just being unplugged; the next read tells
                self._device.write(data)

    def _come_back(self) -> None:
        try:
            self._device = open_line(self._args.device, self._settings)
        except CannotOpen:
            return
        self._add("!", b"it is there again")
        self._progress.say(f"{self._args.device}: it is there again")

    def _add(self, direction: str, data: bytes) -> None:
        text = line(Record(time.monotonic() - self._begun, direction, data))
        if self._size + len(text) > self._args.max_size:
            self._full = True
            return
        self._size += len(text)
        self._out.write(text)

    def _left(self) -> float:
        """Seconds until the end."""
        return self._begun + self._args.seconds - time.monotonic() if self._args.seconds else EVERY

    def _told(self) -> str:
        return f"{time.monotonic() - self._begun:.1f} s, {self._bytes} bytes in {self._reads} reads"
