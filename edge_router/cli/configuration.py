"""Reading the configuration that the command line means, and saying what is wrong with it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import NamedTuple

from edge_router.cli.words import help_for
from edge_router.config.find import config_file, node_directory, passed_over
from edge_router.config.load import Loaded, load
from edge_router.config.problems import ConfigErrors, Finding


class Read(NamedTuple):
    """A configuration that can be used. directory: the node directory. path: the file. loaded: what is in it."""

    directory: Path
    path: Path
    loaded: Loaded


def read_config(args: argparse.Namespace, tell: bool = True) -> Read | None:
    """Find, read and check the configuration. Result: None if it cannot be used; stderr has all the reasons then.

    tell: false if somebody else has told of them.
    """
    directory = node_directory(args.cbdir)
    path = config_file(directory, args.config)
    try:
        loaded = load(path, directory)
        beside = None if args.config else passed_over(path)
        if beside:
            loaded.notices.insert(0, Finding(str(path), None, "", beside))
        return Read(directory, path, loaded)
    except ConfigErrors as errors:
        if not tell:
            return None
        print(errors, file=sys.stderr)
    hint = _hint(path)
    if hint:
        print(hint, file=sys.stderr)
    return None


def _hint(path: Path) -> str | None:
    """What helps if the file cannot be opened."""
    try:
        path.open("rb").close()
    except FileNotFoundError:
        return "'edge-router init' makes a node directory, --cbdir says where another one is"
    except OSError as error:
        return help_for(error)
    return None
