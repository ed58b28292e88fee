"""The process of a running node, held so that a signal reaches it and no other (pidfd_open(2))."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from edge_router.node.pidfile import Running

_NOT_HERE = "process {} is not the node, seen from here; is the node in a container?"


class NotToBeHeld(Exception):
    """The process of the node cannot be told, and the text says why."""


@contextmanager
def held(node: Running) -> Iterator[int]:
    """The node's process, as a descriptor of pidfd_open(2). Raises NotToBeHeld, OSError."""
    if not node.pid:
        raise NotToBeHeld("the node has only just been started and has not said its process id; try again")
    try:
        process = os.pidfd_open(node.pid)
    except ProcessLookupError:
        raise NotToBeHeld(_NOT_HERE.format(node.pid)) from None
    try:
        # asked only now, when the number cannot go to another process any more
        if not node.is_process(node.pid):
            raise NotToBeHeld(_NOT_HERE.format(node.pid))
        yield process
    finally:
        os.close(process)
