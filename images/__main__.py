"""The command line of the builds: `python -m images deb --arch arm64`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Final

from images import deb, oci
from images.packages import ARCHITECTURES
from images.steps import BuildFailed, complain

#: what can be built -> how, and one line of help
BUILDS: Final[dict[str, tuple[Callable[[Sequence[str]], object], str]]] = {
    "deb": (lambda archs: [deb.build(arch) for arch in archs], "the Debian package"),
    "oci": (lambda archs: oci.archive(oci.build(*archs)), "the container image"),
}


def main() -> int:
    """Build what was asked for. Result: 0, or 1 if it cannot be built."""
    parser = argparse.ArgumentParser(prog="python -m images", description="Build what people install.")
    parser.add_argument("what", choices=BUILDS, help="; ".join(f"{name}: {text}" for name, (_, text) in BUILDS.items()))
    parser.add_argument("--arch", choices=(*ARCHITECTURES, "all"), default="all", help="(default: all of them)")
    args = parser.parse_args()
    archs = ARCHITECTURES if args.arch == "all" else (args.arch,)
    try:
        BUILDS[args.what][0](archs)
    except BuildFailed as problem:
        return complain(problem)
    return 0


if __name__ == "__main__":
    sys.exit(main())
