"""One picture: a child process, what it says, and its end. Bounded in time and bytes.

A program that does not end when it is killed (the kernel's driver holds it) is not waited for; but as long as it is
there, no other is started.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from bridges.clock import Clock, Delayed

#: bytes of what it complains about that are kept
COMPLAINTS: Final = 4_096
#: characters of them that are told
TOLD: Final = 200
#: ISO/IEC 10918-1, annex B: start and end of image
_START, _END = b"\xff\xd8\xff", b"\xff\xd9"
#: what a program may know of the node's surroundings; secrets are there, too
_PASSED: Final = ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH", "XDG_RUNTIME_DIR")

AWAY: Final = "edge.error.device_away"
NO_ANSWER: Final = "edge.error.no_answer"
BAD_ANSWER: Final = "edge.error.bad_answer"


class NoPicture(Exception):
    """uri: of the error for a caller. The text is for the operator, too."""

    def __init__(self, uri: str, text: str) -> None:
        super().__init__(text)
        self.uri = uri


class Capture(ProcessProtocol):
    """A running program.

    limit: bytes of a picture. timeout: seconds. clock: monotonic time. done: called once with the picture, or with what
    is wrong. gone: called when the program has ended; before `done` unless that was told already.
    """

    def __init__(
        self,
        limit: int,
        timeout: float,
        clock: Clock,
        done: Callable[[bytes | NoPicture], object],
        gone: Callable[[], object],
    ) -> None:
        self._limit = limit
        self._timeout = timeout
        self._done: Callable[[bytes | NoPicture], object] | None = done
        self._gone = gone
        self._picture = bytearray()
        self._complaints = b""
        self._process: Any = None
        self._alarm: Delayed | None = clock.callLater(timeout, self._overdue)

    @property
    def answered(self) -> bool:
        """Whether `done` was called: the program has yet to end."""
        return self._done is None

    def stop(self) -> None:
        """The picture is not wanted any more; nobody is told."""
        self._done = None
        self._gone = lambda: None
        self._disarm()
        self._kill()

    def connectionMade(self) -> None:
        self._process = self.transport
        self._process.closeStdin()

    def outReceived(self, data: bytes) -> None:
        self._picture += data
        if len(self._picture) > self._limit:
            self._picture.clear()
            self._tell(NoPicture(BAD_ANSWER, f"the picture has more than {self._limit} bytes (max_size)"))
            self._kill()

    def errReceived(self, data: bytes) -> None:
        self._complaints = (self._complaints + data)[-COMPLAINTS:]

    def processEnded(self, reason: Failure) -> None:
        self._gone()
        self._tell(self._outcome(reason.value))

    def _outcome(self, end: Any) -> bytes | NoPicture:
        picture = bytes(self._picture).rstrip(b"\0")
        complaint = _last_line(self._complaints)
        if end.exitCode != 0:
            how = f"exit status {end.exitCode}" if end.signal is None else f"signal {end.signal}"
            return NoPicture(AWAY, complaint or f"its program ended with {how} and said nothing")
        if not picture.startswith(_START) or not picture.endswith(_END):
            said = f"; it says: {complaint}" if complaint else ""
            return NoPicture(BAD_ANSWER, f"what came is no whole JPEG, but {len(self._picture)} other bytes{said}")
        return picture

    def _overdue(self) -> None:
        self._alarm = None
        self._tell(NoPicture(NO_ANSWER, f"there was no picture within {self._timeout:g} s (timeout)"))
        self._kill()

    def _tell(self, outcome: bytes | NoPicture) -> None:
        done, self._done = self._done, None
        self._disarm()
        if done is not None:
            done(outcome)

    def _kill(self) -> None:
        try:
            if self._process is not None:
                self._process.signalProcess("KILL")
        except ProcessExitedAlready:
            pass

    def _disarm(self) -> None:
        alarm, self._alarm = self._alarm, None
        if alarm is not None:
            alarm.cancel()


def surroundings(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of the program. environment: of the node."""
    return {name: environment[name] for name in _PASSED if name in environment}


def _last_line(complaints: bytes) -> str:
    lines = [line.strip() for line in complaints.decode("utf-8", "replace").splitlines() if line.strip()]
    text = "".join(character if character.isprintable() else "?" for character in lines[-1]) if lines else ""
    return text if len(text) <= TOLD else f"{text[: TOLD - 3]}..."
