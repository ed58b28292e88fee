"""A device that answers, as the bridge sees it: polls, the procedures of its commands, `<topic>.request`, turns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from bridges.clock import Clock
from bridges.serial.device import DeviceAway, QueueFull
from bridges.serial.exchange import Line, NoAnswer, Refused, Request
from bridges.serial.exchange_config import Exchange, ExchangeConfig, Poll, Procedure
from bridges.serial.exchange_polling import Polling
from bridges.serial.exchange_template import Template, WrongArgument
from bridges.status import Status
from bridges.values import BadValue, shown
from edge_router.client import CallError

DEVICE_AWAY: Final = "edge.error.device_away"
QUEUE_FULL: Final = "edge.error.queue_full"
NO_ANSWER: Final = "edge.error.no_answer"
REFUSED: Final = "edge.error.refused"
BAD_ANSWER: Final = "edge.error.bad_answer"
INVALID_ARGUMENT: Final = "wamp.error.invalid_argument"
CANCELED: Final = "wamp.error.canceled"

#: seconds that a caller may want to wait for an answer
LONGEST: Final = 600.0

_ERRORS: Final[tuple[tuple[type[Exception], str], ...]] = (
    (DeviceAway, DEVICE_AWAY),
    (QueueFull, QUEUE_FULL),
    (NoAnswer, NO_ANSWER),
    (Refused, REFUSED),
    (BadValue, BAD_ANSWER),
)


class Host(Protocol):
    """What a bridge gives."""

    status: Status

    def send(self, data: bytes) -> Deferred[None]:
        """Bytes to the device. Raises DeviceAway and QueueFull."""

    def abandon(self) -> None:
        """Take back what was sent and has not left."""

    def line(self, text: Any) -> bytes:
        """A line for the device with all that belongs to it. Raises CallError for what is none."""

    def decoded(self, frame: bytes) -> Any:
        """What a frame says. Raises BadValue."""

    def accept(self, value: Any) -> None:
        """Publish a frame and its fields; `value` has the published ones after. Raises BadValue."""

    def bad(self, error: str) -> None:
        """A frame was no good."""


class Dialogues:
    """What a device with `exchange`, `poll` or `procedures` has.

    config: its section. clock: for timeouts. host: the bridge.
    """

    log = Logger()

    def __init__(self, config: ExchangeConfig, clock: Clock, host: Host) -> None:
        self._options = config.exchange or Exchange()
        self._procedures = config.procedures
        self._name = config.id
        self._host = host
        self._line = Line(self._options, host.send, host.abandon, clock, config.baudrate)
        self._polling = Polling(config.poll, self._options, host.line, self._line, clock, self)
        self._unsolicited = 0

    def begin(self) -> None:
        """The device is open, or opened anew."""
        self._line.begin()
        self._polling.begin()

    def end(self, reason: str) -> None:
        """It is away. reason: in words. Idempotent."""
        self._polling.end()
        self._line.end(reason)

    def take(self, frame: bytes) -> bool:
        """A frame. The result: whether it is dealt with, as an answer or as one to drop."""
        if self._line.take(frame):
            return True
        self._unsolicited += 1
        if self._options.unsolicited == "publish":
            return False
        if self._unsolicited == 1:
            text = "a frame that nobody asked for was dropped ({frame}); `unsolicited: publish` in exchange takes such"
            self.log.info("{id}: " + text, id=self._name, frame=shown(frame))
        return True

    def counts(self) -> dict[str, Any]:
        """For the status. asked: requests that were sent. unanswered: those without an answer. late: answers after
        their time. unsolicited: frames that nobody asked for. missed: polls that were not sent, since the one before
        was not done. aside: polls that are put aside.
        """
        return {
            "asked": self._line.asked,
            "unanswered": self._line.unanswered,
            "late": self._line.late,
            "unsolicited": self._unsolicited,
            "missed": self._polling.missed,
            "aside": self._polling.aside,
        }

    def procedures(self) -> dict[str, Callable[..., Any]]:
        """Name below the bridge's topic -> handler."""
        named = {name: _Named(procedure, self) for name, procedure in self._procedures.items()}
        return {"request": self._request, **named}

    # --- calls ------------------------------------------------------------------------------------------------------

    def write(self, data: bytes) -> Deferred[Any]:
        """Send a line in its turn; the result comes when the kernel has taken it."""
        return self._ask(Request(data, self._options.timeout, answer=False))

    def _request(self, *args: Any, **kwargs: Any) -> Deferred[Any]:
        """Send a line and give back its answer, decoded.

        args: [line], text or bytes. kwargs: {timeout}, seconds. Errors: edge.error.device_away, .queue_full,
        .no_answer, .bad_answer; wamp.error.invalid_argument.
        """
        timeout = kwargs.pop("timeout", self._options.timeout)
        if len(args) != 1 or kwargs:
            raise CallError(INVALID_ARGUMENT, "one argument is expected: the line to send; and by name, timeout")
        if type(timeout) not in (int, float) or not 0 < timeout <= LONGEST:
            raise CallError(INVALID_ARGUMENT, f"timeout is seconds, up to {LONGEST:g}")
        return self._ask(Request(self._host.line(args[0]), timeout)).addCallback(self._decoded)

    def call(self, procedure: Procedure, text: str) -> Deferred[Any]:
        """One of the named procedures. text: its line."""
        request = Request(
            self._host.line(text),
            procedure.timeout or self._options.timeout,
            procedure.retries,
            procedure.answer == "value",
            procedure.expect,
            procedure.refused,
        )
        asked = self._ask(request)
        return asked.addCallback(self._result, procedure) if request.answer else asked

    def _ask(self, request: Request) -> Deferred[Any]:
        try:
            return self._line.ask(request).addErrback(_as_call_error)
        except (DeviceAway, QueueFull) as error:
            raise _call_error(error) from None

    def _result(self, frame: bytes, procedure: Procedure) -> Any:
        value = self._decoded(frame)
        if procedure.field is None:
            return value
        reading = {procedure.field: value}
        try:
            self._host.accept(reading)
        except BadValue as error:
            self._host.bad(str(error))
            raise _call_error(error) from None
        return reading[procedure.field]

    def _decoded(self, frame: bytes) -> Any:
        try:
            return self._host.decoded(frame)
        except BadValue as error:
            self._host.bad(str(error))
            raise _call_error(error) from None

    # --- polls ------------------------------------------------------------------------------------------------------

    def polled(self, poll: Poll, frame: bytes) -> None:
        """An answer is a frame as others."""
        try:
            value = self._host.decoded(frame)
            self._host.accept(value if poll.field is None else {poll.field: value})
        except BadValue as error:
            self._host.bad(str(error))

    def poll_aside(self, error: str) -> None:
        """One line in the log, and the status."""
        self.log.warn("{id}: {error}", id=self._name, error=error)
        self._host.status.news(error)

    def poll_back(self, text: str) -> None:
        """Likewise."""
        self.log.info("{id}: {text}", id=self._name, text=text)
        self._host.status.news()


class _Named:
    """The handler of one procedure."""

    def __init__(self, procedure: Procedure, dialogues: Dialogues) -> None:
        self._procedure = procedure
        self._template = Template(procedure.send, procedure.args)
        self._dialogues = dialogues

    def __call__(self, *args: Any, **kwargs: Any) -> Deferred[Any]:
        try:
            text = self._template.fill(args, kwargs)
        except WrongArgument as error:
            raise CallError(INVALID_ARGUMENT, str(error)) from None
        return self._dialogues.call(self._procedure, text)


def _as_call_error(failure: Failure) -> None:
    if failure.check(CancelledError):
        raise CallError(CANCELED, "the device may do it all the same")
    failure.trap(*(kind for kind, _ in _ERRORS))
    raise _call_error(failure.value)  # type: ignore[arg-type]


def _call_error(error: BaseException) -> CallError:
    return CallError(next(uri for kind, uri in _ERRORS if isinstance(error, kind)), str(error))
