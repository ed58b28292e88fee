"""Runs `crossbar check` over node directories, in one process that forks for each; Crossbar takes long to load.

Run by the Python of Crossbar's own environment: `checker.py DIRECTORY...`. Prints JSON: directory -> [status, output].
"""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module


def check(directory: str) -> tuple[int, str]:
    """What `crossbar check --cbdir directory` ends with and says."""
    receiving, sending = os.pipe()
    child = os.fork()
    if child == 0:
        os.dup2(sending, 1)
        os.dup2(sending, 2)
        sys.argv = ["crossbar", "check", "--cbdir", directory]
        try:
            import_module("crossbar").run()
        except SystemExit as end:
            sys.stdout.flush()
            os._exit(int(end.code or 0))
        os._exit(99)
    os.close(sending)
    with os.fdopen(receiving) as pipe:
        text = pipe.read()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), text


if __name__ == "__main__":
    for module in ("crossbar.node.main", "crossbar.personality", "crossbar.node.controller"):
        import_module(module)
    print(json.dumps({directory: check(directory) for directory in sys.argv[1:]}))
