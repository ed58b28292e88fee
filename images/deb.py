"""The Debian package: one file for each architecture, for Debian 13 and what is made of it.

Our own Python is the same in all of them; it is where Debian's Python looks, so that components can import it. For
armhf the package has msgspec in a directory of its own, which `edge-router.pth` puts at the end of Python's path: if
Debian has it one day, that one goes first. (Debian Policy; deb(5), deb-control(5); Python's `site`.)
"""

from __future__ import annotations

import gzip
import shutil
import textwrap
import zipfile
from datetime import UTC, datetime
from email.utils import format_datetime
from hashlib import md5
from pathlib import Path
from typing import Final

from images import packages, wheel
from images.completion import completion
from images.manual import manual
from images.msgspec import msgspec_for
from images.steps import DIST, cached, key, need, publish, remove, run
from images.version import ROOT, VERSION, epoch

_HERE: Final = Path(__file__).parent
_MODULES: Final = "usr/lib/python3/dist-packages"
_PRIVATE: Final = "usr/lib/edge-router/python"
#: what is in the package as it is in the repository: source -> place, mode
_FILES: Final = {
    "systemd/edge-router.service": ("usr/lib/systemd/system/edge-router.service", 0o644),
    "systemd/edge-router.socket": ("usr/lib/systemd/system/edge-router.socket", 0o644),
    "systemd/edge-router@.service": ("usr/lib/systemd/system/edge-router@.service", 0o644),
    "systemd/sysusers.conf": ("usr/lib/sysusers.d/edge-router.conf", 0o644),
    "systemd/tmpfiles.conf": ("usr/lib/tmpfiles.d/edge-router.conf", 0o644),
    "systemd/60-edge-router.rules": ("usr/lib/udev/rules.d/60-edge-router.rules", 0o644),
    "systemd/avahi.service": ("etc/avahi/services/edge-router.service", 0o644),
    "edge_router/cli/template/index.html": ("usr/share/edge-router/web/index.html", 0o644),
    "images/debian/copyright": ("usr/share/doc/edge-router/copyright", 0o644),
    "README.md": ("usr/share/doc/edge-router/README.md", 0o644),
    "CHANGELOG.md": ("usr/share/doc/edge-router/CHANGELOG.md", 0o644),
    "REFERENCE.md": ("usr/share/doc/edge-router/REFERENCE.md", 0o644),
    "docs": ("usr/share/doc/edge-router/docs", 0o644),
    "examples": ("usr/share/doc/edge-router/examples", 0o644),
}
#: where a service has what `init` puts into the node directory
_PLACES: Final = {
    "@WEB@": "/usr/share/edge-router/web",
    "path: router.sock": "path: /run/edge-router/router.sock",
}
_CONFFILES: Final = ("/etc/edge-router/config.yaml", "/etc/avahi/services/edge-router.service")
#: /usr/bin/edge-router
PROGRAM: Final = """\
#!/usr/bin/python3 -sP
import sys

from edge_router.__main__ import main

sys.exit(main())
"""
_MAINTAINER: Final = "the edge-router authors <edge-router@localhost.localdomain>"
_SUMMARY: Final = "WAMP v2 router for a Raspberry Pi"
_DESCRIPTION: Final = """\
Sensors on serial lines, GPIO pins and buses become topics, actuators become
procedures, browsers in the network subscribe, programs on the board join
through a Unix socket, and an uplink carries chosen topics to a central router
without losing any while the link is down.

Whoever used Crossbar.io brings the same configuration, commands and
components.
"""


def build(arch: str) -> Path:
    """Make the package. arch: as Debian calls it. Result: the file, in build/dist. Raises BuildFailed."""
    package = made(arch)
    return publish(DIST / f"edge-router_{VERSION}_{arch}.deb", lambda place: shutil.copyfile(package, place))


def made(arch: str) -> Path:
    """The package, in the cache. Raises BuildFailed."""
    modules = _modules()
    private = msgspec_for(arch) if arch == "armhf" else None
    carried = private.name if private else ""
    what = key(arch, str(epoch()), *(ROOT / name for name in _FILES), _HERE, modules.name, carried)

    def make(place: Path) -> None:
        need(("dpkg-deb/dpkg",))
        tree = place.with_name(place.name + ".tree")
        remove(tree)
        try:
            _fill(tree, arch, modules, private)
            command = ["dpkg-deb", "--root-owner-group", "-Zxz", "--build"]
            run([*command, tree, place], env={"SOURCE_DATE_EPOCH": str(epoch())})
        finally:
            remove(tree)

    return cached(f"{what}-edge-router_{VERSION}_{arch}.deb", make)


