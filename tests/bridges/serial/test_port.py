"""The device comes and goes: unplugged, plugged in again, taken by another program, not allowed."""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import termios
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import serial

from bridges.serial import device as device_module
from bridges.serial.bridge import SerialBridge
from bridges.serial.config import SerialConfig
from bridges.serial.device import DeviceError, check_form
from bridges.serial.reasons import explain
from tests.bridges.harness import FakeDevice, FakeSession, PtyReactor

Make = Callable[..., SerialBridge]

#: linux/termios.h: struct termios2 with the speeds as numbers; whether a terminal is claimed
TCGETS2, TIOCGEXCL = 0x802C542A, 0x80045440


def states(session: FakeSession) -> list[str]:
    return session.values("kitchen.status")


def wait_for(reactor: PtyReactor, session: FakeSession, *expected: str) -> None:
    reactor.until(lambda: states(session)[-len(expected) :] == list(expected))


# --- there and away --------------------------------------------------------------------------------------------------


def test_unplugged_and_plugged_in_again(
    open_bridge: Make, device: FakeDevice, reactor: PtyReactor, session: FakeSession, logged: list[str]
) -> None:
    """The node is another one then, the link is the same. One line in the log each, and the status says it."""
    open_bridge()
    for number in (1, 2):
        device.unplug()
        wait_for(reactor, session, "away")
        reactor.pump()
        for _ in range(20):
            reactor.advance(5)
        plugged = reactor.seconds()
        device.plug()
        wait_for(reactor, session, "open")
        assert reactor.seconds() - plugged < 0.3, "at once; the next try would have come up to 30 s later"
        device.say(b"%d\n" % number)
        reactor.until(lambda number=number: session.values("kitchen")[-1:] == [number])
    reasons = [about["last_error"] for topic, state, about in session.events if state == "away"]
    assert reasons == ["it was unplugged or hung up"] * 2
    link = device.link
    assert logged == [
        f"kitchen: {link} is open",
        f"kitchen: {link} is away: it was unplugged or hung up",
        f"kitchen: {link} is open",
        f"kitchen: {link} is away: it was unplugged or hung up",
        f"kitchen: {link} is open",
    ]


def test_the_link_stays_and_its_target_comes_back(
    make_bridge: Make, device: FakeDevice, reactor: PtyReactor, session: FakeSession, tmp_path: Path
) -> None:
    """The directory that the link leads to is watched, too."""
    target = tmp_path / "dev"
    target.mkdir()
    pty = device.link.readlink()
    device.link.unlink()
    device.link.symlink_to("dev/ttyUSB0")
    make_bridge().start(session)
    assert states(session) == ["away"]
    (target / "ttyUSB0").symlink_to(pty)
    wait_for(reactor, session, "open")
    assert reactor.seconds() < 0.3


def test_directories_that_come_and_go_are_followed(
    make_bridge: Make, device: FakeDevice, reactor: PtyReactor, session: FakeSession, tmp_path: Path
) -> None:
    """/dev/serial/by-id is only there while some device is. Waits are 30 s by then, so only the watch can be it."""
    pty = device.link.readlink()
    path = tmp_path / "serial" / "by-id" / "usb-Sensor"
    make_bridge(device=str(path)).start(session)
    for _ in range(2):
        for _ in range(30):
            reactor.pump()
            reactor.advance(5)
        assert states(session)[-1] == "away"
        path.parent.parent.mkdir()
        reactor.pump()
        reactor.advance(0.05)
        path.parent.mkdir()
        reactor.pump()
        reactor.advance(0.05)
        path.symlink_to(pty)
        at = reactor.seconds()
        wait_for(reactor, session, "open")
        assert reactor.seconds() - at < 0.3
        path.unlink()
        path.parent.rmdir()
        path.parent.parent.rmdir()
        device.hang_up()
        wait_for(reactor, session, "away")
        device.link.unlink()
        device.plug()
        pty = device.link.readlink()


