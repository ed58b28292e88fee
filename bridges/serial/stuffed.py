"""Frames that end with a delimiter and hold any bytes, for those that would end them are written as others."""

from __future__ import annotations

from collections.abc import Callable

from bridges.clock import Clock
from bridges.serial.delimited import DelimitedFraming
from bridges.serial.framingconfig import FramingConfig
from bridges.serial.sealing import Seal
from bridges.serial.stuffing import COBS_END, SLIP_END, cobs, slip, uncobs, unslip


def slip_frames(config: FramingConfig, seal: Seal | None, _clock: Clock, _late: object) -> DelimitedFraming:
    """SLIP. An END before a frame, too, ends what noise has begun (RFC 1055)."""
    return stuffed(config, seal, SLIP_END, unslip, lambda body: SLIP_END + slip(body) + SLIP_END)


def cobs_frames(config: FramingConfig, seal: Seal | None, _clock: Clock, _late: object) -> DelimitedFraming:
    """COBS."""
    return stuffed(config, seal, COBS_END, uncobs, lambda body: cobs(body) + COBS_END)


def stuffed(
    config: FramingConfig,
    seal: Seal | None,
    delimiter: bytes,
    unstuff: Callable[[bytes], bytes],
    stuff: Callable[[bytes], bytes],
) -> DelimitedFraming:
    """Frames that end with a delimiter and hold any bytes. stuff: gives the delimiters that are sent, too."""
    if seal is None:
        return DelimitedFraming(delimiter, config.max_frame, unstuff, stuff)
    opened, closed = seal.open, seal.close
    return DelimitedFraming(
        delimiter, config.max_frame, lambda frame: opened(unstuff(frame)), lambda body: stuff(closed(body))
    )
