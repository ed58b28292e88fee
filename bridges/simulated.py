"""What `sim:KIND?key=value&...` means where a configuration names a device, and the faults of what is simulated.

No Twisted here, so that a configuration can be checked. A kind of simulator is a struct of options on `SimOptions` in a
table of its bridge; it asks its `Faults` about every message it is to carry. `bridges.simulating` makes a procedure of
them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Annotated, Final, NamedTuple
from urllib.parse import unquote

from msgspec import Meta, Struct, ValidationError, convert

from bridges.clock import Clock, Delayed
from bridges.config import SIM_PREFIX as SIM_PREFIX

#: what can happen to a device; `ok` is the end of it
FAULTS: Final = ("drop", "garble", "unplug", "hang", "ok")
#: seconds
LONGEST: Final = 86_400.0
#: bytes of a message of which one is garbled
SPREAD: Final = 16

#: msgspec's words -> ours
_WORDS: Final = {
    "Object missing required field": "it needs",
    " | null": "",
    "`float": "a number",
    "`int": "a whole number",
    "`bool": "true or false",
    "`str": "text",
}

Share = Annotated[float, Meta(ge=0, le=1)]
Seconds = Annotated[float, Meta(gt=0, le=LONGEST)]


class SimOptions(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What every kind of simulator can be told after the question mark.

    drop, garble, unplug, hang: how many of its messages meet that fault by chance, from 0 (none) to 1 (all). outage:
    seconds that unplug and hang last then. seed: of the chances; the same seed gives the same ones, without it they are
    others each time.
    """

    drop: Share = 0.0
    garble: Share = 0.0
    unplug: Share = 0.0
    hang: Share = 0.0
    outage: Seconds = 5.0
    seed: int | None = None


class Wanted(NamedTuple):
    """A simulator that a configuration asks for."""

    kind: str
    options: SimOptions


def is_simulated(device: str) -> bool:
    """Whether a simulator stands where a device could."""
    return device.startswith(SIM_PREFIX)


def parse(text: str, kinds: Mapping[str, type[SimOptions]]) -> Wanted:
    """Read `sim:KIND?key=value&...`; characters may be written as %XX.

    kinds: the bridge's table, kind -> its options; "" is what a bare `sim:` stands for. Raises ValueError, which says
    what is known.
    """
    kind, _, query = text.removeprefix(SIM_PREFIX).partition("?")
    if kind not in kinds:
        known = ", ".join(f"{SIM_PREFIX}{name}" for name in kinds) or "none for this bridge"
        raise ValueError(f"{SIM_PREFIX}{kind} is no simulator; there are {known}")
    where = f"{SIM_PREFIX}{kind}"
    given = _options(query, where, kinds[kind].__struct_fields__)
    try:
        return Wanted(kind, convert(given, kinds[kind], strict=False))
    except ValidationError as error:
        reason, _, at = _in_words(str(error)).partition(" - at $.")
        option = f"{at}={given[at]}: " if at in given else ""
        raise ValueError(f"{where}: {option}{reason[:1].lower()}{reason[1:]}") from None


def _in_words(said: str) -> str:
    """What msgspec says, in the words of other problems of a configuration."""
    for theirs, ours in _WORDS.items():
        said = said.replace(theirs, ours)
    return said.replace("`", "")


def _options(query: str, where: str, known: tuple[str, ...]) -> dict[str, str]:
    given: dict[str, str] = {}
    for pair in filter(None, query.split("&")):
        name, equals, value = map(unquote, pair.partition("="))
        if name not in known:
            raise ValueError(f"{where} has no option {name!r}; there are {', '.join(known)}")
        if not equals or name in given:
            raise ValueError(f"{where}: {name} has to be given once, as {name}=VALUE")
        given[name] = value
    return given


class Faults:
    """What is wrong with a simulated device just now: on demand, or by chance.

    clock: for faults that end by themselves. options: the chances. changed: called with the new fault, also when it is
    `ok` again.

    fault: of FAULTS. lost, garbled: messages so far.
    """

    def __init__(self, clock: Clock, options: SimOptions, changed: Callable[[str], object] = lambda _: None) -> None:
        self._clock = clock
        self._changed = changed
        self._random = Random(options.seed)
        self._outage = options.outage
        rates = (("drop", options.drop), ("garble", options.garble), ("unplug", options.unplug), ("hang", options.hang))
        self._rates = [(fault, rate) for fault, rate in rates if rate]
        self._end: Delayed | None = None
        self.fault = "ok"
        self.lost = 0
        self.garbled = 0

    def set(self, fault: str, seconds: float | None = None) -> None:
        """From now on, until `seconds` are over or another is set. Raises ValueError for what is no fault or time."""
        if fault not in FAULTS:
            raise ValueError(f"{fault!r} is no fault; there are {', '.join(FAULTS)}")
        if seconds is not None and not 0 < seconds <= LONGEST:
            raise ValueError(f"{seconds} seconds cannot be; over 0, up to {LONGEST:g}, or nothing is right")
        self._cancel()
        if seconds is not None and fault != "ok":
            self._end = self._clock.callLater(seconds, self._over)
        self._become(fault)

    def strike(self) -> str:
        """What happens to the next message: of FAULTS."""
        if self.fault == "ok" and self._rates:
            chance = self._random.random()
            for fault, rate in self._rates:
                chance -= rate
                if chance < 0:
                    if fault in ("unplug", "hang"):
                        self.set(fault, self._outage)
                    return fault
        return self.fault

    def carry(self, data: bytes) -> bytes | None:
        """Carry one message, either way. Result: what arrives; None if nothing does."""
        fault = self.strike()
        if fault == "ok":
            return data
        if fault == "garble":
            return self.garble(data)
        self.lost += 1
        return None

    def cut(self, data: bytes) -> bytes:
        """The bytes without some that follow each other, as of a line that was too fast: at least one, perhaps all."""
        self.lost += 1
        if not data:
            return data
        start = self._random.randrange(len(data))
        return data[:start] + data[self._random.randrange(start, len(data)) + 1 :]

    def garble(self, data: bytes) -> bytes:
        """The same number of bytes, of each SPREAD of which one has another value."""
        self.garbled += 1
        changed = bytearray(data)
        for start in range(0, len(data), SPREAD):
            at = self._random.randrange(start, min(start + SPREAD, len(data)))
            changed[at] ^= self._random.randrange(1, 256)
        return bytes(changed)

    def stop(self) -> None:
        """Nothing is wrong, nobody is told, and no timer is set any more. Idempotent."""
        self._cancel()
        self.fault = "ok"

    def _over(self) -> None:
        self._end = None
        self._become("ok")

    def _become(self, fault: str) -> None:
        if fault != self.fault:
            self.fault = fault
            self._changed(fault)

    def _cancel(self) -> None:
        end, self._end = self._end, None
        if end is not None:
            end.cancel()
