"""`edge-router call`: call a procedure and print what it gives."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from edge_router.cli.client.options import add_reach, talk
from edge_router.cli.client.values import BadValue, add_option, add_payload, as_json, as_result, options_of, payload_of
from edge_router.wamp.errors import WampError
from edge_router.wamp.messages import CallOptions

if TYPE_CHECKING:
    from edge_router.cli.client.talk import Talk
    from edge_router.client import Result, Session

INTERMIXED = True
EXAMPLES = """\
  edge-router call com.example.lamp.set 80
  edge-router call com.example.report -k room=kitchen -k days=7 --json
  edge-router call wamp.session.count
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """PROCEDURE, the payload, how long to wait, where."""
    parser.add_argument("procedure", metavar="PROCEDURE")
    add_payload(parser)
    parser.add_argument("--timeout", type=float, default=0, metavar="SEC", help="how long it may take (default: ever)")
    add_option(parser, "CALL")
    parser.add_argument("--progress", action="store_true", help="print what it gives on the way, too")
    parser.add_argument(
        "--json", action="store_true", help='print {"args": [...], "kwargs": {...}}, and errors with "error" as well'
    )
    add_reach(parser, EXAMPLES)


def run(args: argparse.Namespace) -> int:
    """Call. Result: 0; 1 if the call fails, with its error on stderr (on stdout with --json); 2 for wrong usage."""
    try:
        payload = payload_of(args)
        if args.timeout < 0:
            raise BadValue("--timeout: 0 or more seconds would be right")
        given = {"timeout": round(args.timeout * 1000)} if args.timeout else {}
        options = options_of(args.option, CallOptions, given)
        if "receive_progress" in options:
            raise BadValue("--option receive_progress: --progress does that")
    except BadValue as problem:
        print(f"edge-router: {problem}", file=sys.stderr)
        return 2

    async def main(talk: Talk, session: Session) -> int:
        def show(result: Result) -> None:
            if args.json:
                talk.say(as_json({"args": list(result.args), "kwargs": dict(result.kwargs)}))
            elif text := as_result(result.args, result.kwargs):
                talk.say(text)

        progress = show if args.progress else None
        try:
            show(await session.call(args.procedure, *payload, on_progress=progress, **options))
        except WampError as error:
            if not args.json:
                raise
            talk.say(as_json({"error": error.uri, "args": list(error.error_args), "kwargs": dict(error.error_kwargs)}))
            return 1
        return 0

    return talk(args, main)
