"""What a Modbus bridge is told: its section of the configuration, units and values. No Twisted here."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal

from msgspec import Meta

from bridges.config import Field, Uri, field_topics
from bridges.modbus.formats import FLOATS, WITH_LENGTH, Format, Order, registers_of
from bridges.modbus.pdu import BIT_TABLES, MAX_BITS, MAX_REGISTERS, MAX_WRITE_BITS, MAX_WRITE_REGISTERS, Table
from bridges.modbus.simkinds import SIM_KINDS
from bridges.serial.portconfig import PortConfig
from bridges.simulated import is_simulated, parse
from edge_router.config.schema import Section

#: the first digit of a register's number as manuals have it, and the table that it means
_NUMBERED: Final[dict[str, Table]] = {"0": "coil", "1": "discrete", "3": "input", "4": "holding"}
#: options of a value that cannot be undone when it is written
_ONE_WAY: Final = ("steps", "mask", "shift", "calibrate", "polynomial")
#: what the bridge itself has below its topic, beside its units
_PROCEDURES: Final = frozenset({"status", "get_status", "read", "read_raw", "write_raw", "simulate"})

#: seconds
Interval = Annotated[float, Meta(ge=0.05, le=86_400)]
Address = Annotated[int, Meta(ge=0, le=65_535)]
Name = Annotated[str, Meta(pattern=r"^[^\s#.]+$", extra={"words": "a name without spaces, dots and #"})]
RegisterNumber = Annotated[
    str, Meta(pattern="^[0134]([0-9]{4}|[0-9]{5})$", extra={"words": 'five or six digits in quotes, as "40108"'})
]


class ModbusWrite(Section, kw_only=True):
    """How a value may be written, by `<topic>.<unit>.<value>.set`. Limits are in the units that are published.

    min: the smallest value that is taken; left out, the value's own. max: the largest. function: `single` writes one
    register or coil (functions 6 and 5), `multiple` any number (16 and 15); left out, `single` where one is enough.
    read_back: read it afterwards, and fail if it is not what was written.
    """

    min: float | None = None
    max: float | None = None
    function: Literal["single", "multiple"] | None = None
    read_back: bool = False

    def __post_init__(self) -> None:
        """Raises ValueError for limits that exclude each other."""
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min:g} is above max {self.max:g}; one of the two has to change")


class ModbusValue(Field, kw_only=True):
    """A value of a unit: where it is, what its bits mean, and what every field of a bridge may have.

    register: its number as manuals count, from 1 and with the table in front, as `"40108"`. table: in place of
    `register`, where it is: `coil`, `discrete` (inputs of one bit), `input`, `holding` (registers). address: its place
    in the table as it is sent, from 0. format: what the registers hold; left out, `bool` of bits and `uint16` of
    registers. `int8` and `uint8` are the low half of a register, with `_high` the other one. `bits` is a list of bools,
    the lowest bit of each register first. order: of the bytes of numbers, as the device's manual or trying says; left
    out, the unit's. length: registers of `string` and `bits`; of coils and discrete inputs, how many make a list. bit:
    of a register, published as a bool; 0 is the lowest. interval: seconds between two polls; left out, the unit's.
    poll: whether it is read by itself; without, only by `<topic>.read`. write: it may be written.
    """

    register: RegisterNumber | None = None
    table: Table | None = None
    address: Address | None = None
    format: Format | None = None
    order: Order | None = None
    length: Annotated[int, Meta(ge=1, le=MAX_BITS)] = 1
    bit: Annotated[int, Meta(ge=0, le=15)] | None = None
    interval: Interval | None = None
    poll: bool = True
    write: ModbusWrite | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for a place that is none and for options that contradict each other."""
        super().__post_init__()
        self._check_place()
        bits = self.where in BIT_TABLES
        if bits and self.form != "bool":
            raise ValueError(f"format {self.format} is of registers; a {self.where} is a bool")
        if self.bit is not None and (bits or self.form != "uint16"):
            raise ValueError(f"bit is of a register, format uint16; this is a {self.where}, format {self.form}")
        if not bits and self.length > 1 and self.form not in WITH_LENGTH:
            raise ValueError(f"length is of string, bits, coils and discrete inputs; {self.form} has its own")
        most = MAX_BITS if bits else MAX_REGISTERS
        if self.count > most or self.start + self.count > 65_536:
            raise ValueError(f"it goes from {self.start} over {self.count}; one request reads {most}, up to 65535")
        if self.write is not None:
            self._check_write(self.write)

    @property
    def where(self) -> Table:
        """Its table."""
        return self.table or _NUMBERED[(self.register or "4")[0]]

    @property
    def start(self) -> int:
        """Its address in the table, from 0."""
        return self.address if self.address is not None else int((self.register or "00001")[1:]) - 1

    @property
    def form(self) -> Format:
        """Its format."""
        return self.format or ("bool" if self.where in BIT_TABLES else "uint16")

    @property
    def count(self) -> int:
        """How many bits or registers it fills."""
        return self.length if self.where in BIT_TABLES else registers_of(self.form, self.length)

    def _check_place(self) -> None:
        numbered = self.register is not None
        if numbered == (self.table is not None or self.address is not None) or (
            not numbered and (self.table is None or self.address is None)
        ):
            raise ValueError('it needs its place: register: "40108", or table: holding and address: 107')
        if not 0 <= self.start <= 65_535:
            raise ValueError(f"register {self.register} is none; they count from 1 to 65536")

    def _check_write(self, write: ModbusWrite) -> None:
        if self.where not in ("coil", "holding"):
            raise ValueError(f"{self.where} cannot be written; coil and holding can")
        lost = [name for name in _ONE_WAY if getattr(self, name) is not None]
        if self.bit is not None or self.form == "bits" or self.form in ("int8", "uint8", "int8_high", "uint8_high"):
            lost.append("a part of a register")
        if lost:
            raise ValueError(f"write needs to undo what is done to the value, and {', '.join(lost)} cannot be undone")
        if self.scale == 0:
            raise ValueError("write needs to undo scale, and 0 cannot be undone")
        if write.function == "single" and self.count > 1:
            raise ValueError(f"function: single writes one, but the value has {self.count}; take multiple")
        most = MAX_WRITE_BITS if self.where == "coil" else MAX_WRITE_REGISTERS
        if self.count > most:
            raise ValueError(f"the value has {self.count}; one request writes {most}")
        if self.scale is not None and self.form not in FLOATS and self.form in ("bool", "string"):
            raise ValueError(f"scale is of numbers, not of {self.form}")


