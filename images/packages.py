"""What is taken from Debian: for which architecture, and from which mirror."""

from __future__ import annotations

import os
import re
from typing import Final

from images.steps import BuildFailed, run

SUITE: Final = "trixie"
_UPDATES: Final = f"{SUITE}-updates"
SECURITY: Final = f"{SUITE}-security"
#: the Python of that suite
PYTHON: Final = "3.13"
ARCHITECTURES: Final = ("amd64", "arm64", "armhf")
KEYRING: Final = "/usr/share/keyrings/debian-archive-keyring.gpg"

#: Debian's names for what pyproject.toml depends on
DEPENDS: Final = (
    "python3-twisted (>= 24.11)",
    "python3-websockets (>= 15.0.1)",
    "python3-cbor2 (>= 5.6.5)",
    "python3-ujson (>= 5.10)",
    "python3-serial (>= 3.5)",
    "python3-yaml (>= 6.0.2)",
)
#: of a package without msgspec, and of one that has it, compiled for one version of Python
WITHOUT_MSGSPEC: Final = ("python3 (>= 3.11)", "python3-msgspec (>= 0.19)")
WITH_MSGSPEC: Final = (f"python3 (>= {PYTHON})", f"python3 (<< {PYTHON[:2]}{int(PYTHON[2:]) + 1})", "libc6")
#: for TLS and keys, which most nodes want sooner or later
RECOMMENDS: Final = ("python3-cryptography", "python3-openssl", "python3-service-identity")
#: for components in Python, for pins and buses by the libraries, for being found in the network, for cameras
SUGGESTS: Final = ("python3-autobahn", "python3-libgpiod", "python3-smbus2", "avahi-daemon", "rpicam-apps")


def mirror() -> str:
    """$DEBIAN_MIRROR, else the mirror that this machine's own apt uses. Raises BuildFailed."""
    given = os.environ.get("DEBIAN_MIRROR")
    if given:
        return given
    found = _asked_here("debian")
    if not found:
        raise BuildFailed("no Debian mirror: apt has none here; set DEBIAN_MIRROR=http://HOST/debian")
    return found


def security() -> str:
    """$DEBIAN_SECURITY_MIRROR; else what is beside $DEBIAN_MIRROR; else the one that this machine's own apt uses.

    Raises BuildFailed.
    """
    given = os.environ.get("DEBIAN_SECURITY_MIRROR")
    if given:
        return given
    found = "" if os.environ.get("DEBIAN_MIRROR") else _asked_here("debian-security")
    return found or re.sub(r"/debian(?=/|$)", "/debian-security", mirror())


def _asked_here(name: str) -> str:
    """The mirror of this name that this machine's own apt uses; empty if there is none."""
    known = run(["apt-get", "indextargets", "--format", "$(REPO_URI)"])
    found = re.search(rf"^(https?://\S+/{name})/? *$", known, re.M)
    return found[1] if found else ""


def suites() -> list[str]:
    """What a build takes packages from: $DEBIAN_SUITES, else Debian 13 with all that has been mended since."""
    return (os.environ.get("DEBIAN_SUITES") or f"{SUITE} {_UPDATES} {SECURITY}").split()


def lines(*components: str) -> tuple[str, ...]:
    """Of a sources.list, for a build. components: besides main. Raises BuildFailed."""
    places = ((security() if suite == SECURITY else mirror(), suite) for suite in suites())
    return tuple(f"deb {place} {suite} {' '.join(('main', *components))}" for place, suite in places)


def sources(*components: str) -> str:
    """What a board's apt asks: the mirror that it was built from, and that of the security team. sources.list(5)

    components: besides main. Raises BuildFailed.
    """
    return "\n".join(
        f"Types: deb\nURIs: {place}\nSuites: {names}\nComponents: {' '.join(('main', *components))}\n"
        f"Signed-By: {KEYRING}\n"
        for place, names in ((mirror(), f"{SUITE} {_UPDATES}"), (security(), SECURITY))
    )


def age() -> dict[str, str]:
    """Settings of apt for a mirror as it was on a day, which names it: its lists are out of date, and that is meant.

    (snapshot.debian.org; Valid-Until.)
    """
    return {"Acquire::Check-Valid-Until": "false"} if re.search(r"/\d{8}T\d{6}Z(?:/|$)", mirror()) else {}
