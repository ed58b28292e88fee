"""Files: YAML, JSON, and what is refused before any value is looked at."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from edge_router.config import schema, yaml_file
from edge_router.config.load import load
from edge_router.config.problems import ConfigErrors
from tests.config.texts import REALM, complaints, load_text, notices, transport


@pytest.mark.parametrize("name", ["config.yaml", "config.json", "node.yml", "node.conf"])
@pytest.mark.parametrize("text", ["{}", "{ }\n"])
def test_empty_object(text: str, name: str, tmp_path: Path) -> None:
    """An empty object is a node that does nothing."""
    loaded = load_text(text, tmp_path, name)
    assert loaded.config == schema.Config()
    assert loaded.notices == []


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "---\n", "null"])
def test_empty_file(text: str, tmp_path: Path) -> None:
    """An empty file too."""
    assert load_text(text, tmp_path).config == schema.Config()


def test_typed(tmp_path: Path) -> None:
    """What is loaded is typed down to the leaf, with the part's own struct where a `type` names it."""
    text = transport("{type: rawsocket, endpoint: {type: tcp, port: 0}}")
    text += "bridges:\n  - {type: serial, id: kitchen, realm: realm1, device: /dev/ttyUSB0}\n"
    config = load_text(text, tmp_path).config
    (worker,), (bridge,) = config.workers, config.bridges
    assert worker.transports == [schema.RawSocket(endpoint=schema.TcpEndpoint(port=0))]
    assert worker.realms[0].roles[0].permissions[0].allow.subscribe
    assert (bridge.id, bridge.realm, bridge.role) == ("kitchen", "realm1", "trusted")
    assert type(bridge).__name__ == "SerialConfig"


def test_json_says_the_same(tmp_path: Path) -> None:
    """JSON and YAML of the same values give the same configuration."""
    tree = {"workers": [{"type": "router", "realms": [{"name": "realm1", "roles": [{"name": "anonymous"}]}]}]}
    assert load_text(json.dumps(tree), tmp_path, "a.json").config == load_text(
        "workers: [{type: router, realms: [{name: realm1, roles: [{name: anonymous}]}]}]", tmp_path
    ).config


@pytest.mark.parametrize("indent", ["\t", "  "])
def test_lines_of_json(indent: str, tmp_path: Path) -> None:
    """Problems in JSON have lines too, whatever it is indented with."""
    text = json.dumps({"version": 2, "controller": {"id": "\U0001f600", "idd": 1}}, indent=indent)
    assert complaints(text, tmp_path, "config.json") == ["5: controller.idd: unknown key; did you mean 'id'?"]


def test_aliases_and_merged_keys(tmp_path: Path) -> None:
    """YAML's anchors, aliases and `<<` work; problems point at the line that was written for the value."""
    text = """\
workers:
  - type: router
    transports:
      - &one {type: rawsocket, endpoint: {type: tcp, port: 1}, max_connections: 5}
      - <<: *one
        endpoint: {type: tcp, port: 2}
"""
    first, second = load_text(text, tmp_path).config.workers[0].transports
    assert (first.max_connections, first.endpoint.port) == (5, 1)  # type: ignore[attr-defined]
    assert (second.max_connections, second.endpoint.port) == (5, 2)  # type: ignore[attr-defined]
    assert complaints(text.replace("port: 2", "port: x"), tmp_path) == [
        "6: workers.0.transports.1.endpoint.port: found 'x' (text); expected a whole number from 0 to 65535"
    ]


