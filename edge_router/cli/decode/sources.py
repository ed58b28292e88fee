"""Where the bytes come from: a recording, a file of bytes, a device, standard input. Each gives (seconds, bytes)."""

from __future__ import annotations

import os
import select
import stat
import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Final, NamedTuple

from bridges.serial.config import SerialConfig
from bridges.serial.place import DeviceError, place_of
from bridges.serial.recording import FIRST_LINE, Recording
from edge_router.cli.decode.section import NO_DEVICE
from edge_router.cli.serialline import CannotOpen, open_line, settings_of

READ_SIZE: Final = 4_096
#: seconds between two looks at the time, if nothing else happens
LOOK: Final = 0.5

Due = Callable[[], float | None]
Arrivals = Generator[tuple[float, bytes], None, None]


class Source(NamedTuple):
    """Bytes as they come. live: whether time is that of the clock. timed: whether it is known at all.

    open: begins; is given what says when time has to be let pass, and gives bytes, which may be none. Raises OSError,
    CannotOpen, BadRecording.
    """

    name: str
    live: bool
    timed: bool
    open: Callable[[Due], Arrivals]


def source_of(words: str | None, config: SerialConfig) -> Source:
    """What is meant.

    words: FILE, DEVICE, -, or None for the device of the configuration. Raises CannotOpen and OSError.
    """
    if words == "-":
        return Source("standard input", True, True, lambda due: _live(sys.stdin.fileno(), due))
    if words is None:
        if config.device == NO_DEVICE:
            raise CannotOpen("no bytes are named: give a FILE, a DEVICE or -")
        try:
            words = place_of(config).find()
        except DeviceError as error:
            raise CannotOpen(f"{place_of(config)}: {error}") from None
    if words.startswith("sim:"):
        raise CannotOpen(f"{words} lives in a node only; name a FILE or a DEVICE")
    path = Path(words)
    if stat.S_ISCHR(path.stat().st_mode):
        return Source(words, True, True, lambda due: _device(str(path), config, due))
    with path.open("rb") as file:
        recorded = file.readline(len(FIRST_LINE) + 2).rstrip() == FIRST_LINE.encode()
    if recorded:
        return Source(words, False, True, lambda _: _recorded(path))
    return Source(words, False, False, lambda _: _plain(path))


def _recorded(path: Path) -> Arrivals:
    """What the device has said."""
    for record in Recording(path).records():
        yield record.seconds, record.data if record.direction == "<" else b""


def _plain(path: Path) -> Arrivals:
    with path.open("rb") as file:
        while data := file.read(READ_SIZE):
            yield 0.0, data


def _device(path: str, config: SerialConfig, due: Due) -> Arrivals:
    with open_line(path, settings_of(config)) as line:
        yield from _live(line.fileno(), due)
    raise CannotOpen(f"{path}: it was unplugged or hung up")


def _live(descriptor: int, due: Due) -> Arrivals:
    """Until its end."""
    begun = time.monotonic()
    while True:
        now = time.monotonic() - begun
        wanted = due()
        wait = LOOK if wanted is None else min(LOOK, max(0.0, wanted - now))
        data = b""
        if select.select([descriptor], [], [], wait)[0]:
            try:
                data = os.read(descriptor, READ_SIZE)
            except OSError:
                return
            if not data:
                return
        yield time.monotonic() - begun, data
