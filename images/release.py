"""A release: everything that people install, in one directory, with what it takes to trust it.

    build/release/edge-router-0.1.0/
        *.deb  *_oci.tar  *.img.xz  *.whl  *.tar.gz     what people install
        *.cdx.json                                      what is in each of them (`sbom`)
        RELEASE-NOTES.md                                what changed, cut from CHANGELOG.md
        build.json                                      commit, tools, and the version of each package of Debian
        SHA256SUMS                                      of all the others; `sha256sum -c SHA256SUMS`

Nothing is released from a tree that differs from its commit, nor without a word on what changed. The directory is made
beside its place and moved there when it is whole.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from images import boards, bootpart, oci, packages, plan, sbom
from images.steps import BuildFailed, megabytes, publish, run, say, size
from images.version import ROOT, VERSION, epoch, git

PLACE: Final = ROOT / "build" / "release" / f"edge-router-{VERSION}"
#: programs whose versions may show in what they make -> how they are asked
_TOOLS: Final = {
    "dpkg-deb": ("dpkg-deb", "--version"),
    "mmdebstrap": ("mmdebstrap", "--version"),
    "xz": ("xz", "--version"),
    "gcc-arm-linux-gnueabihf": ("arm-linux-gnueabihf-gcc", "--version"),
}
#: what a release for others should be told -> what is done without
_SETTINGS: Final = {
    "EDGE_ROUTER_URL": "the manifest for Raspberry Pi Imager names the images where they are on this machine",
    "DEBIAN_MIRROR": "apt on the cards will ask the mirror that this machine asks",
}
_NOTES: Final = """\
# edge-router {version}

{changes}

## Files

| file | size |
|---|---|
{files}

`sha256sum -c SHA256SUMS` checks what was downloaded; `FILE.cdx.json` says what is in FILE (CycloneDX); `build.json`,
of which commit and with which tools it was built. Built from commit {commit}.
"""


def problems() -> list[str]:
    """Why this tree should not be released: one sentence each."""
    found = []
    try:
        changed = git("status", "--porcelain")
        tags = [tag for tag in git("tag", "--points-at", "HEAD").split() if re.match(r"v\d", tag)]
    except (OSError, subprocess.CalledProcessError):
        return ["this is no git checkout: nobody could say what it was built from"]
    if changed:
        names = ", ".join(line[3:] for line in changed.splitlines()[:5])
        found.append(f"the tree differs from its commit ({names}{' ...' if len(changed.splitlines()) > 5 else ''})")
    if tags and f"v{VERSION}" not in tags:
        found.append(f"the commit has the tag {' '.join(tags)}, and edge_router.__version__ is {VERSION}")
    title, text = changes()
    if not text:
        found.append(f"CHANGELOG.md has nothing under `## {VERSION}`: say what changed, in users' words")
    elif tags and "unreleased" in title:
        found.append(f"CHANGELOG.md calls {VERSION} unreleased, and the commit has the tag v{VERSION}: write the date")
    return found


def unset() -> list[str]:
    """What people will find in the files of this machine's own, since nobody said otherwise: one sentence each."""
    found = [f"{name} is not set: {text}" for name, text in _SETTINGS.items() if not os.environ.get(name)]
    if packages.SECURITY not in packages.suites():
        found.append("DEBIAN_SUITES has no -security: cards and containers lack what was mended since")
    return found


def changes(version: str = VERSION, text: str | None = None) -> tuple[str, str]:
    """The section of a version in CHANGELOG.md. Result: its title, and what is under it; nothing if there is none."""
    changelog = (ROOT / "CHANGELOG.md").read_text() if text is None else text
    found = re.search(rf"^## (\[?{re.escape(version)}\]?(?![\w.]).*)\n((?:(?!## ).*\n?)*)", changelog, re.M)
    return (found[1], found[2].strip()) if found else ("", "")


