"""The way of bytes through a serial bridge, with the bridge's own parts: framing, decoder, fields."""

from __future__ import annotations

from typing import Any, Final, Protocol

from bridges.config import field_topics
from bridges.pipeline import Pipeline
from bridges.serial.config import SerialConfig
from bridges.serial.decoders import decoder, message
from bridges.serial.framing import Frame, framing
from bridges.stamps import Stamp, Stamps
from bridges.values import BadValue, Unwanted, check
from edge_router.cli.decode.timers import Timers

#: seconds after the last byte in which a frame that ends with silence is complete
SILENCE: Final = 3_600.0


class Teller(Protocol):
    """Who is told what comes of it."""

    def frame(self, value: Any, raw: bytes) -> None:
        """A good frame, with its fields as they are published."""

    def field(self, topic: str, value: Any, unit: str | None, stale: bool) -> None:
        """What is published to a field's topic."""

    def bad(self, reason: str, raw: bytes | None) -> None:
        """A frame that is not published. raw: None if the framing refused it."""

    def log(self, text: str) -> None:
        """A line of text that is no frame, published as `log`."""

    def note(self, text: str) -> None:
        """Something else that the bridge's status would tell."""


class Intake:
    """One run.

    config: of the bridge. teller: who is told. timers: the time of the bytes.

    good, refused, unwanted, logged: frames.
    """

    def __init__(self, config: SerialConfig, teller: Teller, timers: Timers) -> None:
        self._config = config
        self._teller = teller
        self._timers = timers
        self._silence = Timers()
        self._framing = framing(config, self._silence, self._take_all)
        self._decode = decoder(config)
        topics = field_topics(config.base_topic, config.fields)
        self._pipeline = Pipeline(topics, config.fields, timers, self._field, self._changed, teller.note)
        self._stamps = Stamps(timers, synchronized=lambda: False)
        self.good = 0
        self.refused = 0
        self.unwanted = 0
        self.logged = 0
        self._pipeline.begin()

    def feed(self, data: bytes) -> None:
        """Take bytes that arrived now."""
        overlong = self._framing.overlong
        frames = self._framing.feed(data)
        if self._framing.overlong > overlong:
            self.refused += self._framing.overlong - overlong
            self._teller.bad(f"a frame of more than {self._config.max_frame} bytes (max_frame)", None)
        self._take_all(frames)

    def advance(self, to: float) -> None:
        """Let time pass. to: seconds since the begin."""
        self._silence.advance(to)
        self._timers.advance(to)

    def next_due(self) -> float | None:
        """When time has to be let pass at the latest."""
        return min((due for timers in (self._silence, self._timers) if (due := timers.next_due())), default=None)

    def end(self) -> None:
        """There are no more bytes: what waits is told."""
        self._silence.advance(self._silence.seconds() + SILENCE)
        if self._framing.restart(b""):
            self._teller.note("the bytes end in the middle of a frame")
        self._framing.stop()
        self._pipeline.stop()
        if self.good and (unseen := self._pipeline.unseen()):
            self._teller.note(f"no frame had the field {', '.join(unseen)}")

    def counts(self) -> dict[str, Any]:
        """frames: good ones. bad: refused. noise: bytes outside of frames. unwanted: good frames that are not asked
        for. logged: lines that were no frames. And those of `bridges.pipeline`.
        """
        own = {"frames": self.good, "bad": self.refused, "noise": self._framing.noise}
        more = {"unwanted": self.unwanted, "logged": self.logged, **self._pipeline.counts()}
        return {**own, **{name: count for name, count in more.items() if count}}

    def _take_all(self, frames: list[Frame]) -> None:
        for frame in frames:
            self._take(frame)

    def _take(self, frame: Frame) -> None:
        try:
            if isinstance(frame, BadValue):
                raise frame
            value = self._decode(frame)
        except Unwanted:
            self.unwanted += 1
            return
        except BadValue as error:
            self._not_decoded(frame, error)
            return
        try:
            check(value)
            found = self._pipeline.transform(value)
        except BadValue as error:
            self._bad(frame, error)
            return
        self.good += 1
        self._teller.frame(value, frame)
        self._pipeline.report(found, self._stamps.next())

    def _not_decoded(self, frame: Frame, error: BadValue) -> None:
        text = message(frame, error, self._config)
        if text is None:
            self._bad(frame, error)
        else:
            self.logged += 1
            self._teller.log(text)

    def _bad(self, frame: Frame, error: BadValue) -> None:
        self.refused += 1
        self._teller.bad(str(error), None if isinstance(frame, BadValue) else frame)

    def _field(self, topic: str, value: Any, _stamp: Stamp, unit: str | None, stale: bool) -> None:
        self._teller.field(topic, value, unit, stale)

    def _changed(self, name: str, stale: bool) -> None:
        if stale:
            self._teller.note(f"{name} is stale: no reading came in time (stale_after)")
