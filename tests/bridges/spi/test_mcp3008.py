"""The MCP3008 bit by bit: what is asked, what is answered, what cannot be an answer."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from bridges.spi.banks.mcp3008 import Mcp3008Bank
from bridges.spi.drivers.mcp3008 import Mcp3008, Mcp3008Config
from bridges.values import BadValue


class Wire:
    """A bus with one chip; `spoil` is a bit of the answer that is turned over."""

    def __init__(self, bank: Mcp3008Bank) -> None:
        self.bank = bank
        self.sent: list[bytes] = []
        self.spoil: int | None = None
        self.speed = 0
        self.answer: bytes | None = None

    def transfer(self, select: int, mode: int, speed: int, data: bytes) -> bytes:
        self.sent.append(data)
        self.speed = speed
        answer = int.from_bytes(self.answer or self.bank.exchange(data), "big")
        if self.spoil is not None:
            answer ^= 1 << 8 * len(data) - 1 - self.spoil
        return answer.to_bytes(len(data), "big")

    def close(self) -> None: ...


def made(**options: Any) -> tuple[Mcp3008, Wire]:
    config = msgspec.convert({"type": "mcp3008", "id": "x", **options}, Mcp3008Config)
    wire = Wire(Mcp3008Bank(config, lambda: 0.0))
    wire.bank.volts = [0.0, 3.3, 1.65, 0.5, 0.25, 1.0, 2.0, 2.5]
    return Mcp3008(config, wire), wire


def test_single_inputs_and_differences() -> None:
    """1024 steps for VREF (section 4.1); a difference below 0 is 0."""
    driver, _ = made(inputs={"zero": "0", "full": "1", "half": "2", "less": "4-5", "more": "5-4"})
    assert driver.read() == {"zero": 0.0, "full": 3.29678, "half": 1.65, "less": 0.0, "more": 0.74766}


def test_what_is_asked() -> None:
    """A start bit, the kind, the number (figure 6-1); at no more than 1.35 MHz."""
    driver, wire = made(inputs={"a": "6", "b": "7-6"}, vref=5)
    driver.read()
    assert wire.sent == [bytes([0x01, 0b1110_0000, 0, 0, 0]), bytes([0x01, 0b0111_0000, 0, 0, 0])]
    assert wire.speed == 1_350_000


@pytest.mark.parametrize("bit", range(13, 40))
@pytest.mark.parametrize("pin", ["0", "1", "2", "3"])
def test_each_wrong_bit_is_caught_but_the_lowest(bit: int, pin: str) -> None:
    """The value comes forth and back; only its lowest bit comes once (figure 5-2)."""
    driver, wire = made(inputs={"a": pin})
    right = driver.read()["a"]
    wire.spoil = bit
    if bit == 23:
        assert abs(driver.read()["a"] - right) == pytest.approx(3.3 / 1024, abs=0.00002)
    else:
        with pytest.raises(BadValue, match="differ"):
            driver.read()


def test_nobody_answers() -> None:
    driver, wire = made(inputs={"a": "0"})
    wire.answer = b"\xff" * 5
    with pytest.raises(BadValue, match="no answer"):
        driver.read()
