"""Wi-Fi: every board has what its radio wants, and those that have not are named to people."""

from __future__ import annotations

import re

import pytest

from images import boards, bootpart, radios
from images.roots import extract
from images.steps import run
from images.version import ROOT
from tests.images import devicetree

FILES = ["brcmfmac43455-sdio.bin", "brcmfmac43455-sdio.raspberrypi,4-model-b.txt", "brcmfmac43456-sdio.txt"]


@pytest.mark.anywhere
def test_what_would_have_no_wifi() -> None:
    """A part of which either file is not there, under the board's own name or that of all."""
    missing = radios.missing(FILES)
    assert ("raspberrypi,4-model-b", "43455") not in missing
    assert {("raspberrypi,5-model-b", "43455"), ("raspberrypi,400", "43456")} <= missing


@pytest.mark.anywhere
def test_who_has_no_wifi_is_told_so() -> None:
    """By the kernel's name of the file that is not there: it is what the journal of such a board says."""
    told = (ROOT / "docs/image.md").read_text()
    assert all(f"`brcmfmac{chip}-sdio.bin`" in told for _, chip in radios.NOT_THERE)


def test_debian_has_what_radios_want() -> None:
    """But for those that are known, in the two packages that a card has it from. Once it has that too, this fails."""
    packages = extract("arm64", ("firmware-brcm80211",), "non-free-firmware")
    assert radios.missing(radios.there(packages, bootpart.firmware())) == radios.NOT_THERE


@pytest.mark.board
@pytest.mark.parametrize("arch", ["arm64", "armhf"])
def test_every_board_with_a_radio_is_known(arch: str) -> None:
    """By the device trees of its kernel, whose driver knows the parts by the same names."""
    tree = boards.installed(arch)
    (driver,) = tree.glob("usr/lib/modules/*/kernel/**/brcmfmac.ko*")
    asked = run(["modinfo", "-F", "firmware", driver])
    for file in bootpart.trees(arch, tree):
        board = devicetree.read(file)
        if any(node.name.startswith("wifi@") for node in board.all()):
            assert board.compatible[0] in radios.CHIPS, file.name
            assert all(re.search(rf"brcmfmac{chip}-sdio.bin", asked) for chip in radios.CHIPS[board.compatible[0]])
