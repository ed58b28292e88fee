"""Pulling the plug: readings are written without a pause, the power goes, and what is on the disk then is looked at.

What is looked at is a copy, as the board left it; the board itself has to come up from the disk as it is.
(SQLite, "PRAGMA integrity_check".)
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

from edge_router.wamp.codecs import CODECS
from tests.images.board import Board
from tests.images.client import joined

TOPIC = "com.example.sensor"
DIRECTORY = "/var/lib/edge-router"
#: files of the configuration -> table, and whether each write has to reach the disk (`sync`)
STORES = {
    "events.sqlite": ("history", True),
    "uplink-hq.sqlite": ("all5", True),
    "uplink-spare.sqlite": ("all5", False),
}
#: seconds that readings are written before the plug is pulled, and between two of them
WRITING = 10.0
PAUSE = 0.02
#: seconds after which an event is on the disk: `buffer-flush` or `commit_seconds`, and what an emulated board needs to
#: write it
COMMIT = 4.0


@dataclass
class Readings:
    """What a sensor has sent between two power cuts. kept: numbers of those that have to be on the disk."""

    pull: int
    sent: int = 0
    kept: set[int] = field(default_factory=set)


def write_and_pull(board: Board, pull: int) -> Readings:
    """Have the sensor send readings, and the power go in the midst of it. pull: a number that none had before."""
    readings, seen = Readings(pull), dict[int, float]()
    stop = threading.Event()
    with board.sensor() as line, joined(board.port) as client:
        client.subscribe(TOPIC)

        def send() -> None:
            line.sendall(b"\n")  # ends what the power cut left of a line
            with suppress(BrokenPipeError, ConnectionResetError):  # there is no board any more
                while not stop.wait(PAUSE):
                    line.sendall(json.dumps({"pull": pull, "number": readings.sent}).encode() + b"\n")
                    readings.sent += 1

        sensor = threading.Thread(target=send)
        sensor.start()
        try:
            end = time.monotonic() + WRITING
            while time.monotonic() < end:
                (reading,) = client.event()
                if reading.get("pull") == pull:
                    seen[reading["number"]] = time.monotonic()
            board.pull_the_plug()
            off = time.monotonic()
        finally:
            stop.set()
            sensor.join()
    readings.kept = {number for number, when in seen.items() if when < off - COMMIT}
    assert len(readings.kept) > 50, f"only {len(seen)} of {readings.sent} readings came"
    return readings


def check_stores(board: Board, place: Path, all_readings: list[Readings]) -> None:
    """The stores on the board's disk are whole, and have what they have to have. place: an empty directory."""
    names = board.files(DIRECTORY, place)
    assert not [name for name in names if ".corrupt-" in name], names
    for store, (table, sync) in STORES.items():
        with closing(sqlite3.connect(place / store)) as database:
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            there = database.execute("SELECT 1 FROM sqlite_schema WHERE name = ?", (table,)).fetchone()
            query = f"SELECT encoding, args FROM {table} ORDER BY place"
            rows = database.execute(query).fetchall() if there else []
        found: dict[int, list[int]] = {}
        for encoding, args in rows:
            (reading,) = CODECS[encoding].loads(args)
            if "pull" in reading:
                found.setdefault(reading["pull"], []).append(reading["number"])
        for readings in all_readings:
            numbers = found.get(readings.pull, [])
            assert numbers == sorted(numbers), f"{store}, power cut {readings.pull}: not in order"
            lost = readings.kept.difference(numbers) if sync else set()
            assert not lost, f"{store}, power cut {readings.pull}: {len(lost)} of {len(readings.kept)} are lost"


def newest(board: Board) -> int:
    """Of which power cut the newest reading is that the router itself knows."""
    with joined(board.port) as client:
        subscription = client.subscribe(TOPIC)
        event = client.call("wamp.subscription.get_events", subscription, limit=1, reverse=True)
    return int(event["args"][0]["pull"])
