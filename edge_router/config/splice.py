"""Changing a configuration's text, YAML or JSON, so that it says something else and looks as before.

What did not change keeps its bytes: comments, order, quotes, alignment. JSON is read by YAML's parser, for the places.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

import yaml

from edge_router import registry
from edge_router.config.problems import Unreadable
from edge_router.config.yaml_file import as_yaml

_COMMENT = re.compile(r"#[^\n\r]*")
_STEP = 2


class _CannotSplice(Exception):
    """The text is empty, or has forms (aliases, merged keys) where a value's place is not that of its text."""


def rewritten(text: str, old: Any, new: Any, is_json: bool) -> str:
    """The text of a configuration that says `new`.

    text: as it is. old: what it says, plain values. new: plain values. is_json: the language, JSON or YAML. Result:
    what reads as `new`; if it cannot be had by changing places, all of it is written anew (`dumped`), without comments.
    """
    try:
        root = yaml.compose(as_yaml(text), Loader=yaml.SafeLoader)
        if root is None or any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(as_yaml(text))):
            raise _CannotSplice
        splicer = _Splicer(text, is_json)
        start, end = root.start_mark.index, _end(root)
        result = text[:start] + splicer.node(root, old, new) + text[end:]
        if _read(result, is_json) == new:
            return result
    except (_CannotSplice, Unreadable, yaml.YAMLError):
        pass
    return dumped(new, is_json)


def dumped(tree: Any, is_json: bool) -> str:
    """Plain values as a text of their own."""
    if is_json:
        return json.dumps(tree, indent=_STEP, ensure_ascii=False) + "\n"
    return _block(tree)


def lost_comments(before: str, after: str) -> int:
    """How many comments a YAML text had that another one has not."""
    return sum((_comments(before) - _comments(after)).values())


def _comments(text: str) -> Counter[str]:
    """What stands between tokens of YAML is white space and comments."""
    found: Counter[str] = Counter()
    last = 0
    for token in yaml.scan(as_yaml(text), Loader=yaml.SafeLoader):
        found.update(_COMMENT.findall(text, last, max(last, token.start_mark.index)))
        last = max(last, token.end_mark.index)
    return found


def _read(text: str, is_json: bool) -> object:
    read = registry.load("edge_router.config.json_file:read" if is_json else "edge_router.config.yaml_file:read")
    return read(text)[0]