def build(items: Sequence[plan.Item], allow_dirty: bool = False) -> Path:
    """Build all of it. allow_dirty: a warning is enough for what should not be released. Raises BuildFailed."""
    wrong = problems()
    if wrong and not allow_dirty:
        words = "".join(f"\n    {each}" for each in wrong)
        raise BuildFailed(
            f"this is not released:{words}\n--allow-dirty (make release ARGS=--allow-dirty) builds anyway"
        )
    for each in (*wrong, *unset()):
        print(f"warning: {each}", file=sys.stderr)
    before = _state()
    files = plan.build(items)
    if _state() != before:  # what was built first is of another tree than what was built last
        raise BuildFailed("the tree has changed while it was built; once more, please. What is done is kept")
    publish(PLACE, lambda place: _fill(place, files))
    say(f"{PLACE.relative_to(ROOT)}: {len(list(PLACE.iterdir()))} files, {megabytes(size(PLACE))}")
    return PLACE


def _state() -> tuple[str, ...]:
    """What the tree is: its commit, and how it differs from that."""
    return git("rev-parse", "HEAD"), git("status", "--porcelain"), git("diff", "HEAD")


def _fill(place: Path, files: Mapping[str, Sequence[Path]]) -> None:
    place.mkdir()
    for name, made in files.items():
        for file in made:
            run(["cp", "--reflink=auto", file, place / file.name])  # no link: the next build writes into build/dist
        for artifact, kind, components in bills(name, [place / file.name for file in made]):
            sbom.write(artifact, sbom.bill(artifact, kind, components))
    (place / "build.json").write_text(json.dumps(information(files), indent=1, sort_keys=True) + "\n")
    (place / "RELEASE-NOTES.md").write_text(notes(sorted(place.iterdir())))
    (place / "SHA256SUMS").write_text(sums(place.iterdir()))


def bills(name: str, files: Sequence[Path]) -> Iterator[tuple[Path, str, Iterable[sbom.Component]]]:
    """What is in the files of one item of the plan. Result: for each file its kind and its components."""
    kind, *archs = name.split()
    for file in files:
        if kind == "wheel":
            yield file, "application", sbom.of_wheel(next(each for each in files if each.suffix == ".whl"))
        elif kind == "deb":
            yield file, "application", sbom.of_deb(file)
        elif kind == "oci":
            parts = [each for arch in archs for each in (*sbom.of_tree(oci.tree(arch)), *sbom.carried(arch))]
            yield file, "container", parts
        elif file.name.endswith(".img.xz"):
            tree = boards.installed(archs[0])
            yield file, "operating-system", (*sbom.of_tree(tree), *sbom.carried(archs[0]), *_firmware())


def _firmware() -> Iterator[sbom.Component]:
    """What is on a card and not in its root file system."""
    return (each for each in sbom.of_tree(bootpart.firmware()) if each["name"] == "raspi-firmware")


def information(files: Mapping[str, Sequence[Path]]) -> dict[str, Any]:
    """How it was built; nothing in it depends on when and where."""
    archs = sorted({arch for name in files for arch in name.split()[1:]})
    names = {name.partition(" ")[0] for name in files}
    trees = {
        **({f"container {arch}": oci.tree(arch) for arch in archs} if "oci" in names else {}),
        **({name: boards.installed(name.split()[1]) for name in files if name.startswith("image ")}),
    }
    debian = {"suites": packages.suites(), "packages": {name: sbom.versions(tree) for name, tree in trees.items()}}
    return {
        "version": VERSION,
        "commit": git("rev-parse", "HEAD"),
        "changed": bool(git("status", "--porcelain")),
        "source_date_epoch": epoch(),
        "date": datetime.fromtimestamp(epoch(), UTC).isoformat(),
        "tools": {
            "python": sys.version.split()[0],
            "zlib": zlib.ZLIB_RUNTIME_VERSION,
            **{name: run(command).splitlines()[0] for name, command in _TOOLS.items() if shutil.which(command[0])},
        },
        "debian": debian,
    }


def notes(files: Iterable[Path]) -> str:
    """What is told to people: what changed, which files there are, how to check them."""
    title, text = changes()
    listed = [file for file in files if not file.name.endswith(".json")]
    rows = "\n".join(f"| {file.name} | {megabytes(size(file))} |" for file in listed)
    version = title.replace("(unreleased)", "(draft)") or VERSION
    return _NOTES.format(version=version, changes=text, files=rows, commit=git("rev-parse", "HEAD"))


def sums(files: Iterable[Path]) -> str:
    """A line for each file, as `sha256sum` writes them."""
    return "".join(f"{sbom.sha256(file)}  {file.name}\n" for file in sorted(files))
