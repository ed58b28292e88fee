"""docs/moving.md names what the tables of `crossbar` do, so that nobody has to find out by trying."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from edge_router.__main__ import COMMANDS
from edge_router.config import crossbar
from tests.config.crossbar.cases import CASES

PAGE = (Path(__file__).parents[2] / "docs" / "moving.md").read_text(encoding="utf-8")


def part(title: str) -> str:
    """A chapter of the page."""
    return PAGE.partition(f"# {title}\n")[2].partition("\n#")[0]


def marked(text: str) -> set[str]:
    """The words that are set as code, and each alone where several stand together."""
    return {word for code in re.findall(r"`([^`]*)`", text) for word in (code, *re.split(r"[ :]+", code))}


def test_keys_and_sections_without_effect() -> None:
    """Each is in the table, so that its warning does not surprise."""
    keys = {key for table in (*crossbar.IGNORED.values(), crossbar.IGNORED_OF_PATHS) for key in table}
    types = {name for table in crossbar.DROPPED_TYPES.values() for name in table}
    assert (keys | types) - marked(part("Without effect")) == set()


def test_what_is_refused() -> None:
    """Each that does not come with a later release is in the table, with what to do instead."""
    keys = {key for table in crossbar.LATER_KEYS.values() for key, why in table.items() if why != crossbar.LATER}
    types = {name for table in crossbar.LATER_TYPES.values() for name in table}
    soon = {"container"}
    assert (keys | types) - soon - marked(part("Refused")) == set()


def test_nothing_is_said_to_have_no_effect_that_has_one() -> None:
    """Keys that get a declaration have to leave the page as well."""
    known = {key for table in (*crossbar.IGNORED.values(), crossbar.IGNORED_OF_PATHS) for key in table}
    known |= {name for table in crossbar.DROPPED_TYPES.values() for name in table} | {"ubjson", "flatbuffers"}
    rows = [line.split("|") for line in part("Without effect").splitlines() if line.startswith("| ")]
    said = {key for row in rows for key in re.findall(r"`([^`]*)`", row[2])}
    assert said - known == set()


def test_commands() -> None:
    """Every command is in the table of commands."""
    others = {"reload", "publish", "subscribe", "call", "register", "sessions", "topics", "procedures", "top"}
    assert set(COMMANDS) - others - marked(part("Commands")) == set()


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.crossbar is None and case.ours])
def test_differences(name: str) -> None:
    """What Crossbar accepts and edge-router does not is in the page, by one of its words."""
    words = {
        "a proxy": "`proxy`",
        "a login with a role that no realm has": "roles of logins",
        "a secret of the environment that is not there": "secrets whose variable is not set",
        "a socket with a long path": "paths of sockets that are too long",
        "an encoding that nobody has": "names of encodings",
        "an unknown key of a realm": "unknown keys of a realm",
        "checked payloads": "`validate`",
        "files of TLS that are not there": "files of TLS",
        "MQTT": "`mqtt`",
        "no realm name": "realms without a name",
        "one port twice": "ports and sockets taken twice",
        "other endpoints of Twisted": "`twisted` for other than tcp and unix",
    }
    assert words[name] in PAGE
