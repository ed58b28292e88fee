"""What a bridge is told of devices that answer: polls, named procedures, how requests take turns. No Twisted here.

A request is sent, and the next frame that fits is its answer. One at a time is on the line.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta

from bridges.config import Seconds
from bridges.serial.decodingconfig import DecodingConfig
from edge_router import registry
from edge_router.config.schema import Section

Patience = Annotated[float, Meta(ge=0.01, le=600)]
Retries = Annotated[int, Meta(ge=0, le=10)]
Line = Annotated[str, Meta(min_length=1, max_length=4_096)]
Hex = Annotated[
    str,
    Meta(pattern=r"^\s*([0-9A-Fa-f]{2}\s*)+$", extra={"words": 'bytes as pairs of hexadecimal digits, as "01 03 ff"'}),
]
Name = Annotated[
    str, Meta(pattern=r"^[a-z0-9_]+(\.[a-z0-9_]+)*$", extra={"words": "small letters, digits and _, as measure"})
]
#: a short pattern has little to go astray in; the frame it is tried on is bounded by max_frame
Pattern = Annotated[str, Meta(min_length=1, max_length=200)]

#: loaded only if there are polls or templates: who sends and fills in, and who looks for patterns that take for ever
_FRAMING: Final = "bridges.serial.framing:framing"
_TEMPLATE: Final = "bridges.serial.exchange_template:Template"
_LOOK_AT: Final = "bridges.serial.patterns:look_at"
#: characters of a text that has no `max`
LONGEST_TEXT: Final = 255
#: what bridges register themselves
TAKEN: Final = frozenset({"get_status", "write", "request", "simulate"})


class Likeness(Section, kw_only=True):
    """What a frame looks like, as it is on the line, without its checksum. Bytes are characters U+0000 to U+00FF.

    prefix: how it begins. regex: a regular expression that fits all of it.
    """

    prefix: Annotated[str, Meta(pattern="^[\\x00-\\xff]{1,64}$", extra={"words": "1 to 64 bytes"})] | None = None
    regex: Pattern | None = None

    def __post_init__(self) -> None:
        """Raises ValueError unless it says one thing."""
        if (self.prefix is None) == (self.regex is None):
            raise ValueError("what a frame looks like is one of prefix and regex")


class Poll(Section, kw_only=True):
    """A request that is sent again and again. Its answers are frames as others.

    send: the line, as it is. hex: instead of it, bytes in hexadecimal digits. every: seconds between two. field: the
    answer is the value of this field alone, so that several polls make fields of one frame's kind; left out, it is
    the whole frame. expect: what the answer looks like; left out, the next frame is it. timeout: seconds until it is
    given up; left out, that of `exchange`. retries: how often it is sent again then, before it counts as not answered.
    """

    send: Line | None = None
    hex: Hex | None = None
    every: Seconds
    field: Line | None = None
    expect: Likeness | None = None
    timeout: Patience | None = None
    retries: Retries = 1

    def __post_init__(self) -> None:
        """Raises ValueError if it is not said what to send."""
        if (self.send is None) == (self.hex is None):
            raise ValueError("a poll needs what to send: send, or hex")

    @property
    def line(self) -> str | bytes:
        """What is sent."""
        return bytes.fromhex(self.hex) if self.hex is not None else self.send or ""


class Argument(Section, kw_only=True):
    """An argument of a procedure. What does not fit is refused before anything is sent.

    type: what it has to be. min: the smallest number, or fewest characters. max: the largest number, or most
    characters. pattern: of text, a regular expression for all of it; left out, letters, digits and `_.+-`, at least
    one. values: what is sent for each value that may be given, as {"on": "1", "off": "0"}; others are refused.
    default: what is taken when it is not given; without one it has to be.
    """

    type: Literal["int", "float", "str"] = "str"
    min: float | None = None
    max: float | None = None
    pattern: Pattern | None = None
    values: dict[str, str] | None = None
    default: int | float | str | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for options that contradict each other."""
        if self.pattern is not None:
            if self.type != "str":
                raise ValueError(f"a pattern is for type: str, and the type is {self.type}")
            longest = LONGEST_TEXT if self.max is None else max(int(self.max), 1)
            registry.load(_LOOK_AT)(self.pattern, longest)
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min:g} is above max {self.max:g}; one of the two has to change")


