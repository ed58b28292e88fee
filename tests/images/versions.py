"""The package in other versions, to be updated to. (dpkg-deb(1).)"""

from __future__ import annotations

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
