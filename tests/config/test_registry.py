"""Parts by name: ours, and those of other packages."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from edge_router import registry
from edge_router.config import schema
from tests.config.texts import complaints, load_text, transport

HERE = "tests.config.test_registry"


class Telnet(schema.Section, tag="telnet"):
    """A transport of another package. port: where. id: its name."""

    port: schema.Port
    id: str | None = None


class TelnetTransport:
    """The part behind it."""


@pytest.fixture
def other_package(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """An installed package with a transport; the list says what was asked of the metadata."""
    asked: list[str] = []

    def entry_points(group: str) -> list[EntryPoint]:
        asked.append(group)
        if group != "edge_router.transport":
            return []
        return [
            EntryPoint("telnet", f"{HERE}:TelnetTransport", group),
            EntryPoint("telnet.config", f"{HERE}:Telnet", group),
            EntryPoint("half", f"{HERE}:TelnetTransport", group),
        ]

    load = registry.load
    monkeypatch.setattr(
        registry, "load", lambda where: entry_points if where == "importlib.metadata:entry_points" else load(where)
    )
    registry._others.cache_clear()
    yield asked
    registry._others.cache_clear()


def test_part_of_another_package(other_package: list[str], tmp_path: Path) -> None:
    """Its section is converted by its own struct, its class found by the loaded section; metadata is read once."""
    text = transport("{type: telnet, port: 23}") + "      - {type: telnet, port: 24}\n"
    first, second = load_text(text, tmp_path).config.workers[0].transports
    assert (first, second) == (Telnet(port=23), Telnet(port=24))
    assert registry.part_class("transport", first) is TelnetTransport
    assert other_package == ["edge_router.transport"]


def test_problem_in_a_part_of_another_package(other_package: list[str], tmp_path: Path) -> None:
    """It gets the same words as ours."""
    assert complaints(transport("{type: telnet, prot: 23}"), tmp_path) == [
        "7: workers.0.transports.0.prot: unknown key; did you mean 'port'?"
    ]


def test_names(other_package: list[str]) -> None:
    """Ours come first; an entry point without its `.config` is no part."""
    assert registry.names("transport") == ["rawsocket", "websocket", "web", "universal", "telnet"]


def test_unknown_part() -> None:
    """The error says what there is."""
    with pytest.raises(registry.UnknownPart) as raised:
        registry.find("transport", "x")
    assert str(raised.value) == "unknown transport 'x'; one of rawsocket, websocket, web, universal"


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, table in registry.PARTS.items() for name in table])
def test_our_parts_are_there(kind: str, name: str) -> None:
    """Each import string names something: the struct, and the class behind it."""
    assert issubclass(registry.config_class(kind, name), schema.Section)
    assert isinstance(registry.load(registry.find(kind, name).part), type)


def test_type_name() -> None:
    """The `type` of a section is its tag, or its field."""
    assert registry.type_name(schema.NodeInfoPath()) == "nodeinfo"
    assert registry.type_name(schema.AnonymousAuth()) == "static"
