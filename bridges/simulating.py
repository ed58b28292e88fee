"""The procedure `<topic>.simulate`, with which the faults of a simulated device are called up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from bridges.simulated import FAULTS, Faults
from edge_router.client import CallError

INVALID_ARGUMENT: Final = "wamp.error.invalid_argument"


def simulate(faults: Faults, more: Mapping[str, Callable[..., Any]] | None = None) -> Callable[..., Any]:
    """The handler for a bridge's `procedures`.

    more: words that only this kind of simulator knows, such as `set` for an input; each is called with the arguments
    after it and raises ValueError with what is wrong with them.

    Result: a handler of args [fault, seconds] with fault one of FAULTS, and seconds how long it lasts; without them
    until `ok`. It returns the fault, also to a call without arguments. Raises CallError.
    """
    words = dict(more or {})

    def handle(*args: Any, **kwargs: Any) -> Any:
        if kwargs:
            raise CallError(INVALID_ARGUMENT, "no keyword arguments are expected, but [fault, seconds]")
        if not args:
            return faults.fault
        word, *rest = args
        try:
            if isinstance(word, str) and word in words:
                return words[word](*rest)
            faults.set(*_fault(word, rest, words))
        except ValueError as error:
            raise CallError(INVALID_ARGUMENT, str(error)) from None
        return faults.fault

    return handle


def _fault(word: Any, rest: list[Any], words: Mapping[str, object]) -> tuple[str, float | None]:
    """The arguments of `Faults.set`. Raises ValueError."""
    if word not in FAULTS:
        raise ValueError(f"{word!r} cannot be simulated here; there are {', '.join((*FAULTS, *words))}")
    if len(rest) > 1 or not all(isinstance(value, int | float) and not isinstance(value, bool) for value in rest):
        raise ValueError(f"after {word} one number is expected, the seconds that it lasts, or nothing")
    return word, rest[0] if rest else None
