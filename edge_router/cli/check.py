"""`edge-router check`: everything that is wrong with a configuration, at once, without starting anything."""

from __future__ import annotations

import argparse
import sys

from edge_router.cli.configuration import read_config
from edge_router.cli.directory import add_config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """--cbdir and --config."""
    add_config(parser)


def run(args: argparse.Namespace) -> int:
    """Print problems and notices, one a line, to stderr. Result: 0 if the node could be started with it, else 1."""
    read = read_config(args)
    if read is None:
        return 1
    for notice in read.loaded.notices:
        print(notice, file=sys.stderr)
    print(f"Ok, node configuration looks good! ({read.path})")
    return 0
