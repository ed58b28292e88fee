"""Which node directory and which configuration is meant, and reading it; the same for every command of a node."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import NamedTuple

from edge_router.config.find import config_file, node_directory
from edge_router.config.load import Loaded, load
from edge_router.config.problems import ConfigErrors

EPILOG = """\
The node directory is --cbdir, else $CROSSBAR_DIR, else ./.crossbar if there is one, else the current directory.
"""


def add_cbdir(parser: argparse.ArgumentParser) -> None:
    """Add --cbdir, and its alias --cbdata for the scripts of old."""
    parser.add_argument("--cbdir", "--cbdata", metavar="DIR", help="the node directory")
    parser.epilog = EPILOG


def add_config(parser: argparse.ArgumentParser) -> None:
    """Add --cbdir and --config."""
    add_cbdir(parser)
    parser.add_argument(
        "--config",
        metavar="FILE",
        help="the configuration, relative to the node directory (default: config.yaml, else config.json)",
    )


class Read(NamedTuple):
    """A configuration that can be used. directory: the node directory. path: the file. loaded: what is in it."""

    directory: Path
    path: Path
    loaded: Loaded


def read_config(args: argparse.Namespace) -> Read | None:
    """Find, read and check the configuration. Result: None if it cannot be used; stderr has all the reasons then."""
    directory = node_directory(args.cbdir)
    path = config_file(directory, args.config)
    try:
        return Read(directory, path, load(path, directory))
    except ConfigErrors as errors:
        print(errors, file=sys.stderr)
    if not path.exists():
        print("'edge-router init' makes a node directory, --cbdir says where another one is", file=sys.stderr)
    return None