class Procedure(Section, kw_only=True):
    """A command of the device as a procedure `<topic>.<name>`.

    send: the line; `{name}` is an argument, `{name:.3f}` one with a format, `{{` a brace. Positional arguments go by
    their order in it. args: name -> what it has to be. answer: `value`, the result is the decoded answer; `none`, there
    is no answer. field: the answer is a reading of this field: it is published, and the result is the published value.
    expect: what the answer looks like; left out, the next frame is it. refused: what an answer looks like by which the
    device refuses; the call fails with `edge.error.refused`. timeout: seconds; left out, that of `exchange`. retries:
    how often it is sent again without an answer; 0, for a command that was heard may be done twice.
    """

    send: Line
    args: dict[str, Argument] = {}
    answer: Literal["value", "none"] = "value"
    field: Line | None = None
    expect: Likeness | None = None
    refused: Likeness | None = None
    timeout: Patience | None = None
    retries: Retries = 0

    def __post_init__(self) -> None:
        """Raises ValueError for a template that does not fit its arguments, and answers of what has none."""
        registry.load(_TEMPLATE)(self.send, self.args)
        needless = [name for name in ("field", "expect", "refused") if getattr(self, name) is not None]
        if self.answer == "none" and (needless or self.retries):
            raise ValueError(f"{', '.join(needless) or 'retries'} is about an answer, and answer is none")


class Exchange(Section, kw_only=True):
    """How requests and answers take turns. There are `poll` and `procedures` with it, and `<topic>.request`.

    timeout: seconds until an answer is given up; for as long again what comes is dropped, for it may be the late
    answer. pause: milliseconds between an answer and the next request. queue: calls that wait for their turn; more are
    refused with `edge.error.queue_full`. aside_after: so many polls in a row without an answer, and that poll is put
    aside. aside: seconds between two tries of a poll that is put aside. unsolicited: what becomes of frames that nobody
    asked for: `drop` counts them, `publish` takes them as frames.
    """

    timeout: Patience = 1.0
    pause: Annotated[int, Meta(ge=0, le=60_000)] = 20
    queue: Annotated[int, Meta(ge=1, le=1_000)] = 32
    aside_after: Annotated[int, Meta(ge=1, le=1_000)] = 3
    aside: Seconds = 60.0
    unsolicited: Literal["drop", "publish"] = "drop"


class ExchangeConfig(DecodingConfig, kw_only=True):
    """A device that answers.

    exchange: how requests and answers take turns; with it, or `poll`, or `procedures`, there is `<topic>.request`: args
    [line], the result is the decoded answer. poll: requests that are sent again and again. procedures: name -> a
    command of the device as a procedure `<topic>.<name>`.
    """

    exchange: Exchange | None = None
    poll: list[Poll] = []
    procedures: dict[Name, Procedure] = {}

    def __post_init__(self) -> None:
        """Raises ValueError for names that are taken, and lines that cannot be sent."""
        super().__post_init__()
        taken = [name for name in self.procedures if name in TAKEN]
        if taken:
            raise ValueError(f"the procedure {taken[0]!r} is the bridge's own; call yours something else")
        end = self.write_delimiter or self.delimiter
        for line in [one.send for one in self.procedures.values()]:
            if self.framing == "line" and end in line.removesuffix(end):
                raise ValueError(f"send {line!r} has the delimiter {end!r} inside; one line at a time")
        self._check_polls()
        for likeness in self._likenesses():
            if likeness.regex is not None:
                registry.load(_LOOK_AT)(likeness.regex, self.max_frame)

    @property
    def answers(self) -> bool:
        """Whether the device is one that answers."""
        return bool(self.exchange or self.poll or self.procedures)

    def _check_polls(self) -> None:
        """Whether each can be sent, by encoding, framing and length."""
        if not self.poll:
            return
        encode = registry.load(_FRAMING)(self, None, None).encode
        end = (self.write_delimiter or self.delimiter).encode("latin-1")
        for poll in self.poll:
            try:
                line = self._bytes_of(poll.line)
                encode(line.removesuffix(end) if self.framing == "line" else line)
            except ValueError as error:
                raise ValueError(f"the poll {poll.send or poll.hex!r} cannot be sent: {error}") from None

    def _bytes_of(self, line: str | bytes) -> bytes:
        if isinstance(line, str):
            line = line.encode("utf-8" if self.encoding == "binary" else self.encoding)
        if len(line) > self.max_write:
            raise ValueError(f"it has {len(line)} bytes; the limit is {self.max_write} (max_write)")
        return line

    def _likenesses(self) -> list[Likeness]:
        """All that say what frames look like."""
        found = [poll.expect for poll in self.poll]
        for procedure in self.procedures.values():
            found += [procedure.expect, procedure.refused]
        return [likeness for likeness in found if likeness is not None]

    @property
    def answer_fields(self) -> list[str]:
        """The fields that answers are values of."""
        named = [poll.field for poll in self.poll] + [one.field for one in self.procedures.values()]
        return [name for name in named if name is not None]
