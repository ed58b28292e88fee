"""The kernel's structs: sizes, numbers and bytes as a C compiler makes them of linux/gpio.h (x86-64, Linux 6.1).

Bytes are given as `place:value` of those that are not zero.
"""

from __future__ import annotations

import sys

import pytest

from bridges.gpio import uapi
from bridges.gpio.uapi import LineConfig

pytestmark = pytest.mark.skipif(sys.byteorder != "little", reason="the bytes are those of a little-endian machine")

REQUEST = """
0:11 4:1b 8:2c 9:01 256:65 257:64 258:67 259:65 260:2d 261:72 262:6f 263:75 264:74 265:65 266:72 267:20 268:69 269:6f
288:36 289:01 296:03 320:01 328:06 329:01 336:02 344:02 352:05 360:07 368:03 376:20 377:4e 384:07 560:03 564:40
"""
EVENT = "0:88 1:77 2:66 3:55 4:44 5:33 6:22 7:11 8:02 12:11 16:05 20:04"
LINE = "0:47 1:50 2:49 3:4f 4:31 5:37 32:6c 33:65 34:64 35:30 64:11 68:01 72:09 80:03 88:07"
CHIP = """
0:67 1:70 2:69 3:6f 4:63 5:68 6:69 7:70 8:30 32:70 33:69 34:6e 35:63 36:74 37:72 38:6c 39:2d 40:62 41:63 42:6d 43:32
44:37 45:31 46:31 64:3a
"""
CONFIG = LineConfig(
    uapi.INPUT | uapi.EDGE_RISING | uapi.EDGE_FALLING | uapi.PULL_UP | uapi.ACTIVE_LOW,
    ((uapi.INPUT | uapi.PULL_UP | uapi.ACTIVE_LOW, 2),),
    (5, 7),
    20_000,
    3,
)


def from_c(text: str, size: int) -> bytes:
    data = bytearray(size)
    for pair in text.split():
        place, value = pair.split(":")
        data[int(place)] = int(value, 16)
    return bytes(data)


@pytest.mark.parametrize(
    ("size", "right"),
    [
        (uapi.CHIP_INFO.size, 68),
        (uapi.VALUES.size, 16),
        (uapi.ATTRIBUTE.size, 16),
        (uapi.CONFIG_ATTRIBUTE.size, 24),
        (uapi.CONFIG_SIZE, 272),
        (uapi.REQUEST.size, 592),
        (uapi.LINE_INFO.size, 256),
        (uapi.EVENT.size, 48),
    ],
)
def test_sizes(size: int, right: int) -> None:
    assert size == right


def test_numbers() -> None:
    """Of the ioctls, with direction and size in them."""
    assert uapi.GET_CHIP_INFO == 0x8044B401
    assert uapi.GET_LINE_INFO == 0xC100B405
    assert uapi.GET_LINE == 0xC250B407
    assert uapi.SET_CONFIG == 0xC110B40D
    assert uapi.GET_VALUES == 0xC010B40E
    assert uapi.SET_VALUES == 0xC010B40F


def test_a_request_as_c_makes_it() -> None:
    packed = uapi.pack_request([17, 27, 300], "edge-router io", CONFIG, 64)
    assert bytes(packed) == from_c(REQUEST, 592)


def test_a_request_read_back() -> None:
    """As the simulator gets it."""
    request = uapi.unpack_request(from_c(REQUEST, 592))
    assert request == uapi.Request((17, 27, 300), "edge-router io", CONFIG, 64)


def test_events_as_c_makes_them() -> None:
    """What is left over of a cut one is passed over."""
    event = from_c(EVENT, 48)
    assert list(uapi.unpack_events(event * 2 + event[:20])) == [(0x1122334455667788, uapi.FALLING_EVENT, 17, 5, 4)] * 2


def test_facts_as_c_makes_them() -> None:
    line = uapi.unpack_line_info(from_c(LINE, 256))
    assert line == uapi.LineInfo("GPIO17", "led0", 17, uapi.USED | uapi.OUTPUT)
    assert uapi.unpack_chip_info(from_c(CHIP, 68)) == uapi.ChipInfo("gpiochip0", "pinctrl-bcm2711", 58)


def test_names_are_cut_where_the_kernel_cuts_them() -> None:
    request = uapi.unpack_request(uapi.pack_request([0], "edge-router " + "x" * 40, LineConfig(uapi.INPUT)))
    assert request.consumer == ("edge-router " + "x" * 40)[:31]


def test_more_attributes_than_the_kernel_takes() -> None:
    with pytest.raises(ValueError, match="11 attributes"):
        uapi.pack_config(LineConfig(0, tuple((n, 1) for n in range(11))))
