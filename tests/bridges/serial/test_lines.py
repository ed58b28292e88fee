"""The modem lines, RS-485, silent devices, and what `check` says of a line."""

from __future__ import annotations

import fcntl
import struct
import termios
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import serial

from bridges.serial import device as device_module
from bridges.serial import modem
from bridges.serial.bridge import SerialBridge
from bridges.serial.lines import Rs485
from bridges.serial.match import is_mini_uart
from bridges.serial.place import DeviceError
from bridges.serial.portconfig import PortConfig
from edge_router.config.load import load
from edge_router.config.problems import ConfigErrors
from tests.bridges.harness import FakeDevice, FakeSession, PtyReactor
from tests.config.texts import REALM, write

Make = Callable[..., SerialBridge]


# --- DTR, RTS, HUPCL -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("dtr", "rts"), [(True, True), (False, True), (True, False), (False, False)])
def test_the_levels_are_set_when_it_is_opened(
    open_bridge: Make, monkeypatch: pytest.MonkeyPatch, dtr: bool, rts: bool
) -> None:
    """Before anything is read or written; a pty has no such lines, so it is seen where pyserial sets them."""
    levels: list[tuple[str, bool]] = []
    monkeypatch.setattr(serial.Serial, "_update_dtr_state", lambda line: levels.append(("dtr", line.dtr)))
    monkeypatch.setattr(serial.Serial, "_update_rts_state", lambda line: levels.append(("rts", line.rts)))
    open_bridge(dtr=dtr, rts=rts)
    assert levels == [("dtr", dtr), ("rts", rts)]


@pytest.mark.parametrize("idle", [True, False])
def test_with_rs485_nothing_is_sent_by_opening(monkeypatch: pytest.MonkeyPatch, idle: bool, device: FakeDevice) -> None:
    """RTS has the level at which the transceiver listens, before the kernel switches it."""
    levels: list[bool] = []
    monkeypatch.setattr(serial.Serial, "_update_dtr_state", lambda _: None)
    monkeypatch.setattr(serial.Serial, "_update_rts_state", lambda line: levels.append(line.rts))
    section = {"id": "x", "realm": "r", "device": "/x", "rs485": {"rts_on_send": not idle, "rts_after_send": idle}}
    device_module._opened(msgspec.convert(section, PortConfig), str(device.link)).close()
    assert levels == [idle]


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("hupcl", ["keep", True, False])
def test_hupcl(
    open_bridge: Make, device: FakeDevice, monkeypatch: pytest.MonkeyPatch, hupcl: str | bool, before: bool
) -> None:
    """Whether closing lowers DTR stays as it was, or is what the config says; it outlives the bridge."""
    monkeypatch.setattr(device_module, "_PTY_MAJORS", range(0))
    attributes = termios.tcgetattr(device.slave)
    attributes[2] = attributes[2] & ~termios.HUPCL | (termios.HUPCL if before else 0)
    termios.tcsetattr(device.slave, termios.TCSANOW, attributes)
    open_bridge(hupcl=hupcl).stop()
    fcntl.ioctl(device.slave, termios.TIOCNXCL)
    assert bool(termios.tcgetattr(device.slave)[2] & termios.HUPCL) == (before if hupcl == "keep" else hupcl)


# --- RS-485 ----------------------------------------------------------------------------------------------------------


class Driver:
    """A kernel's driver with RS-485. mask: the flags that it can do. longest: of its delays, in ms."""

    def __init__(self, mask: int = 0xFF, longest: int = 1_000) -> None:
        self.mode = bytes(32)
        self._mask = mask
        self._longest = longest

    def ioctl(self, _fd: int, request: int, data: bytes) -> bytes:
        if request == 0x542F:
            flags, before, after = struct.unpack_from("=III", data)
            self.mode = struct.pack(
                "=III20x", flags & self._mask, min(before, self._longest), min(after, self._longest)
            )
            return data
        assert request == 0x542E
        return self.mode


@pytest.mark.parametrize(
    ("options", "flags", "delays"),
    [
        ({}, 0b00011, (0, 0)),
        ({"rts_on_send": False, "rts_after_send": True}, 0b00101, (0, 0)),
        ({"rx_during_tx": True, "delay_before_send": 2, "delay_after_send": 3}, 0b10011, (2, 3)),
    ],
)
def test_rs485_as_the_kernel_has_it(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], flags: int, delays: tuple[int, int]
) -> None:
    """linux/serial.h: enabled 1, RTS on send 2, RTS after send 4, receive while sending 16; delays in ms."""
    driver = Driver()
    monkeypatch.setattr(modem.fcntl, "ioctl", driver.ioctl)
    modem._set_rs485(0, msgspec.convert(options, Rs485))
    assert struct.unpack_from("=III", driver.mode) == (flags, *delays)


