"""How a call of the management becomes a call of a function: its arguments by position or by name, of the right types.

What a procedure is called with, and gives, is told by its function: the parameters with their types and defaults, and
the docstring. `crossbar.get_procedures` and a test of `docs/management.md` read them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, TypeAlias, get_type_hints

from msgspec import ValidationError, convert

from edge_router.client.values import CallError
from edge_router.wamp.errors import INVALID_ARGUMENT

#: takes what it is about (the management; for a router's procedures also the router), then what the caller gives
Procedure: TypeAlias = Callable[..., Any]


def answer(procedure: Procedure, subject: tuple[Any, ...], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Call a procedure. Result: what it gives, or a coroutine of that. Raises CallError."""
    try:
        bound = inspect.signature(procedure).bind(*subject, *args, **kwargs)
    except TypeError as problem:
        takes = ", ".join(parameters(procedure, len(subject)))
        raise CallError(INVALID_ARGUMENT, f"{problem}; it takes ({takes})") from None
    types = _types(procedure)
    for name in list(bound.arguments)[len(subject) :]:
        try:
            bound.arguments[name] = convert(bound.arguments[name], types[name])
        except ValidationError as problem:
            raise CallError(INVALID_ARGUMENT, f"argument '{name}': {problem}") from None
    return procedure(*bound.args, **bound.kwargs)


@cache
def _types(procedure: Procedure) -> dict[str, Any]:
    """The types of its parameters; those of what it is about are known to the type checker only."""
    return get_type_hints(procedure, localns={"Management": Any, "RouterWorker": Any})


def parameters(procedure: Procedure, subjects: int) -> list[str]:
    """What callers may give, as `limit: int = 100`. subjects: parameters before those."""
    found = list(inspect.signature(procedure).parameters.values())[subjects:]
    return [str(parameter).replace("'", "") for parameter in found]


def failure(name: str, text: str) -> CallError:
    """An error in Crossbar's words. name: as `no_such_object`."""
    return CallError(f"crossbar.error.{name}", text)
