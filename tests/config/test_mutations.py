"""Whatever is done to a configuration, loading gives a configuration or ConfigErrors, and every line can be shown."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_router.config.load import Loaded, from_tree, load
from edge_router.config.problems import ConfigErrors

GOOD = """\
version: 2
controller: {id: node1}
workers:
  - type: router
    realms:
      - name: realm1
        options: {uri_check: loose}
        roles:
          - name: anonymous
            permissions: [{uri: "", match: prefix, allow: {subscribe: true}}, {uri: a.*, publish: true}]
    transports:
      - type: web
        endpoint: {type: tcp, port: 8080, interface: 127.0.0.1}
        paths:
          /: {type: static, directory: ., options: {mime_types: {.x: text/x}}}
          ws: {type: websocket, options: {auto_ping_size: 12, compression: {deflate: {memory_level: 5}}}}
          a: {type: path, paths: {info: {type: nodeinfo}}}
      - {type: rawsocket, endpoint: {type: unix, path: s, mode: 0660}, auth: {anonymous: {type: static}}}
      - {type: universal, endpoint: {type: tcp, port: 0}, rawsocket: {limits: {calls: 5}}, web: {paths: {}}}
bridges:
  - type: serial
    id: kitchen
    realm: realm1
    device: /dev/ttyAMA0
    fields: {t: {unit: C, scale: 0.1, enum: {a: 1}}}
"""

TREE = yaml.safe_load(GOOD)

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["type", "router", "tcp", "serial", "$PORT", "trusted", "*", "..", "/", "\0", "realm1", "99999"]),
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.just("type") | st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def places(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value in a tree."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [path, *(place for key, item in items for place in places(item, (*path, key)))]


PLACES = [place for place in places(TREE) if place]
PLACES_BY_DEPTH = st.sampled_from(PLACES)


def holder(tree: Any, place: tuple[Any, ...]) -> Any:
    """What holds the value at a place; None if an earlier change took it away."""
    for key in place[:-1]:
        try:
            tree = tree[key]
        except (LookupError, TypeError):
            return None
    return tree if isinstance(tree, dict | list) else None


@st.composite
def mutations(draw: st.DrawFn) -> Any:
    """The good tree with one to three changes: a value replaced, taken out, renamed, doubled or moved."""
    tree = copy.deepcopy(TREE)
    for _ in range(draw(st.integers(1, 3))):
        place = draw(PLACES_BY_DEPTH)
        around, key = holder(tree, place), place[-1]
        if not (key in around if isinstance(around, dict) else isinstance(key, int) and key < len(around or ())):
            continue
        value = around[key]
        match draw(st.sampled_from(["replace", "remove", "rename", "double", "move"])):
            case "replace":
                around[key] = draw(values)
            case "remove":
                del around[key]
            case "rename" if isinstance(around, dict):
                around[draw(st.text(max_size=6))] = around.pop(key)
            case "double" if isinstance(around, list):
                around.append(value)
            case "move":
                other = holder(tree, draw(PLACES_BY_DEPTH))
                if isinstance(other, dict):
                    other[str(key)] = copy.deepcopy(value)
    return tree


def loaded_or_told(load_it: Any) -> None:
    """It loads, or says at least one thing; each is one printable line."""
    try:
        result = load_it()
    except ConfigErrors as errors:
        found = errors.findings
        assert found
    else:
        assert isinstance(result, Loaded)
        found = result.notices
    for finding in found:
        assert finding.text
        assert "\n" not in str(finding)
        str(finding).encode()


def test_the_unchanged_one_is_good(tmp_path: Path) -> None:
    """What is changed below is right as it stands."""
    (tmp_path / "config.yaml").write_text(GOOD)
    loaded = load(tmp_path / "config.yaml")
    assert [found.line for found in loaded.notices] == [10, 16]


@settings(max_examples=250, deadline=None)
@given(tree=mutations())
def test_mutated_values(tree: Any) -> None:
    """Nothing but ConfigErrors, whatever the values are."""
    loaded_or_told(lambda: from_tree(tree, "config.yaml", Path("/nonexistent")))


@pytest.mark.parametrize("name", ["config.yaml", "config.json"])
def test_mutated_text(name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Nothing but ConfigErrors, whatever the characters are."""
    path = tmp_path_factory.mktemp("text") / name
    text = GOOD if name.endswith("yaml") else json.dumps(TREE, indent=1)

    @settings(max_examples=150, deadline=None)
    @given(at=st.integers(0, len(text)), cut=st.integers(0, 20), put=st.text(max_size=5) | st.sampled_from(
        ["&a ", "*a", "!!int ", "!x ", "- ", ": ", "{", "}", "[", "<<: ", "0x" + "f" * 5000, "9" * 5000, "\t", "\0"]
    ))  # fmt: skip
    def mutate(at: int, cut: int, put: str) -> None:
        path.write_bytes((text[:at] + put + text[at + cut :]).encode("utf-8", "surrogatepass"))
        loaded_or_told(lambda: load(path))

    mutate()
