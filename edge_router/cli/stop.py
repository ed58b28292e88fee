"""`edge-router stop`: ask the running node to end, then urge it, then end it. Signals and times are Crossbar's."""

from __future__ import annotations

import argparse
import os
import select
import signal
import sys

from edge_router.cli.directory import add_cbdir
from edge_router.cli.held import NotToBeHeld, held
from edge_router.cli.words import said
from edge_router.config.find import node_directory
from edge_router.node.pidfile import Running, find_running

# signal -> seconds to wait for the end; the node takes the second signal as "at once"
STEPS = ((signal.SIGINT, 5.0), (signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0))


class CannotStop(Exception):
    """The node goes on, and the text says why."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """--cbdir."""
    add_cbdir(parser)


def run(args: argparse.Namespace) -> int:
    """Stop the node. Result: 0; 69 (EX_UNAVAILABLE) if none runs; 1 if it cannot be stopped."""
    directory = node_directory(args.cbdir)
    try:
        node = find_running(directory)
        if node is None:
            print(f"edge-router: no node is running in {directory}", file=sys.stderr)
            return os.EX_UNAVAILABLE
        end(node)
    except PermissionError as error:
        print(f"edge-router: {said(error)}; stop the node as the user it runs as, or as root", file=sys.stderr)
        return 1
    except (CannotStop, NotToBeHeld) as error:
        if find_running(directory) is not None:
            print(f"edge-router: {error}", file=sys.stderr)
            return 1
    except OSError as error:
        print(f"edge-router: {error}", file=sys.stderr)
        return 1
    print(f"stopped: {directory}")
    return 0


def end(node: Running) -> None:
    """Signal a node until it has ended. Raises CannotStop, NotToBeHeld, and OSError (of another
    user, for one).
    """
    with held(node) as process:
        signal_until_ended(process)


def signal_until_ended(process: int) -> None:
    """Send the signals of STEPS. process: of pidfd_open(2). Raises CannotStop, OSError."""
    for number, patience in STEPS:
        try:
            signal.pidfd_send_signal(process, number)
        except ProcessLookupError:
            return
        if has_ended(process, patience):
            return
        print(f"edge-router: the node is still there {patience:g} s after {number.name}", file=sys.stderr)
    raise CannotStop("the node does not end")


def has_ended(process: int, patience: float) -> bool:
    """Wait for the end of a process (pidfd_open(2)), for so many seconds at most. Result: whether it ended."""
    poll = select.poll()
    poll.register(process, select.POLLIN)
    return bool(poll.poll(patience * 1000))
