"""Where a device is now: at a path, or wherever what is known of it is plugged in. No Twisted here."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Final, Protocol

from bridges.serial.lines import DeviceMatch
from bridges.serial.match import DEV, SYS, UsbSerial, fits, usb_ports, what_differs
from bridges.serial.portconfig import PortConfig

#: a directory and the name that something in it has to have; ANY is any name
Step = tuple[str, str]
ANY: Final = ""

#: why a device cannot be opened that is not plugged in
GONE: Final = "it is not there"
#: symbolic links followed, as in the kernel (path_resolution(7))
MAX_LINKS: Final = 40


class DeviceError(Exception):
    """The device is not there, or cannot do what is asked. The text is for the operator."""


class Absent(DeviceError):
    """Nothing is plugged in that is meant."""


class Place(Protocol):
    """Where a device is. `str` of it is what the operator calls it."""

    def find(self) -> str:
        """The path to open now. Raises DeviceError."""

    def steps(self) -> list[Step]:
        """Where to watch for it to appear."""


def place_of(line: PortConfig) -> Place:
    """What a line is told of its device."""
    if line.match is not None:
        return MatchPlace(line.match)
    assert line.device is not None
    return PathPlace(line.device)


class PathPlace:
    """A device with a name in the file system, perhaps a link.

    path: absolute. name: what the operator calls it; left out, the path.
    """

    def __init__(self, path: str, name: str | None = None) -> None:
        self._path = path
        self._name = name or path

    def __str__(self) -> str:
        return self._name

    def find(self) -> str:
        """The path; opening it tells whether it is there."""
        return self._path

    def steps(self) -> list[Step]:
        """Along the path, as it leads now."""
        return steps(self._path)


class MatchPlace:
    """A USB adapter, by what is known of it.

    match: what has to fit. sys, dev: where sysfs and the nodes are.
    """

    def __init__(self, match: DeviceMatch, sys: Path = SYS, dev: Path = DEV) -> None:
        self._match = match
        self._sys = sys
        self._dev = dev

    def __str__(self) -> str:
        return f"the device with {self._match}"

    def find(self) -> str:
        """The path of the one that fits. Raises Absent if there is none, DeviceError if there are more."""
        ports = usb_ports(self._sys, self._dev)
        found = [port for port in ports if fits(self._match, port)]
        if len(found) == 1:
            return found[0].path
        if found:
            by = what_differs(found, self._match) or "what tells them apart"
            raise DeviceError(f"{len(found)} devices fit: {_listed(found)}; add {by} to match")
        raise Absent(f"{GONE}; plugged in: {_listed(ports) or 'no USB serial port'}")

    def steps(self) -> list[Step]:
        """Any node may be it."""
        return [(str(self._dev), ANY)]


def _listed(ports: list[UsbSerial]) -> str:
    return ", ".join(map(str, ports))


def steps(path: str) -> list[Step]:
    """Where to look for a path to appear: (directory, name) pairs along it, through symbolic links.

    path: of a device, absolute. The last pair is the first one that is missing, or the device itself.
    """
    found: list[Step] = []
    names = _names(path)
    directory = "/"
    links = 0
    while names:
        name = names.pop(0)
        if name == "..":
            directory = str(Path(directory).parent)
            continue
        here = Path(directory, name)
        mode = _mode(here)
        if stat.S_ISLNK(mode):
            found.append((directory, name))
            links += 1
            if links > MAX_LINKS:
                break
            names = _names(str(Path(directory, here.readlink()))) + names
            directory = "/"
        elif names and stat.S_ISDIR(mode):
            directory = str(here)
        else:
            found.append((directory, name))
            break
    return found


def trace(place: Place) -> list[tuple[int, int] | None]:
    """What is at each step now, to be compared later: a name that was taken away and made anew is another thing."""
    found: list[tuple[int, int] | None] = []
    for directory, name in place.steps():
        try:
            status = Path(directory, name).lstat()
            found.append((status.st_ino, status.st_ctime_ns))
        except OSError:
            found.append(None)
    return found


def _mode(path: Path) -> int:
    """Of the path itself, not of what it links to; 0 if it is not there or not to be seen."""
    try:
        return path.lstat().st_mode
    except OSError:
        return 0


def _names(path: str) -> list[str]:
    """The names of an absolute path; `..` stays, since what is before it may be a link."""
    return list(Path(path).parts[1:])