def test_the_permission_comes_after_the_node(
    make_bridge: Make,
    device: FakeDevice,
    reactor: PtyReactor,
    session: FakeSession,
    logged: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """udev makes the node first and sets its group and mode then; that is noticed like the node itself."""
    opened = device_module.serial.Serial.open

    def refused(line: serial.Serial) -> None:
        raise serial.SerialException(errno.EACCES, f"could not open port {line.port}")

    monkeypatch.setattr(device_module.serial.Serial, "open", refused)
    make_bridge().start(session)
    assert "permission denied: it has mode 0" in logged[0]
    assert "belongs to group " in logged[0]
    monkeypatch.setattr(device_module.serial.Serial, "open", opened)
    os.chmod(device.link, 0o660)  # noqa: PTH101 - through the link
    wait_for(reactor, session, "open")
    assert reactor.seconds() < 0.3


def test_without_inotify_it_is_tried_again_with_growing_waits(
    make_bridge: Make,
    device: FakeDevice,
    reactor: PtyReactor,
    session: FakeSession,
    logged: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """0.5 s, 1 s, 2 s, ... up to 30 s; one line in the log, however long it takes."""
    monkeypatch.setattr("bridges.serial.watch.INotify", _no_inotify)
    device.unplug()
    make_bridge().start(session)
    tries = []
    for _ in range(8):
        (call,) = reactor.getDelayedCalls()
        tries.append(call.getTime() - reactor.seconds())
        reactor.advance(tries[-1])
    assert tries == pytest.approx([0.5, 1, 2, 4, 8, 16, 30, 30])
    device.plug()
    reactor.advance(30)
    wait_for(reactor, session, "open")
    assert logged == [f"kitchen: {device.link} is away: it is not there", f"kitchen: {device.link} is open"]


def _no_inotify(_reactor: Any) -> None:
    raise OSError(errno.EMFILE, "Too many open files")


@pytest.mark.parametrize(("open_for", "wait"), [(29, 1.0), (30, 0.5)])
def test_the_waits_are_short_again_after_thirty_good_seconds(
    make_bridge: Make, device: FakeDevice, reactor: PtyReactor, session: FakeSession, open_for: int, wait: float
) -> None:
    """A device that comes and goes all the time is not tried ever faster."""
    device.unplug()
    make_bridge().start(session)
    device.plug()
    wait_for(reactor, session, "open")
    reactor.advance(open_for)
    device.unplug()
    reactor.until(lambda: states(session)[-1] == "away", step=0)
    waits = [call.getTime() - reactor.seconds() for call in reactor.getDelayedCalls()]
    assert max(waits) == pytest.approx(wait)


def test_an_unplugged_device_is_closed_at_once(
    open_bridge: Make, device: FakeDevice, reactor: PtyReactor, session: FakeSession
) -> None:
    """An open descriptor keeps the kernel from giving the name to the device when it comes back."""
    open_bridge()
    pty = str(device.link.readlink())
    assert open_files().count(pty) == 2, "the test's own and the bridge's"
    os.close(device.slave)
    os.close(device.master)
    device.master = device.slave = -1
    wait_for(reactor, session, "away")
    assert not any(path.startswith(pty) for path in open_files())


def open_files() -> list[str]:
    """What this process has open, by path."""
    return [str(fd.readlink()) for fd in Path("/proc/self/fd").iterdir() if fd.is_symlink()]


# --- what came before the frame ---------------------------------------------------------------------------------------


def test_what_waits_in_the_device_before_it_is_opened_is_dropped(
    make_bridge: Make, device: FakeDevice, reactor: PtyReactor, session: FakeSession
) -> None:
    """It is older than anyone knows."""
    device.say(b"1\n")
    with open(device.slave, "rb", buffering=0, closefd=False) as slave:
        reactor.until(lambda: fcntl.ioctl(slave, termios.FIONREAD, bytes(4)) != bytes(4), step=0)
    make_bridge().start(session)
    wait_for(reactor, session, "open")
    device.say(b"2\n")
    reactor.until(lambda: session.values("kitchen"))
    assert session.values("kitchen") == [2]


def test_the_rest_of_a_frame_that_had_begun_is_dropped(
    make_bridge: Make, device: FakeDevice, reactor: PtyReactor, session: FakeSession
) -> None:
    """Opened in the middle of 21.5, the line would say 1.5. It is counted as dropped."""
    make_bridge().start(session)
    device.say(b"1")
    reactor.until(lambda: fcntl.ioctl(device.slave, termios.FIONREAD, bytes(4)) == bytes(4), step=0)
    reactor.pump(0.1)
    wait_for(reactor, session, "open")
    device.say(b".5\n22.5\n")
    reactor.until(lambda: session.values("kitchen"))
    assert session.values("kitchen") == [22.5]
    assert session.procedures["kitchen.get_status"]().kwargs["dropped"] == 1


@pytest.mark.parametrize("delimiter", ["\n", "\r\n"])
def test_what_a_restarting_board_says_is_dropped_and_the_next_frame_is_not(
    make_bridge: Make, device: FakeDevice, reactor: PtyReactor, session: FakeSession, delimiter: str
) -> None:
    """An Arduino restarts when it is opened; `settle` waits for it. Whole lines in that time cost no later one."""
    make_bridge(settle=2000, delimiter=delimiter).start(session)
    for piece in (b"boot", b"ing", delimiter.encode()[:1], delimiter.encode()[1:]):
        device.say(piece)
        reactor.pump(0.1)
    reactor.advance(1.9)
    assert states(session) == []
    reactor.advance(0.1)
    assert states(session) == ["open"]
    device.say(b"22.5" + delimiter.encode())
    reactor.until(lambda: session.values("kitchen"))
    assert session.values("kitchen") == [22.5]
    assert session.procedures["kitchen.get_status"]().kwargs["dropped"] == 0


def test_a_frame_cut_off_by_the_loss_is_counted(
    open_bridge: Make, device: FakeDevice, reactor: PtyReactor, session: FakeSession
) -> None:
    """It is not glued to what the device says when it is back."""
    bridge = open_bridge()
    device.say(b"1\n12")
    reactor.until(lambda: bridge._framing._buffer == b"12")
    device.unplug()
    wait_for(reactor, session, "away")
    device.plug()
    wait_for(reactor, session, "open")
    device.say(b"3\n")
    reactor.until(lambda: len(session.values("kitchen")) == 2)
    assert session.values("kitchen") == [1, 3]
    assert session.procedures["kitchen.get_status"]().kwargs["dropped"] == 1


# --- one owner, and settings ------------------------------------------------------------------------------------------


def test_a_second_opener_is_refused_and_told(
    open_bridge: Make, make_bridge: Make, device: FakeDevice, reactor: PtyReactor, logged: list[str]
) -> None:
    """Two readers would get a part of the lines each. The lock is flock(2), which other programs look at, too."""
    open_bridge()
    with pytest.raises(serial.SerialException):
        serial.Serial(str(device.link), exclusive=True)
    other = FakeSession()
    make_bridge(id="second").start(other)
    assert other.last("second.status")[0] == "away"
    assert logged[-1] == f"second: {device.link} is away: another program has locked it"


def test_the_lock_goes_with_the_bridge(open_bridge: Make, device: FakeDevice) -> None:
    open_bridge().stop()
    serial.Serial(str(device.link), exclusive=True).close()


@pytest.mark.parametrize("baudrate", [1200, 115_200, 250_000, 31_250])
def test_any_baud_rate(open_bridge: Make, device: FakeDevice, baudrate: int) -> None:
    """Also those without a constant in termios (DMX512, MIDI)."""
    open_bridge(baudrate=baudrate)
    settings = fcntl.ioctl(device.slave, TCGETS2, bytes(44))
    assert struct.unpack("4I20x2I", settings)[4:] == (baudrate, baudrate)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/dev/null", "it is no serial device"),
        ("/etc/hostname", "it is no serial device"),
        ("/tmp", "it is a directory, no serial device"),
        ("/dev/null/x", "Not a directory"),
        ("/dev/no-such-device", "it is not there"),
    ],
)
def test_a_path_that_is_no_device(make_bridge: Make, session: FakeSession, path: str, reason: str) -> None:
    make_bridge(device=path).start(session)
    state, about = session.last("kitchen.status")
    assert state == "away"
    assert reason in about["last_error"]


