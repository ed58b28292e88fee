"""`edge-router publish`: one event, or one for each line of stdin."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from edge_router import registry
from edge_router.cli.client.options import add_reach, talk
from edge_router.cli.client.values import BadValue, add_option, add_payload, as_json, options_of, payload_of
from edge_router.wamp.messages import PublishOptions

if TYPE_CHECKING:
    from edge_router.cli.client.talk import Talk
    from edge_router.client import Session

INTERMIXED = True
EXAMPLES = """\
  edge-router publish com.example.lamp on
  edge-router publish com.example.kitchen '{"temperature": 21.5}' -k unit=°C --retain
  my-sensor | edge-router publish com.example.sensor --lines
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """TOPIC, the payload, how it is published, where."""
    parser.add_argument("topic", metavar="TOPIC")
    add_payload(parser)
    parser.add_argument("--lines", action="store_true", help="publish each line of stdin, after the ARGs, as one event")
    parser.add_argument("--retain", action="store_true", help="keep it for who subscribes later")
    add_option(parser, "PUBLISH")
    parser.add_argument("--json", action="store_true", help="print the id of each publication as JSON")
    add_reach(parser, EXAMPLES)


def run(args: argparse.Namespace) -> int:
    """Publish, and wait until the router has it. Result: 0; 1 if it could not be published; 2 for wrong usage."""
    try:
        payload = payload_of(args)
        given = {"acknowledge": True, "retain": args.retain}
        options = options_of(args.option, PublishOptions, given) | {"acknowledge": True}
    except BadValue as problem:
        print(f"edge-router: {problem}", file=sys.stderr)
        return 2

    async def main(talk: Talk, session: Session) -> int:
        async def publish(*more: Any) -> None:
            publication: Any = session.publish(args.topic, [*payload[0], *more], payload[1], **options)
            found = await publication
            if args.json:
                talk.say(as_json({"publication": found}))

        if args.lines:
            await registry.load("edge_router.cli.client.lines:each_line")(talk.reactor, publish, args.text)
        else:
            await publish()
        return 0

    return talk(args, main)
