"""Problems that keep a node from starting, for the journal: with the priority of errors, which `systemctl status` shows
in red and `journalctl -p err` finds. There is no log yet when they are said. (sd-daemon(3).)
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr

from edge_router.node.journal import is_journal


@contextmanager
def alarms() -> Iterator[None]:
    """What is printed to stderr meanwhile is an error each line, if stderr is the journal."""
    if not is_journal(os.environ, 2):
        yield
        return
    said = io.StringIO()
    try:
        with redirect_stderr(said):
            yield
    finally:
        for line in said.getvalue().splitlines():
            print(f"<3>{line}", file=sys.stderr)
