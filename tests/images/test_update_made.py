"""What `edge-router-update` makes in the other root file system, on this machine: natively, without a boot."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from images.version import VERSION
from tests.images.slots import Slots
from tests.images.versions import versions_of

NEWER, PICKY = VERSION + "+new", VERSION + "+picky"
#: a version that does not take the configuration which the running one takes
PROGRAM = '#!/bin/sh\n[ "$1" = check ] && { echo "config.yaml:1: that is too old"; exit 1; }\nexit 0\n'
COMMAND = "edge-router-update"


@pytest.fixture(scope="module")
def packages(deb: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The package in other versions."""
    return versions_of(deb, tmp_path_factory.mktemp("packages"), {NEWER: None, PICKY: PROGRAM})


@pytest.fixture(scope="module")
def slots(deb: Path, packages: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slots]:
    """A card that runs from slot a, whose Debian has a newer version of the router."""
    place = tmp_path_factory.mktemp("slots")
    slots = Slots(place, deb)
    slots.offer(packages[NEWER])
    slots.put(packages[PICKY])
    with slots.there():
        yield slots
    shutil.rmtree(place)


def test_before_any(slots: Slots) -> None:
    said = slots.does(f"{COMMAND} --status")
    assert f"slot a runs: edge-router {VERSION}\n" in said and "no update is tried" in said
    assert "no system to go back to" in slots.does(f"{COMMAND} --rollback", 1)


def test_what_cannot_be_installed(slots: Slots) -> None:
    """It is said before anything is copied."""
    assert "no Debian package" in slots.does(f"{COMMAND} /etc/hostname", 1)
    assert slots.label() == "nothing"


def test_all_that_is_newer(slots: Slots) -> None:
    """In slot b, with a name; slot a is as it was, and so is the configuration. The next start tries it."""
    before = slots.sum()
    slots.does("echo '# mine' >> /etc/edge-router/config.yaml")
    said = slots.does(COMMAND)
    assert re.search(r"installing in it \.\.\. \d+ s\n", said) and "is tried at the next start" in said
    assert slots.sum() == before
    assert slots.label() == "edge-b"
    assert re.search(
        rf"Package: edge-router\n.*\nVersion: {re.escape(NEWER)}\n", slots.reads("/var/lib/dpkg/status"), re.S
    )
    assert "File not found" not in slots.reads("/usr/sbin/edge-router-update")
    assert slots.reads("/usr/sbin/policy-rc.d") == ""
    said = slots.does("cat /data/slots/current /data/slots/trial; tail -n 1 /etc/edge-router/config.yaml; ls /data")
    assert said.startswith("a\nb 2\n# mine\n") and "update" not in said
    assert f"slot b: edge-router {NEWER}\nslot b is tried at the next start" in slots.does(f"{COMMAND} --status")


def test_an_update_is_called_off(slots: Slots) -> None:
    """And tried after all, by going to it."""
    assert "is called off" in slots.does(f"{COMMAND} --rollback")
    assert "no update is tried" in slots.does(f"{COMMAND} --status")
    assert "slot b is tried at the next start" in slots.does(f"{COMMAND} --rollback")


def test_a_version_that_does_not_take_the_configuration(slots: Slots) -> None:
    """It is given up before it is tried, and the update that was waiting is no more."""
    said = slots.does(f"{COMMAND} /data/packages/picky.deb", 1)
    assert "the new version does not take /etc/edge-router/config.yaml" in said and "that is too old" in said
    assert "slot a runs on as it is" in said
    assert slots.does("ls /data/slots") == "current\n"
    assert slots.label() == "edge-a"
    assert "slot b: an update that was interrupted" in slots.does(f"{COMMAND} --status")


@pytest.mark.parametrize("doing", ["copying", "installing", "closing"])
def test_an_end_at_any_moment(slots: Slots, doing: str) -> None:
    """What is not finished has not got its name, and is not tried."""
    slots.is_cut_off(COMMAND, doing)
    assert slots.label() != "edge-b"
    assert slots.does("ls /data/slots") == "current\n"


def test_after_all_that(slots: Slots) -> None:
    """The next update begins anew."""
    slots.does(COMMAND)
    assert slots.label() == "edge-b" and slots.does("cat /data/slots/trial") == "b 2\n"
