"""Changing a configuration's text: what is untouched keeps its bytes, and comments keep their places."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from edge_router.config import json_file, yaml_file
from edge_router.config.older import Upgraded
from edge_router.config.splice import dumped, lost_comments, rewritten


def upgraded(text: str, is_json: bool = False) -> str:
    """What `edge-router upgrade` makes of a text."""
    old = (json_file if is_json else yaml_file).read(text)[0]
    tree: Any = Upgraded(old).tree
    return rewritten(text, old, {"version": 2, **tree}, is_json)


def test_comments_of_yaml() -> None:
    """Each stays with what it is about, also where a key moves below another."""
    text = """\
# my node
workers:
  # the router
  - type: router      # one
    realms:
      - name: realm1
        roles:
          - name: anonymous
            permissions:
              # all of it
              - uri: "*"          # everything
                publish: true     # yes
                # careful
                call: false       # no
              - publish: true     # odd order
                # what
                uri: com.x.*
              - {uri: 'a', publish: yes, call: no}   # flow
# the end
"""
    after = """\
# my node
version: 2
workers:
  # the router
  - type: router      # one
    realms:
      - name: realm1
        roles:
          - name: anonymous
            permissions:
              # all of it
              - uri: ''          # everything
                match: prefix
                allow:
                  publish: true     # yes
                  # careful
                  call: false       # no
              - # what
                uri: com.x.
                match: prefix
                allow:
                  publish: true     # odd order
              - {uri: 'a', allow: {publish: true, call: false}}   # flow
# the end
"""
    assert upgraded(text) == after
    assert lost_comments(text, after) == 0


def test_json_keeps_its_look() -> None:
    """Indentation, order and what stands on one line."""
    text = """\
{
   "controller": {},
   "workers": [
      {
         "type": "router",
         "options": {"pythonpath": [".."]},
         "realms": [{"name": "r", "roles": [{"name": "a", "permissions": [
            {
               "uri": "*",
               "publish": true
            }
         ]}]}]
      }
   ]
}
"""
    assert upgraded(text, is_json=True) == """\
{
   "version": 2,
   "controller": {},
   "workers": [
      {
         "type": "router",
         "options": {"pythonpath": [".."]},
         "realms": [{"name": "r", "roles": [{"name": "a", "permissions": [
            {
               "uri": "",
               "match": "prefix",
               "allow": {
                  "publish": true
               }
            }
         ]}]}]
      }
   ]
}
"""


CHANGES: dict[str, tuple[str, Any, str]] = {
    "first key goes": ("a: 1\nb: 2\n", {"b": 2}, "b: 2\n"),
    "last key goes": ("a: 1\nb: 2  # two\n# end\n", {"a": 1}, "a: 1  # two\n# end\n"),
    "block of text stays": ("a: |\n  x\n  y\nb: 2\n", {"a": "x\ny\n", "b": 3}, "a: |\n  x\n  y\nb: 3\n"),
    "after a block of text": ("a: |\n  x\nb: 2\n", {"a": "x\n", "c": 1, "b": 2}, "a: |\n  x\nc: 1\nb: 2\n"),
    "no line end": ("a: 1", {"a": 1, "b": [1]}, "a: 1\nb:\n  - 1"),
    "scalar to list": ("a:\n  b: 1 # x\n", {"a": {"b": [1]}}, "a:\n  b: [1] # x\n"),
    "document marks": ("---\na: 1\n...\n", {"a": 2}, "---\na: 2\n...\n"),
    "null": ("a:\nb: 1\n", {"a": None, "b": 2}, "a:\nb: 2\n"),
    "texts like numbers": ("a: 12:30\n", {"a": "12:31"}, "a: '12:31'\n"),
    "true is not 1": ("a: 1\n", {"a": True}, "a: true\n"),
    "umlauts": ("ä: ö # ü\nb: 1\n", {"ä": "ö", "b": 2}, "ä: ö # ü\nb: 2\n"),
    "windows": ("a: 1\r\nb: 2\r\n", {"a": 1, "b": 3}, "a: 1\r\nb: 3\r\n"),
}


@pytest.mark.parametrize("case", CHANGES)
def test_change(case: str) -> None:
    """Only what has to change does."""
    text, new, expected = CHANGES[case]
    result = rewritten(text, yaml_file.read(text)[0], new, False)
    assert result == expected
    assert yaml_file.read(result)[0] == new


@pytest.mark.parametrize("text", ["", "<<: {a: 1}\nb: 2\n", "x: &x {a: 1}\ny: {<<: *x, b: 2}\n"])
def test_written_anew(text: str) -> None:
    """Forms whose places say too little are written as a whole rather than wrongly."""
    new = {"b": [1, {"c": 2}], "a": {"b": [1]}}
    assert yaml_file.read(rewritten(text, yaml_file.read(text)[0], new, False))[0] == new


leaves = st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab: #-'\"\n{[\u00e4", max_size=6)
keys = st.text("abc-#: \u00e4", min_size=1, max_size=3)
trees = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4))
roots = st.dictionaries(keys, trees, min_size=1, max_size=4)


@given(roots, roots, st.booleans(), st.data())
def test_any_change(old: dict[str, Any], other: dict[str, Any], is_json: bool, data: st.DataObject) -> None:
    """Whatever the text and the change, the result says what it shall; comments of YAML do no harm."""
    new = copy.deepcopy(old) | data.draw(st.sampled_from([{}, other]))
    if len(new) > 1:
        del new[data.draw(st.sampled_from(sorted(new)))]
    style = data.draw(st.sampled_from([None, False, True]))
    text = json.dumps(old, indent=data.draw(st.sampled_from([None, 3]))) if is_json else yaml.safe_dump(
        old, default_flow_style=style, sort_keys=False, allow_unicode=True
    )  # fmt: skip
    read = (json_file if is_json else yaml_file).read
    assert read(text)[0] == old
    assert read(rewritten(text, old, new, is_json))[0] == new


@given(roots)
def test_dumped(tree: dict[str, Any]) -> None:
    """What `convert` writes reads as what it was made from, in both languages."""
    assert json_file.read(dumped(tree, True))[0] == tree
    assert yaml_file.read(dumped(tree, False))[0] == tree


def test_comments_are_counted() -> None:
    """A # within a text is none."""
    assert lost_comments("# a\nb: '#c' # d\ne: x#y\n", "b: 1 # d\n") == 1
