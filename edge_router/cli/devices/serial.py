"""Serial ports: USB adapters, and UARTs of the board."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from bridges.serial.match import UsbSerial, usb_ports
from edge_router.cli.devices.access import trouble
from edge_router.cli.devices.found import Device, Place, link_name, names_in

GROUP: Final = "dialout"
#: drivers of the serial core that stand between a port and its hardware (Linux 6.4 and later)
_BETWEEN: Final = {"port", "ctrl", "serial-base"}
_NOTES: Final = {
    "bcm2835-aux-uart": "the mini-UART: no parity, and a speed that changes with the core's; "
    "dtoverlay=miniuart-bt or disable-bt makes the good one (PL011) free",
}


def look(place: Place) -> list[Device]:
    """All serial ports that are there, USB first."""
    usb = usb_ports(place.sys, place.dev)
    adapters = [_adapter(place, port, usb) for port in usb]
    known = {port.path for port in usb}
    others = [_uart(place, name) for name in names_in(place.sys / "class/tty") if str(place.dev / name) not in known]
    return adapters + [device for device in others if device is not None]


def _adapter(place: Place, port: UsbSerial, ports: list[UsbSerial]) -> Device:
    """By its number, if it has one that no other has, else by what it is plugged into."""
    link = next(iter(_links(place, Path(port.path), "serial/by-id")), None)
    twins = [other for other in ports if (other.vid, other.pid, other.serial) == (port.vid, port.pid, port.serial)]
    alone = len({twin.port for twin in twins}) == 1
    match: dict[str, str] = {"vid": f'"{port.vid:04x}"', "pid": f'"{port.pid:04x}"'}
    if port.serial and alone:
        match["serial"] = f'"{port.serial}"'
    else:
        match["port"] = f'"{port.port}"'
    if sum(twin.port == port.port for twin in twins) > 1:
        match["interface"] = str(port.interface)
    matched = "match: {" + ", ".join(f"{name}: {value}" for name, value in match.items()) + "}"
    by_id = port.serial and alone and link is not None
    notes = (
        [] if port.serial and alone else ["it has no serial number of its own: it is known by the USB port it is in"]
    )
    return Device(
        path=port.path,
        about=" ".join(filter(None, (port.manufacturer, port.product))) or "USB serial adapter",
        facts={
            "vid": f"{port.vid:04x}",
            "pid": f"{port.pid:04x}",
            "serial": port.serial,
            "interface": port.interface,
            "port": port.port,
            "driver": port.driver,
            "links": [
                *_links(place, Path(port.path), "serial/by-id"),
                *_links(place, Path(port.path), "serial/by-path"),
            ],
        },
        stable=link if by_id else matched,
        config=_config(port.product or "sensor", f"device: {link}" if by_id else matched),
        notes=notes,
        held=place.holders.of(Path(port.path)),
        trouble=trouble(Path(port.path), place.user, GROUP, f'SUBSYSTEM=="tty", ATTRS{{idVendor}}=="{port.vid:04x}"'),
    )


def _uart(place: Place, name: str) -> Device | None:
    """A port of the board. None for terminals that are no serial port, and for those whose hardware is missing."""
    entry = place.sys / "class/tty" / name
    node = place.dev / name
    try:
        real = entry.resolve(strict=True)
    except OSError:
        return None
    driver = next(
        (found for above in real.parents if (found := link_name(above / "driver")) not in _BETWEEN | {None}), None
    )
    if "virtual" in real.parts or not (entry / "device").exists() or place.says("class/tty", name, "type") == "0":
        return None
    if not node.exists() or driver == "serial8250":  # places for cards that nobody has plugged in
        return None
    console = name in (place.says("class/tty/console/active") or "").split()
    notes = [_NOTES[driver]] if driver in _NOTES else []
    if console:
        notes.append(
            "the kernel's console is on it; `sudo raspi-config` (Interface Options, Serial Port) takes it away"
        )
    alias = next(iter(_links(place, node, ".", r"serial\d+")), None)
    return Device(
        path=str(node),
        about="serial port of the board",
        facts={"driver": driver, "console": console, "links": [alias] if alias else []},
        stable=alias or str(node),
        config=None if console else _config(name, f"device: {alias or node}"),
        notes=notes,
        held=place.holders.of(node),
        trouble=None if console else trouble(node, place.user, GROUP, f'SUBSYSTEM=="tty", KERNEL=="{name}"'),
    )


def _links(place: Place, node: Path, directory: str, names: str = ".*") -> list[str]:
    """Links of udev that lead to a node. names: a pattern."""
    found = []
    for name in names_in(place.dev / directory):
        link = place.dev / directory / name
        if re.fullmatch(names, name) and link.is_symlink() and link.resolve() == node.resolve():
            found.append(str(link))
    return found


def _config(about: str, device: str) -> str:
    name = re.sub(r"[^a-z0-9]+", "-", about.lower()).strip("-") or "sensor"
    return f"{{type: serial, id: {name}, realm: realm1, {device}, baudrate: 9600}}"
