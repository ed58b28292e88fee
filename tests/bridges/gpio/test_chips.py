"""Which chip and line is meant, and what is said if there is none."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from bridges.gpio import uapi
from bridges.gpio.chardev import CharacterDevices
from bridges.gpio.chips import find_chip, find_line, listed
from bridges.gpio.kernel import LinuxKernel
from bridges.gpio.lines import ChipGone, LineError, Settings


class Chips:
    """Several chips, answering what is asked about them. open_error: of the one that cannot be opened."""

    def __init__(self, chips: dict[str, tuple[str, list[str]]], open_error: dict[str, int] | None = None) -> None:
        self._chips = chips
        self._open_error = open_error or {}
        self.open_fds: dict[int, str] = {}
        self.next_fd = 1_000

    def chips(self) -> list[str]:
        return [*self._chips, *self._open_error]

    def open(self, path: str) -> int:
        if path in self._open_error:
            raise OSError(self._open_error[path], os.strerror(self._open_error[path]))
        if path not in self._chips:
            raise OSError(errno.ENOENT, "no such file")
        self.next_fd += 1
        self.open_fds[self.next_fd] = path
        return self.next_fd

    def ioctl(self, fd: int, number: int, data: bytearray) -> None:
        label, names = self._chips[self.open_fds[fd]]
        if number == uapi.GET_CHIP_INFO:
            data[:] = uapi.CHIP_INFO.pack(b"gpiochipX", label.encode(), len(names))
        elif number == uapi.GET_LINE_INFO:
            offset = uapi.unpack_line_info(data).offset
            used = uapi.USED if names[offset] == "USED" else 0
            data[:] = uapi.LINE_INFO.pack(names[offset].encode(), b"led0" if used else b"", offset, 0, used, b"")
        else:
            raise OSError(errno.EBUSY, "busy")

    def read(self, fd: int, size: int) -> bytes:
        raise AssertionError

    def close(self, fd: int) -> None:
        del self.open_fds[fd]


PI4 = {
    "/dev/gpiochip0": ("pinctrl-bcm2711", ["ID_SDA", "ID_SCL", "GPIO2", "GPIO3", "USED"]),
    "/dev/gpiochip1": ("raspberrypi-exp-gpio", ["BT_ON", "WL_ON"]),
}
TWINS = {f"/dev/gpiochip{n}": ("mcp2221_gpio", [f"{name}{n}" for name in ("A", "B")]) for n in range(2)}


def find(chips: dict[str, Any], *wanted: str, names: tuple[str, ...] = (), **errors: int) -> str:
    kernel = Chips(chips, {f"/dev/{path}": error for path, error in errors.items()})
    chip = find_chip(CharacterDevices(kernel), wanted, names)
    assert len(kernel.open_fds) == 1, "the others are closed again"
    chip.close()
    return chip.path


def test_by_label_wherever_it_is() -> None:
    assert find(PI4, "raspberrypi-exp-gpio") == "/dev/gpiochip1"


def test_the_first_of_several_labels_that_is_there() -> None:
    """One configuration for several boards."""
    assert find(PI4, "pinctrl-rp1", "pinctrl-bcm2711") == "/dev/gpiochip0"


def test_by_the_names_of_its_lines() -> None:
    assert find(PI4, names=("GPIO2", "GPIO3")) == "/dev/gpiochip0"
    assert find(TWINS, "mcp2221_gpio", names=("A1",)) == "/dev/gpiochip1"


def test_by_a_path() -> None:
    assert find(PI4, "/dev/gpiochip1") == "/dev/gpiochip1"


def test_none_that_fits() -> None:
    """What there is instead, and what could not be opened."""
    with pytest.raises(LineError) as raised:
        find(PI4, "pinctrl-rp1", gpiochip7=errno.EIO)
    words = "there is no chip pinctrl-rp1; there is pinctrl-bcm2711, raspberrypi-exp-gpio; /dev/gpiochip7: "
    assert str(raised.value).startswith(words)


def test_several_that_fit() -> None:
    with pytest.raises(LineError, match=r"several chips fit: /dev/gpiochip0 \(mcp2221_gpio\), /dev/gpiochip1"):
        find(TWINS, "mcp2221_gpio")


def test_lines_by_name_and_number() -> None:
    chip = CharacterDevices(Chips(PI4)).open("/dev/gpiochip0")
    assert find_line(chip, "GPIO3") == 3
    assert find_line(chip, 4) == 4
    with pytest.raises(LineError, match="pinctrl-bcm2711 has no line GPIO17; there are ID_SDA, ID_SCL, GPIO2"):
        find_line(chip, "GPIO17")


def test_who_has_a_line() -> None:
    chip = CharacterDevices(Chips(PI4)).open("/dev/gpiochip0")
    with pytest.raises(LineError, match=r"line 4 \(USED\) is in use by led0"):
        chip.request([3, 4], Settings(direction="input"), {}, "x")


def test_all_there_are() -> None:
    """For `edge-router devices`; one that cannot be opened is left out."""
    kernel = Chips(PI4, {"/dev/gpiochip7": errno.EACCES})
    found = {chip.label: [line.name for line in lines if line.used] for chip, lines in listed(CharacterDevices(kernel))}
    assert found == {"pinctrl-bcm2711": ["USED"], "raspberrypi-exp-gpio": []}
    assert not kernel.open_fds


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (errno.ENOENT, ChipGone, "is not there"),
        (errno.EACCES, LineError, "permission denied"),
        (errno.ENOTTY, LineError, "is no GPIO chip"),
    ],
)
def test_why_a_chip_cannot_be_opened(error: int, kind: type[LineError], words: str) -> None:
    with pytest.raises(kind, match=words):
        CharacterDevices(Chips({}, {"/dev/gpiochip0": error})).open("/dev/gpiochip0")


def test_the_real_kernel_knows_chips_by_their_nodes(tmp_path: Path) -> None:
    """In the order of their numbers; a link to one, as udev makes for old programs, is not another."""
    for name in ("gpiochip10", "gpiochip2", "gpiomem", "gpiochipx"):
        (tmp_path / name).touch()
    (tmp_path / "gpiochip4").symlink_to("gpiochip2")
    assert LinuxKernel(tmp_path).chips() == [str(tmp_path / "gpiochip2"), str(tmp_path / "gpiochip10")]


def test_what_is_no_chip(tmp_path: Path) -> None:
    """The real system calls, on a file that is none."""
    (tmp_path / "gpiochip0").touch()
    with pytest.raises(LineError, match=r"gpiochip0 is no GPIO chip, or the kernel is older than 5\.10"):
        CharacterDevices(LinuxKernel(tmp_path)).open(str(tmp_path / "gpiochip0"))
