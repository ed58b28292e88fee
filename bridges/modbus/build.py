"""From the configuration to a link, a framing and the times of a bus."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, cast

from bridges.modbus.bus import Link, Timing
from bridges.modbus.config import ModbusConfig
from bridges.modbus.framing import Framing, RtuFraming, TcpFraming
from bridges.modbus.planning import Limits
from bridges.simulated import is_simulated
from edge_router import registry

#: seconds between requests on a serial line; some slaves need a while to listen again
PAUSE: Final = 0.02
#: characters of silence that end a frame, and the same in seconds above FAST (MODBUS over Serial Line V1.02, 2.5.1.1)
SILENCE: Final = 3.5
SILENCE_FAST: Final = 0.00175
FAST: Final = 19_200


def link(config: ModbusConfig, reactor: Any, random: Callable[[], float]) -> Link:
    """How the bus is reached; what is not needed for it is not imported."""
    if config.host is None:
        made = registry.load("bridges.modbus.seriallink:SerialLink")(config, reactor, random)
    elif is_simulated(config.host):
        made = registry.load("bridges.modbus.simtcp:SimulatedTcpLink")(config.host, reactor, random)
    else:
        made = registry.load("bridges.modbus.tcplink:TcpLink")(config.host, config.port, reactor, random)
    return cast("Link", made)


def framing(config: ModbusConfig) -> Framing:
    """How requests and answers are told."""
    return RtuFraming(config.echo) if config.form == "rtu" else TcpFraming()


def timing(config: ModbusConfig) -> Timing:
    """What the line's speed and the configuration ask for."""
    if config.host is not None:
        default = PAUSE if config.form == "rtu" else 0.0
        return Timing(config.timeout, 0.0, default if config.pause is None else config.pause)
    bits = 1 + config.bytesize + (config.parity != "none") + config.stopbits
    character = bits / config.baudrate
    silence = SILENCE_FAST if config.baudrate > FAST else SILENCE * character
    pause = PAUSE if config.pause is None else config.pause
    return Timing(config.timeout, character, max(pause, silence))


def limits(config: ModbusConfig) -> Limits:
    """Of one request."""
    return Limits(config.max_gap, config.max_registers, config.max_bits)
