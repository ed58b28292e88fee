"""The serial bridge: a device's frames become events, and `<topic>.write` sends lines to it."""

from __future__ import annotations

import random as randomness
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from bridges.bridge import Bridge
from bridges.config import field_topics
from bridges.freshness import Freshness
from bridges.pipeline import Pipeline
from bridges.serial.config import SerialConfig
from bridges.serial.decoders import decoder, message
from bridges.serial.device import DeviceAway, QueueFull
from bridges.serial.framing import Frame, framing
from bridges.serial.place import Place
from bridges.serial.port import Port
from bridges.stamps import Stamp, Stamps
from bridges.values import BadValue, Unwanted, check, shown
from edge_router import registry
from edge_router.client import CallError

if TYPE_CHECKING:
    from bridges.serial.exchange_calls import Dialogues

DEVICE_AWAY: Final = "edge.error.device_away"
QUEUE_FULL: Final = "edge.error.queue_full"
INVALID_ARGUMENT: Final = "wamp.error.invalid_argument"
CANCELED: Final = "wamp.error.canceled"

#: a field that none of so many frames had is most likely misspelt
ENOUGH_FRAMES: Final = 20
#: loaded only for a device that answers
_DIALOGUES: Final = "bridges.serial.exchange_calls:Dialogues"


