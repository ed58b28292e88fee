"""Publishes retained events and histories into a store until it is killed; says what is surely written.

python -m tests.store.writer FILE FIRST: publishes FIRST, FIRST + 1, ... to one topic with a history and to eight others
with `retain`, and prints a number once it has been written.
"""

from __future__ import annotations

import sys
from pathlib import Path

from twisted.internet.task import Clock

from edge_router.config.schema import EventHistory, SqliteStore
from edge_router.store.sqlite import SqliteStore as Store
from edge_router.wamp.messages import Publish, PublishOptions
from tests.router.players import Player, args, make_router, open_realm

HISTORY = 500
RETAIN = PublishOptions(retain=True)
PLAIN = PublishOptions()
#: publications of one transaction
EACH = 40


def config(path: Path, **more: object) -> SqliteStore:
    """A store with one history."""
    histories = [EventHistory("com.history", limit=HISTORY)]
    return SqliteStore(path=str(path), event_history=histories, **more)  # type: ignore[arg-type]


def publish(player: Player, number: int) -> None:
    """One event of the history, and one retained event that says the same."""
    player.sends(Publish(2 * number, PLAIN, "com.history", args(number, "x" * (number * 37 % 900))))
    player.sends(Publish(2 * number + 1, RETAIN, f"com.retained{number % 8}", args(number)))


def main(path: Path, first: int) -> None:
    clock = Clock()
    realm = open_realm()
    realm.store = config(path, buffer_flush=1000)
    router = make_router(realm, clock=clock)
    store = Store(realm.store, path.parent, clock, lambda problem: print(problem, file=sys.stderr))
    store.open()
    router.realms["realm1"].broker.restore(store)
    player = Player(router).joins()
    number = first
    while True:
        for _ in range(EACH):
            publish(player, number)
            number += 1
        clock.advance(1)
        store.settle()
        print(number - 1, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
