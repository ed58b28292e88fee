"""Which events need not be carried: so that a metered link carries less than the LAN.

What a filter keeps for each topic is bounded; a topic that comes up again after it was forgotten begins anew.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final

from msgspec import Struct

from edge_router.config.schema.uplinks import UplinkFilter
from edge_router.router.interfaces import Clock, Delayed
from edge_router.wamp.codecs import Codec
from edge_router.wamp.errors import TranscodeError
from edge_router.wamp.messages import Event

#: topics that a filter knows of
MOST_TOPICS: Final = 10_000


class _Topic(Struct, eq=False):
    """What was sent of a topic. value: its number, if any. due: when the next may go. held: what waits until then."""

    value: float | None = None
    due: float = 0.0
    held: tuple[Event, Any] | None = None
    timer: Delayed | None = None


class Filter:
    """Of one rule.

    section: as configured. clock: monotonic time. send: takes topic and event that have passed.
    """

    def __init__(self, section: UplinkFilter, clock: Clock, send: Callable[[str, Event], object]) -> None:
        self._section = section
        self._clock = clock
        self._send = send
        self._topics: OrderedDict[str, _Topic] = OrderedDict()
        self._tokens = self._most = max(1.0, section.max_rate or 0.0)
        self._counted_at = clock.seconds()
        #: events that were not carried
        self.held_back = 0

    def offer(self, topic: str, event: Event, codec: Codec) -> None:
        """Send an event, at once or when its time has come, or leave it out. codec: the encoding of its payload."""
        section, now = self._section, self._clock.seconds()
        state = self._state(topic)
        value = self._number(event, codec) if section.deadband is not None else None
        if state.value is not None and value is not None and abs(value - state.value) <= (section.deadband or 0.0):
            self.held_back += 1
            self._release(state)
            return
        if now < state.due:
            self.held_back += 1
            state.held = (event, value)
            if state.timer is None:
                state.timer = self._clock.callLater(state.due - now, self._come_due, topic)
        else:
            self._pass(topic, state, event, value)

    def stop(self) -> None:
        """What is held back is left out."""
        for state in self._topics.values():
            self._release(state)
        self._topics.clear()

    def _state(self, topic: str) -> _Topic:
        state = self._topics.get(topic)
        if state is None:
            state = self._topics[topic] = _Topic()
            if len(self._topics) > MOST_TOPICS:
                self._release(self._topics.popitem(last=False)[1])
        else:
            self._topics.move_to_end(topic)
        return state

    def _release(self, state: _Topic) -> None:
        """The value is back where it was: what waits is old."""
        state.held = None
        timer, state.timer = state.timer, None
        if timer is not None:
            timer.cancel()

    def _come_due(self, topic: str) -> None:
        state = self._topics.get(topic)
        if state is None:
            return
        state.timer = None
        held, state.held = state.held, None
        if held is not None:
            self.held_back -= 1
            self._pass(topic, state, *held)

    def _pass(self, topic: str, state: _Topic, event: Event, value: float | None) -> None:
        if not self._has_token():
            self.held_back += 1
            return
        if self._section.min_interval:
            state.due = self._clock.seconds() + self._section.min_interval
        state.value = value
        self._send(topic, event)

    def _has_token(self) -> bool:
        rate = self._section.max_rate
        if rate is None:
            return True
        now = self._clock.seconds()
        self._tokens = min(self._most, self._tokens + (now - self._counted_at) * rate)
        self._counted_at = now
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True

    def _number(self, event: Event, codec: Codec) -> float | None:
        """The number that the deadband is about; None if the event has none, and passes."""
        key = self._section.field
        try:
            args: Any = codec.loads(event.args) if event.args else []
            value = args[0] if args else None
            if key is not None:
                kwargs: Any = codec.loads(event.kwargs) if event.kwargs else {}
                value = kwargs[key] if key in kwargs else value.get(key) if isinstance(value, dict) else None
        except TranscodeError:
            return None
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
