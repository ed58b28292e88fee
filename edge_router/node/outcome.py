"""`node.reload` in the node directory: how the last reload went, for `edge-router reload`, which is another process.

Each reload has a number, one higher than that before it. So who has noted the number and then asks for a reload knows
which outcome tells of his own, without a look at a clock. No Twisted here: the command uses it too.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, Literal

import msgspec
from msgspec import Struct

NAME: Final = "node.reload"
_MAX_SIZE: Final = 4_194_304


class Outcome(Struct, frozen=True):
    """What is in the file.

    pid: of the node. number: of the reload. state: `invalid`: nothing was changed; `failed`: something could not be
    done, all else was. lines: what was done or is wrong.
    """

    pid: int
    number: int
    state: Literal["running", "done", "failed", "invalid"]
    lines: list[str] = []


def write(directory: Path, outcome: Outcome) -> None:
    """Say how it goes. Raises OSError. The lines may quote the configuration, so nobody else may read them."""
    path = directory / NAME
    beginning = path.with_name(f"{NAME}.new")
    with os.fdopen(os.open(beginning, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as file:
        file.write(msgspec.json.encode(outcome))
    beginning.replace(path)


def read(directory: Path, pid: int) -> Outcome | None:
    """What the node of a process id has said last; None if it has not, or the file cannot be read."""
    try:
        with (directory / NAME).open("rb") as file:
            found = msgspec.json.decode(file.read(_MAX_SIZE), type=Outcome)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return found if found.pid == pid else None


def remove(directory: Path) -> None:
    """The node ends. Idempotent."""
    try:
        (directory / NAME).unlink(missing_ok=True)
    except OSError:
        pass
