"""What a Firmata bridge is told: its section of the configuration, and its pins. No Twisted here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from msgspec import Meta, structs

from bridges.config import Field, Uri, field_topics
from bridges.gpio.outputconfig import OutputRules
from bridges.modbus.formats import Order
from bridges.serial.portconfig import PortConfig
from edge_router.config.schema import Section

#: a number, or `A0` for an analog channel
PinName = (
    Annotated[int, Meta(ge=0, le=127)]
    | Annotated[str, Meta(pattern="^A[0-9]{1,2}$", extra={"words": "the number of a pin, or A0 for an analog input"})]
)
Wait = Annotated[float, Meta(ge=0, le=86_400)]
#: YAML reads no number as a word
Safe = Literal["keep"] | float
FirstSafe = Literal["keep", "last"] | float
I2cFormat = Literal["int8", "uint8", "int16", "uint16", "int32", "uint32", "float16", "float32"]


class FirmataInput(Field, kw_only=True):
    """A digital input: its level is published as true or false, at each change.

    pin: its number, or A0. pullup: whether the resistor inside the chip pulls it up. active_low: whether it is true
    when there is no voltage, as with a switch to ground.
    """

    pin: PinName
    pullup: bool = False
    active_low: bool = False


class FirmataAnalog(Field, kw_only=True):
    """An analog input: what the converter says is published each `sampling_interval`, 0 to 1023 on most boards.

    pin: its channel, as A0, or the number of the pin.
    """

    pin: PinName


class FirmataOutput(OutputRules, kw_only=True):
    """A digital output: a pin that procedures switch, as an output of a GPIO bridge.

    pin: its number, or A0.
    """

    pin: PinName


class Dial(Section, kw_only=True):
    """What outputs have that are set to a number. It is an event of their topic at each change.

    Below its topic are the procedures `set` (args [number]) and `get`. Nothing is set unless a procedure is called or
    an option here says so.

    pin: its number, or A0. topic: where it is published; left out, the bridge's topic, a dot and the output's name.
    min: the smallest number that is taken. max: the largest. on_start: what happens when the router starts, or the
    board comes back: `keep` sets nothing, `last` what was last set while the router runs, a number that. on_stop: what
    happens when the router stops. on_loss: what happens when the session that has last set it is gone, or the uplink.
    loss_after: seconds that the session may be gone before that. uplink: the id of an uplink whose loss counts too.
    uplink_after: seconds that the uplink may be down before that.
    """

    pin: PinName
    topic: Uri | None = None
    min: float = 0.0
    max: float = 1.0
    on_start: FirstSafe = "keep"
    on_stop: Safe = "keep"
    on_loss: Safe = "keep"
    loss_after: Wait = 0.0
    uplink: str | None = None
    uplink_after: Wait = 30.0

    def __post_init__(self) -> None:
        """Raises ValueError for options that contradict each other."""
        if not self.min < self.max:
            raise ValueError(f"min {self.min:g} is not below max {self.max:g}")
        for option in ("on_start", "on_stop", "on_loss"):
            value = getattr(self, option)
            if isinstance(value, float | int) and not self.min <= value <= self.max:
                raise ValueError(f"{option}: {value:g} is not within min {self.min:g} and max {self.max:g}")
        if self.on_loss == "keep" and (self.uplink is not None or self.loss_after):
            raise ValueError("uplink and loss_after say when on_loss happens; give on_loss a number")

    @property
    def depends(self) -> bool:
        """Whether it matters who has set it."""
        return self.on_loss != "keep"


class FirmataPwm(Dial, kw_only=True):
    """A PWM output: `set` takes the share of the time that it is on, 0 to 1."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.min < 0 or self.max > 1:
            raise ValueError("min and max of a PWM output are within 0 and 1, never on and always on")


class FirmataServo(Dial, kw_only=True):
    """A servo: `set` takes degrees.

    pulses: microseconds of its pulse at 0 and at 180 degrees.
    """

    max: float = 180.0
    pulses: tuple[Annotated[int, Meta(ge=100, le=10_000)], Annotated[int, Meta(ge=100, le=10_000)]] = (544, 2400)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.min < 0 or self.max > 180:
            raise ValueError("min and max of a servo are within 0 and 180 degrees")
        if self.pulses[0] >= self.pulses[1]:
            raise ValueError("pulses are the shortest and the longest, as [544, 2400]")


