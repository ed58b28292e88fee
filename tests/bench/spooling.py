"""A store of an uplink at work, in a process of its own to be weighed: filled, and sent to a central router.

python -m tests.bench.spooling DIRECTORY EVENTS [PORT]: keeps so many events, and sends them to the router on that port;
prints what it cost, as JSON.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any, Final

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.epollreactor import EPollReactor
from twisted.internet.task import deferLater

from edge_router.client.connect import connect
from edge_router.config.schema.connecting import ClientRawSocket
from edge_router.config.schema.uplinks import UplinkStore
from edge_router.uplink.keeping import Kept
from edge_router.uplink.outlet import Outlet, Standing
from edge_router.uplink.session import SPEECH
from edge_router.uplink.spool import Spool
from edge_router.wamp.codecs import MSGPACK
from edge_router.wamp.messages import PublishOptions

#: what a sensor's bridge publishes: 62 bytes
ARGS: Final = MSGPACK.dumps([21.5])
KWARGS: Final = MSGPACK.dumps({"bridge": "kitchen", "seq": 123456, "ts": 1800000000000, "ts_quality": "synced"})
TOPICS: Final = 20
#: bytes in memory from which on the card is given time
ENOUGH: Final = 500_000


class Sender:
    """The link: what `uplink.events` is to the store."""

    def __init__(self, outlet: Outlet) -> None:
        self._outlet = outlet

    def send(self, event: Kept) -> Deferred[Any]:
        """See `keeping.Sender`."""
        return self._outlet.deliver(event.topic, event.options, event.args, event.kwargs, MSGPACK)


async def work(reactor: Any, directory: Path, events: int, port: int | None) -> dict[str, float]:
    """Result: figures by name."""
    section = UplinkStore(path="spool.sqlite", max_bytes=1 << 34, replay_rate=100_000)
    spool = Spool(section, "bench", directory, reactor, lambda words: words and sys.exit(words))
    spool.open()
    found = {"before": _rss()}
    began, written = time.monotonic(), _written()
    for number in range(events):
        topic = f"com.example.kitchen.t{number % TOPICS}"
        spool.add(Kept(topic, ARGS, KWARGS, "msgpack", PublishOptions()), "all", 5)
        while spool._writer.size > ENOUGH:
            await deferLater(reactor, 0.001, lambda: None)
        if number == min(10_000, events // 10):
            found["few"] = _rss()
    seconds = time.monotonic() - began
    while spool._writer.size:
        await deferLater(reactor, 0.05, lambda: None)
    found |= {"many": _rss(), "stored": events / seconds, "bytes": (_written() - written) / events}
    if port is not None:
        found |= await replay(reactor, spool, events, port)
    await spool.close()
    return found


async def replay(reactor: Any, spool: Spool, events: int, port: int) -> dict[str, float]:
    """Send it all. Result: figures by name."""
    session = await connect(ClientRawSocket(url=f"rs://127.0.0.1:{port}"), "realm1", reactor=reactor, speech=SPEECH)
    began, written = time.monotonic(), _written()
    spool.link_up(Sender(Outlet(session, Standing(_ignore), _ignore)))  # type: ignore[arg-type]
    while spool.figures()["rows"]:
        await deferLater(reactor, 0.01, lambda: None)
    seconds = time.monotonic() - began
    spool.link_down()
    assert spool.figures()["replayed"] == events
    return {"replayed": events / seconds, "replay_bytes": (_written() - written) / events}


def _ignore(_words: str) -> None:
    return None


def _rss() -> float:
    """Bytes. (proc(5).)"""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _written() -> int:
    """Bytes that this process has handed to the kernel; nearly all of them are the store's. (proc(5).)"""
    fields = Path("/proc/self/io").read_text().split()
    return int(fields[fields.index("wchar:") + 1])


def main(directory: str, events: str, port: str | None = None) -> None:
    """The command."""
    reactor = EPollReactor()
    reactor.seconds = time.monotonic  # type: ignore[method-assign]
    outcome: list[Any] = []

    def begin() -> None:
        done = ensureDeferred(work(reactor, Path(directory), int(events), int(port) if port else None))
        done.addBoth(outcome.append).addBoth(lambda _: reactor.stop())

    reactor.callWhenRunning(begin)
    reactor.run(installSignalHandlers=False)
    if not isinstance(outcome[0], dict):
        outcome[0].raiseException()
    print(json.dumps(outcome[0]))


if __name__ == "__main__":
    main(*sys.argv[1:])
