"""What a GPIO bridge is told: its section of the configuration. No Twisted here."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Final, Literal

from msgspec import Meta

from bridges.config import BridgeConfig, Field, Uri, field_topics
from bridges.gpio.lines import Bias
from bridges.gpio.outputconfig import LineName, LineNumber, Output, check_lines
from bridges.gpio.pwmconfig import Pwm
from bridges.gpio.simoptions import KINDS, LABEL
from bridges.simulated import is_simulated, parse
from edge_router.config.schema import Section

ChipName = Annotated[str, Meta(min_length=1, max_length=4_095)]
#: seconds; the kernel's 32 bits of microseconds end at 4294
Debounce = Annotated[float, Meta(ge=0, le=4_000)]
Every = Annotated[float, Meta(ge=0.05, le=86_400)]

#: seconds; contacts bounce for some milliseconds
SWITCH_DEBOUNCE: Final = 0.02
NUMBERED: Final = re.compile(r"(/dev/)?gpiochip[0-9]+")


class Input(Field, kw_only=True):
    """An input: a line whose level, pulses or edges become a topic. All that a field can do can be done to its value.

    line: its name, as GPIO17, or its number on the chip. measure: what is published: `level`, true while the line is
    active, at each change; `count`, the number of pulses since ever, which is kept over a restart; `frequency`, pulses
    a second; `width`, the seconds that a pulse lasted. active_low: whether the line is active when there is no voltage,
    as with a switch to ground. bias: the resistor inside the chip; `as-is` leaves what the board has set up. debounce:
    seconds that a level has to last before the kernel tells of it; left out, 0.02 for a level and 0 for pulses; of
    several inputs of one line, the one that says it counts. every: seconds between two values of count and frequency,
    if they changed. max_edges: edges a second; a line with more is put aside for a second, then looked at again.
    """

    line: LineName | LineNumber
    measure: Literal["level", "count", "frequency", "width"] = "level"
    active_low: bool = False
    bias: Bias = "as-is"
    debounce: Debounce | None = None
    every: Every = 1.0
    max_edges: Annotated[int, Meta(ge=1, le=100_000)] = 1_000


class Cookbook(Section, kw_only=True):
    """The procedures and topics of the GPIO component in Crossbar.io's IoT cookbook, besides our own.

    Procedures get_version, set_digout, get_digout, trigger_digout, toggle_digout, get_digin; topics on_ready,
    on_digout_changed, on_digin_changed, with keyword arguments {digout or digin, state}.

    prefix: what they begin with, as io.crossbar.demo.iotstarterkit.1234.gpio. digouts: outputs by the numbers that the
    clients know them by, the first is 0; left out, all, in their order. digins: inputs likewise; left out, all levels.
    """

    prefix: Uri
    digouts: list[str] | None = None
    digins: list[str] | None = None


class GpioConfig(BridgeConfig, tag="gpio", kw_only=True):
    """Lines of a GPIO chip: each input becomes a topic, each output a topic and procedures.

    Events have args [value] and kwargs {bridge, seq, ts, ts_quality}; ts is the moment of the edge, as the kernel saw
    it. `<topic>.status` tells of the chip: args [`open`, `away` or `stopped`], kwargs with counts and the last error;
    `<topic>.get_status` returns the same.

    chip: its label, as `pinctrl-bcm2711`; several labels for several boards, of which the first that is there counts;
    a path that stays the same; or `sim:`, a simulated one. Left out, it is the chip that has all the lines, which need
    names then. backend: `libgpiod`, a library; `kernel`, which needs none; `auto` takes the library if it is there in
    version 2. inputs: name -> an input; its topic is the bridge's topic, a dot and the name. outputs: name -> an
    output. pwm: name -> a PWM output; they need no chip. cookbook: the names of Crossbar.io's IoT cookbook. topic: what
    the topics begin with; left out, the bridge's id. state: a file, relative to the node directory, for what is kept
    over a restart; left out, `gpio-ID.json`. It is written when there is something to keep. max_rate: readings a second
    of all inputs together; of what is over it the last of each input comes a second later, the rest is dropped and
    counted.
    """

    chip: ChipName | Annotated[list[ChipName], Meta(min_length=1, max_length=20)] | None = None
    backend: Literal["auto", "libgpiod", "kernel"] = "auto"
    topic: Uri | None = None
    inputs: dict[str, Input] = {}
    outputs: dict[str, Output] = {}
    pwm: dict[str, Pwm] = {}
    cookbook: Cookbook | None = None
    state: str | None = None
    max_rate: Annotated[int, Meta(ge=1, le=100_000)] = 5_000

    def __post_init__(self) -> None:
        """Raises ValueError for options that contradict each other."""
        self._check_chip()
        self._check_lines()
        self.topics()
        self._check_cookbook()

    def topics(self) -> dict[str, str]:
        """The topic of each input and output. Raises ValueError for one that is used twice."""
        return field_topics(self.base_topic, {**self.inputs, **self.outputs, **self.pwm})

    @property
    def base_topic(self) -> str:
        """What all topics and procedures begin with."""
        return self.topic or self.id

    @property
    def chips(self) -> list[str]:
        """Labels and paths of the chip, the best first."""
        if self.chip is None:
            return []
        return [self.chip] if isinstance(self.chip, str) else self.chip

    @property
    def labels(self) -> list[str]:
        """What to look for a chip by; see `chips.find_chip`."""
        return [LABEL] if self.simulated else self.chips

    @property
    def simulated(self) -> bool:
        """Whether the chip is a simulated one."""
        return bool(self.chips) and is_simulated(self.chips[0])

    @property
    def named_lines(self) -> list[str]:
        """The names of lines that the chip must have."""
        return [line for line in self.lines().values() if isinstance(line, str)]

    def shares_output(self, other: GpioConfig, name: str) -> bool:
        """Whether an output is the same line, meant the same way, in another section too."""
        if name in self.outputs and name in other.outputs:
            ours, theirs = self.outputs[name], other.outputs[name]
            same = (ours.line, ours.active_low) == (theirs.line, theirs.active_low)
            return same and self.chips == other.chips
        if name in self.pwm and name in other.pwm:
            mine, its = self.pwm[name], other.pwm[name]
            return (mine.chip, mine.channel, mine.inverted) == (its.chip, its.channel, its.inverted)
        return False

    @property
    def digouts(self) -> list[str]:
        """The outputs with a number in the cookbook's names."""
        chosen = self.cookbook.digouts if self.cookbook is not None else None
        return list(self.outputs) if chosen is None else chosen

    @property
    def digins(self) -> list[str]:
        """The inputs with a number in the cookbook's names."""
        chosen = self.cookbook.digins if self.cookbook is not None else None
        return self._levels() if chosen is None else chosen

    @property
    def state_file(self) -> str:
        """Relative to the node directory."""
        return self.state or f"gpio-{self.id.replace('/', '_')}.json"

    def lines(self) -> dict[str, str | int]:
        """The line of each input and output, by the name of that."""
        inputs = {name: input_.line for name, input_ in self.inputs.items()}
        return inputs | {name: output.line for name, output in self.outputs.items()}

    def _levels(self) -> list[str]:
        return [name for name, input_ in self.inputs.items() if input_.measure == "level"]

    def _check_cookbook(self) -> None:
        for what, chosen, there in (
            ("digouts", self.digouts, list(self.outputs)), ("digins", self.digins, self._levels()),
        ):  # fmt: skip
            unknown = [name for name in chosen if name not in there]
            if unknown:
                kind = "outputs" if what == "digouts" else "inputs that measure a level"
                raise ValueError(f"{what} has {unknown[0]}, which is none of the {kind} ({', '.join(there) or 'none'})")

    def _check_chip(self) -> None:
        for chip in self.chips:
            if NUMBERED.fullmatch(chip):
                raise ValueError(
                    f"{chip} is another chip after the next kernel update; give its label, as pinctrl-bcm2711 or "
                    "pinctrl-rp1, or leave chip out and name the lines; `edge-router devices` lists both"
                )
            if is_simulated(chip):
                if len(self.chips) > 1:
                    raise ValueError(f"{chip} cannot be one of several chips")
                parse(chip, KINDS)

    def _check_lines(self) -> None:
        names = [*self.inputs, *self.outputs, *self.pwm]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise ValueError(f"{twice[0]} is two of inputs, outputs and pwm; give one of them another name")
        if not names:
            raise ValueError("a GPIO bridge without lines does nothing; name some in inputs, outputs or pwm")
        lines = self.lines()
        if self.chip is None:
            numbers = [name for name, line in lines.items() if isinstance(line, int)]
            if numbers:
                raise ValueError(f"{numbers[0]} has a line number but the bridge no chip; give chip or the line's name")
        check_lines(lines, self.inputs)
        for names in sharing(self.inputs).values():
            _check_shared({name: self.inputs[name] for name in names})


def sharing(inputs: dict[str, Input]) -> dict[str | int, list[str]]:
    """The inputs of each line."""
    found: dict[str | int, list[str]] = {}
    for name, input_ in inputs.items():
        found.setdefault(input_.line, []).append(name)
    return found


def debounce_of(inputs: Sequence[Input]) -> int:
    """Microseconds for a line. inputs: those of the line."""
    said = next((input_.debounce for input_ in inputs if input_.debounce is not None), None)
    if said is None:
        said = SWITCH_DEBOUNCE if all(input_.measure == "level" for input_ in inputs) else 0.0
    return round(said * 1e6)


def _check_shared(inputs: dict[str, Input]) -> None:
    """Inputs of one line agree about the line. Raises ValueError."""
    first, *others = inputs
    for other in others:
        for option in ("active_low", "bias", "debounce", "max_edges"):
            one, two = getattr(inputs[first], option), getattr(inputs[other], option)
            if one != two and (option != "debounce" or None not in (one, two)):
                raise ValueError(f"{first} and {other} are one line, but have {option} {one} and {two}")
