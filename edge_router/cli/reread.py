"""The process in which a running node reads its configuration again: `python -m edge_router.cli.reread`.

As at the start, the reader of YAML and the checks are in a process of their own, whose memory goes with it; and nothing
waits for them meanwhile. What was read comes out of stdout, as `apart` has it, what is wrong with it out of stderr.
"""

from __future__ import annotations

import argparse
import sys

from edge_router.cli.apart import read_and_send
from edge_router.cli.directory import add_config


def main() -> int:
    """Result: the exit status; 1: the configuration cannot be used, and stderr says why."""
    parser = argparse.ArgumentParser()
    add_config(parser)
    return read_and_send(parser.parse_args(), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
