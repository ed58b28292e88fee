"""`edge-router devices`, with trees that look like /sys, /dev and /proc, and a kernel that answers from a table."""

from __future__ import annotations

import errno
import fcntl
import grp
import json
import os
import pwd
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from bridges.gpio import uapi
from edge_router.__main__ import dispatch
from edge_router.cli.devices import gpio, i2c, others, serial
from edge_router.cli.devices.access import User, trouble, user_of
from edge_router.cli.devices.command import look, told
from edge_router.cli.devices.found import Device, Place
from edge_router.cli.devices.holders import Holders
from edge_router.cli.devices.probing import FUNC_QUICK, FUNC_READ_BYTE, READ, WRITE, probe
from edge_router.config.load import from_tree
from tests.bridges.serial.sysfs import Sysfs

ANYBODY = User("joe", 12_345, frozenset({12_345}), False)


class Board(Sysfs):
    """A board with a root of its own."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.root = root
        self.proc = root / "proc"
        self.proc.mkdir()

    def file(self, path: str, text: str = "") -> Path:
        """A file below the root."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n")
        return file

    def link(self, path: str, to: str) -> None:
        """A link below the root."""
        link = self.root / path
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(to)

    def node(self, name: str, mode: int = 0o666) -> Path:
        """Something in /dev."""
        node = self.file(f"dev/{name}")
        node.chmod(mode)
        return node

    def uart(self, name: str, driver: str) -> None:
        """A serial port of the board, as the kernel has listed them since 6.4."""
        at = f"sys/devices/platform/soc/{name}.serial"
        self.file(f"{at}/x:0/x:0.0/tty/{name}/type", "32")
        self.link(f"{at}/driver", f"/sys/bus/platform/drivers/{driver}")
        self.link(f"{at}/x:0/driver", "/sys/bus/serial-base/drivers/ctrl")
        self.link(f"{at}/x:0/x:0.0/driver", "/sys/bus/serial-base/drivers/port")
        self.link(f"{at}/x:0/x:0.0/tty/{name}/device", "../..")
        self.link(f"sys/class/tty/{name}", f"../../{at.removeprefix('sys/')}/x:0/x:0.0/tty/{name}")
        self.node(name)

    def place(self, user: User = ANYBODY) -> Place:
        return Place(sys=self.sys, dev=self.dev, proc=self.proc, user=user, holders=Holders(self.proc))


@pytest.fixture
def board(tmp_path: Path) -> Board:
    return Board(tmp_path)


def checked(*devices: Device) -> None:
    """What is proposed for the configuration can stand in one."""
    bridges = [yaml.safe_load(device.config) for device in devices if device.config]
    for number, bridge in enumerate(bridges):
        bridge["id"] += str(number)
    realm = {"name": "realm1", "roles": [{"name": "anonymous", "permissions": []}]}
    tree = {"version": 2, "workers": [{"type": "router", "realms": [realm], "transports": []}], "bridges": bridges}
    assert bridges
    from_tree(tree, "devices", Path("/"))


# --- serial ----------------------------------------------------------------------------------------------------------


def test_an_adapter_with_a_number(board: Board) -> None:
    """Known by udev's link, or without it by its number."""
    board.plug("ttyUSB0", "0403", "6001", serial="A50285BI", product="FT232R USB UART", manufacturer="FTDI")
    board.node("ttyUSB0")
    (without,) = serial.look(board.place())
    assert without.stable == 'match: {vid: "0403", pid: "6001", serial: "A50285BI"}'
    link = "dev/serial/by-id/usb-FTDI_FT232R_USB_UART_A50285BI-if00-port0"
    board.link(link, "../../ttyUSB0")
    board.link("dev/serial/by-path/platform-usb-0:1.2:1.0-port0", "../../ttyUSB0")
    (device,) = serial.look(board.place())
    assert device.about == "FTDI FT232R USB UART"
    assert device.stable == str(board.root / link)
    assert device.facts["vid"] == "0403" and device.facts["serial"] == "A50285BI" and device.facts["driver"] == "ch341"
    assert len(device.facts["links"]) == 2
    assert not device.notes
    checked(without, device)


