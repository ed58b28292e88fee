"""Devices by what is known of them: found in sysfs, refused if more than one fits, found again under another name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bridges.serial.bridge import SerialBridge
from bridges.serial.config import SerialConfig
from bridges.serial.lines import DeviceMatch
from bridges.serial.match import usb_ports
from bridges.serial.place import Absent, DeviceError, MatchPlace
from bridges.stamps import Stamps
from tests.bridges.harness import FakeDevice, FakeSession, PtyReactor
from tests.bridges.serial.sysfs import Sysfs

FTDI = {"vid": "0403", "pid": "6001"}
CH340 = {"vid": "1a86", "pid": "7523", "product": "USB2.0-Serial"}


@pytest.fixture
def sysfs(tmp_path: Path) -> Sysfs:
    return Sysfs(tmp_path)


def place(sysfs: Sysfs, **match: Any) -> MatchPlace:
    return MatchPlace(msgspec.convert(match, DeviceMatch), sysfs.sys, sysfs.dev)


def test_only_usb_ports_are_listed_with_what_they_say(sysfs: Sysfs) -> None:
    """Consoles and UARTs of the board are none. What an adapter does not say is None."""
    sysfs.plug("ttyUSB0", **CH340, port="1-1.3")
    sysfs.plug("ttyACM0", "2341", "0043", port="1-1.4", serial="75830303", product="Uno", driver="cdc_acm")
    acm, usb = usb_ports(sysfs.sys, sysfs.dev)
    assert (acm.path, acm.serial, acm.driver) == (str(sysfs.dev / "ttyACM0"), "75830303", "cdc_acm")
    assert (usb.vid, usb.pid, usb.port, usb.interface, usb.serial) == (0x1A86, 0x7523, "1-1.3", 0, None)
    assert "vid 1a86 pid 7523 interface 0 port 1-1.3" in str(usb)


def test_without_sysfs_nothing_is_found(tmp_path: Path) -> None:
    assert usb_ports(tmp_path / "none") == []


@pytest.mark.parametrize(
    "match",
    [
        {"vid": "0403"},
        {"vid": "0x0403", "pid": "6001"},
        {"vid": 0x0403, "pid": 0x6001},
        {"serial": "A50285BI"},
        {"product": "FT232R USB UART", "manufacturer": "FTDI"},
        {"port": "1-1.2", "interface": 0},
    ],
)
def test_each_key_finds_it(sysfs: Sysfs, match: dict[str, Any]) -> None:
    about = {"serial": "A50285BI", "product": "FT232R USB UART", "manufacturer": "FTDI"}
    sysfs.plug("ttyUSB0", **CH340, port="1-1.3", interface=1)
    sysfs.plug("ttyUSB1", "0403", "6001", **about, driver="ftdi_sio")
    assert place(sysfs, **match).find() == str(sysfs.dev / "ttyUSB1")


def test_interfaces_of_one_adapter_are_told_apart(sysfs: Sysfs) -> None:
    for number in range(4):
        sysfs.plug(f"ttyUSB{number}", "0403", "6011", interface=number)
    assert place(sysfs, vid="0403", interface=2).find() == str(sysfs.dev / "ttyUSB2")


def test_two_that_fit_are_refused_with_what_tells_them_apart(sysfs: Sysfs) -> None:
    """Two CH340 say the same of themselves; where they are plugged in differs. Taking either would be a guess."""
    sysfs.plug("ttyUSB0", **CH340, port="1-1.2")
    sysfs.plug("ttyUSB1", **CH340, port="1-1.3")
    with pytest.raises(DeviceError, match=r"2 devices fit: .*ttyUSB0 .*ttyUSB1 .*; add port to match"):
        place(sysfs, vid="1a86", pid="7523").find()
    assert place(sysfs, vid="1a86", port="1-1.3").find() == str(sysfs.dev / "ttyUSB1")


def test_none_that_fits_tells_what_there_is(sysfs: Sysfs) -> None:
    with pytest.raises(Absent, match="it is not there; plugged in: no USB serial port"):
        place(sysfs, **FTDI).find()
    sysfs.plug("ttyUSB0", **CH340)
    with pytest.raises(Absent, match=r"plugged in: .*ttyUSB0 \(vid 1a86 pid 7523 interface 0 port 1-1.2\)"):
        place(sysfs, **FTDI).find()


def test_what_goes_while_it_is_looked_at_is_left_out(sysfs: Sysfs) -> None:
    sysfs.plug("ttyUSB0", **CH340)
    (sysfs.sys / "devices/platform/scb/usb1/1-1/1-1.2/idProduct").unlink()
    assert usb_ports(sysfs.sys, sysfs.dev) == []


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"match": {}}, "match needs one of vid, pid, serial"),
        ({"match": {"vid": "403"}}, "matching regex"),
        ({"match": {"vid": 65_536}}, "<= 65535"),
        ({"match": {"port": "usb1"}}, "matching regex"),
        ({}, "it needs its device"),
        ({"device": "/dev/x", "match": {"serial": "1"}}, "device and match are both there"),
        ({"device": "/dev/x", "rs485": {}, "flow_control": "rtscts"}, "both want RTS"),
        ({"device": "/dev/x", "rts": False, "flow_control": "rtscts"}, "both want RTS"),
        ({"device": "/dev/x", "rts": False, "rs485": {}}, "rs485 switches RTS itself"),
        ({"device": "/dev/x", "rs485": {"rts_after_send": True}}, "are the same"),
    ],
)
def test_what_cannot_be_is_refused_at_load(options: dict[str, Any], reason: str) -> None:
    section = {"type": "serial", "id": "kitchen", "realm": "realm1", **options}
    with pytest.raises(msgspec.ValidationError, match=reason):
        msgspec.convert(section, SerialConfig)


# --- in a bridge -----------------------------------------------------------------------------------------------------


@pytest.fixture
def matched(sysfs: Sysfs, reactor: PtyReactor) -> Iterator[Callable[..., SerialBridge]]:
    """A bridge whose device is matched in the tree."""
    made: list[SerialBridge] = []

    def make(match: dict[str, Any]) -> SerialBridge:
        section = {"type": "serial", "id": "kitchen", "realm": "realm1", "match": match}
        config = msgspec.convert(section, SerialConfig)
        bridge = SerialBridge(config, reactor, Stamps(reactor), random=lambda: 0.5, place=place(sysfs, **match))
        made.append(bridge)
        return bridge

    yield make
    for bridge in made:
        bridge.stop()


def test_it_is_found_at_once_under_another_name(
    matched: Callable[..., SerialBridge],
    sysfs: Sysfs,
    reactor: PtyReactor,
    session: FakeSession,
    logged: list[str],
) -> None:
    """As the kernel does while a program still has the old name open: ttyUSB0 comes back as ttyUSB1."""
    matched(CH340).start(session)
    assert session.last("kitchen.status")[0] == "away"
    for name in ("ttyUSB0", "ttyUSB1"):
        device = FakeDevice(sysfs.dev / name)
        reactor.advance(100)
        plugged = reactor.seconds()
        sysfs.plug(name, **CH340, port=f"1-1.{int(name[-1]) + 2}")
        device.plug()
        reactor.until(lambda: session.values("kitchen.status")[-1] == "open")
        assert reactor.seconds() - plugged < 0.3
        sysfs.unplug(name)
        device.unplug()
        reactor.until(lambda: session.values("kitchen.status")[-1] == "away")
    who = "kitchen: the device with vid 1a86 pid 7523 product USB2.0-Serial is"
    gone = f"{who} away: it was unplugged or hung up"
    first = f"{who} away: it is not there; plugged in: no USB serial port"
    assert logged == [first, f"{who} open", gone, f"{who} open", gone]


def test_a_second_one_that_fits_is_told_while_it_is_away(
    matched: Callable[..., SerialBridge], sysfs: Sysfs, reactor: PtyReactor, session: FakeSession, logged: list[str]
) -> None:
    """Once, however often it is tried; when one of them goes, the other is taken."""
    for number in (0, 1):
        sysfs.plug(f"ttyUSB{number}", **CH340, port=f"1-1.{number}")
    bridge = matched({"vid": "1a86"})
    bridge.start(session)
    for _ in range(30):
        reactor.advance(30)
    assert len(logged) == 1
    assert "2 devices fit" in logged[0]
    sysfs.unplug("ttyUSB1")
    device = FakeDevice(sysfs.dev / "ttyUSB0")
    device.plug()
    reactor.until(lambda: session.values("kitchen.status")[-1] == "open")
    device.unplug()