UNREADABLE: dict[str, tuple[str, str, str]] = {
    "key twice": ("config.yaml", "version: 2\nversion: 2\n", "2: key 'version' given twice; first on line 1"),
    "key twice deep down": ("config.yaml", "a:\n- b: {c: 1,\n    c: 2}\n", "3: key 'c' given twice; first on line 2"),
    "key twice in JSON": (
        "config.json",
        '{\n\t"version": 2,\n\t"version": 2\n}',
        "3: key 'version' given twice; first on line 2",
    ),
    "two spellings of a key": ("config.yaml", "a: 1\n'a': 2", "2: key 'a' given twice; first on line 1"),
    "broken YAML": (
        "config.yaml",
        "a: [1,\nb: 2\n",
        "3: not valid YAML: did not find expected ',' or ']' (while parsing a flow sequence that begins on line 1)",
    ),
    "tab in YAML": (
        "config.yaml",
        "a:\n\tb: 1\n",
        "2: not valid YAML: found character that cannot start any token "
        "(while scanning for the next token that begins on line 2)",
    ),
    "broken JSON": (
        "config.json",
        '{\n"a": 1\n"b": 2}',
        "3: not valid JSON: Expecting ',' delimiter (column 1)",
    ),
    "comment in JSON": ("config.json", "{} // no", "1: not valid JSON: Extra data (column 4)"),
    "NaN in JSON": ("config.json", '{"a": NaN}', "a value cannot be read: NaN is not JSON"),
    "endless number in JSON": ("config.json", '{"a": 1e999}', "a value cannot be read: the number 1e999 is not JSON"),
    "NaN in YAML": ("config.yaml", "a:\n  .nan", "2: '.nan' is no usable number"),
    "endless number in YAML": ("config.yaml", "a: 1.0e+999", "1: '1.0e+999' is no usable number"),
    "half a character in JSON": (
        "config.json",
        r'{"a": "\ud800"}',
        r"a \u escape is half of a character (a surrogate), which is no text",
    ),
    "a tag": (
        "config.yaml",
        "a: 1\nb: !!python/object:os.system x",
        "2: tag 'tag:yaml.org,2002:python/object:os.system' is not supported; write plain values",
    ),
    "a wrong number by tag": (
        "config.yaml",
        "a: !!int x",
        "a value cannot be read: invalid literal for int() with base 10: 'x'",
    ),
    "a number by tag that is not there": (
        "config.yaml", "a: !!int", "a value cannot be read: string index out of range"
    ),
    "a list as key": ("config.yaml", "? [a]\n: 1", "1: a key must be text, not a list or mapping"),
    "alias of itself": ("config.yaml", "a: &x\n  b: *x", "1: an alias stands for something that contains it"),
    "nested too deep": ("config.yaml", "[" * 200_000, "1: nested deeper than 64 levels"),
    "two documents": (
        "config.yaml",
        "a: 1\n---\nb: 1\n",
        "2: not valid YAML: but found another document "
        "(expected a single document in the stream that begins on line 1)",
    ),
    "aliases that multiply": (
        "config.yaml",
        "a: &a [1,1,1,1,1,1,1,1,1,1]\n"
        + "".join(f"{b}: &{b} [{','.join([f'*{a}'] * 10)}]\n" for a, b in pairwise("abcdefg")),
        "1: more than 100000 values, aliases counted as often as used",
    ),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_unreadable(case: str, tmp_path: Path) -> None:
    """What is no plain YAML or JSON is refused with the line where that shows."""
    name, text, expected = UNREADABLE[case]
    assert complaints(text, tmp_path, name) == [expected]


def test_without_libyaml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PyYAML without its C part reads the same, and is as careful."""
    monkeypatch.setattr(yaml_file, "_Loader", yaml.SafeLoader)
    assert load_text(REALM, tmp_path).config.workers[0].realms[0].name == "realm1"
    for text, expected in (
        ("a:\n  - b: 1\n    b: 2\n", "3: key 'b' given twice; first on line 2"),
        ("[" * 500, "1: nested deeper than 64 levels"),
        ('a: "\\ud800"', "1: half of a character (a surrogate), which is no text"),
        ("a: &x\n  b: *x", "1: an alias stands for something that contains it"),
    ):
        assert complaints(text, tmp_path) == [expected]


@pytest.mark.parametrize("depth", [50, 400, 900, 100_000])
def test_deep_json(depth: int, tmp_path: Path) -> None:
    """Nesting that a parser or a walk would trip over is a problem like others."""
    tree = '{"type": "path", "paths": {"a": ' * depth + '{"type": "nodeinfo"}' + "}}" * depth
    text = f'{{"workers": [{{"type": "router", "transports": [{{"type": "web", "paths": {{"a": {tree}}}}}]}}]}}'
    assert len(complaints(text, tmp_path, "config.json")) == 1


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    """Another encoding than UTF-8 is said to be that."""
    (tmp_path / "config.yaml").write_bytes("a: 1\nb: Küche\n".encode("latin-1"))
    with pytest.raises(ConfigErrors, match=r"config\.yaml:2: not UTF-8 text; save the file in UTF-8$"):
        load(tmp_path / "config.yaml")


def test_byte_order_mark(tmp_path: Path) -> None:
    """Editors on Windows put a mark in front; it is no part of the text."""
    (tmp_path / "config.json").write_bytes(b"\xef\xbb\xbf{}")
    assert load(tmp_path / "config.json").config == schema.Config()


def test_too_large(tmp_path: Path) -> None:
    """A file named by mistake is not read into memory."""
    assert complaints("#" * 1_048_577, tmp_path) == ["larger than 1048576 bytes, which no configuration needs"]


def test_no_such_file(tmp_path: Path) -> None:
    """A file that is not there is a problem like others."""
    with pytest.raises(ConfigErrors, match=r"config\.yaml: cannot be read: No such file or directory$"):
        load(tmp_path / "config.yaml")


@pytest.mark.parametrize("mode", ["0660", "'660'", "'0660'", '"660"'])
def test_modes(mode: str, tmp_path: Path) -> None:
    """`mode: 0660` is what people write; YAML 1.1 would make 432 of it."""
    text = transport(f"{{type: rawsocket, endpoint: {{type: unix, path: s, mode: {mode}}}}}")
    endpoint = load_text(text, tmp_path).config.workers[0].transports[0].endpoint  # type: ignore[attr-defined]
    assert int(endpoint.mode, 8) == 0o660


@pytest.mark.parametrize("value", ["2024-01-01", "22:30", "on"])
def test_surprises_of_yaml(value: str, tmp_path: Path) -> None:
    """Dates and times stay text as a value; a key such as `on` stays text."""
    text = transport(f"{{type: web, endpoint: {{type: tcp, port: 1}}, paths: {{{value if value == 'on' else 'x'}: "
                     "{type: nodeinfo}}}")
    web = load_text(text, tmp_path).config.workers[0].transports[0]
    assert list(web.paths) == ["on" if value == "on" else "x"]  # type: ignore[attr-defined]
    if value != "on":
        assert load_text(f"controller: {{id: {value}}}", tmp_path).config.controller.id == value


def test_port_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`port: "$PORT"`, as Crossbar has it."""
    text = transport('{type: rawsocket, endpoint: {type: tcp, port: "$EDGE_TEST_PORT"}}')
    at = "7: workers.0.transports.0.endpoint.port: the environment variable EDGE_TEST_PORT"
    monkeypatch.delenv("EDGE_TEST_PORT", raising=False)
    assert complaints(text, tmp_path) == [f"{at} is not set; expected 0 to 65535"]
    monkeypatch.setenv("EDGE_TEST_PORT", "80 80")
    assert complaints(text, tmp_path) == [f"{at} is '80 80', which is no port; expected 0 to 65535"]
    monkeypatch.setenv("EDGE_TEST_PORT", "8099")
    assert load_text(text, tmp_path).config.workers[0].transports[0].endpoint.port == 8099  # type: ignore[attr-defined]


def test_notices_do_not_stop_anything(tmp_path: Path) -> None:
    """What is accepted without effect is told, with its line."""
    assert notices(REALM + "    manhole: {}\n", tmp_path) == [
        "6: workers.0.manhole: no effect here: local programs may use a Unix socket instead"
    ]
