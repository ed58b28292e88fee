"""The reactor and the process around it: monotonic time, epoll, file descriptors, the garbage collector.

Importing this imports Twisted; run `lean.hold_back` first.
"""

from __future__ import annotations

import gc
import resource
import time
from typing import Any

from twisted.internet.epollreactor import EPollReactor
from twisted.internet.main import installReactor

# A collection of the youngest generation starts after so many new containers; CPython's own figure is 700. Measured:
# 1000 sessions that join and 5 s of load took 471 collections, 0.36 s of 4 s CPU, and the longest stood still for
# 124 ms. With this figure and the start frozen: 10 collections, 0.02 s, 5 ms. What is collected was about nothing.
GC_THRESHOLD = 30_000


def install_reactor() -> Any:
    """Make the reactor of this process, on monotonic time, and make it `twisted.internet.reactor`.

    Twisted's own runs on the wall clock, and a board without a real-time clock jumps when it hears from NTP: a step
    back stops every timer, a step forward fires them all (twisted#2424). Raises
    `twisted.internet.error.ReactorAlreadyInstalledError`.
    """
    reactor: Any = EPollReactor()
    reactor.seconds = time.monotonic
    installReactor(reactor)
    return reactor


def raise_descriptor_limit() -> int:
    """Allow as many open files, hence connections, as the kernel lets us. Result: how many (RLIMIT_NOFILE).

    The soft limit of 1024 is there for programs that use select(2); see "File Descriptor Limits" on 0pointer.net.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def cpu_seconds() -> float:
    """Seconds of CPU time that this process and the children it waited for have taken (getrusage(2))."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def settle_garbage() -> None:
    """Once everything is built: collect, and have later collections leave alone what lives as long as the node."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD)
