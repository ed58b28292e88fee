"""The JSON schema and the reference of the configuration, made from the declarations and their docstrings.

`python -m edge_router.config.document` prints the reference; REFERENCE.md is that, and a test compares them.
"""

from __future__ import annotations

import inspect as python_inspect
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from msgspec import NODEFAULT, Struct, inspect, json, to_builtins

from edge_router import registry
from edge_router.config import schema
from edge_router.config.describe import wanted

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_REFS = "#/$defs/{name}"
_VARIABLE = {"type": "string", "pattern": r"^\$", "description": "a variable of the environment: `$PORT`"}


def schema_json() -> bytes:
    """The JSON schema (draft 2020-12) of a configuration, indented; every part that is installed is in it."""
    return json.format(json.encode(schema_dict()), indent=2)


def schema_dict() -> dict[str, Any]:
    """The JSON schema as plain values."""
    declared = list(sections())
    (top, *_), definitions = json.schema_components(declared, schema_hook=_one_of_parts, ref_template=_REFS)
    for cls in declared:
        texts = docs(cls)
        definition = definitions[cls.__name__]
        definition["description"] = texts.about
        for name, declared in definition["properties"].items():
            if name in texts.fields:
                declared["description"] = texts.fields[name]
            if declared.pop("variable", False):
                declared["anyOf"] = [{key: declared.pop(key) for key in ("type", "minimum", "maximum")}, _VARIABLE]
    return {"$schema": _DIALECT, "title": "edge-router configuration", **top, "$defs": definitions}


def _one_of_parts(cls: type) -> dict[str, Any]:
    """A section that its `type` finds in the registry."""
    structs = [registry.config_class(schema.PART_KINDS[cls], name) for name in registry.names(schema.PART_KINDS[cls])]
    return {"anyOf": [{"$ref": _REFS.format(name=struct.__name__)} for struct in structs]}


def _parts(info: inspect.CustomType) -> list[Any]:
    kind = schema.PART_KINDS.get(info.cls)
    return [registry.config_class(kind, name) for name in registry.names(kind)] if kind else []


def sections() -> Iterator[type[Struct]]:
    """Every section, in the order of the file, outer ones first."""
    seen: list[type[Struct]] = []

    def visit(cls: type[Struct]) -> Iterator[type[Struct]]:
        if cls in seen:
            return
        seen.append(cls)
        yield cls
        for field in _info(cls).fields:
            for inner in _sections_in(field.type):
                yield from visit(inner)

    return visit(schema.Config)


def _info(cls: type[Struct]) -> inspect.StructType:
    info = inspect.type_info(cls)
    assert isinstance(info, inspect.StructType)
    return info


def _sections_in(info: Any) -> list[type[Struct]]:
    """The sections that a value of this type may hold."""
    if isinstance(info, inspect.StructType):
        return [info.cls]
    if isinstance(info, inspect.CustomType):
        return _parts(info)
    inner = [getattr(info, name) for name in ("item_type", "value_type", "type") if hasattr(info, name)]
    return [section for member in (*inner, *getattr(info, "types", ())) for section in _sections_in(member)]


class Docs(NamedTuple):
    """A section's docstring, taken apart. about: what it is. fields: what each key means."""

    about: str
    fields: dict[str, str]


def docs(cls: type[Struct]) -> Docs:
    """Take a docstring apart: prose, then `name: what it is.` or `name, other: ...` for every key.

    Keys that are inherited may be explained where they come from.
    """
    base = cls.__base__
    inherited = docs(base).fields if base is not None and base is not Struct and issubclass(base, Struct) else {}
    names = {field.encode_name for field in _info(cls).fields} | {"type"}
    text = _flat(python_inspect.cleandoc(cls.__doc__ or "").replace("\n\n", " \0 "))
    name = r"[$]?[a-z_][a-z0-9_-]*"
    marks = [
        match
        for match in re.finditer(rf"(?:^|(?<=[.\0] ))({name}(?:, {name})*): ", text)
        if set(match[1].split(", ")) <= names
    ]
    about = text[: marks[0].start()] if marks else text
    fields = dict(inherited)
    for match, end in zip(marks, [*(m.start() for m in marks[1:]), len(text)], strict=False):
        fields |= dict.fromkeys(match[1].split(", "), _flat(text[match.end() : end].replace("\0", "")))
    return Docs(_flat(about.replace("\0", "")), fields)


def _flat(text: str) -> str:
    return " ".join(text.split())


def reference() -> str:
    """The reference in Markdown: a heading and a table a section."""
    declared = list(sections())
    lines = [
        "# Configuration reference",
        "",
        "Made by `python -m edge_router.config.document` from the declarations in the code; do not edit. The file is",
        "`config.yaml` or `config.json` in the node directory. `edge-router check` says what is wrong with one,",
        "`edge-router schema` prints the JSON schema for editors. Keys without a default must be given.",
    ]
    for cls in declared:
        lines += ["", f"## {_title(cls)}", "", docs(cls).about, *_table(cls)]
    return "\n".join(lines) + "\n"


def _title(cls: type[Struct]) -> str:
    tag = _info(cls).tag
    return f"{cls.__name__} (`type: {tag}`)" if tag is not None else cls.__name__


def _table(cls: type[Struct]) -> list[str]:
    info, texts = _info(cls), docs(cls)
    if not info.fields:
        return []
    lines = ["", "| key | value | default | what it is |", "|---|---|---|---|"]
    for field in info.fields:
        text = texts.fields.get(field.encode_name, "")
        cells = (f"`{field.encode_name}`", _type_words(field.type), _default(field), text)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return lines


def _type_words(info: Any) -> str:
    """The type in words, and links to the sections it may hold."""
    held = _sections_in(info)
    if not held:
        return wanted(info).replace("_", "\\_")
    links = " or ".join(f"[{cls.__name__}](#{_anchor(_title(cls))})" for cls in held)
    members = getattr(info, "types", (info,))
    for kind, words in ((inspect.ListType, "list of "), (inspect.DictType, "name -> ")):
        if any(isinstance(member, kind) for member in members):
            return words + links
    return links


def _anchor(title: str) -> str:
    """The fragment that Markdown renderers make of a heading."""
    return re.sub(r"[^a-z0-9 _-]", "", title.lower()).replace(" ", "-")


def _default(field: inspect.Field) -> str:
    if field.required:
        return ""
    value = field.default if field.default is not NODEFAULT else field.default_factory()
    if isinstance(value, Struct):
        return "its defaults"
    return f"`{json.encode(to_builtins(value)).decode()}`" if value is not None else "none"


if __name__ == "__main__":
    import sys

    sys.stdout.write(reference())
