"""Reading the configuration that the command line means, and saying what is wrong with it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import NamedTuple

from edge_router.config.find import config_file, node_directory
from edge_router.config.load import Loaded, load
from edge_router.config.problems import ConfigErrors


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
