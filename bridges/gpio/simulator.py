"""A chip that is not there: answers the system calls of `kernel.Kernel` as the kernel does, struct by struct.

Tests and `chip: sim:` run on it, so everything above the system calls is what runs on a board. What an input is to
show is set from outside; edges, debouncing, sequence numbers, overflow and who holds a line are kept here.
"""

from __future__ import annotations

import errno
import os
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final

from bridges.clock import Clock, Delayed
from bridges.gpio import uapi
from bridges.gpio.simfile import LevelFile
from bridges.gpio.simoptions import LABEL, PATH, ChipOptions
from bridges.simulated import Faults

#: seconds between two steps of lines that change by themselves
TICK: Final = 0.01
#: changes that one garbled change becomes
BOUNCES: Final = 5


class SimulatedLine:
    """One line. outside: the level that something drives it to, None if nothing does. driven: ours, as an output."""

    __slots__ = ("debounce", "driven", "flags", "name", "outside", "owner", "seqno", "settled", "timer")

    def __init__(self, name: str) -> None:
        self.name = name
        self.outside: bool | None = None
        self.driven = False
        self.flags = uapi.INPUT
        self.debounce = 0
        self.owner: SimulatedRequest | None = None
        self.seqno = 0
        #: the level as it was last told, after debouncing
        self.settled = False
        self.timer: Delayed | None = None

    @property
    def level(self) -> bool:
        """What a meter would show at the pin."""
        if self.flags & uapi.OUTPUT:
            return self.driven
        return bool(self.flags & uapi.PULL_UP) if self.outside is None else self.outside

    def logical(self, level: bool) -> bool:
        return level != bool(self.flags & uapi.ACTIVE_LOW)


class SimulatedRequest:
    """An open request: its lines, and the events that wait in it."""

    def __init__(self, request: uapi.Request) -> None:
        self.offsets = request.offsets
        self.consumer = request.consumer
        self.limit = request.buffer or 16 * len(request.offsets)
        self.events: deque[bytes] = deque()
        self.seqno = 0
        #: its chip has gone; a chip that comes back is another one
        self.dead = False


