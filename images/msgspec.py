"""msgspec for armhf, the one dependency that Debian 13 has on other architectures only.

Its source is taken from PyPI and compiled for the target on this machine: one C file, against the headers of the
target's Python. (armhf: ARMv7 with VFP, hard floats; Debian's `gcc-arm-linux-gnueabihf`.)
"""

from __future__ import annotations

import sys
import tarfile
from pathlib import Path
from typing import Final

from images import packages
from images.roots import unpack
from images.steps import BuildFailed, cached, key, need, remove, run
from images.wheel import pinned, pinned_version

VERSION: Final = pinned_version("msgspec")
_COMPILER: Final = "arm-linux-gnueabihf-gcc"
_FLAGS: Final = (
    *("-O2", "-g0", "-DNDEBUG", "-fPIC", "-shared", "-fwrapv", "-fno-strict-aliasing"),
    *("-Wl,-z,relro,-z,now", "-Wl,--build-id=none"),
)


def msgspec_for(arch: str) -> Path:
    """The module, compiled. Result: a directory to be put on Python's path. Raises BuildFailed."""

    def make(place: Path) -> None:
        need((f"{_COMPILER}/gcc-arm-linux-gnueabihf", "mmdebstrap"))
        work = place.with_name(place.name + ".work")
        remove(work)
        work.mkdir(parents=True)
        try:
            _compile(work, place, arch)
        finally:
            remove(work)

    return cached(f"{key(VERSION, arch, packages.SUITE, packages.PYTHON, *_FLAGS)}-msgspec-{arch}", make)


def _compile(work: Path, place: Path, arch: str) -> None:
    (work / "requirements.txt").write_text(pinned("msgspec"))
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", "msgspec"]
    run([*command, "--dest", work, "--require-hashes", "--requirement", work / "requirements.txt"])
    (archive,) = work.glob("msgspec-*.tar.gz")
    with tarfile.open(archive) as source:
        source.extractall(work, filter="data")
    headers = work / "headers"
    unpack(headers, arch, "extract", f"libpython{packages.PYTHON}-dev")
    if not (headers / "lib").exists():  # nothing was configured in there; the linker scripts of libc name /lib
        (headers / "lib").symlink_to("usr/lib")
    include = headers / "usr" / "include"
    sources = sorted((work / f"msgspec-{VERSION}").glob("**/_core.c"))
    if not sources:
        raise BuildFailed(f"msgspec {VERSION} has no _core.c: another version needs another images/msgspec.py")
    package = place / "msgspec"
    package.mkdir(parents=True)
    for file in sources[0].parent.iterdir():
        if file.suffix in (".py", ".pyi") or file.name == "py.typed":
            (package / file.name).write_bytes(file.read_bytes())
    suffix = f".cpython-{packages.PYTHON.replace('.', '')}-arm-linux-gnueabihf.so"
    python = f"python{packages.PYTHON}"
    places = [include / python, include, include / "arm-linux-gnueabihf", sources[0].parent]
    output = package / f"_core{suffix}"
    options = [*_FLAGS, f"-ffile-prefix-map={work}=.", f"--sysroot={headers}", *(f"-I{place}" for place in places)]
    run([_COMPILER, *options, sources[0], "-s", "-o", output])
    for file in (work / f"msgspec-{VERSION}").glob("LICENSE*"):
        (package / file.name).write_bytes(file.read_bytes())
