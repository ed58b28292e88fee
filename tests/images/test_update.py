"""Updates of a card: what is tried and stays, what is given up, and the plug that is pulled at any moment.

In order, on one board; KILLS=2 and 3 pull the plug in more places, ARCH=armhf takes another board.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from images import deb
from images.version import VERSION
from tests.images.board import MACHINES, PATIENCE
from tests.images.card import Card
from tests.images.versions import versions_of

pytestmark = pytest.mark.board

KILLS = int(os.environ.get("KILLS", "1"))
ARCH = os.environ.get("ARCH", "arm64")
EMULATOR = {"arm64": "qemu-aarch64-static", "armhf": "qemu-arm-static"}[ARCH]
NEEDED = ("arch-test", "depmod", "mke2fs", EMULATOR, "mcopy", MACHINES[ARCH][0])
#: seconds for a start that has to be given up, and the one after it
TWO_STARTS = 2 * PATIENCE
NEWER, BROKEN = VERSION + "+new", VERSION + "+broken"
#: what a broken node is: its check is well, and it does not start
PROGRAM = '#!/bin/sh\n[ "$1" = check ] && exit 0\necho "this one is broken" >&2\nexit 1\n'
CONFIG = """\
version: 2
workers:
  - type: router
    realms: [{name: realm1, roles: []}]
    transports:
      - {type: web, endpoint: {type: tcp, port: 8080}, paths: {/: {type: nodeinfo}, info: {type: nodeinfo}}}
"""
#: what was measured, printed at the end
FIGURES: dict[str, str] = {}


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The package in a newer version, and in one whose node does not start."""
    return versions_of(deb.build(ARCH), tmp_path_factory.mktemp("packages"), {NEWER: None, BROKEN: PROGRAM})


@pytest.fixture(scope="module")
def board(packages: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Card]:
    """A board from a card, after its first boot, and the packages on its boot partition."""
    missing = [name for name in NEEDED if not shutil.which(name)]
    if missing:
        pytest.skip(f"not installed here: {', '.join(missing)}")
    place: Path = tmp_path_factory.mktemp("card")
    board = Card(ARCH, place, CONFIG)
    board.put(*packages.values())
    FIGURES["first boot, s"] = f"{board.start():.0f}"
    board.until(lambda: "there" in board.does("test ! -e /data/provisioned || echo there"))
    board.does("echo '# mine' >> /etc/edge-router/config.yaml; systemctl reload edge-router")
    yield board
    board.pull_the_plug()
    shutil.rmtree(place)
    print("\n" + "\n".join(f"{name}: {value}" for name, value in FIGURES.items()))


def state(board: Card) -> str:
    """What runs, and what is known of the other."""
    return board.does("edge-router-update --status")


def starts(board: Card, slot: str) -> None:
    """Wait until it has started anew, and serves, from this slot."""

    def found() -> bool:
        try:
            return bool(board.get("/info")) and board.does("cat /run/slots/running", None, 30) == slot + "\n"
        except TimeoutError:  # it is on its way
            return False

    board.until(found, TWO_STARTS)


def updates(board: Card, words: str) -> None:
    """Make an update in the other slot."""
    began = time.monotonic()
    said = board.does(f"edge-router-update {words}", None, 900)
    FIGURES[f"making an update, s: {words}"] = f"{time.monotonic() - began:.0f}"
    assert "is tried at the next start" in said, said


def test_an_update_is_tried_and_stays(board: Card) -> None:
    """It runs from the other slot, with the user's configuration; who it is has not changed."""
    before = board.does("cat /etc/machine-id /etc/ssh/ssh_host_ed25519_key.pub /var/lib/edge-router/key.pub")
    assert "slot b: empty" in state(board)
    updates(board, "/boot/firmware/new.deb")
    assert "slot b is tried at the next start" in state(board)
    board.does("systemctl --no-block reboot", None)
    board.until(lambda: not board.get("/info"))
    starts(board, "b")
    assert f"slot b runs: edge-router {NEWER}" in state(board)
    assert "another one" not in board.does("edge-router-update /boot/firmware/new.deb", 1), "it is on trial itself"
    board.until(lambda: "no update is tried" in state(board), TWO_STARTS)
    assert board.does("cat /data/slots/current") == "b\n"
    assert board.does("tail -n 1 /etc/edge-router/config.yaml") == "# mine\n"
    assert board.does("cat /etc/machine-id /etc/ssh/ssh_host_ed25519_key.pub /var/lib/edge-router/key.pub") == before
    assert re.search(r"\bro\b", board.does("findmnt -n -o OPTIONS /"))


def test_the_plug_is_pulled_while_the_copy_is_made(board: Card) -> None:
    """What runs has nothing of it, and the next update begins anew."""
    for doing in ("copying", "installing")[: max(1, KILLS - 1)]:
        board.begins("edge-router-update /boot/firmware/broken.deb", doing)
        time.sleep(5)
        board.pull_the_plug()
        board.words = "systemd.setenv=WITHIN=150"
        board.start()
        starts(board, "b")
        # or nothing of it has reached the card
        assert re.search(r"slot a: (an update that was interrupted|empty)\n", state(board))


def test_one_that_does_not_get_ready_is_given_up(board: Card) -> None:
    """The old one is back, serves, and says why."""
    board.begins("edge-router-update --now /boot/firmware/broken.deb", "is tried at the next start")
    board.until(lambda: not board.get("/info"))
    starts(board, "b")
    said = state(board)
    assert f"slot b runs: edge-router {NEWER}" in said and "no update is tried" in said
    assert "given up: slot a: edge-router.service was not up" in said and "this one is broken" in said
    assert "slot a: edge-router.service was not up" in board.does("journalctl -b -k -o cat")
    assert "this one is broken" in board.does("cat /data/slots/rolled-back.log")


def test_the_plug_is_pulled_while_it_is_on_trial(board: Card) -> None:
    """It is tried again, and given up when there is no try left."""
    updates(board, "/boot/firmware/new.deb")
    board.pull_the_plug()
    board.words = ""
    for slot in ("a", "a", "b")[: max(1, KILLS)]:
        board.start()
        starts(board, slot)
        if slot == "a":
            assert "slot a is on trial" in state(board)
            board.pull_the_plug()
        else:
            assert "given up: slot a: the board did not stay up" in state(board)
