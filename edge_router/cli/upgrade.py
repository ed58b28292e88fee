"""`edge-router upgrade`: rewrite a configuration of an older form as version 2, and leave the rest of it as it is."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from edge_router.cli.configuration import read_config
from edge_router.cli.directory import add_config
from edge_router.cli.files import keep, write_as
from edge_router.cli.words import in_words
from edge_router.config.find import config_file, node_directory
from edge_router.config.load import read_tree
from edge_router.config.older import Upgraded
from edge_router.config.problems import ConfigErrors, dotted
from edge_router.config.splice import lost_comments, rewritten

VERSION = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """--cbdir and --config."""
    add_config(parser)
    parser.epilog = f"{parser.epilog}The old file is kept beside the new one. Comments stay where they are."


def run(args: argparse.Namespace) -> int:
    """Rewrite the file and say what was changed. Result: 0; 1 if it cannot be read, written or used."""
    directory = node_directory(args.cbdir)
    path = config_file(directory, args.config)
    try:
        text, tree, _ = read_tree(path)
        if not isinstance(tree, dict):
            print(f"edge-router: {path}: nothing to upgrade", file=sys.stderr)
            return 1
        if not _upgrade(path.resolve(), text, tree):
            print(f"{path}: already at latest version {VERSION}, nothing was changed")
    except ConfigErrors as errors:
        print(errors, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"edge-router: {in_words(error)}", file=sys.stderr)
        return 1
    return 0 if read_config(args) is not None else 1


def _upgrade(path: Path, text: str, tree: dict[str, Any]) -> bool:
    """Write the new file, if it would say anything else. Result: whether it was written. Raises OSError."""
    upgraded = Upgraded(tree)
    new = _numbered(upgraded.tree)
    if new == tree:
        return False
    result = rewritten(text, tree, new, path.suffix.lower() == ".json")
    copy = keep(path)
    write_as(path, result, path)
    print(f"{path}: upgraded to version {VERSION}; what it was is in {copy.name}")
    for notice in upgraded.notices:
        print(f"  {dotted(notice.path)}: {notice.text.partition(';')[0].replace('read as', 'now')}")
    lost = 0 if path.suffix.lower() == ".json" else lost_comments(text, result)
    if lost:
        print(f"  {lost} {'comment' if lost == 1 else 'comments'} had no place in it and went; see {copy.name}")
    return True


def _numbered(tree: Any) -> dict[str, Any]:
    """With its version, at its place or first."""
    return {**tree, "version": VERSION} if "version" in tree else {"version": VERSION, **tree}
