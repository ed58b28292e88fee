"""`apt` on a running card: what it installs in a root file system that is read-only before it and after it.

With the card's own settings, on loop devices of this machine, without a boot. (apt.conf(5), dpkg(1).)
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.images.slots import Slots
from tests.images.versions import package

APT = "apt-get -q -y"
#: what the root is, said at the end
ROOT = "findmnt -n -o OPTIONS / | cut -c1-2"
#: the unit edge-router-readonly, as long as there is no systemd
SETTLE = "/usr/libexec/edge-router/root settle"
#: a script of a package, which ends when nobody holds it
WAITS = "#!/bin/sh\ntouch /tmp/begun; while [ -e /tmp/hold ]; do sleep 0.1; done\n"
#: of the shell: it is begun, and held; $pid is apt
BEGIN = f"touch /tmp/hold; {APT} install slow & pid=$!; timeout 60 sh -c 'until [ -e /tmp/begun ]; do sleep 0.1; done'"

#: an update is begun, and held as it copies; $update is its process
COPY = (
    "mkdir /tmp/held; touch /tmp/hold; cd /tmp/held; printf '#!/bin/sh\ntouch /tmp/begun; while [ -e /tmp/hold ]; do "
    'sleep 0.1; done; exec /usr/sbin/e2image "$@"\n\' > e2image; chmod 755 e2image; cd /; '
    "PATH=/tmp/held:$PATH edge-router-update /srv/repository/other_1.deb & update=$!; "
    "timeout 60 sh -c 'until [ -e /tmp/begun ]; do sleep 0.1; done'"
)


@pytest.fixture(scope="module")
def slots(deb: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slots]:
    """A card that runs from slot a, and what its Debian has."""
    place = tmp_path_factory.mktemp("slots")
    slots = Slots(place, deb)
    slots.offer(
        *(package(place, "tool", {"usr/share/tool/version": version * 9000}, version) for version in ("1", "2")),
        package(place, "other", {"usr/share/other/file": "other"}),
        package(place, "broken", {"DEBIAN/postinst": "#!/bin/sh\necho 'it is broken' >&2\nexit 1\n"}),
        package(place, "slow", {"DEBIAN/postinst": WAITS, "usr/share/slow/file": "slow"}),
    )
    with slots.there():
        slots.does(f"{APT} update")
        yield slots
    shutil.rmtree(place)


def settled(slots: Slots, command: str, status: int = 0) -> str:
    """Run a shell command, and wait until the root is read-only, as a unit does. Result: what it said."""
    return slots.does(f"status=0; {{ {command}; }} || status=$?; {SETTLE}; {ROOT}; exit $status", status)


def there(slots: Slots, name: str) -> str:
    """What dpkg knows of a package."""
    return slots.does(f"dpkg-query -W -f '${{db:Status-Abbrev}}' {name} 2>/dev/null || :").strip()


def test_a_package_is_installed_and_removed(slots: Slots) -> None:
    """What was fetched for it is not kept."""
    assert settled(slots, f"{ROOT}; {APT} install other").endswith("\nro\n")
    assert slots.does("cat /usr/share/other/file; find /var/cache/apt -name '*.deb'") == "other"
    assert settled(slots, f"{APT} purge other").endswith("\nro\n")
    assert there(slots, "other") == ""


def test_dpkg_without_apt(slots: Slots) -> None:
    """It has its own setting."""
    assert settled(slots, "dpkg -i /srv/repository/other_1.deb").endswith("\nro\n")
    assert settled(slots, "dpkg -P other").endswith("\nro\n")


def test_a_package_that_cannot_be_set_up(slots: Slots) -> None:
    """apt says so; the root is read-only all the same, and the package can be taken away."""
    said = settled(slots, f"{APT} install broken", 100)
    assert "it is broken" in said and said.endswith("\nro\n")
    settled(slots, f"{APT} purge broken")
    assert there(slots, "broken") == ""


def test_apt_is_killed(slots: Slots) -> None:
    """The root is writable as long as what it has started works on, and no longer; apt says what puts it right."""
    said = slots.does(f"{BEGIN}; kill -9 $pid; {SETTLE} & sleep 3; {ROOT}; rm /tmp/hold; wait; {ROOT}")
    assert said.endswith("rw\nro\n"), said
    if there(slots, "slow") != "ii":
        assert "you must manually run 'dpkg --configure -a'" in slots.does(f"{APT} install other", 100)
        assert settled(slots, "dpkg --configure -a").endswith("ro\n")
    settled(slots, f"{APT} purge slow")


def test_two_at_a_time(slots: Slots) -> None:
    """The second one hears of the first, as on any Debian, and the first one ends well."""
    said = slots.does(f"{BEGIN}; {APT} install other; dpkg -P tool; rm /tmp/hold; wait $pid")
    assert "Could not get lock /var/lib/dpkg/lock-frontend" in said and "dpkg frontend lock was locked" in said
    assert (there(slots, "slow"), there(slots, "other")) == ("ii", "")
    settled(slots, f"{APT} purge slow")


def test_the_power_goes_while_apt_is_at_work(slots: Slots) -> None:
    """The next start has the root read-only, and an update puts right in its copy what was left undone."""
    slots.is_cut_off(f"{BEGIN}; echo 'off now'; sleep 60", "off now")
    assert slots.does(ROOT) == "ro\n" and there(slots, "slow") != "ii"
    assert "is tried at the next start" in slots.does("edge-router-update /srv/repository/other_1.deb")
    status = slots.reads("/var/lib/dpkg/status")
    assert "Package: slow\nStatus: install ok installed\n" in status
    slots.does("edge-router-update --rollback")
    assert settled(slots, "dpkg --configure -a").endswith("ro\n")
    settled(slots, f"{APT} purge slow")


def test_apt_while_an_update_copies(slots: Slots) -> None:
    """It waits, so that the copy is of one moment."""
    waits = (
        f"{APT} install tool > /tmp/said 2>&1 & timeout 60 sh -c 'until grep -q waiting /tmp/said; do sleep 0.1; done'"
    )
    said = settled(slots, f"{COPY}; {waits}; {ROOT}; rm /tmp/hold; wait; cat /tmp/said")
    assert "is tried at the next start" in said and "Setting up tool" in said and said.endswith("ro\n")
    assert slots.label() == "edge-b" and slots.reads("/usr/share/tool/version") == ""
    assert "is not in it" in settled(slots, f"{APT} purge tool"), "the update waits for the next start"


def test_somebody_makes_the_root_writable_while_an_update_copies(slots: Slots) -> None:
    """By hand, where nothing waits: the copy is of no one moment, and is not taken."""
    said = slots.does(f"{COPY}; mount -o remount,rw /; mount -o remount,ro /; rm /tmp/hold; wait $update", 1)
    assert "was made writable meanwhile" in said and slots.label() == "edge-a"
