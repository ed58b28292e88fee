"""`edge-router replay`: what `record` has written, said again with its timing, to a pseudo terminal or a device."""

from __future__ import annotations

import argparse
import select
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple, Protocol

import serial

from bridges.serial.recording import BadRecording, Record, Recording
from bridges.serial.terminal import Terminal
from edge_router.cli.ending import ended_in_order
from edge_router.cli.fitting import fitting
from edge_router.cli.progress import EVERY, Progress
from edge_router.cli.serialline import CannotOpen, LineSettings, add_line_options, open_line, settings_of
from edge_router.cli.words import in_words

#: seconds between the end of the recording and its begin, with --loop
BETWEEN_ROUNDS: Final = 1.0
#: seconds between two looks for a program that opens the terminal
LOOK: Final = 0.05
#: seconds from opening to the first bytes: programs open a device, set it up, and throw away what came in until then
SETTLE: Final = 0.3
#: seconds that a program may take to read what is said
SLOWNESS: Final = 1.0
READ_SIZE: Final = 4_096
PATIENCE: Final = 10.0

EPILOG = """\
Without DEVICE a pseudo terminal is made, and replaying begins when a program opens it. With DEVICE the bytes go out of
a serial port of this machine, to another one. What was said to the device is passed over, unless --wait: then it is
waited for, so that a device that only answers is answered for.

examples:
  edge-router replay sensor.rec
  edge-router replay sensor.rec --link /tmp/sensor --loop --speed 10     a bridge with device: /tmp/sensor
  edge-router replay meter.rec --wait                                    it asks, the recording answers
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Of what, where to, how fast."""
    parser.add_argument("file", metavar="FILE", type=Path, help="a recording")
    parser.add_argument("device", metavar="DEVICE", nargs="?", help="a serial port, or pty (default: pty)")
    parser.add_argument("--link", type=Path, metavar="PATH", help="a name for the pseudo terminal")
    times = fitting(float, lambda number: 0.01 <= number <= 1_000, "a number from 0.01 to 1000")
    parser.add_argument("--speed", type=times, default=1.0, metavar="N", help="2 is twice as fast (default: 1)")
    parser.add_argument("--loop", action="store_true", help="begin anew at the end, until Ctrl-C")
    parser.add_argument("--wait", action="store_true", help="wait for what was said to the device to be said again")
    parser.add_argument(
        "--patience", type=times, default=PATIENCE, metavar="SEC", help=f"at most so long (default: {PATIENCE:g})"
    )
    add_line_options(parser)
    parser.epilog = EPILOG


class Line(Protocol):
    """Where it is said."""

    def read(self, size: int, /) -> bytes: ...

    def write(self, data: bytes, /) -> int | None: ...

    def fileno(self) -> int: ...

    def close(self) -> None: ...


class Summary(NamedTuple):
    """What is in a recording. seconds: until its last record. said, heard: bytes from the device, and to it."""

    seconds: float
    said: int
    heard: int


def run(args: argparse.Namespace) -> int:
    """Replay. Result: the exit status."""
    try:
        summary = look_at(args.file)
        if not summary.said:
            print(f"edge-router: {args.file}: the device says nothing in it", file=sys.stderr)
            return 1
        with suppress(KeyboardInterrupt), ended_in_order():
            return Player(args, summary).run()
        return 0
    except (CannotOpen, BadRecording, OSError) as error:
        print(f"edge-router: {in_words(error)}", file=sys.stderr)
        return 1


def look_at(file: Path) -> Summary:
    """Read it once, so that what is wrong with it is told before anything is said. Raises OSError, BadRecording."""
    seconds, counts = 0.0, {"<": 0, ">": 0, "!": 0}
    for record in Recording(file).records():
        seconds = record.seconds
        counts[record.direction] += len(record.data)
    return Summary(seconds, counts["<"], counts[">"])


class Player:
    """One replaying. args: of the command. summary: of the recording."""

    def __init__(self, args: argparse.Namespace, summary: Summary) -> None:
        self._args = args
        self._summary = summary
        self._progress = Progress()
        self._start = 0.0
        self._heard = bytearray()
        self._said = 0
        self._lost = 0

    def run(self) -> int:
        """To the end. Result: the exit status. Raises OSError, CannotOpen and KeyboardInterrupt."""
        line = self._line()
        try:
            rounds = 0
            while rounds == 0 or self._args.loop:
                if rounds:
                    self._until(time.monotonic() + BETWEEN_ROUNDS, line)
                    self._heard.clear()
                self._play(line)
                rounds += 1
        except serial.SerialException:
            raise CannotOpen(f"{self._args.device}: it was unplugged or hung up") from None
        finally:
            if isinstance(line, Terminal) and not line.wait_until_read(SLOWNESS):
                self._progress.say("the program has not read all of it")
            line.close()
            lost = f"; {self._lost} bytes were lost, for nobody read them" if self._lost else ""
            self._progress.say(f"{self._said} bytes were said{lost}")
        return 0

    def _line(self) -> Line:
        if self._args.device not in (None, "pty"):
            remarks = Recording(self._args.file).remarks()
            recorded = str(remarks.get("baudrate", ""))
            default = LineSettings(int(recorded)) if recorded.isdecimal() else LineSettings()
            return open_line(self._args.device, settings_of(self._args, default))
        terminal = Terminal(self._args.link)
        print(self._args.link or terminal.name, flush=True)
        self._progress.say(f"{self._summary.seconds:.1f} s, {self._summary.said} bytes; open it to begin")
        try:
            while not terminal.wait_until_opened(LOOK):
                pass
            self._until(time.monotonic() + SETTLE, terminal)
        except BaseException:
            terminal.close()
            raise
        return terminal

    def _play(self, line: Line) -> None:
        self._start = time.monotonic()
        does: dict[str, Callable[[Line, Record], None]] = {"<": self._say, ">": self._expect, "!": self._tell}
        for record in Recording(self._args.file).records():
            self._until(self._start + record.seconds / self._args.speed, line)
            does[record.direction](line, record)

    def _say(self, line: Line, record: Record) -> None:
        """A program that is slower than the recording is waited for a little."""
        data = record.data
        while data:
            written = line.write(data) or 0
            self._said += written
            data = data[written:]
            if data and not select.select([], [line], [], SLOWNESS)[1]:
                self._lost += len(data)
                return

    def _expect(self, line: Line, record: Record) -> None:
        """With --wait, what was said to the device then has to be said now; the rest is that much later."""
        if not self._args.wait:
            return
        begun = time.monotonic()
        wanted, heard = record.data, self._heard
        while len(heard) < len(wanted) and time.monotonic() < begun + self._args.patience:
            self._hear(line, begun + self._args.patience)
        if heard[: len(wanted)] != wanted:
            self._progress.say(f"at {record.seconds:.3f} s: {wanted!r} was expected, and {bytes(heard)!r} was heard")
        del heard[: len(wanted)]
        self._start += time.monotonic() - begun

    def _tell(self, _line: Line, record: Record) -> None:
        self._progress.say(f"at {record.seconds:.3f} s: {record.data.decode('latin-1')}")

    def _until(self, due: float, line: Line) -> None:
        """Wait, and take what is heard meanwhile."""
        while time.monotonic() < due:
            self._hear(line, due)
            self._progress.show(f"{time.monotonic() - self._start:.1f} s of {self._summary.seconds:.1f}")

    def _hear(self, line: Line, until: float) -> None:
        wait = max(0.0, min(EVERY, until - time.monotonic()))
        ready, _, _ = select.select([line], [], [], wait)
        if ready:
            data = line.read(READ_SIZE)
            if self._args.wait:
                self._heard += data
