"""A decision that is still to come: of a procedure that was asked, or a function that waits for something.

One taker, one answer; no loop and no threads, so the core and the methods of logging in can do without a reactor.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar

from edge_router.wamp.errors import WampError

T = TypeVar("T")


class Pending(Generic[T]):
    """A decision that comes later, once.

    cancel: called if nobody wants it any more before it has come.
    """

    __slots__ = ("_cancel", "_come", "_found", "_take")

    _NOTHING: Final = object()

    def __init__(self, cancel: Callable[[], object] | None = None) -> None:
        self._cancel = cancel
        self._come = False
        self._found: Any = self._NOTHING
        self._take: Callable[[Any], object] | None = None

    def settle(self, found: T | WampError) -> None:
        """It has come: the decision, or why there is none. Only the first counts, and none after `cancel`."""
        if self._come:
            return
        self._come = True
        take, self._take, self._cancel = self._take, None, None
        if take is None:
            self._found = found
        else:
            take(found)

    def then(self, take: Callable[[T | WampError], object]) -> None:
        """Have it taken, at once if it has come already. take: gets the decision, or a WampError."""
        if not self._come:
            self._take = take
        elif self._found is not self._NOTHING:
            found, self._found = self._found, self._NOTHING
            take(found)

    def cancel(self) -> None:
        """Nobody wants it any more. Idempotent."""
        if self._come:
            return
        self._come = True
        cancel, self._take, self._cancel = self._cancel, None, None
        if cancel is not None:
            cancel()

    def map(self, change: Callable[[T], Any], failed: Callable[[WampError], WampError] | None = None) -> Pending[Any]:
        """What this comes to, changed.

        change: gives what the decision means, perhaps another Pending, or raises WampError. failed: changes each error,
        those that `change` raises too.
        """
        changed: Pending[Any] = Pending(self.cancel)

        def take(found: T | WampError) -> None:
            result: Any = found
            if not isinstance(found, WampError):
                try:
                    result = change(found)
                except WampError as error:
                    result = error
            if failed is not None and isinstance(result, WampError):
                result = failed(result)
            changed.settle(result)

        self.then(take)
        return changed
