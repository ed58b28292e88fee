"""`edge-router start`: read the configuration, take the node directory, then load the reactor and run the node.

The configuration comes first because it says what has to be loaded at all; whatever is wrong with it is said before
anything is started.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable

from edge_router import registry
from edge_router.cli.apart import Parsed, read_apart
from edge_router.cli.directory import add_config
from edge_router.node.lean import hold_back
from edge_router.node.needs import has_tls, transport_types
from edge_router.node.pidfile import NodeRunningError, PidFile

LEVELS = ("none", "error", "warn", "info", "debug", "trace")
FORMATS = ("syslogd", "standard", "none")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """--cbdir, --config, --loglevel, --logformat, --color, --shutdownafter; the names are Crossbar's."""
    add_config(parser)
    parser.add_argument("--loglevel", choices=LEVELS, default="info", help="how much is logged (default: info)")
    parser.add_argument(
        "--logformat",
        choices=FORMATS,
        help="syslogd: priorities for the journal; standard: with time and level; none: the text alone "
        "(default: syslogd under systemd, else standard)",
    )
    parser.add_argument("--color", choices=("true", "false", "auto"), help="taken as by Crossbar; there are no colours")
    parser.add_argument("--shutdownafter", metavar="SEC", type=positive, help="end by itself after so many seconds")


def positive(text: str) -> float:
    """A number of seconds above 0. Raises ValueError, which argparse turns into a message."""
    seconds = float(text)
    if not 0 < seconds < float("inf"):
        raise ValueError(text)
    return seconds


def run(args: argparse.Namespace) -> int:
    """Run a node until it is stopped. Result: 0; 1 if it cannot be started, with the reasons on stderr."""
    parsed = read_apart(args)
    if parsed is None:
        return 1
    pid_file = PidFile(parsed.directory)
    try:
        stale = pid_file.take(options_of(args, parsed))
    except (NodeRunningError, OSError) as error:
        print(f"edge-router: {error}", file=sys.stderr)
        return 1
    try:
        return run_node(args, parsed, stale, pid_file.release)
    finally:
        pid_file.release()


def run_node(args: argparse.Namespace, parsed: Parsed, stale: bool, give_way: Callable[[], None]) -> int:
    """Load Twisted and the node, and run it.

    stale: the last node here did not end in order. give_way: removes the pid file. Result: the exit status.
    """
    hold_back(tls=has_tls(parsed.config), transports=transport_types(parsed.config))
    begin_log = registry.load("edge_router.node.log:begin_log")
    begin_log(sys.stderr, args.loglevel, args.logformat, os.environ)
    program = registry.load("edge_router.node.program:Program")
    status: int = program(parsed.config, parsed.notices, parsed.directory, stale, give_way).run(args.shutdownafter)
    return status


def options_of(args: argparse.Namespace, parsed: Parsed) -> dict[str, object]:
    """What the node was started with, for node.pid."""
    given = {name: value for name, value in vars(args).items() if value is not None}
    return {**given, "cbdir": str(parsed.directory), "config": str(parsed.path)}