class SerialBridge(Bridge):
    """A bridge to one serial device.

    config: its section. reactor: IReactorFDSet and IReactorTime. stamps: the wall clock.
    random: numbers of [0, 1), for the waits. place: where the device is; left out, as the config says.
    """

    log = Logger()

    def __init__(
        self,
        config: SerialConfig,
        reactor: Any,
        stamps: Stamps | None = None,
        random: Callable[[], float] = randomness.random,
        place: Place | None = None,
    ) -> None:
        super().__init__(config, config.base_topic, reactor, stamps)
        self._settings = config
        self._port = Port(config, reactor, self, random, place)
        self._framing = framing(config, reactor, self._take_all)
        self._decode = decoder(config)
        self._pipeline = Pipeline(
            field_topics(self.topic, config.fields),
            config.fields,
            reactor,
            self.publish,
            self.field_changed,
            self.status.fault,
        )
        self._dialogues: Dialogues | None = None
        if config.answers:
            self._dialogues = registry.load(_DIALOGUES)(config, reactor, self)
        self._freshness: Freshness | None = None
        if config.stale_after is not None:
            self._freshness = Freshness(config.stale_after, reactor, self._silence_turned)
        self._last: tuple[Any, Stamp] | None = None
        self._frames = 0
        self._bad = 0
        self._unwanted = 0
        self._logged = 0
        self._partial = 0
        self._last_frame: int | None = None

    # --- a bridge ---------------------------------------------------------------------------------------------------

    def opening(self) -> None:
        self._pipeline.begin()
        if self._freshness is not None:
            self._freshness.begin()
        self._port.start()

    def closing(self) -> None:
        if self._dialogues is not None:
            self._dialogues.end("the bridge is stopped")
        self._port.stop()
        self._framing.stop()
        self._pipeline.stop()
        if self._freshness is not None:
            self._freshness.stop()

    def procedures(self) -> dict[str, Callable[..., Any]]:
        own = {} if self._dialogues is None else self._dialogues.procedures()
        return {"write": self._write, **own, **self._port.procedures()}

    def details(self) -> dict[str, Any]:
        """path: where the device was found when it was last opened. frames: published. bad: refused. dropped:
        over-long, over max_rate, or cut in two when the device came or went. noise: bytes outside of frames. unwanted:
        sentences that are not asked for. logged: lines of text that were no frames, published as `log`. unsent: bytes
        written to a device that went. reopened: how often it was opened again because nothing came. silent: whether no
        frame came for stale_after. And those of `bridges.pipeline`, and of `exchange_calls`.
        """
        return {
            "device": str(self._port.place),
            "path": self._port.path,
            "frames": self._frames,
            "bad": self._bad,
            "dropped": self._framing.overlong + self._partial + self.over_rate,
            "noise": self._framing.noise,
            "unwanted": self._unwanted,
            "logged": self._logged,
            **self._pipeline.counts(),
            **({} if self._dialogues is None else self._dialogues.counts()),
            "unsent": self._port.unsent,
            "reopened": self._port.reopened,
            "silent": self._freshness is not None and self._freshness.stale,
            "last_frame_ts": self._last_frame,
        }

    # --- from the port ----------------------------------------------------------------------------------------------

    def port_ready(self, dropped: bytes) -> None:
        self._partial += self._framing.restart(dropped)
        if self.status.state != "open":
            self.log.info("{id}: {device} is open", id=self.config.id, device=self._port.place)
            self.status.change("open")
        if self._dialogues is not None:
            self._dialogues.begin()

    def port_away(self, reason: str) -> None:
        self.log.warn("{id}: {device} is away: {reason}", id=self.config.id, device=self._port.place, reason=reason)
        self._partial += self._framing.restart(b"")
        self._pipeline.pause()
        if self._dialogues is not None:
            self._dialogues.end(reason)
        self.status.change("away", reason)

    def port_received(self, data: bytes) -> None:
        overlong = self._framing.overlong
        frames = self._framing.feed(data)
        if self._framing.overlong > overlong:
            self.status.fault(f"a frame of more than {self._settings.max_frame} bytes (max_frame) was dropped")
        self._take_all(frames)

    # --- frames -----------------------------------------------------------------------------------------------------

    def _take_all(self, frames: list[Frame]) -> None:
        for frame in frames:
            self._take(frame)

    def _take(self, frame: Frame) -> None:
        if not self.allowed():
            return
        try:
            if isinstance(frame, BadValue):
                raise frame
            if self._dialogues is not None and self._dialogues.take(frame):
                return
            value = self._decode(frame)
        except Unwanted:
            self._unwanted += 1
            return
        except BadValue as error:
            self._not_decoded(frame, error)
            return
        try:
            check(value)
            self.accept(value)
        except BadValue as error:
            self.bad(str(error))

    def decoded(self, frame: bytes) -> Any:
        """What a frame says. Raises BadValue."""
        value = self._decode(frame)
        check(value)
        return value

    def bad(self, error: str) -> None:
        """A frame was no good."""
        self._bad += 1
        self.status.fault(error)

    def accept(self, value: Any) -> None:
        """Publish a frame and its fields; `value` has the published ones then. Raises BadValue."""
        found = self._pipeline.transform(value)
        stamp = self.stamps.next()
        self._frames += 1
        self._last_frame = stamp.ts
        if self._freshness is not None:
            self._last = (value, stamp)
            self._freshness.seen()
        self.publish(self.topic, value, stamp)
        self._pipeline.report(found, stamp)
        if self._frames == ENOUGH_FRAMES:
            self._look_for_unseen(value)

    def _not_decoded(self, frame: Frame, error: BadValue) -> None:
        """A bad frame, or with `log` a message of the device, if it is text."""
        text = message(frame, error, self._settings)
        if text is None:
            self.bad(str(error))
            return
        self._logged += 1
        self.publish(f"{self.topic}.log", text, Stamp(self._logged, *self.stamps.now()))

    def _silence_turned(self) -> None:
        """No frame for stale_after, or one again: told once each, and the last one is marked."""
        assert self._freshness is not None
        if not self._freshness.stale:
            self.log.info("{id}: frames come again", id=self.config.id)
            self.status.news()
            return
        error = f"no frame came for {self._settings.stale_after:g} s (stale_after)"
        self.log.warn("{id}: {error}", id=self.config.id, error=error)
        if self._last is not None:
            self.publish(self.topic, *self._last, stale=True)
        self.status.news(error)

    def _look_for_unseen(self, frame: Any) -> None:
        unseen = self._pipeline.unseen()
        if not unseen:
            return
        has = ", ".join(map(shown, frame))
        error = f"no frame had the field {', '.join(unseen)} yet; the last one has {has}"
        self.log.warn("{id}: {error}", id=self.config.id, error=error)
        self.status.fault(error)

    # --- writing ----------------------------------------------------------------------------------------------------

    def _write(self, *args: Any, **kwargs: Any) -> Deferred[None]:
        """Send one line to the device.

        args: [line], text or bytes; the delimiter is added unless the line ends with it. The result comes when the
        kernel has taken the line. Errors: edge.error.device_away, edge.error.queue_full, wamp.error.invalid_argument.
        """
        if len(args) != 1 or kwargs:
            raise CallError(INVALID_ARGUMENT, "one argument is expected: the line to send, text or bytes")
        data = self.line(args[0])
        if self._dialogues is not None:
            return self._dialogues.write(data)
        try:
            return self._port.write(data).addErrback(self._write_failed)
        except DeviceAway as error:
            raise CallError(DEVICE_AWAY, str(error)) from None
        except QueueFull as error:
            raise CallError(QUEUE_FULL, str(error)) from None

    def _write_failed(self, failure: Failure) -> None:
        if failure.trap(DeviceAway, CancelledError) is DeviceAway:
            raise CallError(DEVICE_AWAY, failure.getErrorMessage())
        raise CallError(CANCELED, "the line may be sent all the same")

    def send(self, data: bytes) -> Deferred[None]:
        """Bytes to the device. Raises DeviceAway and QueueFull."""
        return self._port.write(data)

    def abandon(self) -> None:
        """Take back what was sent and has not left."""
        self._port.abandon()

    def line(self, line: Any) -> bytes:
        """A line for the device, with all that belongs to it. Raises CallError for what is none."""
        if isinstance(line, str):
            encoding = self._settings.encoding
            try:
                data = line.encode("utf-8" if encoding == "binary" else encoding)
            except UnicodeEncodeError as error:
                raise CallError(INVALID_ARGUMENT, f"the line cannot be said in {encoding}: {error.reason}") from None
        elif isinstance(line, bytes):
            data = line
        else:
            raise CallError(INVALID_ARGUMENT, f"a line is text or bytes, not {type(line).__name__}")
        if self._settings.framing == "line":
            data = data.removesuffix((self._settings.write_delimiter or self._settings.delimiter).encode("latin-1"))
        if len(data) > self._settings.max_write:
            limit = self._settings.max_write
            raise CallError(INVALID_ARGUMENT, f"the line has {len(data)} bytes; the limit is {limit} (max_write)")
        try:
            return self._framing.encode(data)
        except ValueError as error:
            raise CallError(INVALID_ARGUMENT, str(error)) from None
