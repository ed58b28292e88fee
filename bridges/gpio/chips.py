"""Which chip and which lines a configuration means: by label, by name, never by the number of a gpiochip.

The number depends on the order in which drivers come up: the header of one board was gpiochip4, then gpiochip0, then
gpiochip11 with later kernels. Labels and line names come from the driver and the device tree.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bridges.gpio.lines import Backend, Chip, ChipGone, Line, LineError


def listed(backend: Backend) -> list[tuple[Chip, list[Line]]]:
    """All chips that can be opened, closed again, with the lines of each."""
    found: list[tuple[Chip, list[Line]]] = []
    for path in backend.chips():
        try:
            chip = backend.open(path)
        except LineError:
            continue
        try:
            found.append((chip, [chip.line(offset) for offset in range(chip.count)]))
        except LineError:
            pass
        finally:
            chip.close()
    return found


def find_chip(backend: Backend, wanted: Sequence[str], names: Iterable[str]) -> Chip:
    """Open the chip that is meant.

    wanted: labels or paths, of which the first that is there counts; empty: the chip that has all the named lines.
    names: of lines that it must have. Raises LineError with what there is instead.
    """
    needed = sorted(set(names))
    trouble: list[str] = []
    for want in wanted:
        if want.startswith("/"):
            try:
                return backend.open(want)
            except LineError as error:
                trouble.append(str(error))
    chips = _opened(backend, trouble)
    chosen: Chip | None = None
    try:
        chosen = _choose(chips, wanted, needed, trouble)
        return chosen
    finally:
        for chip in chips:
            if chip is not chosen:
                chip.close()


def find_line(chip: Chip, line: str | int) -> int:
    """The offset of a line. line: its name, or the offset itself. Raises LineError."""
    if isinstance(line, int):
        if line >= chip.count:
            raise LineError(f"{chip.label} has no line {line}; there are 0 to {chip.count - 1}")
        return line
    offsets = [offset for offset, name in enumerate(_names(chip)) if name == line]
    if len(offsets) == 1:
        return offsets[0]
    if offsets:
        raise LineError(f"{chip.label} has several lines {line}: {', '.join(map(str, offsets))}; give one's number")
    raise LineError(f"{chip.label} has no line {line}; there are {_few(filter(None, _names(chip)))}")


def _opened(backend: Backend, trouble: list[str]) -> list[Chip]:
    chips: list[Chip] = []
    for path in backend.chips():
        try:
            chips.append(backend.open(path))
        except LineError as error:
            trouble.append(str(error))
    return chips


def _choose(chips: list[Chip], wanted: Sequence[str], needed: list[str], trouble: list[str]) -> Chip:
    if wanted:
        fitting: list[Chip] = next(filter(None, ([c for c in chips if c.label == want] for want in wanted)), [])
        what = " or ".join(wanted)
    else:
        fitting = [chip for chip in chips if set(needed) <= set(_names(chip))]
        what = f"with the lines {_few(needed)}"
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        with_all = [chip for chip in fitting if set(needed) <= set(_names(chip))]
        if needed and len(with_all) == 1:
            return with_all[0]
        paths = ", ".join(f"{chip.path} ({chip.label})" for chip in fitting)
        raise LineError(f"several chips fit: {paths}; give a path that stays, made by a udev rule")
    labels = ", ".join(chip.label for chip in chips) or "none that can be opened"
    reasons = "".join(f"; {reason}" for reason in trouble)
    raise ChipGone(f"there is no chip {what}; there is {labels}{reasons}")


def _names(chip: Chip) -> list[str]:
    return [chip.line(offset).name for offset in range(chip.count)]


def _few(names: Iterable[str]) -> str:
    every = list(names)
    text = ", ".join(every[:12])
    return (text + (", ..." if len(every) > 12 else "")) or "none with a name"
