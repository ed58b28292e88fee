"""Problems that keep a node from starting, for the service manager; there is no log yet when they are said.

For the journal they have the priority of errors, which it shows in red and `journalctl -p err` finds. And the first one
is the node's status, for while systemd waits before it tries again, `systemctl status` shows nothing of the journal.
(sd-daemon(3), sd_notify(3).)
"""

from __future__ import annotations

import os
import sys

from edge_router.node.journal import is_journal
from edge_router.node.systemd import notify


def alarm(text: str) -> None:
    """Print problems to stderr. text: one a line."""
    beginning = "<3>" if is_journal(os.environ, 2) else ""
    for line in text.splitlines():
        print(f"{beginning}{line}", file=sys.stderr)


def leave_word(text: str) -> None:
    """Have the service manager know why this process, which is the service's main one, ends. text: as for `alarm`."""
    first, *others = text.splitlines() or [""]
    more = f" ({len(others)} more; `journalctl -u` the unit)" if others else ""
    notify(os.environ, f"STATUS={first}{more}")
