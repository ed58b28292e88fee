"""`edge-router procedures`: what can be called in a realm, and how many serve it."""

from __future__ import annotations

import argparse
from typing import Final

from edge_router.cli.client.listing import show_all
from edge_router.cli.client.options import add_reach

EXAMPLES = """\
  edge-router procedures
  edge-router procedures --json
"""
COLUMNS: Final = {"uri": "PROCEDURE", "match": "MATCH", "invoke": "INVOKE", "count": "CALLEES", "created": "SINCE"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """--json, where."""
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    add_reach(parser, EXAMPLES)


def run(args: argparse.Namespace) -> int:
    """Print all registrations. Result: 0; 1 if they cannot be had."""
    return show_all(args, "registration", COLUMNS)
