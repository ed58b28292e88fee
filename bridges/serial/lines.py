"""Parts of what a serial port is told: what is known of its adapter, and its RS-485 mode. No Twisted here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from msgspec import Meta, to_builtins

from edge_router.config.schema import Section

HexNumber = Annotated[
    str, Meta(pattern="^(0[xX])?[0-9A-Fa-f]{4}$", extra={"words": 'four hexadecimal digits in quotes, as "1a86"'})
]
UsbNumber = Annotated[int, Meta(ge=0, le=0xFFFF)] | HexNumber
UsbPort = Annotated[
    str,
    Meta(pattern=r"^\d+-\d+(\.\d+)*$", extra={"words": 'a bus and its ports, as "1-1.2"; /sys/bus/usb/devices'}),
]
Text = Annotated[str, Meta(min_length=1, max_length=255)]
Millis = Annotated[int, Meta(ge=0, le=1_000)]


class DeviceMatch(Section, kw_only=True):
    """What is known of a USB adapter, all of it has to fit. `edge-router devices` and `lsusb -v` tell it.

    vid: the maker's number, 4 hexadecimal digits in quotes ("1a86") or a number (0x1a86). pid: the product's number,
    likewise. serial: its serial number. interface: bInterfaceNumber, for adapters with several ports. product: its
    name. manufacturer: its maker's name. port: the bus and the ports it is plugged into, as "1-1.2"; for adapters
    without a serial number, of which two cannot be told apart otherwise.
    """

    vid: UsbNumber | None = None
    pid: UsbNumber | None = None
    serial: Text | None = None
    interface: Annotated[int, Meta(ge=0, le=255)] | None = None
    product: Text | None = None
    manufacturer: Text | None = None
    port: UsbPort | None = None

    def __post_init__(self) -> None:
        """Raises ValueError if it says nothing."""
        if not self.wanted():
            raise ValueError(f"match needs one of {', '.join(self.__struct_fields__)}")

    def wanted(self) -> dict[str, Any]:
        """What has to fit, and no more; vid and pid as numbers."""
        given: dict[str, Any] = to_builtins(self)
        for name in ("vid", "pid"):
            if isinstance(given.get(name), str):
                given[name] = int(given[name], 16)
        return given

    def unquoted(self) -> Iterator[tuple[str, str]]:
        """Numbers whose four digits could be meant as hexadecimal ones: key, what is to be said of it."""
        for name in ("vid", "pid"):
            number = getattr(self, name)
            if isinstance(number, int) and 1000 <= number <= 9999:
                text = f"{number} is {number:04x} in hexadecimal digits; if `lsusb` says {number}, quote it"
                yield name, f'{text}: "{number}"'

    def __str__(self) -> str:
        hexes = {name: f"{value:04x}" for name, value in self.wanted().items() if name in ("vid", "pid")}
        return " ".join(f"{name} {value}" for name, value in (self.wanted() | hexes).items())


class Rs485(Section, kw_only=True):
    """The kernel switches an RS-485 transceiver with RTS: for a UART's pins. USB adapters do it by themselves.

    rts_on_send: the level of RTS while sending. rts_after_send: its level else. delay_before_send: milliseconds from
    switching to the first bit. delay_after_send: milliseconds from the last bit to switching back.
    rx_during_tx: whether we hear what we send.
    """

    rts_on_send: bool = True
    rts_after_send: bool = False
    delay_before_send: Millis = 0
    delay_after_send: Millis = 0
    rx_during_tx: bool = False

    def __post_init__(self) -> None:
        """Raises ValueError for a line that never switches."""
        if self.rts_on_send == self.rts_after_send:
            raise ValueError("rts_on_send and rts_after_send are the same; one is true and the other false")
