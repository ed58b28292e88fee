"""An SHT3x that takes commands of two octets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bridges.i2c.simulated import nobody, wave
from bridges.serial.checksums import checksum


class Sht3xBank:
    """See bridges.i2c.simulated.Bank. raw: the two words that it is to say, or None for a wave."""

    def __init__(self, _config: Any, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._answer = b""
        self.raw: tuple[int, int] | None = None

    def write(self, data: bytes) -> None:
        """See Bank. Commands that it does not know are not acknowledged."""
        if data == b"\x30\xa2":
            self._answer = b""
        elif data == b"\x24\x00":
            words = self.raw or (self._word(wave(self._seconds, 21, 2) + 45, 175), self._word(50, 100))
            self._answer = b"".join(_checked(word) for word in words)
        else:
            raise nobody()

    def read(self, count: int) -> bytes:
        """See Bank. Without a measurement it does not acknowledge (section 4.4)."""
        if not self._answer:
            raise nobody()
        answer, self._answer = self._answer, b""
        return answer[:count]

    @staticmethod
    def _word(value: float, full: float) -> int:
        return round(value / full * 65535)


def _checked(word: int) -> bytes:
    octets = word.to_bytes(2, "big")
    return octets + bytes([checksum("crc-8/nrsc-5").of(octets)])
