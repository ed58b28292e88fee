"""Commands with arguments, as `MEAS:VOLT? {channel}`: checked when the file is loaded, filled in when called.

An argument never brings more than itself into the line: no line end and no other control character, and of text only
what its pattern allows. No Twisted here.
"""

from __future__ import annotations

import re
import sys
from string import Formatter
from typing import Any, Final, Protocol

from bridges.serial.exchange_config import LONGEST_TEXT

#: of text without a pattern of its own: nothing that separates or ends commands anywhere
PLAIN: Final = re.compile(r"[A-Za-z0-9_.+-]+")
#: what `{name:FORMAT}` may be, and the numbers to try it on
FORMAT: Final = re.compile(r"[+ ]?0?[0-9]{0,2}(\.[0-9]{1,2})?[dfeEgGxXob]?")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_SAMPLES: Final[dict[str, Any]] = {"int": 1, "float": 1.5, "str": "x"}


class WrongArgument(ValueError):
    """An argument that does not fit. The text is for who called."""


class Wanted(Protocol):
    """What an argument has to be; see `exchange_config.Argument`."""

    @property
    def type(self) -> str: ...
    @property
    def min(self) -> float | None: ...
    @property
    def max(self) -> float | None: ...
    @property
    def pattern(self) -> str | None: ...
    @property
    def values(self) -> dict[str, str] | None: ...
    @property
    def default(self) -> int | float | str | None: ...


class Template:
    """A line with places for arguments.

    text: the line. args: name -> what it has to be. Raises ValueError if the two do not fit.

    names: the arguments, in the order of their first places.
    """

    __slots__ = ("_args", "_pieces", "names")

    def __init__(self, text: str, args: Any) -> None:
        self._args: dict[str, Wanted] = args
        try:
            self._pieces = list(Formatter().parse(text))
        except ValueError as error:
            raise ValueError(f"send {text!r} is no template: {error}; a brace itself is written twice") from None
        for _, name, spec, conversion in self._pieces:
            if name is not None:
                self._check_place(text, name, spec or "", conversion)
        self.names = list(dict.fromkeys(name for _, name, _, _ in self._pieces if name is not None))
        unused = [name for name in args if name not in self.names]
        if unused:
            raise ValueError(f"the argument {unused[0]!r} has no place {{{unused[0]}}} in send {text!r}")
        for name in self.names:
            if args[name].default is not None:
                self._value(name, args[name].default)

    def fill(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
        """The line for a call. Raises WrongArgument."""
        given = self._by_name(args, kwargs)
        values = {name: self._value(name, given[name]) for name in self.names}
        return "".join(
            literal + (format(values[name], spec or "") if name is not None else "")
            for literal, name, spec, _ in self._pieces
        )

    def _check_place(self, text: str, name: str, spec: str, conversion: str | None) -> None:
        if name not in self._args:
            known = ", ".join(self._args) or "none"
            raise ValueError(f"send {text!r} has a place for {name!r}, which is none of args ({known})")
        wanted = self._args[name]
        if conversion is not None or not FORMAT.fullmatch(spec):
            raise ValueError(f"the format of {{{name}}} in send {text!r} is not one of numbers, as {{{name}:.3f}}")
        try:
            format("x" if wanted.values is not None else _SAMPLES[wanted.type], spec)
        except ValueError as error:
            raise ValueError(f"the format of {{{name}}} in send {text!r} does not fit: {error}") from None

    def _by_name(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        if len(args) > len(self.names):
            raise WrongArgument(f"{len(args)} arguments, but it takes {len(self.names)}: {', '.join(self.names)}")
        given = dict(zip(self.names, args, strict=False))
        for name, value in kwargs.items():
            if name not in self.names:
                raise WrongArgument(f"there is no argument {name[:60]!r}; it takes {', '.join(self.names) or 'none'}")
            if name in given:
                raise WrongArgument(f"{name} is given twice, by place and by name")
            given[name] = value
        for name in self.names:
            if given.get(name) is None:
                if self._args[name].default is None:
                    raise WrongArgument(f"{name} is missing; it takes {', '.join(self.names)}")
                given[name] = self._args[name].default
        return given

    def _value(self, name: str, value: Any) -> Any:
        wanted = self._args[name]
        if wanted.values is not None:
            value = _chosen(name, wanted.values, value)
        elif wanted.type == "str":
            value = _text(name, wanted, value)
        else:
            value = _number(name, wanted, value)
        if isinstance(value, str) and _CONTROL.search(value):
            raise WrongArgument(f"{name}: a line end or another control character cannot be in it")
        return value


def _chosen(name: str, values: dict[str, str], value: Any) -> str:
    """Truth is `true` and `false` in a file."""
    key = str(value).lower() if type(value) is bool else str(value)
    if type(value) not in (bool, int, float, str) or key not in values:
        raise WrongArgument(f"{name} is one of {', '.join(values)}")
    return values[key]


def _text(name: str, wanted: Wanted, value: Any) -> str:
    if type(value) is not str:
        raise WrongArgument(f"{name} is a text")
    low, high = wanted.min or 0, LONGEST_TEXT if wanted.max is None else wanted.max
    if not low <= len(value) <= high:
        raise WrongArgument(f"{name} has from {low:g} to {high:g} characters, not {len(value)}")
    pattern = PLAIN if wanted.pattern is None else re.compile(wanted.pattern)
    if not pattern.fullmatch(value):
        allowed = "letters, digits and _.+-, at least one" if wanted.pattern is None else f"what fits {wanted.pattern}"
        raise WrongArgument(f"{name} is {allowed}")
    return value


def _number(name: str, wanted: Wanted, value: Any) -> int | float:
    number: int | float
    if wanted.type == "int":
        if type(value) is not int:
            raise WrongArgument(f"{name} is a whole number")
        number = value
    else:
        if type(value) not in (int, float) or not abs(value) <= sys.float_info.max:
            raise WrongArgument(f"{name} is a number")
        number = float(value)
    if (wanted.min is not None and number < wanted.min) or (wanted.max is not None and number > wanted.max):
        low = "" if wanted.min is None else f" from {wanted.min:g}"
        high = "" if wanted.max is None else f" up to {wanted.max:g}"
        raise WrongArgument(f"{name} is a number{low}{high}")
    return number
