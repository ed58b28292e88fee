"""The bridge that is meant: a section in a file, a bridge of a node, or options alone, checked as a node would."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, Final

from bridges.serial.config import SerialConfig
from edge_router import registry
from edge_router.config.find import config_file, node_directory
from edge_router.config.load import from_tree, read_tree
from edge_router.config.problems import FindLine, nowhere
from edge_router.config.problems import Path as Steps

NO_DEVICE: Final = "/dev/null"
#: what a section needs and decoding does not
NEEDED: Final = {"type": "serial", "id": "decode", "realm": "realm1", "device": NO_DEVICE}


class NoSuchBridge(Exception):
    """There is no bridge like that; says which there are."""


def bridge_of(args: argparse.Namespace) -> SerialConfig:
    """What `--config` and `-o` say. Raises ConfigErrors with all that is wrong, and NoSuchBridge."""
    file, section, steps, find_line = _section(args)
    for word in args.option:
        name, equals, value = word.partition("=")
        if not equals:
            raise NoSuchBridge(f"-o {word}: NAME=VALUE would be right, as -o decode=raw")
        section[name] = registry.load("edge_router.config.yaml_file:read")(value)[0]
    given = {name: value for name, value in NEEDED.items() if name != "device" or "match" not in section} | section
    given.pop("role", None)
    if given["type"] != "serial":
        raise NoSuchBridge(f"bridge {given['id']} is of type {given['type']}; only bytes of serial ones can be decoded")
    realm = {"name": given["realm"], "roles": []}
    tree = {"version": 2, "workers": [{"type": "router", "realms": [realm], "transports": []}], "bridges": [given]}

    def line_of(path: Steps) -> int | None:
        return find_line((*steps, *path[2:])) if path[:1] == ("bridges",) else None

    (found,) = from_tree(tree, file, Path(file).parent, line_of).config.bridges
    assert isinstance(found, SerialConfig)
    return found


def _section(args: argparse.Namespace) -> tuple[str, dict[str, Any], Steps, FindLine]:
    """File, plain values, where they stand in the file, what finds lines there."""
    if args.config is None:
        return "the command line", {}, (), nowhere
    text, _, wanted = args.config.partition("#")
    path = Path(text)
    if not path.is_file():
        path, wanted = config_file(node_directory(args.cbdir), None), args.config
        if not path.is_file():
            raise NoSuchBridge(f"there is no file {args.config}, and no node's configuration {path} with such a bridge")
    _, tree, find_line = read_tree(path)
    if not isinstance(tree, dict):
        raise NoSuchBridge(f"{path}: a section of a bridge would be right, or the configuration of a node")
    if "bridges" not in tree:
        return str(path), dict(tree), (), find_line
    sections = [section for section in tree["bridges"] or [] if isinstance(section, dict)]
    known = [str(section.get("id")) for section in sections]
    fitting = [number for number, section in enumerate(sections) if wanted in ("", section.get("id"))]
    serial = [number for number in fitting if sections[number].get("type") == "serial"]
    fitting = fitting if wanted else serial
    if len(fitting) != 1:
        of = f"no bridge {wanted!r}" if wanted else f"{len(fitting)} serial bridges; name one as {path}#ID"
        raise NoSuchBridge(f"{path} has {of}; there are {', '.join(known) or 'none'}")
    return str(path), dict(sections[fitting[0]]), ("bridges", fitting[0]), find_line
