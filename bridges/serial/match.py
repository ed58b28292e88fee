"""USB serial ports as the kernel lists them in sysfs, and which of them a `match` means. No Twisted here.

Read by sysfs alone, for udev's links are not always there: adapters without a serial number share one, and some
versions of systemd made none. (Documentation/ABI/testing/sysfs-bus-usb, sysfs(5))
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from bridges.serial.lines import DeviceMatch

SYS: Final = Path("/sys")
DEV: Final = Path("/dev")


class UsbSerial(Struct, frozen=True, kw_only=True):
    """One port of a USB adapter.

    path: of its node. vid, pid: numbers of maker and product. port: bus and ports, as 1-1.2. interface: its number on
    the adapter. serial, product, manufacturer: as the adapter says, None if it does not. driver: of the kernel.
    """

    path: str
    vid: int
    pid: int
    port: str
    interface: int
    serial: str | None = None
    product: str | None = None
    manufacturer: str | None = None
    driver: str | None = None

    def __str__(self) -> str:
        serial = f" serial {self.serial}" if self.serial else ""
        ids = f"vid {self.vid:04x} pid {self.pid:04x}{serial}"
        return f"{self.path} ({ids} interface {self.interface} port {self.port})"


def usb_ports(sys: Path = SYS, dev: Path = DEV) -> list[UsbSerial]:
    """All serial ports on USB, in the order of their names. A device that goes meanwhile is left out.

    sys, dev: where sysfs and the nodes are.
    """
    found: list[UsbSerial] = []
    try:
        ttys = sorted((sys / "class/tty").iterdir(), key=lambda tty: (len(tty.name), tty.name))
    except OSError:
        return found
    for tty in ttys:
        try:
            if "/virtual/" not in str(tty.readlink()):
                found += _port(tty.resolve(), str(dev / tty.name))
        except (OSError, ValueError):
            continue
    return found


def _port(tty: Path, path: str) -> list[UsbSerial]:
    """Up from the tty are the interface, then the device it belongs to."""
    interface: Path | None = None
    for above in tty.parents:
        if interface is None and (above / "bInterfaceNumber").is_file():
            interface = above
        elif interface is not None and (above / "idVendor").is_file():
            return [
                UsbSerial(
                    path=path,
                    vid=int(_said(above, "idVendor") or "", 16),
                    pid=int(_said(above, "idProduct") or "", 16),
                    port=above.name,
                    interface=int(_said(interface, "bInterfaceNumber") or "", 16),
                    serial=_said(above, "serial"),
                    product=_said(above, "product"),
                    manufacturer=_said(above, "manufacturer"),
                    driver=_driver(interface),
                )
            ]
    return []


def _said(directory: Path, name: str) -> str | None:
    """An attribute; None if it is not there or empty. Adapters say all kinds of bytes."""
    try:
        return (directory / name).read_bytes().decode("utf-8", "replace").strip() or None
    except FileNotFoundError:
        return None


def _driver(interface: Path) -> str | None:
    try:
        return (interface / "driver").readlink().name
    except OSError:
        return None


def is_mini_uart(path: str, sys: Path = SYS) -> bool:
    """Whether a device is a Raspberry Pi's mini-UART, as its device tree says. path: of the device, perhaps a link."""
    try:
        name = Path(path).resolve().name
        compatible = (sys / "class/tty" / name / "device/of_node/compatible").read_bytes()
    except (OSError, ValueError):
        return False
    return b"brcm,bcm2835-aux-uart" in compatible.split(b"\0")


def fits(match: DeviceMatch, port: UsbSerial) -> bool:
    """Whether a port is what is wanted."""
    wanted: dict[str, Any] = match.wanted()
    return all(getattr(port, name) == value for name, value in wanted.items())


def what_differs(ports: list[UsbSerial], match: DeviceMatch) -> str:
    """The keys by which ports could be told apart that `match` does not have."""
    keys = [name for name in match.__struct_fields__ if len({getattr(port, name) for port in ports}) == len(ports)]
    return " or ".join(keys)
