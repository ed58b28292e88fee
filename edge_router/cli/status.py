"""`edge-router status`: whether the node of a directory runs, for people and (`--assert`) for scripts."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from edge_router.cli.directory import add_cbdir
from edge_router.cli.words import in_words
from edge_router.config.find import node_directory
from edge_router.node import crash, news
from edge_router.node.pidfile import find_running


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """--cbdir and --assert."""
    add_cbdir(parser)
    parser.add_argument(
        "--assert",
        dest="expected",
        choices=("running", "stopped"),
        help=f"exit with status {os.EX_UNAVAILABLE} unless it is so",
    )


def run(args: argparse.Namespace) -> int:
    """Print one line, and one for each component, process and uplink of the node. Result: 0; 69 (EX_UNAVAILABLE) if it
    is not as asserted; 1 if it cannot be told.
    """
    directory = node_directory(args.cbdir)
    try:
        node = find_running(directory)
    except OSError as error:
        print(f"edge-router: {in_words(error)}", file=sys.stderr)
        return 1
    state = "stopped" if node is None else "running"
    print(f"{state}: {directory}" + (f" (process {node.pid})" if node and node.pid else ""))
    for worker in news.read(directory, node.pid) if node else ():
        print("  " + one_line(worker))
        for component in worker.get("components", ()):
            print("    " + one_line(component))
    last = crash.read(directory)
    if last is not None:
        print(f"  last crash: {last.when}: {last.what} (in {last.path})")
    return os.EX_UNAVAILABLE if args.expected not in (None, state) else 0


def one_line(worker: dict[str, Any]) -> str:
    """How a worker is, in words. worker: as the node has written it."""
    text = f"{worker.get('id')}: {worker.get('state')}"
    if worker.get("type"):
        text = f"{worker['type']} {text}"
    if worker.get("pid"):
        text += f" (process {worker['pid']})"
    if worker.get("restarts"):
        text += ", started again " + ("once" if worker["restarts"] == 1 else f"{worker['restarts']} times")
    if worker.get("details"):
        text += f", {worker['details']}"
    if worker.get("last_end"):
        text += f", the last time it {worker['last_end']}"
    return text