def test_adapters_without_numbers_are_known_by_their_places(board: Board) -> None:
    """CH340: two of them share one link, and differ by nothing else."""
    for name, port in (("ttyUSB0", "1-1.2"), ("ttyUSB1", "1-1.3")):
        board.plug(name, "1a86", "7523", port=port, product="USB Serial")
        board.node(name)
    board.link("dev/serial/by-id/usb-1a86_USB_Serial-if00-port0", "../../ttyUSB1")
    found = serial.look(board.place())
    assert [device.stable for device in found] == [
        'match: {vid: "1a86", pid: "7523", port: "1-1.2"}',
        'match: {vid: "1a86", pid: "7523", port: "1-1.3"}',
    ]
    assert all("no serial number" in device.notes[0] for device in found)
    checked(*found)


def test_an_adapter_with_two_ports(board: Board) -> None:
    for interface in (0, 1):
        board.plug(f"ttyUSB{interface}", "0403", "6010", interface=interface, serial="FT1", product="Dual RS232")
        board.node(f"ttyUSB{interface}")
    found = serial.look(board.place())
    assert [device.stable for device in found] == [
        f'match: {{vid: "0403", pid: "6010", serial: "FT1", interface: {number}}}' for number in (0, 1)
    ]
    checked(*found)


def test_ports_of_the_board(board: Board) -> None:
    """By their alias; the mini-UART, the console and places for cards that nobody has are told as what they are."""
    board.uart("ttyAMA0", "uart-pl011")
    board.uart("ttyS1", "bcm2835-aux-uart")
    board.uart("ttyAMA10", "uart-pl011")
    board.link("dev/serial0", "ttyAMA0")
    board.file("sys/class/tty/console/active", "tty0 ttyAMA10")
    main, console, mini = sorted(serial.look(board.place()), key=lambda device: device.path)
    assert (main.path, main.stable) == (str(board.dev / "ttyAMA0"), str(board.dev / "serial0"))
    assert main.facts["driver"] == "uart-pl011"
    assert "mini-UART: no parity" in mini.notes[0]
    assert console.config is None and "the kernel's console is on it" in console.notes[0]
    checked(main, mini)


def test_who_holds_a_port(board: Board, tmp_path: Path) -> None:
    """Locks are seen by everybody, open files by root and their owner."""
    board.plug("ttyUSB0", "0403", "6001", serial="X")
    node = board.node("ttyUSB0")
    place = Place(sys=board.sys, dev=board.dev, proc=Path("/proc"), user=ANYBODY, holders=Holders(Path("/proc")))
    with node.open("rb") as opened:
        ours = f"(process {os.getpid()})"
        (device,) = serial.look(place)
        assert device.held is not None and device.held.startswith("open in ") and device.held.endswith(ours)
        fcntl.flock(opened, fcntl.LOCK_EX)
        place = Place(sys=board.sys, dev=board.dev, proc=Path("/proc"), user=ANYBODY, holders=Holders(Path("/proc")))
        (device,) = serial.look(place)
        assert device.held is not None and device.held.startswith("locked by ") and ours in device.held
    assert serial.look(board.place())[0].held is None


# --- permissions -----------------------------------------------------------------------------------------------------


def test_what_is_missing_and_how_to_give_it(board: Board) -> None:
    """A group that may, else a rule for udev."""
    node = board.node("ttyUSB0", 0o660)
    group = next(known for known in grp.getgrall() if known.gr_gid)
    if os.geteuid():
        pytest.skip("only root gives files away")
    os.chown(node, 0, group.gr_gid)
    said = trouble(node, ANYBODY, "dialout", 'SUBSYSTEM=="tty"')
    assert said is not None
    assert f"mode 0660 and belongs to group {group.gr_name}; sudo usermod -aG {group.gr_name} joe" in said
    assert trouble(node, User("joe", 12_345, frozenset({group.gr_gid}), False), "dialout", "") is None
    assert trouble(node, User("root", 0, frozenset({0}), False), "dialout", "") is None
    os.chown(node, 12_345, 0)
    assert trouble(node, ANYBODY, "dialout", "") is None
    os.chown(node, 0, 0)
    node.chmod(0o600)
    said = trouble(node, ANYBODY, "gpio", 'SUBSYSTEM=="gpio"')
    assert said is not None
    assert """echo 'SUBSYSTEM=="gpio", GROUP="gpio", MODE="0660"' | sudo tee -a /etc/udev/rules.d/60-edge""" in said
    assert "udevadm trigger" in said and "usermod -aG gpio joe" in said
    node.chmod(0o666)
    assert trouble(node, ANYBODY, "gpio", "") is None
    assert trouble(board.dev / "gone", ANYBODY, "gpio", "") == "it cannot be looked at: No such file or directory"


