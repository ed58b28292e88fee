"""`edge-router devices`: what is plugged in and built in, and whether a bridge could use it."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

from msgspec import to_builtins

from edge_router.cli.devices import gpio, i2c, others, serial
from edge_router.cli.devices.access import user_of
from edge_router.cli.devices.found import Device, Place, text_of
from edge_router.cli.devices.holders import Holders

Look = Callable[[Place], list[Device]]

#: kind -> heading; how to get some, on a Raspberry Pi (config.txt, and what raspi-config writes there)
KINDS: Final = {
    "serial": ("Serial ports", "enable_uart=1 in /boot/firmware/config.txt for the pins, or plug an adapter in"),
    "gpio": ("GPIO chips", "a kernel of Linux 5.10 or later shows them by itself"),
    "i2c": ("I2C buses", "dtparam=i2c_arm=on in /boot/firmware/config.txt, sudo modprobe i2c-dev"),
    "onewire": ("1-wire devices", "dtoverlay=w1-gpio in /boot/firmware/config.txt, and a sensor on GPIO4"),
    "spi": ("SPI devices", "dtparam=spi=on in /boot/firmware/config.txt"),
    "camera": ("Cameras", "a ribbon cable is plugged in with the board off"),
}

EPILOG = """\
Nothing is opened that would notice it (opening a serial port restarts many boards), and no byte is sent to a device.
To find out who is on an I2C bus, each address has to be asked, and some devices take the question for a command: so
that is done only with --probe, on the bus you name. Which ports are open in others' programs only root sees.

examples:
  edge-router devices
  edge-router devices serial gpio
  edge-router devices i2c --probe 1
  edge-router devices --user edge-router     may the router's user open them?
  edge-router devices --json | jq -r '.serial[].stable'
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which, for whom, how it is shown."""
    parser.add_argument("kinds", metavar="KIND", nargs="*", help=f"only these: {', '.join(KINDS)}")
    parser.add_argument("--json", action="store_true", help="one JSON object, with more facts")
    parser.add_argument("--user", metavar="NAME", help="whose permissions are looked at (default: yours)")
    parser.add_argument(
        "--probe", metavar="BUS", type=int, action="append", default=[], help="ask each address of this I2C bus"
    )
    parser.add_argument("--root", type=Path, default=Path("/"), help=argparse.SUPPRESS)
    parser.epilog = EPILOG


def run(args: argparse.Namespace) -> int:
    """Print what is there. Result: the exit status."""
    unknown = [kind for kind in args.kinds if kind not in KINDS]
    if unknown:
        print(f"edge-router: no kind of device {unknown[0]!r}; there are {', '.join(KINDS)}", file=sys.stderr)
        return 2
    try:
        place = place_of(args.root, args.user)
    except LookupError as error:
        print(f"edge-router: {error.args[0]}", file=sys.stderr)
        return 1
    found = look(place, args.kinds or list(KINDS), frozenset(args.probe))
    if args.json:
        print(json.dumps(to_builtins(found), ensure_ascii=False, indent=2))
    else:
        print("\n".join(told(found, board(place))))
        if place.user.number == 0 and not args.user:
            print("\nroot may open everything; --user NAME shows what another user may")
    buses = {device.facts["bus"] for device in found.get("i2c", [])}
    missing = [number for number in args.probe if number not in buses]
    if missing:
        print(f"edge-router: no I2C bus {missing[0]} to probe here", file=sys.stderr)
        return 1
    return 0


def place_of(root: Path, user: str | None) -> Place:
    """Where to look. root: of the file systems. Raises LookupError for a user that is not there."""
    proc = root / "proc"
    return Place(sys=root / "sys", dev=root / "dev", proc=proc, user=user_of(user), holders=Holders(proc))


def look(place: Place, kinds: list[str], probed: frozenset[int] = frozenset()) -> dict[str, list[Device]]:
    """Kind -> what is there of it. probed: I2C buses whose addresses are asked."""
    looks: dict[str, Look] = {
        "serial": serial.look,
        "gpio": gpio.look,
        "i2c": partial(i2c.look, probed=probed),
        "onewire": others.onewire,
        "spi": others.spi,
        "camera": others.cameras,
    }
    return {kind: looks[kind](place) for kind in KINDS if kind in kinds}


def board(place: Place) -> str:
    """The board's name as the firmware tells it; empty on others."""
    return place.says("firmware/devicetree/base/model") or text_of(place.proc / "device-tree/model") or ""


def told(found: dict[str, list[Device]], model: str) -> list[str]:
    """All of it for people. model: of the board."""
    lines: list[str] = [model, ""] if model else []
    for kind, devices in found.items():
        heading, remedy = KINDS[kind]
        if devices:
            lines += [heading, *(line for device in devices for line in _device(device)), ""]
        else:
            hint = f" ({remedy})" if "Raspberry Pi" in model else ""
            lines += [f"{heading}: none{hint}", ""]
    return lines[:-1]


def _device(device: Device) -> list[str]:
    shown = {name: value for name, value in device.facts.items() if isinstance(value, str | int) and value is not False}
    facts = ", ".join(f"{name} {value}" for name, value in shown.items() if name not in ("label", "bus", "id"))
    rows: list[tuple[str, Any]] = [
        ("", facts),
        ("stays the same", device.stable),
        ("config", f"- {device.config}" if device.config else None),
        *(("", note) for note in device.notes),
        ("in use", device.held),
        ("PERMISSION", device.trouble),
    ]
    lines = [f"  {device.path}  {device.about}"]
    return lines + [f"      {name + ': ' if name else ''}{text}" for name, text in rows if text]
