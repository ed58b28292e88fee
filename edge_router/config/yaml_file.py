"""YAML text -> plain values, and the line of each. Only what JSON can say too is let through.

YAML 1.1's surprises are refused or defused: keys given twice, keys like `on` that turn into booleans, dates, tags,
aliases that contain themselves or multiply without end, nesting deep enough to crash the parser.
"""

from __future__ import annotations

import re

import yaml

from edge_router.config.problems import FindLine, Path, Unreadable, nowhere

_Loader: type[yaml.CSafeLoader] | type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

MAX_DEPTH = 64
MAX_VALUES = 100_000

_MAX_DIGITS = 40
_SURPRISING = re.compile(r"[-+]?(?:0[0-9_]+\Z|[0-9_]+:)")
_INFINITE = re.compile(r"[-+]?\.(?:nan|inf)|.*e\+[0-9]{3}", re.IGNORECASE)

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")

_TAG = "tag:yaml.org,2002:"
_KNOWN_TAGS = frozenset(_TAG + name for name in ("map", "seq", "str", "int", "float", "bool", "null", "merge"))


def read(text: str) -> tuple[object, FindLine]:
    """The value of a YAML text.

    Result: the value, and what finds lines in it. Raises Unreadable.
    """
    try:
        _check_depth(text)
        loader = _Loader(text)
        try:
            root = loader.get_single_node()
            if root is None:
                return None, nowhere
            _Vetting().vet(root)
            return loader.construct_document(root), _finder(root)
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        raise Unreadable([_syntax(error)]) from None
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError) as error:
        # What `!!int x`, `!!int` of nothing, and numbers of thousands of digits raise in PyYAML's constructors.
        raise Unreadable([(None, f"a value cannot be read: {error}")]) from None


def find_lines(text: str) -> FindLine:
    """What finds lines in JSON."""
    try:
        spaced = as_yaml(text)
        _check_depth(spaced)
        root = yaml.compose(spaced, Loader=_Loader)
    except (yaml.YAMLError, Unreadable):
        root = None
    return _finder(root) if root is not None else nowhere


def as_yaml(text: str) -> str:
    """JSON with two changes that move nothing, so that YAML's parser reads it.

    Tabs, which JSON has only between values, become spaces; `\\u` escapes of surrogates become others.
    """
    return _SURROGATE.sub(r"\\u003f", text.replace("\t", " "))


def _check_depth(text: str) -> None:
    """libyaml's composer recurses without a limit and crashes the process; its events do not."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise Unreadable([(_line(event), f"nested deeper than {MAX_DEPTH} levels")])
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _syntax(error: yaml.YAMLError) -> tuple[int | None, str]:
    mark = getattr(error, "problem_mark", None)
    what = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    context, begun = getattr(error, "context", None), getattr(error, "context_mark", None)
    if context:
        what += f" ({context}" + (f" that begins on line {begun.line + 1})" if begun else ")")
    return (mark.line + 1 if mark else None), f"not valid YAML: {what}"


class _Vetting:
    """Goes over the composed nodes before values are made of them."""

    def __init__(self) -> None:
        self.found: list[tuple[int | None, str]] = []
        self.left = MAX_VALUES

    def vet(self, root: yaml.Node) -> None:
        self._node(root, ())
        if self.found:
            raise Unreadable(self.found)

    def _node(self, node: yaml.Node, around: tuple[int, ...]) -> None:
        line = _line(node)
        self.left -= 1
        if self.left < 0:
            raise Unreadable([(line, f"more than {MAX_VALUES} values, aliases counted as often as used")])
        if id(node) in around:
            raise Unreadable([(line, "an alias stands for something that contains it")])
        if len(around) > MAX_DEPTH:
            raise Unreadable([(line, f"nested deeper than {MAX_DEPTH} levels")])
        if isinstance(node, yaml.ScalarNode):
            self._scalar(node, line)
        elif node.tag not in _KNOWN_TAGS:
            self.found.append((line, f"tag {node.tag!r} is not supported; write plain values"))
        elif isinstance(node, yaml.MappingNode):
            self._mapping(node, (*around, id(node)))
        elif isinstance(node, yaml.SequenceNode):
            for item in node.value:
                self._node(item, (*around, id(node)))

    def _scalar(self, node: yaml.ScalarNode, line: int) -> None:
        """Dates, 12:30 and 0660 stay text: as the numbers that YAML 1.1 makes of them nobody means them."""
        kind, text = node.tag.removeprefix(_TAG), node.value
        if kind == "timestamp" or (kind in ("int", "float") and _SURPRISING.match(text)):
            node.tag = _TAG + "str"
        elif node.tag not in _KNOWN_TAGS:
            self.found.append((line, f"tag {node.tag!r} is not supported; write plain values"))
        elif kind in ("int", "float") and (len(text) > _MAX_DIGITS or _INFINITE.match(text)):
            self.found.append((line, f"{text[:_MAX_DIGITS]!r} is no usable number"))
        elif not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text):
            self.found.append((line, "half of a character (a surrogate), which is no text"))

    def _mapping(self, node: yaml.MappingNode, around: tuple[int, ...]) -> None:
        seen: dict[str, int] = {}
        for key, value in node.value:
            line = _line(key)
            if not isinstance(key, yaml.ScalarNode):
                self.found.append((line, "a key must be text, not a list or mapping"))
                continue
            if key.tag != _TAG + "merge":
                key.tag = _TAG + "str"
                if key.value in seen:
                    self.found.append((line, f"key {key.value!r} given twice; first on line {seen[key.value]}"))
                seen.setdefault(key.value, line)
            self._node(value, around)


def _line(at: yaml.Node | yaml.Event) -> int:
    mark = at.start_mark
    return int(mark.line) + 1 if mark else 1


def _finder(root: yaml.Node) -> FindLine:
    def find(path: Path) -> int | None:
        node, line = root, root.start_mark.line
        for step in path:
            found = _step(node, step)
            if found is None:
                break
            node, line = found
        return int(line) + 1

    return find


def _step(node: yaml.Node, step: str | int) -> tuple[yaml.Node, int] | None:
    """The node one step down, and its line; for a value of a mapping, the line of its key."""
    if isinstance(node, yaml.MappingNode):
        for key, value in reversed(node.value):  # what `<<` merged in comes first and is overridden
            if isinstance(key, yaml.ScalarNode) and key.value == step:
                return value, key.start_mark.line
    elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step], node.value[step].start_mark.line
    return None
