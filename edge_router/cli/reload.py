"""`edge-router reload`: have the running node take over its changed configuration, and say what that has changed."""

from __future__ import annotations

import argparse
import os
import select
import signal
import sys
import time
from pathlib import Path

from edge_router.cli.directory import add_cbdir
from edge_router.cli.fitting import positive
from edge_router.cli.held import NotToBeHeld, held
from edge_router.cli.words import said
from edge_router.config.find import node_directory
from edge_router.node import outcome
from edge_router.node.outcome import Outcome
from edge_router.node.pidfile import Running, find_running

#: milliseconds between two looks at the outcome
LOOK_EVERY = 50

EPILOG = """\
Sessions that a change does not concern stay. An invalid configuration changes nothing; `edge-router check` tells of it
beforehand. Exit status: 0, the node is as the configuration says, but for what takes a restart; 1, it is not, and why
is said; 69, no node is running.
"""


class CannotReload(Exception):
    """The outcome is not known, and the text says why."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """--cbdir and --timeout."""
    add_cbdir(parser)
    parser.add_argument(
        "--timeout", metavar="SEC", type=positive, default=60.0, help="how long to wait for the outcome (default: 60)"
    )
    parser.epilog = f"{EPILOG}\n{parser.epilog}"


def run(args: argparse.Namespace) -> int:
    """Reload the node. Result: 0; 1 if something could not be done; 69 (EX_UNAVAILABLE) if no node runs."""
    directory = node_directory(args.cbdir)
    try:
        node = find_running(directory)
        if node is None:
            print(f"edge-router: no node is running in {directory}", file=sys.stderr)
            return os.EX_UNAVAILABLE
        return told(reloaded(directory, node, args.timeout))
    except PermissionError as error:
        print(f"edge-router: {said(error)}; reload the node as the user it runs as, or as root", file=sys.stderr)
    except (OSError, CannotReload, NotToBeHeld) as error:
        print(f"edge-router: {error}", file=sys.stderr)
    return 1


def reloaded(directory: Path, node: Running, timeout: float) -> Outcome:
    """Have a node reload, and wait. timeout: seconds. Result: how it went. Raises CannotReload, NotToBeHeld,
    OSError.
    """
    with held(node) as process:
        last = outcome.read(directory, node.pid)
        signal.pidfd_send_signal(process, signal.SIGHUP)
        return waited_for(directory, node.pid, process, last.number if last else 0, timeout)


def waited_for(directory: Path, pid: int, process: int, last: int, timeout: float) -> Outcome:
    """The outcome of a reload with a number higher than `last`. process: of pidfd_open(2). Raises CannotReload."""
    ended = select.poll()
    ended.register(process, select.POLLIN)
    until = time.monotonic() + timeout
    while time.monotonic() < until:
        if ended.poll(LOOK_EVERY):
            raise CannotReload("the node has ended; its log says why")
        found = outcome.read(directory, pid)
        if found is not None and found.number > last and found.state != "running":
            return found
    raise CannotReload(f"the node has not said within {timeout:g} s how it went; its log does")


def told(found: Outcome) -> int:
    """Print an outcome. Result: the exit status."""
    if found.state == "invalid":
        print("\n".join(found.lines), file=sys.stderr)
        print("edge-router: the configuration cannot be used; nothing was changed", file=sys.stderr)
        return 1
    for line in found.lines:
        print(line, file=sys.stderr if line.startswith(("error:", "warning:")) else sys.stdout)
    if not found.lines:
        print("nothing to change")
    return 0 if found.state == "done" else 1