def test_whose_permissions() -> None:
    assert user_of(None).number == os.geteuid()
    known = pwd.getpwall()[0]
    assert user_of(known.pw_name).number == known.pw_uid
    with pytest.raises(LookupError, match="no user 'nobody-at-all'"):
        user_of("nobody-at-all")


# --- gpio ------------------------------------------------------------------------------------------------------------


class TableKernel:
    """Answers for one chip, as the kernel packs it."""

    LINES = (
        ("ID_SDA", "", 0),
        ("GPIO4", "", 0),
        ("GPIO14", "uart0", uapi.USED),
        ("", "", 0),
        ("LED", "led", uapi.USED),
    )

    def chips(self) -> list[str]:
        return ["/dev/gpiochip0", "/dev/gpiochip1"]

    def open(self, path: str) -> int:
        if path.endswith("1"):
            raise OSError(errno.EACCES, "Permission denied", path)
        return 5

    def ioctl(self, _fd: int, number: int, data: bytearray) -> None:
        if number == uapi.GET_CHIP_INFO:
            data[:] = uapi.CHIP_INFO.pack(b"gpiochip0", b"pinctrl-bcm2711", len(self.LINES))
            return
        offset = uapi.LINE_INFO.unpack(data)[2]
        name, consumer, flags = self.LINES[offset]
        flags |= uapi.OUTPUT if name == "LED" else uapi.INPUT
        data[:] = uapi.LINE_INFO.pack(name.encode(), consumer.encode(), offset, 0, flags, b"")

    def read(self, fd: int, size: int) -> bytes:
        raise AssertionError

    def close(self, fd: int) -> None:
        assert fd == 5


def test_chips_and_lines(board: Board) -> None:
    """By label and name; who has the lines that are taken. One that may not be opened is told, too."""
    chip, closed = gpio.look(board.place(), TableKernel())
    assert chip.stable == "chip: pinctrl-bcm2711"
    assert chip.notes == [
        "free: ID_SDA, GPIO4",
        "1 lines without a name, known by their numbers",
        "used: GPIO14 by uart0, LED by led",
    ]
    assert chip.facts["lines"][4] == {"line": 4, "name": "LED", "used": True, "consumer": "led", "direction": "output"}
    assert chip.config is not None and "line: GPIO4" in chip.config
    assert closed.trouble is not None and "permission denied" in closed.trouble
    checked(chip)


# --- I2C -------------------------------------------------------------------------------------------------------------


class TableWire:
    """A bus with some chips. asked: what was sent to whom."""

    def __init__(self, chips: dict[int, str], functions: int = FUNC_QUICK | FUNC_READ_BYTE, dead: bool = False) -> None:
        self._chips = chips
        self._functions = functions
        self._dead = dead
        self._address = 0
        self.asked: list[tuple[int, int]] = []
        self.closed = False

    def functions(self) -> int:
        return self._functions

    def select(self, address: int) -> None:
        if self._chips.get(address) == "driver":
            raise OSError(errno.EBUSY, "busy")
        self._address = address

    def ask(self, direction: int, size: int) -> None:
        self.asked.append((self._address, direction))
        if self._dead:
            raise OSError(errno.ETIMEDOUT, "Connection timed out")
        if self._address not in self._chips:
            raise OSError(errno.EREMOTEIO, "Remote I/O error")

    def close(self) -> None:
        self.closed = True


