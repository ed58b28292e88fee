"""Packages to be installed: the router's in other versions, and small ones of a test. (dpkg-deb(1).)"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path

from images.steps import run


def versions_of(package: Path, place: Path, programs: Mapping[str, str | None]) -> dict[str, Path]:
    """Make them. place: for their files. programs: version, with a + in it -> what /usr/bin/edge-router is there; None:
    what it is in the one before. Result: version -> package."""
    tree = place / "tree"
    run(["dpkg-deb", "-R", package, tree])
    made = {}
    for version, program in programs.items():
        control = tree / "DEBIAN/control"
        control.write_text(re.sub(r"(?m)^Version: .*", f"Version: {version}", control.read_text()))
        if program:
            (tree / "usr/bin/edge-router").write_text(program)
        made[version] = place / f"{version.partition('+')[2]}.deb"
        run(["dpkg-deb", "--root-owner-group", "-Zgzip", "--build", tree, made[version]])
    return made


def package(place: Path, name: str, files: Mapping[str, str | int], version: str = "1", fields: str = "") -> Path:
    """Make a small one. place: for its files. files: path in it -> text, or a number of zeros; DEBIAN/p* are scripts.

    fields: more lines of its control file. Result: the package.
    """
    tree = place / f"{name}_{version}"
    control = f"Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: a <a@b>\nDescription: {name}\n"
    control += fields
    for path, text in {"DEBIAN/control": control, **files}.items():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text(text if isinstance(text, str) else "")
        if isinstance(text, int):
            os.truncate(tree / path, text)
        if path.startswith("DEBIAN/p"):
            (tree / path).chmod(0o755)
    made = place / f"{name}_{version}.deb"
    run(["dpkg-deb", "--root-owner-group", "-Zgzip", "--build", tree, made])
    return made


def index(*packages: Path) -> str:
    """The list of a repository that has them beside it."""
    entries = []
    for package in packages:
        octets = package.read_bytes()
        fields = run(["dpkg-deb", "--field", package]).strip()
        sums = f"Size: {len(octets)}\nSHA256: {hashlib.sha256(octets).hexdigest()}"
        entries.append(f"{fields}\nFilename: ./{package.name}\n{sums}\n\n")
    return "".join(entries)