def test_a_real_device_is_claimed(open_bridge: Make, device: FakeDevice, monkeypatch: pytest.MonkeyPatch) -> None:
    """TIOCEXCL keeps out programs that do not look at locks; a pty would keep it after us, so it gets none."""
    claimed = bytes(4)
    bridge = open_bridge()
    assert fcntl.ioctl(device.slave, TIOCGEXCL, claimed) == bytes(4)
    bridge.stop()
    monkeypatch.setattr(device_module, "_PTY_MAJORS", range(0))
    bridge.start(FakeSession())
    assert fcntl.ioctl(device.slave, TIOCGEXCL, claimed) != bytes(4)
    fcntl.ioctl(device.slave, termios.TIOCNXCL)


def test_settings_that_the_driver_took_back_are_refused(
    make_bridge: Make, session: FakeSession, monkeypatch: pytest.MonkeyPatch, reactor: PtyReactor, device: FakeDevice
) -> None:
    """A pty has no parity, and takes the request back without a word, as the mini-UART does."""
    monkeypatch.setattr(device_module, "_PTY_MAJORS", range(0))
    before = len(open_files())
    make_bridge(parity="even").start(session)
    fcntl.ioctl(device.slave, termios.TIOCNXCL)
    state, about = session.last("kitchen.status")
    assert state == "away"
    assert "cannot do bytesize 8, parity even, stopbits 1; the mini-UART" in about["last_error"]
    assert len(open_files()) == before + 1, "only the watch is open, not the device"


