"""What every bridge is told that has a device on a serial port: which, and its settings. No Twisted here.

Shared by the bridges whose devices are reached by `bridges.serial.port`: serial, modbus, firmata.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from bridges.config import SIM_PREFIX, BridgeConfig
from edge_router import registry

DevicePath = Annotated[
    str,
    Meta(
        pattern="^(/|sim:)",
        max_length=4_095,
        extra={"words": "the whole path, as /dev/serial/by-id/... or /dev/ttyAMA0, or sim:KIND"},
    ),
]


class PortConfig(BridgeConfig, kw_only=True):
    """A device on a serial port.

    device: the device's path; /dev/serial/by-id/... stays the same when devices are plugged in another order. With
    `sim:KIND` the device is simulated, and `<topic>.simulate` makes it fail: args [fault, seconds], with `drop`,
    `garble`, `unplug`, `hang` or `ok`.
    baudrate: bits per second; any the hardware can do. bytesize: bits of a character. parity: the check bit of a
    character. stopbits: bits after a character. flow_control: how the device says wait. settle: milliseconds after
    opening in which what comes in is dropped, with the rest of a frame that had begun; boards that restart when
    they are opened (Arduino) need about 2000. write_queue: bytes that wait for a device that takes them slowly.
    """

    #: for `device: sim:KIND`, as import strings: kind -> its options, and options -> what makes its machine of them
    #: and of a Random
    SIM_KINDS: ClassVar[str | None] = None
    SIM_MACHINES: ClassVar[str | None] = None

    device: DevicePath | None = None
    baudrate: Annotated[int, Meta(ge=50, le=20_000_000)] = 9600
    bytesize: Literal[5, 6, 7, 8] = 8
    parity: Literal["none", "even", "odd", "mark", "space"] = "none"
    stopbits: Literal[1, 2] = 1
    flow_control: Literal["none", "rtscts", "xonxoff"] = "none"
    settle: Annotated[int, Meta(ge=0, le=60_000)] = 30
    write_queue: Annotated[int, Meta(ge=1, le=1_048_576)] = 65_536

    def __post_init__(self) -> None:
        """Raises ValueError where it is not said which device or simulator. Bridges that can do without one have a
        rule of their own.
        """
        if self.device is None:
            raise ValueError("it needs its device, as device: /dev/serial/by-id/...")
        if self.device.startswith(SIM_PREFIX):
            kinds = {} if self.SIM_KINDS is None else registry.load(self.SIM_KINDS)
            registry.load("bridges.simulated:parse")(self.device, kinds)

    @property
    def device_name(self) -> str:
        """The device, for the system and for messages."""
        return self.device or ""
