"""What is taken from Debian: for which architecture, and from which mirror."""

from __future__ import annotations

import os
import re
from typing import Final

from images.steps import BuildFailed, run

SUITE: Final = "trixie"
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
    known = run(["apt-get", "indextargets", "--format", "$(REPO_URI)"])
    found = re.findall(r"^(https?://\S+/debian)/? *$", known, re.M)
    if not found:
        raise BuildFailed("no Debian mirror: apt has none here; set DEBIAN_MIRROR=http://HOST/debian")
    return str(found[0])


def source(*components: str) -> str:
    """A line of sources.list. components: besides main."""
    return f"deb {mirror()} {SUITE} {' '.join(('main', *components))}"


def sources(*components: str) -> str:
    """What a board's apt asks: the mirror that it was built from, and that of the security team. sources.list(5)

    components: besides main. $DEBIAN_SECURITY_MIRROR, or the one that apt asks here. Raises BuildFailed.
    """
    known = run(["apt-get", "indextargets", "--format", "$(REPO_URI)"])
    found = re.findall(r"^(https?://\S+/debian-security)/? *$", known, re.M)
    security = os.environ.get("DEBIAN_SECURITY_MIRROR") or (found[0] if found else f"{mirror()}-security")
    return "\n".join(
        f"Types: deb\nURIs: {place}\nSuites: {suites}\nComponents: {' '.join(('main', *components))}\n"
        f"Signed-By: {KEYRING}\n"
        for place, suites in ((mirror(), f"{SUITE} {SUITE}-updates"), (security, f"{SUITE}-security"))
    )
