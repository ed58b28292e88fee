"""The command line of the builds: `python -m images deb --arch arm64`."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Final, NoReturn

from images import boards, plan, release
from images.packages import ARCHITECTURES
from images.steps import CACHE, DIST, BuildFailed, clear, complain, megabytes, remove, say, size

Planner = Callable[[Sequence[str]], list[plan.Item]]

#: what can be built -> what it is made of, and one line of help
BUILDS: Final[dict[str, tuple[tuple[Planner, ...], str]]] = {
    "wheel": ((plan.wheels,), "our Python for pip: a wheel and a source archive"),
    "deb": ((plan.packages,), "the Debian package"),
    "oci": ((plan.containers,), "the container image, one for all architectures"),
    "image": ((plan.cards,), "the image of an SD card, for arm64 and armhf"),
    "images": ((plan.packages, plan.containers, plan.cards), "all of that for one architecture, or for all"),
    "release": (
        (plan.wheels, plan.packages, plan.containers, plan.cards),
        "everything for all architectures, in build/release, with checksums, SBOM, release notes and build information",
    ),
}
_CLEAN: Final = (
    "remove results, and from the cache what no build has used for --days, or for one if there is a newer one; "
    "with --all the whole cache"
)
_EPILOG: Final = """\
results go to build/dist (a release: to build/release/edge-router-VERSION), what is made on the way to build/cache
what is in the cache is not made again, so an interrupted build goes on where it was

environment:
  EDGE_ROUTER_CACHE   another directory for the cache; several checkouts may share one
  DEBIAN_MIRROR       where Debian's packages come from, as http://HOST/debian (default: as apt here)
  DEBIAN_SECURITY_MIRROR  and what has been mended since (default: beside DEBIAN_MIRROR, or as apt here)
  DEBIAN_SUITES       which of them (default: trixie trixie-updates trixie-security)
  PIP_INDEX_URL       where PyPI's come from
  SOURCE_DATE_EPOCH   the date of all files (default: that of the last commit)

examples:
  python -m images deb --arch arm64          a package for a Pi with a 64-bit system: 20 s
  python -m images images --arch arm64       package, container image and card for it
  python -m images release --list            what a release is made of, and what of it is there
"""


def main() -> int:
    """Build what was asked for. Result: 0, or 1 if it cannot be built, 130 if it was interrupted."""
    args = _parser().parse_args()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupted)
    try:
        if args.what == "clean":
            _clean(-1.0 if args.all else args.days)
            return 0
        if find_spec("msgspec") is None:
            raise BuildFailed(f"{sys.executable} lacks what edge-router needs: `make install`, then .venv/bin/python")
        archs = ARCHITECTURES if args.arch == "all" else (args.arch,)
        if args.what == "release" and args.arch != "all":
            raise BuildFailed("a release is for all architectures; for one there is `images --arch`")
        items = [item for planner in BUILDS[args.what][0] for item in planner(archs)]
        if not items:
            raise BuildFailed(f"no Raspberry Pi is {args.arch}: a card is for one of {', '.join(boards.KERNELS)}")
        if args.list:
            plan.show(items)
        elif args.what == "release":
            release.build(items, args.allow_dirty)
        else:
            plan.build(items)
    except (BuildFailed, OSError) as problem:
        return complain(problem)
    except KeyboardInterrupt:
        print("images: what is done is kept, the same command goes on from here", file=sys.stderr)
        return 130
    return 0


def _interrupted(_number: int, _frame: object) -> NoReturn:
    """End in order; a tree of gigabytes is not gone at once."""
    os.write(2, b"\nimages: interrupted; removing what is half done ...\n")
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    kinds = "".join(f"\n  {name:9} {text}" for name, (_, text) in BUILDS.items())
    parser = argparse.ArgumentParser(
        prog="python -m images",
        description=f"Build what people install.\n\nwhat:{kinds}\n  clean     {_CLEAN}",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", choices=[*BUILDS, "clean"], metavar="WHAT", help="one of the above")
    parser.add_argument("--arch", choices=(*ARCHITECTURES, "all"), default="all", help="architecture (default: all)")
    parser.add_argument("--list", action="store_true", help="say what would be built and what is there; build nothing")
    parser.add_argument("--allow-dirty", action="store_true", help="release a tree that differs from its commit, too")
    parser.add_argument("--days", type=float, default=14.0, help="of clean: (default: 14)")
    parser.add_argument("--all", action="store_true", help="of clean: the whole cache")
    return parser


def _clean(days: float) -> None:
    freed = size(DIST) + size(release.PLACE.parent)
    remove(DIST)
    remove(release.PLACE.parent)
    freed += clear(days)
    say(f"removed {megabytes(freed)}; the cache ({CACHE}) has {megabytes(size(CACHE))}")


if __name__ == "__main__":
    sys.exit(main())
