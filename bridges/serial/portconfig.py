"""What every bridge is told that has a device on a serial port: which, and its settings. No Twisted here.

Shared by the bridges whose devices are reached by `bridges.serial.port`: serial, modbus, firmata. (tty_ioctl(4))
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Final, Literal

from msgspec import Meta

from bridges.config import SIM_PREFIX, BridgeConfig, Seconds
from bridges.serial.lines import DeviceMatch, Rs485
from edge_router import registry
from edge_router.config.problems import Path, Problem

DevicePath = Annotated[
    str,
    Meta(
        pattern="^(/|sim:)",
        max_length=4_095,
        extra={"words": "the whole path, as /dev/serial/by-id/... or /dev/ttyAMA0, or sim:KIND"},
    ),
]

#: loaded only where it matters
_IS_MINI_UART: Final = "bridges.serial.match:is_mini_uart"
#: names that the kernel gives in the order in which devices come
_BY_TURN: Final = re.compile(r"/dev/tty(USB|ACM)\d+")


class PortConfig(BridgeConfig, kw_only=True):
    """A device on a serial port.

    device: its path; /dev/serial/by-id/... stays the same when devices are plugged in another order, and so does
    /dev/serial/by-path/... for adapters without a serial number. match: instead of a path, what is known of a USB
    adapter. With `device: sim:KIND` it is simulated, and `<topic>.simulate` makes it fail: args [fault, seconds],
    with `drop`, `garble`, `unplug`, `hang` or `ok`. baudrate: bits per second; any the hardware can do. bytesize:
    bits of a character. parity: the check bit of a character. stopbits: bits after a character. flow_control: how
    the device says wait. settle: milliseconds after opening in which what comes in is dropped, with the rest of a
    frame that had begun; boards that restart when they are opened (Arduino) need about 2000. dtr: the level of DTR
    while the device is open. rts: the level of RTS. Linux raises both when it opens a device, whatever is
    configured; false lowers them right after. hupcl: whether closing lowers DTR and RTS; with false, opening it the
    next time changes neither, and a board does not restart. rs485: how the kernel switches an RS-485 transceiver.
    reopen_after: seconds without a byte after which the device is closed and opened again, for devices that hang
    silently. write_queue: bytes that wait for a device that takes them slowly.
    """

    #: for `device: sim:KIND`, as import strings: kind -> its options, and options -> what makes its machine of them
    #: and of a Random
    SIM_KINDS: ClassVar[str | None] = None
    SIM_MACHINES: ClassVar[str | None] = None

    device: DevicePath | None = None
    match: DeviceMatch | None = None
    baudrate: Annotated[int, Meta(ge=50, le=20_000_000)] = 9600
    bytesize: Literal[5, 6, 7, 8] = 8
    parity: Literal["none", "even", "odd", "mark", "space"] = "none"
    stopbits: Literal[1, 2] = 1
    flow_control: Literal["none", "rtscts", "xonxoff"] = "none"
    settle: Annotated[int, Meta(ge=0, le=60_000)] = 30
    dtr: bool = True
    rts: bool = True
    hupcl: bool | Literal["keep"] = "keep"
    rs485: Rs485 | None = None
    reopen_after: Seconds | None = None
    write_queue: Annotated[int, Meta(ge=1, le=1_048_576)] = 65_536

    def __post_init__(self) -> None:
        """Raises ValueError where it is not said which device or simulator, or options contradict each other.

        Bridges that can do without a device have a rule of their own, and `check_line`.
        """
        if self.device is None and self.match is None:
            raise ValueError(
                "it needs its device, as device: /dev/serial/by-id/..., or match: with what is known of it"
            )
        self.check_line()

    def check_line(self) -> None:
        """Raises ValueError for options that contradict each other, of a line that there may be or not."""
        if self.device is not None and self.match is not None:
            raise ValueError("device and match are both there; one of them says which device")
        if self.device is not None and self.device.startswith(SIM_PREFIX):
            kinds = {} if self.SIM_KINDS is None else registry.load(self.SIM_KINDS)
            registry.load("bridges.simulated:parse")(self.device, kinds)
        for name, there in (("rs485", self.rs485 is not None), ("rts: false", not self.rts)):
            if there and self.flow_control == "rtscts":
                raise ValueError(f"{name} and flow_control: rtscts both want RTS; take out one of them")
        if self.rs485 is not None and not self.rts:
            raise ValueError("rs485 switches RTS itself; take out rts: false")

    def judged(self, path: Path, whole: Any) -> Iterator[Problem]:
        """What `edge-router check` says of the line besides."""
        if self.device is not None and _BY_TURN.fullmatch(self.device):
            text = f"{self.device} is whatever comes first; /dev/serial/by-id/... or `match` stays with the device"
            whole.notices.append(Problem((*path, "device"), text))
        beyond = "parity" if self.parity != "none" else "stopbits" if self.stopbits != 1 else None
        if self.device is not None and beyond and registry.load(_IS_MINI_UART)(self.device):
            text = "the mini-UART of a Raspberry Pi has no parity and one stop bit; its PL011, /dev/ttyAMA0, has both"
            whole.notices.append(Problem((*path, beyond), text))
        if self.match is not None:
            for key, text in self.match.unquoted():
                whole.notices.append(Problem((*path, "match", key), text))
            before = whole.take(path, "match", str(self.match))
            if before is not None:
                text = f"the same match as {'.'.join(map(str, before))}; only one can have the device"
                yield Problem((*path, "match"), text)

    @property
    def device_name(self) -> str:
        """The device, for messages."""
        return self.device or str(self.match)
