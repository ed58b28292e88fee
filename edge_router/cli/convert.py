"""`edge-router convert`: the configuration in the other language, JSON or YAML, in a file beside it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from edge_router.cli.configuration import read_config
from edge_router.cli.directory import add_config
from edge_router.cli.files import write_as
from edge_router.cli.words import in_words
from edge_router.config.find import FILES, config_file
from edge_router.config.load import read_tree
from edge_router.config.problems import ConfigErrors
from edge_router.config.splice import dumped, lost_comments

OTHER = {".json": ".yaml", ".yaml": ".json", ".yml": ".json"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """--cbdir, --config, --force."""
    add_config(parser)
    parser.add_argument("--force", action="store_true", help="write over a file of that name")
    parser.epilog = f"{parser.epilog}config.json becomes config.yaml and the other way; JSON has no comments."


def run(args: argparse.Namespace) -> int:
    """Write the other file and say which one the node reads. Result: 0; 1 if there is nothing right to convert."""
    read = read_config(args)
    if read is None:
        return 1
    for notice in read.loaded.notices:
        print(notice, file=sys.stderr)
    suffix = OTHER.get(read.path.suffix.lower())
    if suffix is None:
        print(f"edge-router: {read.path}: its name must end in .json or .yaml", file=sys.stderr)
        return 1
    target = read.path.with_suffix(suffix)
    if target.exists() and not args.force:
        print(f"edge-router: {target} is there already; --force writes over it", file=sys.stderr)
        return 1
    try:
        text, tree, _ = read_tree(read.path)
        result = dumped({} if tree is None else tree, suffix == ".json")
        write_as(target, result, read.path)
    except (OSError, ConfigErrors) as error:
        print(f"edge-router: {in_words(error)}", file=sys.stderr)
        return 1
    print(f"wrote {target}")
    lost = lost_comments(text, "") if suffix == ".json" else 0
    if lost:
        print(f"JSON has no comments: {lost} of {read.path.name} {'is' if lost == 1 else 'are'} not in it")
    _say_which_is_read(read.path, target)
    return 0


def _say_which_is_read(path: Path, target: Path) -> None:
    """Both files are there now; without --config one goes before the other."""
    if {path.name, target.name} == set(FILES):
        print(f"The node reads {config_file(path.parent).name} now; delete the one that you do not want.")