class SimulatedKernel:
    """One chip.

    options: what it is like. clock: for debouncing and for lines that change by themselves; without one they do not.
    directory: where the file of the options is. faults: what goes wrong.
    """

    def __init__(
        self, options: ChipOptions, clock: Clock | None, directory: Path = Path(), faults: Faults | None = None
    ) -> None:
        self._options = options
        self._clock = clock
        self._faults = faults
        self._file = LevelFile(directory / options.file) if options.file else None
        self.lines = [SimulatedLine(f"GPIO{offset}") for offset in range(options.lines)]
        self._chips: set[int] = set()
        self._requests: dict[int, SimulatedRequest] = {}
        self._ticker: Delayed | None = None
        self._due = 0.0
        self._ticked = 0.0
        self._load()

    # --- from outside ------------------------------------------------------------------------------------------------

    def set_level(self, offset: int, level: bool) -> None:
        """Something drives the pin of an input to a physical level."""
        fault = self._faults.strike() if self._faults is not None else "ok"
        line = self.lines[offset]
        changes = BOUNCES if fault == "garble" and line.level != level else 1
        for number in range(changes):
            line.outside = level if number % 2 == 0 else not level
            if fault not in ("hang", "unplug"):
                self._changed(offset, fault == "drop")

    def offset_of(self, name: str) -> int:
        """The line of a name. Raises ValueError."""
        return [line.name for line in self.lines].index(name)

    def fault_changed(self, fault: str) -> None:
        """For `Faults`: who waits for edges learns that the chip is gone; what hung shows what it is now."""
        if fault == "unplug":
            for fd, request in self._requests.items():
                request.dead = True
                os.eventfd_write(fd, 1)
        elif fault == "ok":
            for offset in range(len(self.lines)):
                self._changed(offset, False)

    # --- system calls ------------------------------------------------------------------------------------------------

    def chips(self) -> list[str]:
        return [] if self._is_gone() else [PATH]

    def open(self, path: str) -> int:
        if self._is_gone() or path != PATH:
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
        fd = os.eventfd(0, os.EFD_CLOEXEC)
        self._chips.add(fd)
        return fd

    def ioctl(self, fd: int, number: int, data: bytearray) -> None:
        if self._is_gone() or (fd in self._requests and self._requests[fd].dead):
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        handler = (_CHIP_CALLS if fd in self._chips else _REQUEST_CALLS).get(number)
        if handler is None:
            raise OSError(errno.ENOTTY, os.strerror(errno.ENOTTY))
        handler(self, fd, data)

    def read(self, fd: int, size: int) -> bytes:
        request = self._requests[fd]
        if request.dead:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        events = request.events
        if not events:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        taken = b"".join(events.popleft() for _ in range(min(len(events), size // uapi.EVENT.size)))
        if not events:
            os.eventfd_read(fd)
        return taken

    def close(self, fd: int) -> None:
        self._chips.discard(fd)
        request = self._requests.pop(fd, None)
        os.close(fd)
        if request is None:
            return
        for offset in request.offsets:
            line = self.lines[offset]
            _stop(line)
            line.owner = None
            line.flags &= uapi.OUTPUT if self._options.release == "keep" else 0
            line.flags |= 0 if line.flags else uapi.INPUT
        self._save()
        if not self._requests:
            self._stop_ticking()
            if self._file is not None:
                self._file.unlock()

    # --- ioctls ------------------------------------------------------------------------------------------------------

    def _chip_info(self, _fd: int, data: bytearray) -> None:
        data[:] = uapi.CHIP_INFO.pack(b"gpiochip0", LABEL.encode(), len(self.lines))

    def _line_info(self, _fd: int, data: bytearray) -> None:
        offset = uapi.unpack_line_info(data).offset
        line = self._line(offset)
        consumer = line.owner.consumer.encode() if line.owner else b""
        flags = line.flags | (uapi.USED if line.owner else 0)
        data[:] = uapi.LINE_INFO.pack(line.name.encode(), consumer, offset, 0, flags, b"")

    def _get_line(self, _fd: int, data: bytearray) -> None:
        asked = uapi.unpack_request(data)
        if any(self._line(offset).owner for offset in asked.offsets) or not self._lock():
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        request = SimulatedRequest(asked)
        fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._requests[fd] = request
        for offset in asked.offsets:
            self.lines[offset].owner = request
            self.lines[offset].seqno = 0
        self._apply(request, asked.config)
        data[:] = uapi.REQUEST.pack(*uapi.REQUEST.unpack(data)[:-1], fd)
        self._start_ticking()

    def _set_config(self, fd: int, data: bytearray) -> None:
        request = self._requests[fd]
        self._apply(request, uapi.unpack_config(data, len(request.offsets)))

    def _get_values(self, fd: int, data: bytearray) -> None:
        _, mask = uapi.VALUES.unpack(data)
        bits = 0
        for place, offset in enumerate(self._requests[fd].offsets):
            line = self.lines[offset]
            level = line.settled if line.debounce else line.level
            bits |= (mask >> place & 1 and line.logical(level)) << place
        data[:] = uapi.VALUES.pack(bits, mask)

    def _set_values(self, fd: int, data: bytearray) -> None:
        bits, mask = uapi.VALUES.unpack(data)
        for place, offset in enumerate(self._requests[fd].offsets):
            if mask >> place & 1:
                line = self.lines[offset]
                if not line.flags & uapi.OUTPUT:
                    raise OSError(errno.EPERM, os.strerror(errno.EPERM))
                line.driven = line.logical(bool(bits >> place & 1))
        self._save()

    def _apply(self, request: SimulatedRequest, config: uapi.LineConfig) -> None:
        """Lines without a direction keep the one they have, and only learn of active_low."""
        for place, offset in enumerate(request.offsets):
            line = self.lines[offset]
            flags = next((flags for flags, mask in config.other_flags if mask >> place & 1), config.flags)
            if not flags & (uapi.INPUT | uapi.OUTPUT):
                line.flags = line.flags & uapi.OUTPUT or uapi.INPUT
                line.flags |= flags & uapi.ACTIVE_LOW
                continue
            line.flags = flags
            line.debounce = config.debounce
            if flags & uapi.OUTPUT and config.values is not None:
                bits, mask = config.values
                line.driven = line.logical(bool(bits & mask & 1 << place))
            line.settled = line.level
        self._save()

    # --- levels and edges --------------------------------------------------------------------------------------------

    def _changed(self, offset: int, lost: bool) -> None:
        line = self.lines[offset]
        _stop(line)
        if line.level == line.settled or line.flags & uapi.OUTPUT:
            return
        if line.debounce and self._clock is not None:
            line.timer = self._clock.callLater(line.debounce / 1e6, self._settle, offset, lost)
        else:
            self._settle(offset, lost)

    def _settle(self, offset: int, lost: bool) -> None:
        line = self.lines[offset]
        line.timer = None
        line.settled = line.level
        active = line.logical(line.settled)
        if line.owner is None or not line.flags & (uapi.EDGE_RISING if active else uapi.EDGE_FALLING):
            return
        request = line.owner
        line.seqno += 1
        request.seqno += 1
        if lost:
            return
        kind = uapi.RISING_EVENT if active else uapi.FALLING_EVENT
        at = int(self._clock.seconds() * 1e9) if self._clock is not None else 0
        event = uapi.EVENT.pack(at, kind, offset, request.seqno & 0xFFFFFFFF, line.seqno & 0xFFFFFFFF)
        if not request.events:
            os.eventfd_write(next(fd for fd, each in self._requests.items() if each is request), 1)
        elif len(request.events) >= request.limit:
            request.events.popleft()
        request.events.append(event)

    def _line(self, offset: int) -> SimulatedLine:
        if offset >= len(self.lines):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        return self.lines[offset]

    def _is_gone(self) -> bool:
        return self._faults is not None and self._faults.fault == "unplug"

    # --- by themselves -----------------------------------------------------------------------------------------------

    def _start_ticking(self) -> None:
        if self._options.rate and self._clock is not None and self._ticker is None:
            self._due = 0.0
            self._ticked = self._clock.seconds()
            self._ticker = self._clock.callLater(TICK, self._tick)

    def _stop_ticking(self) -> None:
        ticker, self._ticker = self._ticker, None
        if ticker is not None:
            ticker.cancel()

    def _tick(self) -> None:
        assert self._clock is not None
        self._ticker = self._clock.callLater(TICK, self._tick)
        now = self._clock.seconds()
        self._due += self._options.rate * (now - self._ticked)
        self._ticked = now
        for _ in range(int(self._due)):
            self._due -= 1
            for offset, line in enumerate(self.lines):
                if line.owner is not None and line.flags & uapi.INPUT:
                    self.set_level(offset, not line.level)

    # --- the file ----------------------------------------------------------------------------------------------------

    def _lock(self) -> bool:
        return self._file is None or self._file.lock()

    def _load(self) -> None:
        for offset, driven in (self._file.read() if self._file is not None else {}).items():
            if offset < len(self.lines):
                self.lines[offset].flags = uapi.OUTPUT
                self.lines[offset].driven = driven

    def _save(self) -> None:
        if self._file is not None:
            driven = {n: line.driven for n, line in enumerate(self.lines) if line.flags & uapi.OUTPUT}
            self._file.write(driven)


def _stop(line: SimulatedLine) -> None:
    timer, line.timer = line.timer, None
    if timer is not None:
        timer.cancel()


_CHIP_CALLS: Final[dict[int, Callable[[SimulatedKernel, int, bytearray], None]]] = {
    uapi.GET_CHIP_INFO: SimulatedKernel._chip_info,
    uapi.GET_LINE_INFO: SimulatedKernel._line_info,
    uapi.GET_LINE: SimulatedKernel._get_line,
}
_REQUEST_CALLS: Final[dict[int, Callable[[SimulatedKernel, int, bytearray], None]]] = {
    uapi.SET_CONFIG: SimulatedKernel._set_config,
    uapi.GET_VALUES: SimulatedKernel._get_values,
    uapi.SET_VALUES: SimulatedKernel._set_values,
}