class ModbusUnit(Section, kw_only=True):
    """A slave on the bus.

    unit: its address: 1 to 247 on a serial line; behind a TCP connection also 0 and 255, which mean the device itself.
    interval: seconds between two polls; left out, the bridge's. order: of the bytes of its numbers. values: name -> a
    value, with a topic of its own, `<topic>.<unit>.<value>` if it names no other.
    """

    unit: Annotated[int, Meta(ge=0, le=255)]
    interval: Interval | None = None
    order: Order = "ABCD"
    values: dict[Name, ModbusValue] = {}


class ModbusConfig(PortConfig, tag="modbus", kw_only=True):
    """A Modbus master: values in the registers and coils of slaves become topics, on a serial line or over TCP.

    What is read of a unit in one round is an event of `<topic>.<unit>`: args [{name: value}], null for what could not
    be read. Each value has its own topic besides, as fields of other bridges. Nothing is ever written but by a call.
    `<topic>.status` has for each unit whether it answers.

    host: of a TCP connection, in place of `device`. With `sim:slaves?units=1,2` either is simulated, and
    `<topic>.simulate` makes it fail. port: its port. framing: `rtu` on serial lines, `tcp` on TCP; give
    `rtu` with `host` for a converter that passes the serial line's bytes on. topic: what topics and procedures begin
    with; left out, the bridge's id. units: name -> a slave. interval: seconds between two polls. timeout: seconds for
    an answer. retries: how often a poll is repeated that was not answered; what a caller writes is never repeated.
    pause: seconds of silence before a request; at least 3.5 characters are kept on a serial line. Left out, 0.02 with
    `framing: rtu`, else 0. max_gap: registers or bits that may be read between two values to save a request.
    max_registers, max_bits: the most that one request reads. dead_after: polls missed in a row, after which a unit is
    put aside: it is tried with growing waits of up to 30 s until it answers, and does not slow the others. echo:
    whether the line gives back what is sent, as some RS-485 adapters do. max_waiting: requests of callers that wait.
    raw_access: procedures for any place: `read` is `<topic>.read_raw`, `write` also `<topic>.write_raw`.
    """

    SIM_KINDS: ClassVar[str | None] = "bridges.modbus.simkinds:SIM_KINDS"
    SIM_MACHINES: ClassVar[str | None] = "bridges.modbus.simulator:SIM_MACHINES"

    host: Annotated[str, Meta(min_length=1, max_length=255)] | None = None
    port: Annotated[int, Meta(ge=1, le=65_535)] = 502
    framing: Literal["rtu", "tcp"] | None = None
    topic: Uri | None = None
    units: dict[Name, ModbusUnit] = {}
    interval: Interval = 10.0
    timeout: Annotated[float, Meta(ge=0.01, le=60)] = 1.0
    retries: Annotated[int, Meta(ge=0, le=10)] = 1
    pause: Annotated[float, Meta(ge=0, le=10)] | None = None
    max_gap: Annotated[int, Meta(ge=0, le=100)] = 8
    max_registers: Annotated[int, Meta(ge=1, le=MAX_REGISTERS)] = MAX_REGISTERS
    max_bits: Annotated[int, Meta(ge=1, le=MAX_BITS)] = MAX_BITS
    dead_after: Annotated[int, Meta(ge=1, le=100)] = 3
    echo: bool = False
    max_waiting: Annotated[int, Meta(ge=1, le=10_000)] = 100
    raw_access: Literal["none", "read", "write"] = "none"

    def __post_init__(self) -> None:
        """Raises ValueError for options that contradict each other."""
        serial = self.device is not None or self.match is not None
        if serial == (self.host is not None):
            raise ValueError("it needs either device: /dev/... for a serial line, or host: ... for TCP")
        self.check_line()
        if self.host is not None and is_simulated(self.host):
            parse(self.host, SIM_KINDS)
        if serial and self.framing == "tcp":
            raise ValueError("framing: tcp is for host; a serial line has framing: rtu")
        if serial and self.bytesize != 8:
            raise ValueError(f"framing: rtu needs bytesize 8, not {self.bytesize}")
        self._check_units()
        value_topics(self)

    @property
    def name_of_link(self) -> str:
        """The line or connection, for messages."""
        if self.host is None:
            return self.device_name
        return self.host if is_simulated(self.host) else f"{self.host}:{self.port}"

    @property
    def base_topic(self) -> str:
        """What its topics and procedures begin with."""
        return self.topic or self.id

    @property
    def form(self) -> Literal["rtu", "tcp"]:
        """How requests and answers are framed."""
        return self.framing or ("tcp" if self.host is not None else "rtu")

    def _check_units(self) -> None:
        addresses: dict[int, str] = {}
        for name, unit in self.units.items():
            if name in _PROCEDURES:
                raise ValueError(f"a unit cannot be called {name}; the bridge has that itself")
            if unit.unit in addresses:
                raise ValueError(f"the units {addresses[unit.unit]} and {name} have the same address {unit.unit}")
            if self.form == "rtu" and not 1 <= unit.unit <= 247:
                raise ValueError(f"unit {name}: addresses on a serial line are 1 to 247, not {unit.unit}")
            addresses[unit.unit] = name


def value_topics(config: ModbusConfig) -> dict[str, dict[str, str]]:
    """Unit -> value -> its topic. Raises ValueError for one that is taken."""
    found: dict[str, dict[str, str]] = {}
    taken: dict[str, str] = {f"{config.base_topic}.{name}": "the bridge itself" for name in _PROCEDURES}
    for name, unit in config.units.items():
        found[name] = field_topics(f"{config.base_topic}.{name}", unit.values)
        for value, topic in found[name].items():
            if topic in taken:
                raise ValueError(f"{name}.{value} has the topic {topic} of {taken[topic]}; give it one of its own")
            taken[topic] = f"{name}.{value}"
    return found
