"""`node.outputs` in the node directory: the sections of the bridges that have outputs, as the running node has them.

It goes when the node ends in order. If it is there and no node runs, then that node was killed, and its outputs are
left as it had them: `edge-router outputs --on-stop` goes by this file then, not by a configuration that may have been
changed since, or be broken. No Twisted here.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from msgspec import convert, json

from edge_router import registry

NAME: Final = "node.outputs"


def has_outputs(bridge: Any) -> bool:
    """Whether bridges of this kind have outputs. bridge: a section."""
    kind = registry.type_name(bridge)
    if kind in registry.PARTS["bridge"]:
        return kind in registry.PARTS["outputs"]
    with suppress(registry.UnknownPart):
        return registry.find("outputs", kind) is not None
    return False


def write(directory: Path, bridges: Iterable[Any]) -> None:
    """Say what the node has now. Raises OSError. bridges: sections."""
    sections = [bridge for bridge in bridges if has_outputs(bridge)]
    if not sections:
        forget(directory)
        return
    beside = directory / f"{NAME}.new"
    beside.write_bytes(json.encode(sections))
    beside.replace(directory / NAME)


def forget(directory: Path) -> None:
    """All is as it should be. Idempotent."""
    with suppress(OSError):
        (directory / NAME).unlink()


def read(directory: Path) -> list[Any] | None:
    """The sections that a node has left behind; None if there are none, or they cannot be read."""
    try:
        found = json.decode((directory / NAME).read_bytes(), type=list[dict[str, Any]])
        return [convert(section, registry.config_class("outputs", str(section.get("type")))) for section in found]
    except (OSError, ValueError, RecursionError, registry.UnknownPart):  # ValueError: also what is not UTF-8
        return None
