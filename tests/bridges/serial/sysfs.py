"""A sysfs of our own, with USB serial adapters as the kernel lists them."""

from __future__ import annotations

from pathlib import Path


class Sysfs:
    """Trees that look like /sys and /dev. root: where they are made."""

    def __init__(self, root: Path) -> None:
        self.sys = root / "sys"
        self.dev = root / "dev"
        self._class = self.sys / "class" / "tty"
        self._class.mkdir(parents=True)
        self.dev.mkdir()
        for name in ("tty0", "ttyprintk"):
            self._tty(name, self.sys / "devices" / "virtual" / "tty" / name)
        self._tty("ttyS0", self.sys / "devices" / "platform" / "serial8250" / "tty" / "ttyS0")

    def plug(
        self, name: str, vid: str, pid: str, port: str = "1-1.2", interface: int = 0, driver: str = "ch341", **said: str
    ) -> None:
        """An adapter, or one more interface of it. said: serial, product, manufacturer. ttyACM has no usb-serial."""
        usb = self.sys / "devices" / "platform" / "scb" / "usb1" / port.split(".", maxsplit=1)[0] / port
        inner = usb / f"{port}:1.{interface}"
        self._tty(name, inner / "tty" / name if name.startswith("ttyACM") else inner / name / "tty" / name)
        for attribute, text in {"idVendor": vid, "idProduct": pid, **said}.items():
            (usb / attribute).write_text(text + "\n")
        (inner / "bInterfaceNumber").write_text(f"{interface:02x}\n")
        (inner / "driver").symlink_to(Path("/sys/bus/usb/drivers") / driver)

    def unplug(self, name: str) -> None:
        """Of its entries, the one that is looked at first."""
        (self._class / name).unlink()

    def _tty(self, name: str, where: Path) -> None:
        where.mkdir(parents=True)
        (self._class / name).symlink_to(Path("../..") / where.relative_to(self.sys))
