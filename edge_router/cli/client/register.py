"""`edge-router register`: any program as a procedure."""

from __future__ import annotations

import argparse
import shutil
import sys
from typing import TYPE_CHECKING

from edge_router import registry
from edge_router.cli.client.options import add_reach, talk
from edge_router.cli.client.values import BadValue, add_option, options_of
from edge_router.wamp.messages import RegisterOptions

if TYPE_CHECKING:
    from edge_router.cli.client.talk import Talk
    from edge_router.client import Session

PROGRAM = True
EXAMPLES = """\
  edge-router register com.example.uptime -- uptime -p
  edge-router register com.example.lamp.set --arguments -- /usr/local/bin/set-lamp
  edge-router register com.example.add -- jq '.args | add'

The program gets {"procedure": ..., "args": [...], "kwargs": {...}} on its stdin. What it prints is the result: JSON if
it is JSON, else text. If it ends with another status than 0 the call fails with wamp.error.runtime_error, what the
program said last on stderr, and status and stderr as keyword arguments.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """PROCEDURE, how it is served, where; then the program."""
    parser.usage = "edge-router register PROCEDURE [OPTIONS] -- COMMAND [ARG ...]"
    parser.add_argument("procedure", metavar="PROCEDURE")
    parser.add_argument("--arguments", action="store_true", help="give it the args of the call as arguments, too")
    parser.add_argument("--concurrency", type=int, default=1, metavar="N", help="processes at a time (default: 1)")
    parser.add_argument("--waiting", type=int, default=100, metavar="N", help="calls that may wait (default: 100)")
    parser.add_argument("--timeout", type=float, default=0, metavar="SEC", help="how long the program may take")
    parser.add_argument("--match", default="exact", choices=("exact", "prefix", "wildcard"), help="serve a pattern")
    invoke = ("single", "first", "last", "roundrobin", "random")
    parser.add_argument("--invoke", default="single", choices=invoke, help="share the procedure with others")
    add_option(parser, "REGISTER")
    add_reach(parser, EXAMPLES)


def run(args: argparse.Namespace) -> int:
    """Serve calls until a signal ends it. Result: 0; 1 if that fails; 2 for wrong usage."""
    if args.concurrency < 1 or args.waiting < 0 or args.timeout < 0:
        print("edge-router: --concurrency must be 1 or more, --waiting and --timeout 0 or more", file=sys.stderr)
        return 2
    if not args.program:
        print("edge-router: say which program: register PROCEDURE -- COMMAND [ARG ...]", file=sys.stderr)
        return 2
    program = shutil.which(args.program[0])
    if program is None:
        print(f"edge-router: there is no program {args.program[0]!r} that can be run", file=sys.stderr)
        return 1
    try:
        options = options_of(args.option, RegisterOptions, {"match": args.match, "invoke": args.invoke})
    except BadValue as problem:
        print(f"edge-router: {problem}", file=sys.stderr)
        return 2

    async def main(talk: Talk, session: Session) -> int:
        commands = registry.load("edge_router.cli.client.command:Commands")(
            talk.reactor,
            [program, *args.program[1:]],
            args.concurrency,
            args.waiting,
            args.timeout,
            args.arguments,
        )
        try:
            await session.register(args.procedure, commands.call, details=True, **options)
            print(f"edge-router: {args.procedure} is served; end with Ctrl-C", file=sys.stderr)
            return await talk.until_the_end()
        finally:
            await commands.stop()

    return talk(args, main)
