"""`edge-router procedures`: what can be called in a realm, and how many serve it."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from edge_router.cli.client.listing import by_policy
from edge_router.cli.client.options import add_reach, talk
from edge_router.cli.client.values import as_json, table

if TYPE_CHECKING:
    from edge_router.cli.client.talk import Talk
    from edge_router.client import Session

EXAMPLES = """\
  edge-router procedures
  edge-router procedures --json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """--json, where."""
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    add_reach(parser, EXAMPLES)


def run(args: argparse.Namespace) -> int:
    """Print all registrations. Result: 0; 1 if they cannot be had."""

    async def main(talk: Talk, session: Session) -> int:
        rows = await by_policy(session, "registration")
        if args.json:
            for row in rows:
                talk.say(as_json(row))
        elif rows:
            cells = [(row["uri"], row["match"], row.get("invoke"), row["count"], row.get("created")) for row in rows]
            for line in table(cells, ("PROCEDURE", "MATCH", "INVOKE", "CALLEES", "SINCE")):
                talk.say(line)
        return 0

    return talk(args, main)