class _Dumper(yaml.SafeDumper):
    """Lists are indented below their key, as people write them; what is used twice is written twice."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        del indentless
        super().increase_indent(flow, indentless=False)

    def ignore_aliases(self, data: Any) -> bool:
        del data
        return True


def _dump(tree: Any, default_flow_style: bool = False) -> str:
    text: str = yaml.dump(
        tree, Dumper=_Dumper, default_flow_style=default_flow_style, sort_keys=False, allow_unicode=True, width=10_000
    )
    return text


def _block(tree: Any) -> str:
    return _dump(tree).removesuffix("...\n")


def _same(one: Any, other: Any) -> bool:
    """Equal as JSON is: 1 is not true, and keys have an order."""
    return json.dumps(one) == json.dumps(other)


def _end(node: yaml.Node) -> int:
    """Where a node ends; the parser says of block collections where the next token begins."""
    if isinstance(node, yaml.CollectionNode) and node.value and not node.flow_style:
        last = node.value[-1]
        return _end(last[1] if isinstance(last, tuple) else last)
    return int(node.end_mark.index)


class _Entry:
    """One `key: value` of a block mapping. lead: comment lines above it. body. trail: what follows on its last line."""

    def __init__(self, lead: list[str], body: str, trail: str) -> None:
        self.lead = lead
        self.body = body
        self.trail = trail

    def lines(self) -> list[str]:
        """All of it."""
        return [*self.lead, self.body + self.trail]

    def comments(self) -> list[str]:
        """What stays when the entry goes."""
        trail = self.trail.strip()
        return [*self.lead, trail] if trail else self.lead


class _Splicer:
    """Goes over the nodes of a text, what they say, and what they shall say."""

    def __init__(self, text: str, is_json: bool) -> None:
        self.text = text
        self.is_json = is_json

    def node(self, node: yaml.Node, old: Any, new: Any) -> str:
        """The new text of a node."""
        if _same(old, new):
            return self._text(node)
        if isinstance(node, yaml.MappingNode) and isinstance(new, dict) and node.value and new:
            return self._mapping(node, old, new)
        if isinstance(node, yaml.SequenceNode) and isinstance(new, list) and len(new) == len(old):
            changes = zip(node.value, old, new, strict=True)
            return self._with(node, [(item, self.node(item, before, after)) for item, before, after in changes])
        return self._value(new, node)

    def _text(self, node: yaml.Node) -> str:
        return self.text[node.start_mark.index : _end(node)]

    def _with(self, node: yaml.Node, values: list[tuple[yaml.Node, str]]) -> str:
        """A node's text with other texts for some nodes in it, which come in order."""
        parts, last = [], node.start_mark.index
        for inner, text in values:
            parts += [self.text[last : inner.start_mark.index], text]
            last = _end(inner)
        return "".join(parts) + self.text[last : _end(node)]

    def _value(self, value: Any, node: yaml.Node) -> str:
        """The text of a value that takes the place of another one."""
        in_block = isinstance(node, yaml.CollectionNode) and node.value and not node.flow_style
        if not in_block or not isinstance(value, dict | list):
            return self._flow(value, self._indent(node.start_mark.index), "\n" in self._text(node))
        return _block(value).rstrip("\n").replace("\n", "\n" + " " * node.start_mark.column)

    def _indent(self, index: int) -> int:
        """How far the line of a place is indented."""
        line = self.text[self.text.rfind("\n", 0, index) + 1 : index]
        return len(line) - len(line.lstrip(" \t"))

    def _flow(self, value: Any, indent: int, lines: bool) -> str:
        if self.is_json:
            text = json.dumps(value, indent=self._step() if lines else None, ensure_ascii=False)
            return text.replace("\n", "\n" + " " * indent)
        return _dump([value], default_flow_style=True).strip()[1:-1]

    def _step(self) -> int:
        """How far JSON is indented from level to level."""
        found = re.search(r"\n( +)\S", self.text)
        return len(found[1]) if found else _STEP

    # --- mappings whose keys change

    def _mapping(self, node: yaml.MappingNode, old: Any, new: dict[str, Any]) -> str:
        keys = [key.value for key, _ in node.value]
        if keys != list(old):
            raise _CannotSplice
        stay = [(key.value, value) for key, value in node.value if key.value in new]
        texts = {name: self.node(value, old[name], new[name]) for name, value in stay}
        if keys == list(new):
            return self._with(node, [(value, texts[name]) for name, value in stay])
        return self._flow_mapping(node, new, texts) if node.flow_style else self._block_mapping(node, old, new, texts)

    def _flow_mapping(self, node: yaml.MappingNode, new: dict[str, Any], texts: dict[str, str]) -> str:
        first, start = node.value[0][0], node.start_mark.index
        lines = "\n" in self.text[start : first.start_mark.index]
        indent = first.start_mark.column if lines else self._indent(start) + self._step()
        bodies = {
            key.value: self.text[key.start_mark.index : value.start_mark.index] + texts[key.value]
            for key, value in node.value
            if key.value in texts
        }
        order = _order(list(bodies), new)
        made = {key: self._pair(key, new[key], indent, "\n" in self._text(node)) for key in order if key not in bodies}
        between = ",\n" + " " * indent if lines else ", "
        head = self.text[start : first.start_mark.index]
        tail = self.text[_end(node.value[-1][1]) : _end(node)]
        return head + between.join((bodies | made)[key] for key in order) + tail

    def _pair(self, key: str, value: Any, indent: int, lines: bool) -> str:
        if self.is_json:
            return f"{json.dumps(key, ensure_ascii=False)}: {self._flow(value, indent, lines)}"
        return self._flow({key: value}, indent, lines)[1:-1]

    def _block_mapping(self, node: yaml.MappingNode, old: Any, new: dict[str, Any], texts: dict[str, str]) -> str:
        margin = "\n" + " " * node.start_mark.column
        entries = self._entries(node, texts)
        sunk = {
            key
            for name, value in new.items()
            if name not in entries and isinstance(value, dict) and value
            for key in value
            if key in entries and key not in new and _same(old[key], value[key])
        }
        lines: list[str] = []
        for name in _with_gone(_order([name for name in entries if name in new], new), list(entries)):
            if name in entries and name in new:
                lines += entries[name].lines()
            elif name in entries:
                lines += entries[name].comments() if name not in sunk else ()
            else:
                lines += self._new_entry(name, new[name], {key: entries[key] for key in entries if key in sunk})
        return margin.join(lines)

    def _new_entry(self, name: str, value: Any, sunk: dict[str, _Entry]) -> list[str]:
        """The lines of an entry, with what has sunk into it from the mapping around: its comments come along."""
        if not (isinstance(value, dict) and any(key in sunk for key in value)):
            return _block({name: value}).rstrip("\n").split("\n")
        lines = [f"{name}:"]
        for key, item in value.items():
            inner = sunk[key].lines() if key in sunk else _block({key: item}).rstrip("\n").split("\n")
            lines += [" " * _STEP + line for line in inner]
        return lines

    def _entries(self, node: yaml.MappingNode, texts: dict[str, str]) -> dict[str, _Entry]:
        entries: dict[str, _Entry] = {}
        lead: list[str] = []
        for place, (key, value) in enumerate(node.value):
            end = _end(value)
            body = self.text[key.start_mark.index : value.start_mark.index]
            body += texts.get(key.value, self.text[value.start_mark.index : end])
            last = place + 1 == len(node.value)
            gap = "" if last else self.text[end : node.value[place + 1][0].start_mark.index]
            if body.endswith("\n"):  # a text block takes its line end along
                body, gap = body[:-1], "\n" + gap
            trail, *lines = gap.split("\n")
            entries[key.value] = _Entry(lead, body, trail.rstrip())
            lead = [line.strip() for line in lines[:-1]]
        return entries


def _order(kept: list[str], new: dict[str, Any]) -> list[str]:
    """Keys that stay keep their order; new ones come after what they follow in `new`."""
    result = list(kept)
    before = None
    for key in new:
        if key not in result:
            result.insert(0 if before is None else result.index(before) + 1, key)
        before = key
    return result


def _with_gone(order: list[str], before: list[str]) -> list[str]:
    """`order`, and the keys that go at their old places."""
    result = list(order)
    for place, key in enumerate(before):
        if key not in result:
            earlier = [each for each in before[:place] if each in result]
            result.insert(result.index(earlier[-1]) + 1 if earlier else 0, key)
    return result