@pytest.mark.parametrize(
    ("driver", "options"),
    [
        (Driver(mask=0xFE), {}),
        (Driver(mask=0x0F), {"rx_during_tx": True}),
        (Driver(longest=1), {"delay_after_send": 5}),
    ],
)
def test_what_the_driver_took_back_is_told(
    monkeypatch: pytest.MonkeyPatch, driver: Driver, options: dict[str, Any]
) -> None:
    """Half of a mode would be a bus on which two talk at once."""
    monkeypatch.setattr(modem.fcntl, "ioctl", driver.ioctl)
    with pytest.raises(DeviceError, match="its driver does not do this RS-485 mode"):
        modem._set_rs485(0, msgspec.convert(options, Rs485))


def test_a_driver_without_rs485_is_told(
    make_bridge: Make, device: FakeDevice, session: FakeSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a pty, really: ENOTTY."""
    monkeypatch.setattr(device_module, "_PTY_MAJORS", range(0))
    make_bridge(rs485={}).start(session)
    fcntl.ioctl(device.slave, termios.TIOCNXCL)
    state, about = session.last("kitchen.status")
    assert state == "away"
    assert "its driver has no RS-485 mode (Inappropriate ioctl for device); USB adapters" in about["last_error"]


# --- a silent device -------------------------------------------------------------------------------------------------


def test_a_silent_device_is_opened_again(
    open_bridge: Make, device: FakeDevice, reactor: PtyReactor, session: FakeSession, logged: list[str]
) -> None:
    """The first time is told, those after it in the same silence are only counted; a word from it ends the silence."""
    open_bridge(reopen_after=60, decode="raw")
    for silence in (1, 2):
        device.say(b"half a li")
        reactor.pump(1)
        for _ in range(200):
            reactor.advance(1)
        assert session.procedures["kitchen.get_status"]().kwargs["reopened"] == 3 * silence
        device.say(b"ok\n")
        reactor.until(lambda count=silence: len(session.values("kitchen")) == count)
    assert session.values("kitchen") == ["ok", "ok"], "what came before the silence is no part of it"
    assert session.values("kitchen.status") == ["open", "away", "open", "away", "open"]
    who = f"kitchen: {device.link} is"
    silent = f"{who} away: nothing came for 60 s (reopen_after); it is opened again"
    assert logged == [f"{who} open", silent, f"{who} open", silent, f"{who} open"]


def test_a_device_that_speaks_is_left_open(
    open_bridge: Make, device: FakeDevice, reactor: PtyReactor, session: FakeSession
) -> None:
    """Also with bytes that make no frame."""
    open_bridge(reopen_after=60)
    for _ in range(20):
        device.say(b".")
        reactor.pump(1)
        reactor.advance(30)
    assert session.procedures["kitchen.get_status"]().kwargs["reopened"] == 0


def test_a_silent_device_that_is_gone_when_it_is_opened_again(
    open_bridge: Make, device: FakeDevice, reactor: PtyReactor, session: FakeSession, logged: list[str]
) -> None:
    """It is away then as ever, and looked for."""
    open_bridge(reopen_after=60)
    device.link.unlink()
    reactor.advance(60)
    assert logged[-1].endswith("is away: it is not there")
    device.hang_up()
    device.plug()
    reactor.until(lambda: session.values("kitchen.status")[-1] == "open")


# --- a silent topic --------------------------------------------------------------------------------------------------


def test_the_last_frame_is_stale_in_time(
    open_bridge: Make, device: FakeDevice, reactor: PtyReactor, session: FakeSession, logged: list[str]
) -> None:
    """Marked for who comes late, with the number and the time it had; told once, and once when frames come again."""
    open_bridge(decode="raw", stale_after=30)
    device.say(b"21.5\n")
    reactor.until(lambda: session.values("kitchen"))
    _, fresh = session.last("kitchen")
    reactor.advance(1000)
    reactor.advance(0)
    reactor.advance(1000)
    assert session.values("kitchen") == ["21.5", "21.5"]
    assert session.last("kitchen")[1] == {**fresh, "stale": True}
    assert session.last("kitchen.status")[1]["silent"]
    device.say(b"21.5\n")
    reactor.until(lambda: len(session.values("kitchen")) == 3)
    reactor.advance(0)
    assert "stale" not in session.last("kitchen")[1]
    assert not session.last("kitchen.status")[1]["silent"]
    assert logged[1:] == ["kitchen: no frame came for 30 s (stale_after)", "kitchen: frames come again"]


def test_a_device_that_never_came_is_silent_too(
    make_bridge: Make, device: FakeDevice, reactor: PtyReactor, session: FakeSession
) -> None:
    """There is no frame to mark, but the status says it."""
    device.unplug()
    make_bridge(stale_after=30).start(session)
    reactor.advance(30)
    reactor.advance(0)
    assert not session.values("kitchen")
    assert session.last("kitchen.status")[1]["silent"]


# --- check -----------------------------------------------------------------------------------------------------------

LINE = "  - {{type: serial, id: {id}, realm: realm1, {line}}}\n"


def bridges(tmp_path: Path, *lines: str) -> Path:
    text = "".join(LINE.format(id=f"b{number}", line=line) for number, line in enumerate(lines))
    return write(REALM + "bridges:\n" + text, tmp_path)


@pytest.mark.parametrize(
    ("device", "noticed"),
    [
        ("/dev/ttyUSB0", True),
        ("/dev/ttyACM12", True),
        ("/dev/ttyAMA0", False),
        ("/dev/serial0", False),
        ("/dev/serial/by-id/usb-x", False),
    ],
)
def test_a_name_by_turn_is_noticed(tmp_path: Path, device: str, noticed: bool) -> None:
    """ttyUSB0 is whatever was plugged in first; accepted, but said."""
    notices = [str(notice) for notice in load(bridges(tmp_path, f"device: {device}")).notices]
    assert [f"{device} is whatever comes first" in notice for notice in notices] == [True] * noticed


@pytest.mark.parametrize(
    ("match", "noticed"),
    [
        ("{vid: 7523}", "bridges.0.match.vid: 7523 is 1d63 in hexadecimal digits; if `lsusb` says 7523, quote it"),
        ('{vid: "7523"}', ""),
        ("{vid: 0x1, pid: 0xffff}", ""),
    ],
)
def test_digits_without_quotes_are_noticed(tmp_path: Path, match: str, noticed: str) -> None:
    """YAML takes 7523 for a number, and `lsusb` means hexadecimal digits."""
    notices = [str(notice) for notice in load(bridges(tmp_path, f"match: {match}")).notices]
    assert len(notices) == bool(noticed)
    assert noticed in "".join(notices)


@pytest.mark.parametrize(
    ("compatible", "options", "noticed"),
    [
        (b"brcm,bcm2835-aux-uart\0", "parity: even", "bridges.0.parity: the mini-UART of a Raspberry Pi has no parity"),
        (b"brcm,bcm2835-aux-uart\0", "stopbits: 2", "bridges.0.stopbits: the mini-UART"),
        (b"brcm,bcm2835-aux-uart\0", "parity: none", ""),
        (b"arm,pl011\0arm,primecell\0", "parity: even", ""),
    ],
)
def test_parity_of_a_mini_uart_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compatible: bytes, options: str, noticed: str
) -> None:
    """By the device tree, also through /dev/serial0; opening it is refused besides."""
    of_node = tmp_path / "class" / "tty" / "ttyS0" / "device" / "of_node"
    of_node.mkdir(parents=True)
    (of_node / "compatible").write_bytes(compatible)
    (tmp_path / "serial0").symlink_to("ttyS0")
    monkeypatch.setattr(is_mini_uart, "__defaults__", (tmp_path,))
    notices = [str(notice) for notice in load(bridges(tmp_path, f"device: {tmp_path}/serial0, {options}")).notices]
    assert len(notices) == bool(noticed)
    assert noticed in "".join(notices)


def test_two_bridges_with_one_match_are_refused(tmp_path: Path) -> None:
    """Written in two ways."""
    with pytest.raises(
        ConfigErrors, match=r"bridges.1.match: the same match as bridges.0; only one can have the device"
    ):
        load(bridges(tmp_path, 'match: {vid: "1A86"}', "match: {vid: 0x1a86}"))
