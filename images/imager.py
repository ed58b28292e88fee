"""The manifest of our images for Raspberry Pi Imager, which then asks for user, keys and Wi-Fi before it writes a card.

Without one it takes an image as it is: it cannot know what an image does with the answers. (rpi-imager,
doc/json-schema/os-list-schema.json and doc/os_customisation_formats.md.)
"""

from __future__ import annotations

import hashlib
import json
import lzma
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from images.version import VERSION, epoch

NAME: Final = "edge-router.rpi-imager-manifest"
#: the boards that an image is for, as Imager calls them
DEVICES: Final = {
    "arm64": ("pi3-64bit", "pi4-64bit", "pi5-64bit"),
    "armhf": ("pi2-32bit", "pi3-32bit"),
}
_PROCESSORS: Final = {"arm64": "armv8", "armhf": "armhf"}
_WHAT: Final = {"arm64": "64 bits: Pi 3, 4, 5, Zero 2 W", "armhf": "32 bits: Pi 2"}
_DESCRIPTION: Final = "WAMP router for sensors, pins and browsers, on Debian 13"
#: a picture within the file: there is nothing to load
_ICON: Final = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 40 40'%3E"
    "%3Crect width='40' height='40' rx='8' fill='%23174'/%3E%3Cpath d='M8 20h10l8-9M18 20l8 9M18 20h14' "
    "stroke='%23fff' stroke-width='3' fill='none'/%3E%3C/svg%3E"
)


def manifest(packed: Mapping[str, Path]) -> str:
    """The text. packed: architecture -> its image, compressed.

    Imager wants whole addresses: they are below $EDGE_ROUTER_URL, where the images will be, else those of the files.
    """
    entries = [_entry(arch, path) for arch, path in packed.items()]
    return json.dumps({"os_list": entries}, indent=2) + "\n"


def _entry(arch: str, packed: Path) -> dict[str, Any]:
    base = os.environ.get("EDGE_ROUTER_URL", packed.parent.as_uri()).rstrip("/")
    size, digest = _unpacked(packed)
    return {
        "name": f"edge-router {VERSION} ({_WHAT[arch]})",
        "description": _DESCRIPTION,
        "icon": _ICON,
        "url": f"{base}/{packed.name}",
        "extract_size": size,
        "extract_sha256": digest,
        "image_download_size": packed.stat().st_size,
        "image_download_sha256": hashlib.sha256(packed.read_bytes()).hexdigest(),
        "release_date": datetime.fromtimestamp(epoch(), UTC).strftime("%Y-%m-%d"),
        "init_format": "cloudinit",
        "devices": list(DEVICES[arch]),
        "architecture": _PROCESSORS[arch],
    }


def _unpacked(packed: Path) -> tuple[int, str]:
    size, digest = 0, hashlib.sha256()
    with lzma.open(packed) as image:
        while piece := image.read(1 << 20):
            size += len(piece)
            digest.update(piece)
    return size, digest.hexdigest()