class FirmataI2c(Field, kw_only=True):
    """A register of a device on the board's I2C pins, read every so often.

    address: of the device, 7 bits. register: the number of the register; left out, it is just read. format: what the
    bytes are. order: of the bytes of longer numbers. interval: seconds between two readings.
    """

    address: Annotated[int, Meta(ge=0x08, le=0x77)]
    register: Annotated[int, Meta(ge=0, le=255)] | None = None
    format: I2cFormat = "int16"
    order: Order = "ABCD"
    interval: Annotated[float, Meta(ge=0.05, le=86_400)] = 10.0


class FirmataConfig(PortConfig, tag="firmata", kw_only=True):
    """A microcontroller board with StandardFirmata or ConfigurableFirmata: its pins are topics and procedures.

    Events have args [value] and kwargs {bridge, seq, ts, ts_quality}. `<topic>.status` tells of the board: args
    [`open`, `away` or `stopped`], kwargs with its firmware, counts and the last error.

    baudrate: that of the firmware; Firmata's is 57600. settle: milliseconds after opening; an Arduino restarts then.
    topic: what topics and procedures begin with; left out, the bridge's id. sampling_interval: milliseconds between two
    values of the analog inputs. inputs: name -> a digital input. analog: name -> an analog input. outputs: name -> a
    digital output. pwm: name -> an output that is on for a share of the time. servos: name -> a servo. i2c: name -> a
    register on the I2C bus. i2c_delay: microseconds between asking for a register and reading it. timeout: seconds for
    an answer of the board, before it is asked again.
    """

    SIM_KINDS: ClassVar[str | None] = "bridges.firmata.simkinds:SIM_KINDS"
    SIM_MACHINES: ClassVar[str | None] = "bridges.firmata.simulator:SIM_MACHINES"

    baudrate: Annotated[int, Meta(ge=50, le=20_000_000)] = 57_600
    settle: Annotated[int, Meta(ge=0, le=60_000)] = 2_000
    topic: Uri | None = None
    sampling_interval: Annotated[int, Meta(ge=1, le=16_383)] = 100
    inputs: dict[str, FirmataInput] = {}
    analog: dict[str, FirmataAnalog] = {}
    outputs: dict[str, FirmataOutput] = {}
    pwm: dict[str, FirmataPwm] = {}
    servos: dict[str, FirmataServo] = {}
    i2c: dict[str, FirmataI2c] = {}
    i2c_delay: Annotated[int, Meta(ge=0, le=16_383)] = 0
    timeout: Annotated[float, Meta(ge=0.05, le=60)] = 2.0

    def __post_init__(self) -> None:
        """Raises ValueError for options that contradict each other."""
        super().__post_init__()
        names: set[str] = set()
        for kind in KINDS:
            for name in getattr(self, kind):
                if name in names:
                    raise ValueError(f"there are two pins with the name {name}; each needs one of its own")
                names.add(name)
        taken: dict[int | str, str] = {}
        for name, options in self.with_pins().items():
            if options.pin in taken:
                raise ValueError(
                    f"{taken[options.pin]} and {name} are both pin {options.pin}; each needs one of its own"
                )
            taken[options.pin] = name
        self._check_i2c()
        self.topics()

    def _check_i2c(self) -> None:
        """An answer says its register; of two with one, nobody could tell whose it is."""
        seen: list[tuple[str, FirmataI2c]] = []
        for name, options in self.i2c.items():
            for other, before in seen:
                same = before.register == options.register or None in (before.register, options.register)
                if before.address == options.address and same:
                    raise ValueError(f"{other} and {name} are the same register of {options.address:#x}")
            seen.append((name, options))

    @property
    def base_topic(self) -> str:
        """What topics and procedures begin with."""
        return self.topic or self.id

    def with_pins(self) -> dict[str, Any]:
        """Name -> what has a pin of its own."""
        return {name: options for kind in KINDS if kind != "i2c" for name, options in getattr(self, kind).items()}

    def fields(self) -> dict[str, Field]:
        """Name -> what is read. A level that has bounced back to what it was is no change."""
        inputs = {
            name: structs.replace(options, deadband=0.0) if options.debounce and options.deadband is None else options
            for name, options in self.inputs.items()
        }
        return {**inputs, **self.analog, **self.i2c}

    def dials(self) -> dict[str, Dial]:
        """Name -> what is set to a number."""
        return {**self.pwm, **self.servos}

    def topics(self) -> dict[str, str]:
        """Name -> topic. Raises ValueError for one that is taken."""
        everything: Mapping[str, Any] = {**self.fields(), **self.outputs, **self.dials()}
        return field_topics(self.base_topic, everything)


#: the keys that name what is on the board
KINDS = ("inputs", "analog", "outputs", "pwm", "servos", "i2c")