def _modules() -> Path:
    """Our own Python, as pip would install it: the directory with it."""
    made = wheel.files()[0]

    def make(place: Path) -> None:
        with zipfile.ZipFile(made) as archive:
            archive.extractall(place)
        for record in place.glob("*.dist-info/RECORD"):  # of no use to who has the package
            record.unlink()

    return cached(f"{key(made)}-python", make)


def _fill(tree: Path, arch: str, modules: Path, private: Path | None) -> None:
    """Everything that is in the package."""
    shutil.copytree(modules, tree / _MODULES)
    if private is not None:
        shutil.copytree(private, tree / _PRIVATE)
        _write(tree / _MODULES / "edge-router.pth", f"/{_PRIVATE}\n")
    for source, (place, mode) in _FILES.items():
        _copy(ROOT / source, tree / place, mode)
    _write(tree / "etc/edge-router/config.yaml", _configuration())
    _write(tree / "usr/bin/edge-router", PROGRAM, 0o755)
    _write(tree / "usr/share/bash-completion/completions/edge-router", completion())
    _write(tree / "usr/share/man/man1/edge-router.1.gz", _gzipped(manual()))
    _write(tree / "usr/share/doc/edge-router/changelog.gz", _gzipped(_changelog()))
    _write(tree / "usr/share/lintian/overrides/edge-router", (_HERE / "debian" / "lintian-overrides").read_text())
    for made in tree.rglob("*"):
        if made.is_dir():
            made.chmod(0o755)
        elif _MODULES in str(made):
            made.chmod(0o644)
    _control(tree, arch)


def _configuration() -> str:
    """The configuration that the service begins with: that of `init`, with the places of a service."""
    text = (ROOT / "edge_router/cli/template/default/config.yaml").read_text()
    for before, here in _PLACES.items():
        text = text.replace(before, here)
    return (_HERE / "debian" / "config-head").read_text() + text[text.index("\nversion: 2\n") :]


def _changelog() -> str:
    """What Debian's tools want to read; what changed, in users' words, is in CHANGELOG.md. (deb-changelog(5).)"""
    date = format_datetime(datetime.fromtimestamp(epoch(), UTC))
    head = f"edge-router ({VERSION}) {packages.SUITE}; urgency=medium"
    return f"{head}\n\n  * What changed is in CHANGELOG.md.\n\n -- {_MAINTAINER}  {date}\n"


def _control(tree: Path, arch: str) -> None:
    files = sorted(path for path in tree.rglob("*") if path.is_file())
    sums = "".join(f"{_md5(path)}  {path.relative_to(tree)}\n" for path in files)
    size = sum((path.stat().st_size + 1023) // 1024 for path in files)
    depends = [*packages.DEPENDS, *(packages.WITH_MSGSPEC if arch == "armhf" else packages.WITHOUT_MSGSPEC)]
    description = textwrap.indent("\n".join(line or "." for line in _DESCRIPTION.rstrip().split("\n")), " ")
    control = {
        "Package": "edge-router",
        "Version": VERSION,
        "Architecture": arch,
        "Maintainer": _MAINTAINER,
        "Installed-Size": str(size),
        "Depends": ", ".join([*depends, "systemd | systemd-standalone-sysusers", "init-system-helpers (>= 1.66~)"]),
        "Recommends": ", ".join(packages.RECOMMENDS),
        "Suggests": ", ".join(packages.SUGGESTS),
        "Section": "net",
        "Priority": "optional",
        "Description": f"{_SUMMARY}\n{description}",
    }
    place = tree / "DEBIAN"
    _write(place / "control", "".join(f"{name}: {value}\n" for name, value in control.items()))
    _write(place / "md5sums", sums)
    _write(place / "conffiles", "".join(f"{name}\n" for name in _CONFFILES))
    for script in ("postinst", "prerm", "postrm"):
        _write(place / script, (_HERE / "debian" / script).read_text(), 0o755)


def _copy(source: Path, place: Path, mode: int) -> None:
    for file in sorted(source.rglob("*")) if source.is_dir() else [source]:
        if file.is_file() and "__pycache__" not in file.parts:
            target = place / file.relative_to(source) if source.is_dir() else place
            _write(target, file.read_bytes(), mode)


def _write(place: Path, content: str | bytes, mode: int = 0o644) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content.encode() if isinstance(content, str) else content)
    place.chmod(mode)


def _md5(path: Path) -> str:
    return md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def _gzipped(text: str) -> bytes:
    return gzip.compress(text.encode(), 9, mtime=0)

