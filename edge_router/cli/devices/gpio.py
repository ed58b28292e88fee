"""GPIO chips by label, and their lines by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from bridges.gpio.chardev import CharacterDevices
from bridges.gpio.kernel import Kernel, LinuxKernel
from bridges.gpio.lines import Line, LineError
from edge_router.cli.devices.access import trouble
from edge_router.cli.devices.found import Device, Place

GROUP: Final = "gpio"
RULE: Final = 'SUBSYSTEM=="gpio", KERNEL=="gpiochip*"'


def look(place: Place, kernel: Kernel | None = None) -> list[Device]:
    """All chips. kernel: who answers; left out, this machine's."""
    chips = CharacterDevices(kernel or LinuxKernel(place.dev))
    return [_chip(place, chips, path) for path in chips.chips()]


def _chip(place: Place, chips: CharacterDevices, path: str) -> Device:
    missing = trouble(Path(path), place.user, GROUP, RULE) if Path(path).exists() else None
    try:
        chip = chips.open(path)
    except LineError as error:
        return Device(path=path, about="GPIO chip", trouble=missing or str(error))
    try:
        lines = [chip.line(offset) for offset in range(chip.count)]
    except LineError as error:
        return Device(path=path, about=f"GPIO chip {chip.label}", trouble=str(error))
    finally:
        chip.close()
    free = next((line.name or line.offset for line in lines if _usual(line)), 0)
    return Device(
        path=path,
        about=f"GPIO chip with {len(lines)} lines",
        facts={"label": chip.label, "lines": [_facts(line) for line in lines]},
        stable=f"chip: {chip.label}",
        config=f"{{type: gpio, id: pins, realm: realm1, chip: {chip.label}, inputs: {{door: {{line: {free}}}}}}}",
        notes=_lines(lines),
        trouble=missing,
    )


def _usual(line: Line) -> bool:
    """Whether it is a good one for an example: free, and on the header of a Raspberry Pi with no second use."""
    return not line.used and line.name.startswith("GPIO") and line.name not in ("GPIO0", "GPIO1", "GPIO2", "GPIO3")


def _facts(line: Line) -> dict[str, Any]:
    return {
        "line": line.offset,
        "name": line.name,
        "used": line.used,
        "consumer": line.consumer,
        "direction": "output" if line.output else "input",
    }


def _lines(lines: list[Line]) -> list[str]:
    """Names of what is free, and who has the rest."""
    free = [line.name for line in lines if line.name and not line.used]
    used = [f"{line.name or line.offset} by {line.consumer or 'the kernel'}" for line in lines if line.used]
    unnamed = sum(not line.name and not line.used for line in lines)
    told = [f"free: {', '.join(free)}"] if free else []
    if unnamed:
        told.append(f"{unnamed} lines without a name, known by their numbers")
    return [*told, *([f"used: {', '.join(used)}"] if used else [])]