@pytest.mark.parametrize(
    ("options", "cflag", "fits"),
    [
        ({}, termios.CS8, True),
        ({"parity": "even"}, termios.CS8 | termios.PARENB, True),
        ({"parity": "even"}, termios.CS8, False),
        ({"parity": "odd"}, termios.CS8 | termios.PARENB | termios.PARODD, True),
        ({"parity": "odd"}, termios.CS8 | termios.PARENB, False),
        ({"bytesize": 7, "stopbits": 2}, termios.CS7 | termios.CSTOPB, True),
        ({"bytesize": 7}, termios.CS8, False),
        ({"stopbits": 2}, termios.CS8, False),
    ],
)
def test_the_form_of_a_character_is_read_back(
    configure: Callable[..., SerialConfig], options: dict[str, Any], cflag: int, fits: bool
) -> None:
    flags = cflag | termios.CREAD | termios.CLOCAL
    if fits:
        check_form(flags, configure(**options))
    else:
        with pytest.raises(DeviceError):
            check_form(flags, configure(**options))


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (termios.error(errno.EINVAL, "Invalid argument"), "it does not take these settings"),
        (OSError(errno.EBUSY, "busy"), "another program has it open"),
        (OSError(errno.EIO, "i/o"), "it is not there"),
        (ValueError("Failed to set custom baud rate (7): x"), "Failed to set custom baud rate"),
        (OSError(errno.EACCES, "no"), "permission denied"),
    ],
)
def test_why_a_device_cannot_be_opened(error: Exception, reason: str) -> None:
    assert reason in explain(error, "/dev/no-such-device")


def test_what_cannot_be_taken_back_because_it_is_being_unplugged(
    open_bridge: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loss is told by the line itself; the timer that took it back goes on."""
    bridge = open_bridge(flow_control="rtscts")

    def gone(*_: object) -> None:
        raise termios.error(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(device_module.termios, "tcflush", gone)
        bridge._port.abandon()
    assert bridge.status.state == "open"


@pytest.mark.parametrize(
    ("held", "options", "flushed"),
    [
        (0, {}, False),
        (10, {"baudrate": 9600}, False),
        (1000, {"baudrate": 9600}, True),
        (1000, {"baudrate": 115_200}, False),
        (1, {"baudrate": 115_200, "flow_control": "rtscts"}, True),
    ],
)
def test_closing_never_waits_long_for_the_line(
    open_bridge: Make, monkeypatch: pytest.MonkeyPatch, held: int, options: dict[str, Any], flushed: bool
) -> None:
    """close(2) blocks until the line has taken what the kernel holds. A short command is let out, no more."""
    bridge = open_bridge(**options)
    flushes: list[int] = []
    ioctl = fcntl.ioctl

    def outq(fd: int, request: int, *rest: Any) -> Any:
        return struct.pack("i", held) if request == termios.TIOCOUTQ else ioctl(fd, request, *rest)

    monkeypatch.setattr(device_module.fcntl, "ioctl", outq)
    monkeypatch.setattr(device_module.termios, "tcflush", lambda _fd, queue: flushes.append(queue))
    bridge.stop()
    assert flushes == ([termios.TCOFLUSH] if flushed else [])
    assert bridge.details()["unsent"] == (held if flushed else 0)