def test_probing_asks_as_little_as_it_can() -> None:
    """A write of nothing, but a read where EEPROMs are, and no question where a driver is."""
    wire = TableWire({0x23: "", 0x50: "", 0x68: "driver", 0x76: ""})
    assert probe(wire) == {0x23: "there", 0x50: "there", 0x68: "driver", 0x76: "there"}
    asked = dict(wire.asked)
    assert len(asked) == len(wire.asked) == 0x78 - 0x08 - 1
    assert {address for address, direction in asked.items() if direction == READ} == {
        *range(0x30, 0x38),
        *range(0x50, 0x60),
    }
    assert asked[0x23] == WRITE and 0x68 not in asked
    assert min(asked) == 0x08 and max(asked) == 0x77


@pytest.mark.parametrize(("functions", "asked"), [(FUNC_READ_BYTE, {READ}), (FUNC_QUICK, {WRITE}), (0, set())])
def test_adapters_that_cannot_ask_both_ways(functions: int, asked: set[int]) -> None:
    wire = TableWire({}, functions)
    assert probe(wire) == {}
    assert {direction for _, direction in wire.asked} == asked


def test_buses(board: Board) -> None:
    """With what drivers have; addresses only of the bus that was named."""
    for number in (1, 20):
        board.node(f"i2c-{number}")
        board.file(f"sys/class/i2c-dev/i2c-{number}/name", f"bcm2835 (i2c@{number})")
    board.file("sys/bus/i2c/devices/1-0068/name", "ds3231")
    board.link("sys/bus/i2c/devices/1-0068/driver", "/sys/bus/i2c/drivers/rtc-ds1307")
    wire = TableWire({0x68: "driver", 0x76: "", 0x0F: ""})
    opened: list[str] = []
    first, other = i2c.look(board.place(), frozenset({1}), lambda path: opened.append(path) or wire)
    assert opened == [first.path] and wire.closed
    assert first.about == "bcm2835 (i2c@1)"
    assert first.facts["drivers"] == {"0x68": {"name": "ds3231", "driver": "rtc-ds1307"}}
    assert first.facts["addresses"] == ["0x0f", "0x68", "0x76"]
    assert "0x76 answers: BME280, BMP280, BME680?" in first.notes
    assert "0x0f answers" in first.notes
    assert "addresses" not in other.facts
    assert first.config is not None and "type: bme280, id: bme280-76, address: 0x76" in first.config
    path = first.path
    every = i2c.look(board.place(), frozenset({1}), lambda _: TableWire(dict.fromkeys(range(0x08, 0x78), "")))[0]
    assert every.config is not None
    for device in (first, every):
        assert device.config is not None
        checked(Device(path=path, config=device.config.replace(path, "/dev/i2c-1")))


def test_a_bus_that_is_stuck_or_empty_is_told(board: Board) -> None:
    board.node("i2c-1")
    (stuck,) = i2c.look(board.place(), frozenset({1}), lambda _: TableWire({}, dead=True))
    assert stuck.notes == ["it cannot be probed: Connection timed out"]
    (empty,) = i2c.look(board.place(), frozenset({1}), lambda _: TableWire({}))
    assert "nobody answers: look at power" in empty.notes[0]
    (no_bus,) = i2c.look(board.place(), frozenset({1}))
    assert "it cannot be probed: Inappropriate ioctl" in no_bus.notes[0]


# --- the others ------------------------------------------------------------------------------------------------------


def test_onewire(board: Board) -> None:
    for name in ("28-0316a2795c1e", "26-000000000001", "00-400000000000", "w1_bus_master1"):
        board.file(f"sys/bus/w1/devices/{name}/uevent")
    board.link("sys/bus/w1/devices/28-0316a2795c1e/driver", "/sys/bus/w1/drivers/w1_slave_driver")
    found = {device.stable: device for device in others.onewire(board.place())}
    assert found["28-0316a2795c1e"].about == "thermometer DS18B20"
    assert found["26-000000000001"].config is None
    assert found["00-400000000000"].about == "1-wire device of family 00"
    assert len(found) == 3
    checked(*found.values())


def test_spi(board: Board) -> None:
    board.file("sys/bus/spi/devices/spi0.0/modalias", "spi:spidev")
    board.node("spidev0.0", 0o600)
    board.file("sys/bus/spi/devices/spi0.1/modalias", "spi:ads7846")
    board.link("sys/bus/spi/devices/spi0.1/driver", "/sys/bus/spi/drivers/ads7846")
    free, taken = others.spi(board.place())
    assert free.facts == {"bus": 0, "chip_select": 0, "driver": None}
    assert free.trouble is not None and "group spi" not in free.trouble and 'GROUP="spi"' in free.trouble
    checked(free)
    assert (taken.about, taken.notes) == ("spi:ads7846", ["the driver ads7846 of the kernel has it"])


