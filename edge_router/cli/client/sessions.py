"""`edge-router sessions`: who is in a realm."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any, Final

from edge_router.cli.client.listing import each
from edge_router.cli.client.options import add_reach, talk
from edge_router.cli.client.values import as_json, table

if TYPE_CHECKING:
    from edge_router.cli.client.talk import Talk
    from edge_router.client import Session

EXAMPLES = """\
  edge-router sessions
  edge-router sessions --role operator --json
"""
HEADS: Final = ("SESSION", "AUTHID", "ROLE", "METHOD", "PEER", "PROTOCOL", "DROPPED")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """--role, --json, where."""
    parser.add_argument("--role", action="append", metavar="ROLE", help="only sessions of this role")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    add_reach(parser, EXAMPLES)


def row_of(details: dict[str, Any]) -> tuple[Any, ...]:
    """A session as a line of the table."""
    transport = details.get("transport") or {}
    protocol = "/".join(filter(None, (transport.get("kind") or transport.get("type"), transport.get("protocol"))))
    return (
        details.get("session"),
        details.get("authid"),
        details.get("authrole"),
        details.get("authmethod"),
        transport.get("peer"),
        protocol,
        details.get("events_dropped"),
    )


def run(args: argparse.Namespace) -> int:
    """Print all sessions but this command's own. Result: 0; 1 if they cannot be had."""

    async def main(talk: Talk, session: Session) -> int:
        ids = (await session.call("wamp.session.list", [args.role] if args.role else [])).value
        found = await each(session, "wamp.session.get", (number for number in ids if number != session.id))
        if args.json:
            for details in found.values():
                talk.say(as_json(details))
        elif found:
            for line in table([row_of(details) for details in found.values()], HEADS):
                talk.say(line)
        return 0

    return talk(args, main)
