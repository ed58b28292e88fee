"""`edge-router init`: a node directory with a commented configuration that works, a page and the node's key."""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import sys
from pathlib import Path

from edge_router.cli.files import write_new
from edge_router.cli.words import in_words
from edge_router.config.find import FILES, sealed
from edge_router.node.keyfiles import KeyFileError, ensure_key

TEMPLATES = Path(__file__).with_name("template")
NAMES = ("default", "components")

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
    parser.add_argument(
        "--template",
        choices=NAMES,
        default=NAMES[0],
        help="components: with a component in the router and one in a container (default: default)",
    )
    parser.epilog = "Files that exist are left as they are."


def run(args: argparse.Namespace) -> int:
    """Make what is missing and say what was made. Result: 0, or 1 if it cannot be made."""
    directory = args.cbdir or (args.appdir or Path()) / ".crossbar"
    web = directory / "web" if args.cbdir else directory.parent / "web"
    try:
        made = make(directory, web, args.template)
    except (OSError, KeyFileError) as error:
        print(f"edge-router: {in_words(error)}", file=sys.stderr)
        return 1
    for path in made:
        print(f"wrote {path}")
    if not made:
        print(f"{directory}: all is there already, nothing was changed")
    command = f"{_program()} start"
    print(NEXT.format(command=command if directory == Path(".crossbar") else f"{command} --cbdir {directory}"), end="")
    return 0


def _program() -> str:
    """What to type for `edge-router`: its path if it was called by that and the shell does not find it."""
    called = Path(sys.argv[0])
    return str(called) if called.name == "edge-router" and shutil.which(called.name) is None else "edge-router"


def make(directory: Path, web: Path, template: str = NAMES[0]) -> list[Path]:
    """Make a node directory, its pages, and what else belongs to a template.

    directory: the node directory. web: the directory of pages; what a template has in Python comes beside it. Result:
    the files that were written. Raises OSError, KeyFileError.
    """
    directory.mkdir(parents=True, exist_ok=True)
    made = []
    # a config.yaml would go before a config.json that somebody brought along
    if not any((directory / name).exists() for name in FILES):
        source = TEMPLATES / template
        text = (source / "config.yaml").read_text(encoding="utf-8")
        for mark, path in (("@WEB@", web), ("@APP@", web.parent)):
            text = text.replace(mark, os.path.relpath(path, directory))
        made.append(directory / "config.yaml")
        write_new(made[0], sealed(text).encode())
        web.mkdir(parents=True, exist_ok=True)
        made += _copied(TEMPLATES / "index.html", web / "index.html")
        for program in sorted(source.glob("*.py.txt")):
            made += _copied(program, web.parent / program.name.removesuffix(".txt"))
    return made + ensure_key(directory, platform.node())


def _copied(source: Path, target: Path) -> list[Path]:
    """Copy a file of a template, unless there is one. Result: the files that were written. Raises OSError."""
    if target.exists():
        return []
    write_new(target, source.read_bytes())
    return [target]
