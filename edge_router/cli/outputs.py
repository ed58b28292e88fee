"""`edge-router outputs`: which outputs a node has, and `--on-stop`, which leaves them as the configuration says.

It needs no router and no Twisted, and takes a fraction of a second: the unit of the service runs it after each stop. A
node that was killed has left behind what its outputs are; else it is what the configuration says.
"""

from __future__ import annotations

import argparse
import sys

from edge_router import registry
from edge_router.cli.configuration import read_config
from edge_router.cli.directory import add_config
from edge_router.cli.words import in_words
from edge_router.config.find import node_directory
from edge_router.node import outputs
from edge_router.node.pidfile import find_running


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """--on-stop, --cbdir and --config."""
    add_config(parser)
    parser.add_argument(
        "--on-stop", action="store_true", help="set each output as its on_stop says; for a node that does not run"
    )
    parser.epilog = f"{parser.epilog}\nIn the unit of a service:  ExecStopPost=edge-router outputs --on-stop"


def run(args: argparse.Namespace) -> int:
    """Print one line an output. Result: 0; 1 if one cannot be found or set, or the node runs and does it itself."""
    directory = node_directory(args.cbdir)
    left = None
    if args.on_stop:
        try:
            running = find_running(directory)
        except OSError as error:
            print(f"edge-router: {in_words(error)}", file=sys.stderr)
            return 1
        if running is not None:
            print(f"edge-router: the node runs ({directory}); it does it itself", file=sys.stderr)
            return 1
        left = outputs.read(directory)
        if left is None and (directory / outputs.NAME).exists():
            print(f"edge-router: {directory / outputs.NAME} cannot be read; by the configuration:", file=sys.stderr)
    if left is None:
        read = read_config(args, tell=not args.on_stop)
        if read is None:
            if args.on_stop:
                why = "the configuration cannot be used (edge-router check)"
                print(f"edge-router: no output was touched: {why}", file=sys.stderr)
            return 1
        left = read.loaded.config.bridges
    done = True
    for bridge in filter(outputs.has_outputs, left):
        part = registry.part_class("outputs", bridge)(bridge, directory)
        for name, text, good in part.stop() if args.on_stop else part.describe():
            done = done and good
            print(f"{bridge.id}.{name}: {text}", file=sys.stdout if good else sys.stderr)
    if args.on_stop and done:
        outputs.forget(directory)
    return 0 if done else 1
