"""The camera bridge with programs that do what a test says: pictures, complaints, floods, silence."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessDone, ProcessExitedAlready, ProcessTerminated
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from bridges.camera.bridge import CameraBridge
from bridges.camera.config import CameraConfig
from bridges.stamps import Stamps
from edge_router.client import CallError, Result
from tests.bridges.harness import FakeSession
from tests.bridges.polled.harness import WALL, convert

JPEG = b"\xff\xd8\xff\xe0 picture \xff\xd9"


class Program:
    """A process. deaf: whether it goes on when it is killed."""

    def __init__(self, protocol: Any, words: list[str], env: dict[str, str]) -> None:
        self.protocol = protocol
        self.words = words
        self.env = env
        self.running = True
        self.deaf = False
        self.stdin = True
        self.signals: list[str] = []
        protocol.makeConnection(self)

    def closeStdin(self) -> None:
        self.stdin = False

    def signalProcess(self, name: str) -> None:
        if not self.running:
            raise ProcessExitedAlready
        self.signals.append(name)
        if not self.deaf:
            self.end(signal=9)

    def end(self, status: int = 0, signal: int | None = None) -> None:
        self.running = False
        done = status == 0 and signal is None
        end = ProcessDone(0) if done else ProcessTerminated(None if signal else status, signal)
        self.protocol.processEnded(Failure(end))

    def says(self, picture: bytes) -> None:
        """A picture, and a good end."""
        self.protocol.outReceived(picture)
        self.end()


class Reactor(Clock):
    def __init__(self) -> None:
        super().__init__()
        self.programs: list[Program] = []
        self.error: OSError | None = None

    def spawnProcess(self, protocol: Any, executable: str, args: list[str], env: dict[str, str], path: str) -> None:
        if self.error is not None:
            raise self.error
        assert executable == args[0]
        self.programs.append(Program(protocol, args, env))

    @property
    def last(self) -> Program:
        return self.programs[-1]


class Yard:
    """A bridge, the id is `x`."""

    def __init__(self, installed: list[str], **options: Any) -> None:
        self.reactor = Reactor()
        self.session = FakeSession()
        self.installed = installed
        stamps = Stamps(self.reactor, wall=lambda: WALL + self.reactor.seconds(), synchronized=lambda: True)
        self.bridge = CameraBridge(convert(CameraConfig, **options), self.reactor, stamps, self.which)
        self.bridge.start(self.session)

    def which(self, name: str) -> str | None:
        return f"/usr/bin/{name}" if name in self.installed else None

    def ask(self) -> list[Any]:
        """Call for a picture; what comes is in the list."""
        got: list[Any] = []
        asked: Deferred[Result] = self.session.procedures["x.snapshot"]()
        asked.addCallbacks(got.append, lambda failure: got.append(failure.value))
        return got

    def status(self) -> dict[str, Any]:
        result: Result = self.session.procedures["x.get_status"]()
        return {"state": result.args[0], **result.kwargs}


Make = Callable[..., Yard]


@pytest.fixture
def make() -> Iterator[Make]:
    made: list[Yard] = []

    def start(installed: str = "rpicam-still libcamera-still fswebcam ffmpeg", **options: Any) -> Yard:
        made.append(Yard(installed.split(), **options))
        return made[-1]

    yield start
    for yard in made:
        yard.bridge.stop()
        assert not yard.reactor.getDelayedCalls()
        assert not [program for program in yard.reactor.programs if program.running and not program.deaf]


def test_a_picture_on_request(make: Make) -> None:
    """None is taken before; it is returned, not published."""
    yard = make()
    assert yard.session.values("x.status") == ["open"]
    assert not yard.reactor.programs
    got = yard.ask()
    assert not yard.reactor.last.stdin
    yard.reactor.last.says(JPEG)
    assert got[0].args == (JPEG,)
    assert got[0].kwargs == {"bridge": "x", "seq": 1, "ts": WALL * 1000, "ts_quality": "synced"}
    assert not yard.session.values("x")
    assert yard.status()["pictures"] == 1


def test_in_pieces_and_filled_up_with_zeros(make: Make) -> None:
    """Some drivers give whole pages."""
    yard = make()
    got = yard.ask()
    for octet in JPEG + bytes(20):
        yard.reactor.last.protocol.outReceived(bytes([octet]))
    yard.reactor.last.end()
    assert got[0].args == (JPEG,)


def test_published_as_well(make: Make) -> None:
    yard = make(publish=True)
    got = yard.ask()
    yard.reactor.last.says(JPEG)
    assert yard.session.last("x") == (JPEG, got[0].kwargs)


def test_every_so_often(make: Make) -> None:
    """One that is still being taken counts for the next."""
    yard = make(interval=60, timeout=100)
    assert len(yard.reactor.programs) == 1
    yard.reactor.advance(60)
    assert len(yard.reactor.programs) == 1
    yard.reactor.last.says(JPEG)
    yard.reactor.advance(60)
    assert len(yard.reactor.programs) == 2
    yard.reactor.last.says(JPEG)
    assert yard.session.values("x") == [JPEG, JPEG]


def test_one_at_a_time(make: Make) -> None:
    """Who asks meanwhile gets the next, all the same one: the present one may be older than their question."""
    yard = make()
    first, second, third = yard.ask(), yard.ask(), yard.ask()
    assert len(yard.reactor.programs) == 1
    yard.reactor.last.says(JPEG)
    assert (len(first), len(second), len(yard.reactor.programs)) == (1, 0, 2)
    yard.reactor.last.says(JPEG)
    assert second == third
    assert second[0].kwargs["seq"] == 2


def test_who_asks_on_getting_a_picture_gets_another(make: Make) -> None:
    yard = make()
    more: list[Any] = []
    asked: Deferred[Result] = yard.session.procedures["x.snapshot"]()
    asked.addCallback(lambda _: more.append(yard.ask()))
    yard.reactor.last.says(JPEG)
    yard.reactor.last.says(JPEG)
    assert more[0][0].kwargs["seq"] == 2


def test_a_bound_of_callers(make: Make) -> None:
    yard = make()
    waiting = [yard.ask() for _ in range(101)]
    with pytest.raises(CallError, match="100 callers wait") as caught:
        yard.session.procedures["x.snapshot"]()
    assert caught.value.uri == "edge.error.queue_full"
    yard.reactor.last.says(JPEG)
    yard.reactor.last.says(JPEG)
    assert all(waiting)


def test_more_than_max_rate(make: Make) -> None:
    yard = make(max_rate=1)
    yard.ask()
    yard.reactor.last.says(JPEG)
    with pytest.raises(CallError, match=r"more than 1 pictures a second .*\(max_rate\)"):
        yard.session.procedures["x.snapshot"]()


def test_a_caller_that_cancels(make: Make) -> None:
    yard = make()
    asked: Deferred[Result] = yard.session.procedures["x.snapshot"]()
    other = yard.ask()
    asked.cancel()
    asked.addErrback(lambda _: None)
    yard.reactor.last.says(JPEG)
    yard.reactor.last.says(JPEG)
    assert other


@pytest.mark.parametrize(
    ("said", "complaint", "status", "uri", "text"),
    [
        (b"", b"starting\n*** no cameras available ***\n", 255, "device_away", "*** no cameras available ***"),
        (b"", b"", 1, "device_away", "ended with exit status 1 and said nothing"),
        (b"hello", b"warn\n", 0, "bad_answer", "no whole JPEG, but 5 other bytes; it says: warn"),
        (JPEG[:-2], b"", 0, "bad_answer", "no whole JPEG"),
        (b"", b"", 0, "bad_answer", "no whole JPEG, but 0 other bytes"),
        (JPEG, b"\x1b[31m\xff" + b"x" * 9000, 3, "device_away", "xxx"),
    ],
)
def test_a_program_that_fails(
    make: Make, logged: list[str], said: bytes, complaint: bytes, status: int, uri: str, text: str
) -> None:
    """The caller is told, and the operator once an outage."""
    yard = make()
    for _ in range(3):
        got = yard.ask()
        yard.reactor.last.protocol.outReceived(said)
        yard.reactor.last.protocol.errReceived(complaint)
        yard.reactor.last.end(status)
        assert got[0].uri == f"edge.error.{uri}"
        assert text in str(got[0])
        assert str(got[0]).isprintable()
    assert yard.session.values("x.status") == ["open", "away"]
    assert len(logged) == 1
    assert text in yard.status()["last_error"]
    yard.ask()
    yard.reactor.last.says(JPEG)
    assert yard.session.values("x.status") == ["open", "away", "open"]


def test_a_flood_is_cut_off(make: Make) -> None:
    yard = make(max_size=1000)
    got = yard.ask()
    yard.reactor.last.deaf = True
    for _ in range(50):
        yard.reactor.last.protocol.outReceived(b"\xff\xd8\xff" * 100)
    assert got[0].uri == "edge.error.bad_answer"
    assert "more than 1000 bytes (max_size)" in str(got[0])
    assert len(yard.reactor.last.protocol._picture) <= 1300
    yard.reactor.last.end(signal=9)
    yard.ask()
    assert len(yard.reactor.programs) == 2


def test_silence_ends_with_the_timeout(make: Make) -> None:
    yard = make(timeout=5)
    got = yard.ask()
    yard.reactor.advance(5)
    assert got[0].uri == "edge.error.no_answer"
    assert yard.reactor.last.signals == ["KILL"]
    again = yard.ask()
    yard.reactor.last.says(JPEG)
    assert again[0].args == (JPEG,)


def test_a_program_that_cannot_be_killed(make: Make) -> None:
    """The kernel holds it. No other is started beside it, and nobody waits for that."""
    yard = make(timeout=5)
    first = yard.ask()
    yard.reactor.last.deaf = True
    second = yard.ask()
    yard.reactor.advance(5)
    assert first[0].uri == "edge.error.no_answer"
    yard.reactor.advance(2)
    assert second[0].uri == "edge.error.device_away"
    third = yard.ask()
    yard.reactor.advance(2)
    assert "does not end" in str(third[0])
    assert len(yard.reactor.programs) == 1
    fourth = yard.ask()
    yard.reactor.last.end(signal=9)
    yard.reactor.last.says(JPEG)
    assert fourth[0].args == (JPEG,)


def test_stopped_while_a_picture_is_taken(make: Make) -> None:
    yard = make()
    got, waiting = yard.ask(), yard.ask()
    yard.bridge.stop()
    assert yard.reactor.last.signals == ["KILL"]
    assert [str(error[0]) for error in (got, waiting)] == ["edge.error.device_away: the bridge was stopped"] * 2


def test_no_program_is_told_with_what_to_install(make: Make, logged: list[str]) -> None:
    """And found when it is installed later."""
    yard = make(installed="")
    assert yard.session.values("x.status") == ["away"]
    got = yard.ask()
    assert "none of rpicam-still, libcamera-still is installed: sudo apt install rpicam-apps-lite" in str(got[0])
    assert len(logged) == 1
    yard.installed.append("libcamera-still")
    yard.ask()
    assert yard.reactor.last.words[0] == "/usr/bin/libcamera-still"


def test_a_machine_without_room_for_a_process(make: Make) -> None:
    yard = make()
    yard.reactor.error = OSError(12, "Cannot allocate memory")
    got = yard.ask()
    assert "/usr/bin/rpicam-still cannot be started: Cannot allocate memory" in str(got[0])
    yard.reactor.error = None
    yard.ask()
    yard.reactor.last.says(JPEG)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"device": "csi1", "width": 640, "height": 480, "quality": 70},
            "/usr/bin/rpicam-still --nopreview --timeout 1000 --camera 1 --width 640 --height 480 --quality 70 "
            "--encoding jpg --output -",
        ),
        (
            {"device": "/dev/video2"},
            "/usr/bin/fswebcam --quiet --device /dev/video2 --resolution 1280x720 --skip 10 --no-banner --jpeg 80 -",
        ),
        (
            {"device": "/dev/video0", "tool": "ffmpeg", "quality": 100},
            "/usr/bin/ffmpeg -nostdin -hide_banner -loglevel error -f v4l2 -video_size 1280x720 -i /dev/video0 "
            "-frames:v 1 -c:v mjpeg -q:v 2 -f image2pipe pipe:1",
        ),
    ],
)
def test_what_programs_are_told(make: Make, options: dict[str, Any], words: str) -> None:
    yard = make(**options)
    yard.ask()
    assert " ".join(yard.reactor.last.words) == words
    yard.reactor.last.says(JPEG)


def test_programs_do_not_see_the_nodes_secrets(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TICKET", "secret")
    yard = make()
    yard.ask()
    assert "PATH" in yard.reactor.last.env
    assert "TICKET" not in yard.reactor.last.env


def test_the_simulator_is_a_program_too(make: Make) -> None:
    yard = make(device="sim:camera", width=64, height=32)
    yard.session.procedures["x.simulate"]("garble", 5)
    yard.ask()
    assert yard.reactor.last.words[-4:] == ["64", "32", "0.000", "garble"]
    yard.reactor.last.says(JPEG)


def test_arguments_are_refused(make: Make) -> None:
    with pytest.raises(CallError, match="no arguments"):
        make().session.procedures["x.snapshot"](1)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"device": "csi0", "tool": "fswebcam"}, "fswebcam cannot take pictures of csi0; there are rpicam-still"),
        ({"device": "/dev/video0", "tool": "rpicam-still"}, "there are fswebcam, ffmpeg"),
        ({"device": "sim:moon"}, "sim:moon is no simulator"),
        ({"device": "video0"}, "device"),
        ({"max_size": 10}, "max_size"),
    ],
)
def test_mistakes_of_the_configuration(options: dict[str, Any], error: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=error):
        convert(CameraConfig, **options)