def test_cameras(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first node of each, no codecs; sensors on the ribbon; and whether anything takes pictures."""
    for name, about, index in (
        ("video0", "HD Webcam", 0), ("video1", "HD Webcam", 1), ("video10", "bcm2835-codec-decode", 0),
        ("video20", "pispbe-input", 0),
    ):  # fmt: skip
        board.file(f"sys/class/video4linux/{name}/name", about)
        board.file(f"sys/class/video4linux/{name}/index", str(index))
        board.node(name)
    board.link("dev/v4l/by-id/usb-HD_Webcam-video-index0", "../../video0")
    board.file("sys/bus/i2c/devices/10-0010/name", "imx219")
    board.file("sys/bus/i2c/devices/10-0068/name", "ds3231")
    monkeypatch.setenv("PATH", str(board.root))
    webcam, ribbon = others.cameras(board.place())
    assert (webcam.about, webcam.stable) == ("HD Webcam", str(board.dev / "v4l/by-id/usb-HD_Webcam-video-index0"))
    assert (ribbon.about, ribbon.stable) == ("camera sensor imx219", "csi0")
    checked(ribbon)
    assert webcam.config is not None
    checked(Device(path="", config=webcam.config.replace(str(board.root), "")))
    assert "no program that takes its pictures" in ribbon.notes[0]
    board.file("fswebcam").chmod(0o755)
    assert others.cameras(board.place())[0].facts["tools"] == ["fswebcam"]


# --- the command -----------------------------------------------------------------------------------------------------


def test_all_of_it(board: Board, capsys: pytest.CaptureFixture[str]) -> None:
    """For people and for programs, the same devices."""
    board.plug("ttyUSB0", "0403", "6001", serial="A50285BI", product="FT232R")
    board.node("ttyUSB0")
    board.node("gpiochip0")
    board.file("sys/firmware/devicetree/base/model", "Raspberry Pi 4 Model B Rev 1.4\0")
    assert dispatch(["devices", "--root", str(board.root)]) == 0
    text = capsys.readouterr().out
    assert text.startswith("Raspberry Pi 4 Model B Rev 1.4\n\nSerial ports\n")
    assert "      vid 0403, pid 6001, serial A50285BI, interface 0, port 1-1.2, driver ch341\n" in text
    assert "      config: - {type: serial, id: ft232r, realm: realm1, match: {vid:" in text
    assert "it is no GPIO chip" in text or "PERMISSION" in text
    assert "I2C buses: none (dtparam=i2c_arm=on in /boot/firmware/config.txt" in text
    assert dispatch(["devices", "--json", "--root", str(board.root), "serial", "i2c"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert set(found) == {"serial", "i2c"}
    assert found["serial"][0]["facts"]["serial"] == "A50285BI"


def test_nothing_at_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert dispatch(["devices", "--root", str(tmp_path / "empty")]) == 0
    assert "Serial ports: none\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "status", "problem"),
    [
        (["seriel"], 2, "no kind of device 'seriel'; there are serial, gpio, i2c, onewire, spi, camera"),
        (["--user", "nobody-at-all"], 1, "this machine has no user 'nobody-at-all'"),
        (["--probe", "7"], 1, "no I2C bus 7 to probe here"),
    ],
)
def test_what_cannot_be_done(
    words: list[str], status: int, problem: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert dispatch(["devices", "--root", str(tmp_path), *words]) == status
    assert problem in capsys.readouterr().err


def test_this_machine() -> None:
    """Whatever it has, it can be told."""
    place = Place(
        sys=Path("/sys"), dev=Path("/dev"), proc=Path("/proc"), user=user_of(None), holders=Holders(Path("/proc"))
    )
    assert told(look(place, ["serial", "gpio", "i2c", "onewire", "spi", "camera"]), "")


def test_it_does_without_twisted() -> None:
    code = "import sys, edge_router.cli.devices.command; sys.exit('twisted' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
