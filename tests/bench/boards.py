"""What the node weighs on an emulated board, how long that takes to boot, and how large it is what people install.

Seconds of an emulated board are those of this machine's processor: they only say whether it has become slower.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from images import boards, deb, oci, sdcard
from images.steps import BuildFailed, missing
from tests.images import weights
from tests.images.board import MACHINES, Board
from tests.images.setup import CONFIG, TTY

from .results import Results
from .servers import ServerFailed

ARCHITECTURES: Final = tuple(MACHINES)


def measure(results: Results, workdir: Path, note: Callable[[str], None]) -> None:
    """Boot each board that has been built here. What is not there is said, and how to get it."""
    for arch in ARCHITECTURES:
        lacking = _lacking(arch)
        if lacking:
            results.skipped.append(f"{arch} board: {lacking}")
            continue
        try:
            note(f"{arch} board: building")
            sizes(results, arch)
            weigh(results, arch, workdir, note)
        except (BuildFailed, AssertionError) as reason:
            raise ServerFailed(f"{arch} board: {reason}") from None


def _lacking(arch: str) -> str:
    emulator = MACHINES[arch][0]
    if not shutil.which(emulator):
        return f"{emulator} is not installed (on Debian: apt install qemu-system-arm)"
    part = missing(lambda: boards.root(arch))
    return f"{part} is not built; `make test-images` does that, in ten minutes" if part else ""


def sizes(results: Results, arch: str) -> None:
    """Of the package; of the container image and the image of a card as they are downloaded, if these were built."""
    results.figure(f"package, {arch}, MB", deb.build(arch).stat().st_size / 1e6)
    if not missing(lambda: oci.layer(arch)):
        results.figure(f"container image, {arch}, MB", (oci.layer(arch) / "layer.tar.gz").stat().st_size / 1e6)
    if not missing(lambda: sdcard.build(arch)):
        results.figure(f"image of a card, {arch}, MB", sdcard.build(arch)[0].stat().st_size / 1e6)


def weigh(results: Results, arch: str, workdir: Path, note: Callable[[str], None]) -> None:
    """RSS and PSS in MB (a million bytes), and seconds."""
    place = workdir / f"board-{arch}"
    place.mkdir()
    board = Board(arch, place, CONFIG)
    try:
        note(f"{arch} board: power on")
        results.figure(f"{arch} board: power on to serving, s", board.start(weights.script(TTY)))
        note(f"{arch} board: weighing")
        found = weights.told(board)
    finally:
        board.pull_the_plug()
    for shape, weight in found.items():
        results.figure(f"RSS {shape}, {arch} board, MB", weight.rss)
        results.figure(f"PSS {shape}, {arch} board, MB", weight.pss)
        results.figure(f"process to ready {shape}, {arch} board, s", weight.start)
    results.figure(f"{arch} board: memory left with {weights.LAN}, MB", found[weights.LAN].available)
    results.figure(f"{arch} board: kernel to ready, s", found[weights.WHOLE].uptime)
