"""`edge-router init`: a node directory with a commented configuration that works, a page and the node's key."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from pathlib import Path

from edge_router.config.find import FILES, sealed
from edge_router.node.keyfiles import KeyFileError, ensure_key

TEMPLATE = Path(__file__).with_name("template")

NEXT = """
Now run the node:
  {command}
and open http://127.0.0.1:8080/ on this machine.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where to make it: --appdir or --cbdir."""
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--appdir", metavar="DIR", type=Path, help="make DIR/.crossbar and DIR/web (default: the current directory)"
    )
    where.add_argument(
        "--cbdir", "--cbdata", metavar="DIR", type=Path, help="make DIR itself the node directory, with DIR/web in it"
    )
    parser.epilog = "Files that exist are left as they are."


def run(args: argparse.Namespace) -> int:
    """Make what is missing and say what was made. Result: 0, or 1 if it cannot be made."""
    directory = args.cbdir or (args.appdir or Path()) / ".crossbar"
    web = directory / "web" if args.cbdir else directory.parent / "web"
    try:
        made = make(directory, web)
    except (OSError, KeyFileError) as error:
        print(f"edge-router: {error}", file=sys.stderr)
        return 1
    for path in made:
        print(f"wrote {path}")
    if not made:
        print(f"{directory}: all is there already, nothing was changed")
    command = "edge-router start"
    print(NEXT.format(command=command if directory == Path(".crossbar") else f"{command} --cbdir {directory}"), end="")
    return 0


def make(directory: Path, web: Path) -> list[Path]:
    """Make a node directory and its pages. Result: the files that were written. Raises OSError, KeyFileError."""
    directory.mkdir(parents=True, exist_ok=True)
    made = []
    # a config.yaml would go before a config.json that somebody brought along
    if not any((directory / name).exists() for name in FILES):
        text = (TEMPLATE / "config.yaml").read_text(encoding="utf-8")
        config = directory / "config.yaml"
        config.write_text(sealed(text.replace("@WEB@", os.path.relpath(web, directory))), encoding="utf-8")
        made.append(config)
        made += make_page(web)
    return made + ensure_key(directory, platform.node())


def make_page(web: Path) -> list[Path]:
    """Make the directory of pages with a first one. Result: the files that were written. Raises OSError."""
    web.mkdir(parents=True, exist_ok=True)
    page = web / "index.html"
    if page.exists():
        return []
    page.write_bytes((TEMPLATE / "index.html").read_bytes())
    return [page]
