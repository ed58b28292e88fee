"""What `edge-router-update` makes in the other root file system, on this machine: natively, without a boot."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from images.version import VERSION
from tests.images.slots import Slots
from tests.images.versions import index, package, versions_of

NEWER, PICKY = VERSION + "+new", VERSION + "+picky"
#: a version that does not take the configuration which the running one takes
PROGRAM = '#!/bin/sh\n[ "$1" = check ] && { echo "config.yaml:1: that is too old"; exit 1; }\nexit 0\n'
COMMAND = "edge-router-update"


@pytest.fixture(scope="module")
def packages(deb: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The package in other versions."""
    return versions_of(deb, tmp_path_factory.mktemp("packages"), {NEWER: None, PICKY: PROGRAM})


class Half(BaseHTTPRequestHandler):
    """A repository that has one package, and gets no further than half of it."""

    def __init__(self, package: Path, *words: Any) -> None:
        self._package = package
        super().__init__(*words)

    def do_GET(self) -> None:
        """Answer."""
        octets = {"Packages": index(self._package).encode(), self._package.name: self._package.read_bytes()}
        found = octets.get(Path(self.path).name)
        self.send_response(200 if found else 404)
        self.send_header("Content-Length", str(len(found or b"")))
        self.end_headers()
        self.wfile.write(found[: len(found) // 2] if found and self.path.endswith(".deb") else found or b"")
        self.close_connection = True

    def log_message(self, *_: Any) -> None:
        """Nothing is said."""


@contextmanager
def half(package: Path) -> Iterator[str]:
    """Serve it on this machine. Result: the URL."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Half, package)) as server:
        Thread(target=server.serve_forever).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


@pytest.fixture(scope="module")
def slots(deb: Path, packages: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slots]:
    """A card that runs from slot a, whose Debian has a newer version of the router."""
    place = tmp_path_factory.mktemp("slots")
    slots = Slots(place, deb)
    slots.offer(packages[NEWER])
    slots.put(packages[PICKY])
    slots.put(package(place, "needy", {}, fields="Depends: far\n"))
    slots.put(package(place, "large", {"large": 320 << 20}))
    settings: dict[str, str | int] = {"DEBIAN/conffiles": "/etc/settings\n", "etc/settings": "as it comes\n"}
    slots.put(package(place, "settings", settings))
    slots.put(package(place, "settings", settings | {"etc/settings": "as it comes now\n"}, "2"))
    with half(package(place, "far", {"far": "far" * 1000})) as url:
        slots.asks(url)
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


def is_given_up(slots: Slots, command: str) -> str:
    """Run an update that cannot be made; nothing is left of it. Result: what it said."""
    said = slots.does(command, 100)
    assert 'given up at "installing in it"; slot a runs on as it is' in said
    assert slots.label() == "edge-a"
    assert slots.does("ls /data/slots; ls -d /data/update 2>/dev/null || :") == "current\n"
    return said


def test_the_network_is_gone_in_the_middle(slots: Slots) -> None:
    """It is asked again for a while; then it is said what could not be had."""
    said = is_given_up(slots, f"{COMMAND} /data/packages/needy_1.deb")
    assert re.search(r"Failed to fetch http://127.0.0.1:\d+/./far_1.deb", said)


def test_the_disk_is_full_in_the_middle(slots: Slots) -> None:
    """A package that is larger than it says."""
    said = is_given_up(slots, f"{COMMAND} /data/packages/large_1.deb")
    assert "No space left on device" in said


def test_a_package_has_other_settings_than_somebody_has_made(slots: Slots) -> None:
    """Nobody is there to be asked: what somebody has made, stays, and what the package has, is beside it."""
    slots.does(
        "dpkg -i /data/packages/settings_1.deb; echo 'mine' > /etc/settings; /usr/libexec/edge-router/root settle"
    )
    slots.does(f"{COMMAND} /data/packages/settings_2.deb")
    assert "Package: settings\nStatus: install ok installed\n" in slots.reads("/var/lib/dpkg/status")
    assert (slots.reads("/etc/settings"), slots.reads("/etc/settings.dpkg-dist")) == ("mine\n", "as it comes now\n")
