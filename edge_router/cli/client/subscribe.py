"""`edge-router subscribe`: events as they come, one JSON object a line."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING, Any, cast

from edge_router.cli.client.options import add_reach, talk
from edge_router.cli.client.values import as_json

if TYPE_CHECKING:
    from edge_router.cli.client.talk import Talk
    from edge_router.client import Received, Session
    from edge_router.wamp.messages import Match, Origin

EXAMPLES = """\
  edge-router subscribe com.example.kitchen
  edge-router subscribe com.example.                 everything that begins so
  edge-router subscribe com.example..temperature     one component left open
  edge-router subscribe com.example.lamp --retained --count 1 --values
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """TOPIC..., how it matches, when to end, where."""
    patterns = "with a dot at its end it is a prefix, with an empty component a wildcard"
    parser.add_argument("topics", nargs="+", metavar="TOPIC", help=patterns)
    policies = ("exact", "prefix", "wildcard")
    parser.add_argument("--match", choices=policies, help="how they match, whatever they look like")
    parser.add_argument("--retained", action="store_true", help="begin with the events that the router has kept")
    parser.add_argument("--count", type=int, metavar="N", help="end after so many events")
    late = "end after so many seconds; with status 1 if fewer than --count have come"
    parser.add_argument("--timeout", type=float, metavar="SEC", help=late)
    parser.add_argument("--values", action="store_true", help="print the first argument of each event only")
    add_reach(parser, EXAMPLES)


def match_of(topic: str) -> Match:
    """How a topic matches, by its looks."""
    if topic == "" or (topic.endswith(".") and not topic.startswith(".") and ".." not in topic):
        return "prefix"
    return "wildcard" if topic.startswith(".") or ".." in topic else "exact"


def as_line(event: Received, values: bool) -> str:
    """An event as it is printed. values: its first argument only."""
    if values:
        return as_json(event.args[0] if event.args else None)
    details = event.details
    line: dict[str, Any] = {"topic": event.topic, "args": event.args, "kwargs": event.kwargs}
    more = {
        "time": round(time.time(), 3),
        "retained": details.retained or None,
        "publisher": details.publisher,
        "publisher_authid": details.publisher_authid,
        "publisher_authrole": details.publisher_authrole,
        "replayed": details.replayed or None,
        "origin": None if details.origin is None else _origin(details.origin),
    }
    return as_json(line | {key: value for key, value in more.items() if value is not None})


def _origin(origin: Origin) -> dict[str, Any]:
    """Where an uplink has it from. time: when it was published there, seconds since 1970."""
    time = round(origin.time / 1000, 3)
    return {"node": origin.node, "sequence": origin.sequence, "time": time, "time_quality": origin.quality}


def run(args: argparse.Namespace) -> int:
    """Print events until a signal, --count or --timeout ends it. Result: 0; 1 if that fails."""

    async def main(talk: Talk, session: Session) -> int:
        seen = 0

        def show(event: Received) -> None:
            nonlocal seen
            if args.count is None or seen < args.count:
                seen += 1
                talk.say(as_line(event, args.values))
            if seen == args.count:
                talk.finish(0)

        for topic in args.topics:
            match = cast("Match", args.match or match_of(topic))
            await session.subscribe(topic, show, match, get_retained=args.retained)
        if args.timeout is not None:
            talk.reactor.callLater(args.timeout, talk.finish, 0 if args.count is None else 1)
        return await talk.until_the_end()

    return talk(args, main)
