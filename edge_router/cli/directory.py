"""The options that say which node directory and which configuration is meant; the same for every command of a node."""

from __future__ import annotations

import argparse

EPILOG = """\
The node directory is --cbdir, else $CROSSBAR_DIR, else ./.crossbar if there is one, else the current directory if it
has a configuration, else that of the service edge-router (/var/lib/edge-router) if it is installed.
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
        help="the configuration, relative to the node directory (default: $CROSSBAR_CONFIG, else config.yaml, else "
        "config.json)",
    )
