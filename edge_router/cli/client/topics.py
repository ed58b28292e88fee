"""`edge-router topics`: what is subscribed to in a realm, and by how many."""

from __future__ import annotations

import argparse
from typing import Final

from edge_router.cli.client.listing import show_all
from edge_router.cli.client.options import add_reach

EXAMPLES = """\
  edge-router topics
  edge-router topics --json
"""
COLUMNS: Final = {"uri": "TOPIC", "match": "MATCH", "count": "SUBSCRIBERS", "created": "SINCE"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """--json, where."""
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    add_reach(parser, EXAMPLES)


def run(args: argparse.Namespace) -> int:
    """Print all subscriptions. Result: 0; 1 if they cannot be had."""
    return show_all(args, "subscription", COLUMNS)
