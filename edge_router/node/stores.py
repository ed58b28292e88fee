"""What the realms of a router keep in files: opened before anybody joins, closed after everybody has left.

A file that cannot be opened does not keep the router from its work: the realm then remembers while it runs, and the
operator is told.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.logger import Logger

from edge_router import registry
from edge_router.config.schema import SqliteStore
from edge_router.router.realm import Realm


class Stores:
    """The open stores of one router, by realm.

    directory: the node directory. reactor: Twisted's.
    """

    log = Logger()

    def __init__(self, directory: Path, reactor: Any) -> None:
        self._directory = directory
        self._reactor = reactor
        self._open: dict[str, Any] = {}

    def open(self, realm: Realm) -> None:
        """Open the file of a realm that has one, and have the realm take over what is in it."""
        config = realm.config.store
        if not isinstance(config, SqliteStore):
            return
        store = registry.part_class("store", config)(config, self._directory, self._reactor, self._report)
        try:
            store.open()
        except OSError as problem:
            self.log.error(
                "realm {realm} remembers nothing over a restart: {path}: {problem}",
                realm=realm.name, path=store.path, problem=problem,
            )  # fmt: skip
            return
        self._open[realm.name] = store
        realm.broker.restore(store)
        self.log.info("realm {realm} keeps its events in {path}", realm=realm.name, path=store.path)

    def close(self, realm: str) -> None:
        """Write what waits for a realm's file, and close it. Idempotent."""
        store = self._open.pop(realm, None)
        if store is not None:
            store.close()

    def close_all(self) -> None:
        """Close all files. Idempotent."""
        for realm in list(self._open):
            self.close(realm)

    def _report(self, sentence: str) -> None:
        self.log.error("{sentence}", sentence=sentence)
