"""What the radios of boards are given to run: without it a board has no Wi-Fi.

Most of it is Debian's firmware-brcm80211. What a Pi 400 wants is in raspi-firmware, which is not installed on a card
(`bootpart`), so that it is put there beside. What Debian has not at all is named here and in docs/image.md. Bluetooth
is given nothing: nothing on a card uses it, and its UART is the header's. (Linux, drivers/net/wireless/broadcom/
brcm80211/brcmfmac, sdio.c and firmware.c; of the parts: RPi-Distro/firmware-nonfree, issues 25 and 35.)
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from images import bootpart

_PLACE: Final = Path("usr/lib/firmware/brcm")
#: board, as its device tree calls it -> what the driver calls the parts that are found on it
CHIPS: Final = {
    "raspberrypi,3-model-b": ("43430",),
    "raspberrypi,3-model-a-plus": ("43455",),
    "raspberrypi,3-model-b-plus": ("43455",),
    "raspberrypi,model-zero-2-w": ("43430", "43430b0"),
    "raspberrypi,4-model-b": ("43455",),
    "raspberrypi,4-compute-module": ("43455", "43456"),
    "raspberrypi,400": ("43456",),
    "raspberrypi,5-model-b": ("43455",),
}
#: what no package of Debian has
NOT_THERE: Final = frozenset({("raspberrypi,model-zero-2-w", "43430b0")})
#: a program, and the settings of the board; without the third, a list of channels, it has those allowed everywhere
_WANTED: Final = ("bin", "txt")


def add(tree: Path) -> None:
    """Put into a root file system what raspi-firmware has, and it has not. Raises BuildFailed."""
    for source in sorted((bootpart.firmware() / _PLACE).iterdir()):
        place = tree / _PLACE / source.name
        if not place.exists():
            shutil.copyfile(source, place)
            place.chmod(0o644)


def there(*trees: Path) -> Iterator[str]:
    """The names of the files for radios in some trees."""
    return (file.name for tree in trees for file in (tree / _PLACE).iterdir() if file.exists())


def missing(names: Iterable[str]) -> set[tuple[str, str]]:
    """Boards, and parts on them, that would have no Wi-Fi. names: of the files that there are."""
    known = set(names)
    return {
        (board, chip)
        for board, chips in CHIPS.items()
        for chip in chips
        for kind in _WANTED
        if known.isdisjoint({f"brcmfmac{chip}-sdio.{board}.{kind}", f"brcmfmac{chip}-sdio.{kind}"})
    }
