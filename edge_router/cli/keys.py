"""`edge-router keys`: the node's key, made if there is none yet."""

from __future__ import annotations

import argparse
import platform
import sys

from edge_router.cli.directory import add_cbdir
from edge_router.cli.words import in_words
from edge_router.config.find import node_directory
from edge_router.node.keyfiles import PRIVATE, PRIVATE_TAG, PUBLIC_TAG, KeyFileError, ensure_key, read_tags


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """--cbdir and --private."""
    add_cbdir(parser)
    parser.add_argument("--private", action="store_true", help="print the private key instead of the public one")


def run(args: argparse.Namespace) -> int:
    """Print one key, in the form of Crossbar's. Result: 0; 1 if the key files cannot be used, made or read."""
    directory = node_directory(args.cbdir)
    if not directory.is_dir():
        print(f"edge-router: there is no directory {directory}; `edge-router init` makes a node", file=sys.stderr)
        return 1
    try:
        made = ensure_key(directory, platform.node())
        tags = read_tags(directory / PRIVATE)
    except (OSError, KeyFileError) as error:
        print(f"edge-router: {in_words(error)}", file=sys.stderr)
        return 1
    for path in made:
        print(f"wrote {path}", file=sys.stderr)
    if PRIVATE_TAG not in tags:
        print(f"edge-router: {directory / PRIVATE}: has no line `{PRIVATE_TAG}: ...`", file=sys.stderr)
        return 1
    kind, tag = ("PRIVATE", PRIVATE_TAG) if args.private else ("PUBLIC", PUBLIC_TAG)
    print(f"edge-router node {kind} key ({directory})")
    print(f"hex: {tags[tag]}")
    return 0
