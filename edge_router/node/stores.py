"""What the realms of a router keep in files: opened before anybody joins, closed after everybody has left.

A file that cannot be opened does not keep the router from its work: the realm then remembers while it runs, and the
operator is told.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.logger import Logger

from edge_router import registry
from edge_router.config.schema import Realm as RealmConfig
from edge_router.config.schema import SqliteStore
from edge_router.router.router import Router


class Stores:
    """The open stores of one router.

    realms: their sections. directory: the node directory. reactor: Twisted's.
    """

    log = Logger()

    def __init__(self, realms: list[RealmConfig], directory: Path, reactor: Any) -> None:
        self._realms = [realm for realm in realms if isinstance(realm.store, SqliteStore)]
        self._directory = directory
        self._reactor = reactor
        self._open: list[Any] = []

    def open(self, router: Router) -> None:
        """Open all files, and have the realms take over what is in them."""
        for realm in self._realms:
            store = registry.part_class("store", realm.store)(
                realm.store, self._directory, self._reactor, self._report
            )
            try:
                store.open()
            except OSError as problem:
                self.log.error(
                    "realm {realm} remembers nothing over a restart: {path}: {problem}",
                    realm=realm.name, path=store.path, problem=problem,
                )  # fmt: skip
                continue
            self._open.append(store)
            router.realms[realm.name].broker.restore(store)
            self.log.info("realm {realm} keeps its events in {path}", realm=realm.name, path=store.path)

    def close(self) -> None:
        """Write what waits, and close all files. Idempotent."""
        while self._open:
            self._open.pop().close()

    def _report(self, sentence: str) -> None:
        self.log.error("{sentence}", sentence=sentence)
