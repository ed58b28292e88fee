"""`edge-router check`: everything that is wrong with a configuration, at once, without starting anything."""

from __future__ import annotations

import argparse
import sys

from edge_router.cli.directory import add_config
from edge_router.config.find import config_file, node_directory
from edge_router.config.load import load
from edge_router.config.problems import ConfigErrors


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """--cbdir and --config."""
    add_config(parser)


def run(args: argparse.Namespace) -> int:
    """Print problems and notices, one a line, to stderr. Result: 0 if the node could be started with it, else 1."""
    directory = node_directory(args.cbdir)
    path = config_file(directory, args.config)
    try:
        loaded = load(path, directory)
    except ConfigErrors as errors:
        print(errors, file=sys.stderr)
        return 1
    for notice in loaded.notices:
        print(notice, file=sys.stderr)
    print(f"Ok, node configuration looks good! ({path})")
    return 0
