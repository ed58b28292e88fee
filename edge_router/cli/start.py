"""`edge-router start`: read the configuration, take the node directory, then load the reactor and run the node.

The configuration comes first because it says what has to be loaded at all; whatever is wrong with it is said before
anything is started.
"""

from __future__ import annotations

import argparse
import faulthandler
import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from edge_router import registry
from edge_router.cli.alarm import alarm, leave_word
from edge_router.cli.apart import Parsed, read_apart
from edge_router.cli.directory import add_config
from edge_router.cli.fitting import fitting, positive
from edge_router.cli.words import in_words
from edge_router.config.find import SERVICE
from edge_router.node import outcome
from edge_router.node.crash import CrashKeeper
from edge_router.node.lean import hold_back
from edge_router.node.needs import has_tls, part_types
from edge_router.node.pidfile import NodeRunningError, PidFile

LOG_NAME, LOG_SIZE, LOG_COUNT, LOG_LEAST = "node.log", 1_048_576, 5, 4_096
LEVELS = ("none", "error", "warn", "info", "debug", "trace")
OF_SERVICE = (
    "is the service's, which could not use what root leaves there; `systemctl start edge-router` runs it, "
    "`runuser -u edge-router -- edge-router start` in this terminal"
)
FORMATS = ("syslogd", "standard", "none")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """--cbdir, --config, --shutdownafter and those of the log; the names are Crossbar's."""
    add_config(parser)
    parser.add_argument("--loglevel", choices=LEVELS, default="info", help="how much is logged (default: info)")
    parser.add_argument(
        "--logformat",
        choices=FORMATS,
        help="syslogd: priorities for the journal; standard: with time and level; none: the text alone "
        "(default: syslogd under systemd, else standard)",
    )
    parser.add_argument(
        "--color",
        choices=("true", "false", "auto"),
        default="auto",
        help="colours for warnings and errors in the standard format (default: auto, which is on a terminal)",
    )
    parser.add_argument(
        "--logtofile",
        action="store_true",
        help=f"log to {LOG_NAME} instead of stderr, which then gets errors only; full files become {LOG_NAME}.1, ...",
    )
    parser.add_argument("--logdir", metavar="DIR", type=Path, help="where that file is (default: the node directory)")
    parser.add_argument(
        "--logsize",
        metavar="OCTETS",
        default=LOG_SIZE,
        help="when it is full, as 500K (default: 1M)",
        type=fitting(octets, lambda size: size >= LOG_LEAST, "4K or more"),
    )
    parser.add_argument(
        "--logcount",
        metavar="N",
        default=LOG_COUNT,
        help=f"files in all (default: {LOG_COUNT})",
        type=fitting(int, lambda number: 0 < number < 1_000, "a whole number from 1 to 999"),
    )
    parser.add_argument("--shutdownafter", metavar="SEC", type=positive, help="end by itself after so many seconds")


def octets(text: str) -> int:
    """A size as `500K`, `1M` or plain octets. Raises ValueError."""
    factor = {"K": 1024, "M": 1024**2, "G": 1024**3}.get(text[-1:].upper(), 0)
    return int(text[:-1] if factor else text) * (factor or 1)


def run(args: argparse.Namespace) -> int:
    """Run a node until it is stopped. Result: 0; 1 if it cannot be started, with the reasons on stderr."""
    parsed = read_apart(args)
    if parsed is None:
        return 1
    if is_services(parsed.directory):
        return refused(f"{parsed.directory} {OF_SERVICE}")
    pid_file = PidFile(parsed.directory)
    # whoever finds the file may ask for a reload, which has to wait until there is a node
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    try:
        stale = pid_file.take(options_of(args, parsed))
    except (NodeRunningError, OSError) as error:
        return refused(in_words(error))
    outcome.remove(parsed.directory)  # of a node that was killed; in a container this one may have the same process id
    try:
        return run_node(args, parsed, stale, pid_file.release)
    finally:
        pid_file.release()


def refused(why: str) -> int:
    """Say why there is no node. Result: the exit status."""
    alarm(f"edge-router: {why}")
    leave_word(why)
    return 1


def is_services(directory: Path) -> bool:
    """Whether root is about to run the node of the service, which could not use what root leaves there."""
    its = directory.parent == SERVICE.parent and directory.name.startswith(SERVICE.name)
    return its and os.geteuid() == 0 and directory.is_dir() and directory.stat().st_uid != 0


def run_node(args: argparse.Namespace, parsed: Parsed, stale: bool, give_way: Callable[[], None]) -> int:
    """Load Twisted and the node, and run it.

    stale: the last node here did not end in order. give_way: removes the pid file. Result: the exit status.
    """
    hold_back(tls=has_tls(parsed.config), parts=part_types(parsed.config))
    faulthandler.enable()  # what only a library written in C can do
    keeper = CrashKeeper(parsed.directory)
    if not begin_log(args, parsed.directory, keeper):
        return 1
    try:
        program = registry.load("edge_router.node.program:Program")
        node = program(parsed.config, parsed.notices, parsed.directory, stale, give_way, file=args.config)
        status: int = node.run(args.shutdownafter)
    except Exception:
        keeper.keep(traceback.format_exc())
        raise
    return status


def begin_log(args: argparse.Namespace, directory: Path, keeper: CrashKeeper) -> bool:
    """Log as the options say. keeper: gets all events, too. Result: whether that is possible; else stderr has why."""
    log = registry.load("edge_router.node.log:begin_log")
    options = registry.load("edge_router.node.log:LogOptions")
    file = (args.logdir or directory) / LOG_NAME if args.logtofile else None
    try:
        log(
            sys.stderr,
            options(args.loglevel, args.logformat, args.color, file, args.logsize, args.logcount),
            os.environ,
            [keeper],
        )
    except OSError as error:
        print(f"edge-router: {file}: {error.strerror}; --logdir names another directory", file=sys.stderr)
        return False
    return True


def options_of(args: argparse.Namespace, parsed: Parsed) -> dict[str, object]:
    """What the node was started with, for node.pid."""
    given = {
        name: str(value) if isinstance(value, Path) else value
        for name, value in vars(args).items()
        if value is not None
    }
    return {**given, "cbdir": str(parsed.directory), "config": str(parsed.path)}
