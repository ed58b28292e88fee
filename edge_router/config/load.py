"""A configuration file -> a typed, checked configuration, or every problem of it at once.

For the command line:

    directory = find.node_directory(args.cbdir)            # edge_router.config.find
    path = find.config_file(directory, args.config)
    loaded = load(path, directory)                         # raises ConfigErrors: print(error), exit status 1
    for notice in loaded.notices: ...                      # accepted, but say it: str(notice) is FILE:LINE: path: text
    start(loaded.config)
    document.schema_json()                                 # edge_router.config.document

`load` gives all problems: of syntax, of single values, and of what must fit together (`check`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from msgspec import Struct, ValidationError

from edge_router import registry
from edge_router.config.check import check
from edge_router.config.parts import to_config
from edge_router.config.problems import ConfigErrors, Finding, FindLine, Problem, Unreadable, located, nowhere
from edge_router.config.schema import Config
from edge_router.config.variables import any_in

MAX_BYTES = 1_048_576

_READERS = {".json": "edge_router.config.json_file:read"}
_YAML = "edge_router.config.yaml_file:read"


class Loaded(Struct, frozen=True):
    """A configuration that can be used. config: what it says. notices: what in it has no effect or an older form."""

    config: Config
    notices: list[Finding]


def load(path: Path, directory: Path | None = None) -> Loaded:
    """Read, convert and check a configuration file.

    path: the file; JSON if it ends in `.json`, else YAML. directory: the node directory, to which paths in the file
    are relative; left out, the file's own. Raises ConfigErrors with every problem, also when the file cannot be read.
    """
    _, tree, find_line = read_tree(path)
    return from_tree({} if tree is None else tree, str(path), directory or path.parent, find_line)


def read_tree(path: Path) -> tuple[str, object, FindLine]:
    """A file's text, its plain values, and what finds lines in it. Raises ConfigErrors if it cannot be read."""
    try:
        text = _text(path)
        tree, find_line = registry.load(_READERS.get(path.suffix.lower(), _YAML))(text)
    except Unreadable as error:
        raise ConfigErrors([Finding(str(path), line, "", text) for line, text in error.at]) from None
    return text, tree, find_line


def from_tree(tree: object, file: str, directory: Path, find_line: FindLine = nowhere) -> Loaded:
    """What `load` does once a file is read: convert and check plain values. Arguments as there. Raises ConfigErrors."""
    try:
        config, problems, notices = _converted(tree, directory)
    except RecursionError:
        raise ConfigErrors([Finding(file, None, "", "nested too deep")]) from None
    if problems:
        raise ConfigErrors(located(problems, file, find_line))
    if isinstance(tree, dict) and tree.get("version") == 1:
        notices = [Problem(("version",), "version 1 is read as version 2"), *notices]
    return Loaded(config, located(notices, file, find_line))


def _converted(tree: object, directory: Path) -> tuple[Config, list[Problem], list[Problem]]:
    """Result: the configuration, without what is wrong; problems; notices."""
    try:
        config = to_config(tree)
        if not any_in(tree):
            return config, *check(config, directory.absolute())
    except ValidationError:
        pass
    older = registry.load("edge_router.config.older:Upgraded")(tree)
    config, problems, notices = _walked(older.tree, directory.absolute())
    problems, notices = ([Problem(older.original(p.path), p.text) for p in found] for found in (problems, notices))
    return config, problems, older.notices + notices


def _walked(tree: object, directory: Path) -> tuple[Config, list[Problem], list[Problem]]:
    """What is in a file with problems, keys of Crossbar or variables. Result: as of `_converted`."""
    walked = registry.load("edge_router.config.walk:Walked")(tree)
    problems, notices = walked.problems, walked.notices
    try:
        config = to_config(walked.tree)
    except ValidationError as error:
        return Config(), problems or [Problem((), str(error))], notices
    names_known = not any("realms" in problem.path for problem in problems)
    more, said = check(config, directory, names_known)
    problems += _independent([Problem(walked.original(p.path), p.text) for p in more], problems, tree)
    return config, problems, notices + [Problem(walked.original(p.path), p.text) for p in said]


def _independent(more: list[Problem], first: list[Problem], tree: object) -> list[Problem]:
    """Without those that only follow from what the walk had to leave out of their section."""

    def follows(path: tuple[str | int, ...]) -> bool:
        section = path if _stands_in(tree, path) else path[:-1]
        return any(problem.path[: len(section)] == section for problem in first)

    return [problem for problem in more if not follows(problem.path)]


def _stands_in(tree: Any, path: tuple[str | int, ...]) -> bool:
    """Whether the file gives a value at a path, so that it is no default."""
    for step in path:
        try:
            tree = tree[step]
        except (LookupError, TypeError):
            return False
    return True


def _text(path: Path) -> str:
    """The text of the file. Raises Unreadable."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise Unreadable([(None, f"cannot be read: {error.strerror or error}")]) from None
    if len(raw) > MAX_BYTES:
        raise Unreadable([(None, f"larger than {MAX_BYTES} bytes, which no configuration needs")])
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise Unreadable([(line, "not UTF-8 text; save the file in UTF-8")]) from None
