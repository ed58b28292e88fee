"""The board bridge: facts of the machine that the router runs on, as topics."""

from __future__ import annotations

import random as randomness
from collections.abc import Callable
from typing import Any

from bridges.board.config import SIMULATORS, BoardConfig
from bridges.board.facts import model, readers, unit
from bridges.board.simulated import Pi
from bridges.polled.bridge import MakeWorker, PolledBridge
from bridges.polled.files import Files, Tree
from bridges.polled.reasons import explain
from bridges.polled.sensor import Sensor
from bridges.simulated import is_simulated, parse
from bridges.stamps import Stamps


class Board:
    """Reads facts.

    tree: the machine's files. config: which facts, disks and interfaces.

    absent: fact -> why it is not there. model: what the board calls itself.
    """

    def __init__(self, tree: Tree, config: BoardConfig) -> None:
        every = readers(config.disks, config.interfaces)
        self._tree = tree
        self._readers = {name: every[name] for name in config.facts}
        self.absent: dict[str, str] = {}
        self.model: str | None = None

    def read(self) -> dict[str, Any]:
        """One frame; called in the thread. Raises OSError if the board tells nothing at all."""
        frame: dict[str, Any] = {}
        absent: dict[str, str] = {}
        for name, reader in self._readers.items():
            try:
                found = reader(self._tree)
            except (OSError, ValueError, LookupError) as error:
                absent[name] = str(error.args[0]) if type(error) is LookupError else explain(error)
            else:
                frame[name] = found
        self.absent = absent
        if not frame:
            raise OSError("the board tells nothing: " + next(iter(absent.values())))
        self.model = self.model or model(self._tree)
        return frame


class BoardBridge(PolledBridge):
    """See PolledBridge. config: its section."""

    def __init__(
        self,
        config: BoardConfig,
        reactor: Any,
        stamps: Stamps | None = None,
        random: Callable[[], float] = randomness.random,
        make_worker: MakeWorker | None = None,
    ) -> None:
        super().__init__(config, reactor, stamps, random, make_worker)
        self._settings = config
        self._board: Board | None = None
        if is_simulated(config.root):
            self.simulated_by(parse(config.root, SIMULATORS).options)

    def begin(self) -> None:
        config = self._settings
        tree = Files(config.root) if self.mishaps is None else Pi(self.mishaps, self.clock.seconds)
        self._board = Board(tree, config)
        topic = self.topic
        sensor = Sensor(self, "board", topic, lambda place: f"{topic}.{place}", config.fields, unit, config.interval)
        self.add(sensor, config.interval, self._board.read)

    def facts(self) -> dict[str, Any]:
        """model: of the board. absent: fact -> why it does not tell it."""
        board = self._board
        return {"model": None, "absent": {}} if board is None else {"model": board.model, "absent": board.absent}
