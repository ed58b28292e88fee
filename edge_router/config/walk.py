"""Declaration and value gone over together, to find every problem of a configuration at once.

Loaded only when the one `msgspec.convert` of the whole file failed. What is wrong is left out of the result, so that
what remains can be converted and checked too; what has no effect here, or an older form, is dropped or rewritten
with a notice (tables in `crossbar` and `repairs`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Annotated, Any, Final

from msgspec import Meta, ValidationError, convert, inspect

from edge_router import registry
from edge_router.config import crossbar, repairs
from edge_router.config.describe import closest, found, suggestion, wanted
from edge_router.config.parts import as_part
from edge_router.config.problems import Path, Problem
from edge_router.config.schema import PART_KINDS, Config
from edge_router.config.variables import Unset, resolved


class _Dropped:
    """Stands for a value that was wrong."""


DROPPED: Final = _Dropped()

#: what msgspec knows of a declaration; reading it takes longer than the rest of a walk
_declared: Final = cache(inspect.type_info)

_STAND_INS: Final = {"port": 0, "flag": False, "path": "unknown"}  # so that the rest of the section is looked at too


class Walked:
    """What a walk brought home.

    tree: the value without what was wrong. problems, notices: what was said. kept: for lists that lost items, their
    path -> the original position of each item that is left.
    """

    def __init__(self, value: object) -> None:
        self.problems: list[Problem] = []
        self.notices: list[Problem] = []
        self.kept: dict[Path, list[int]] = {}
        self.tree = self._value(_declared(Config), value, ())

    def original(self, path: Path) -> Path:
        """A path in `tree` -> the path in the file."""
        result: Path = ()
        for step in path:
            kept = self.kept.get(result)
            result = (*result, kept[step] if kept is not None and isinstance(step, int) else step)
        return result

    # --- one method a kind of type; each returns the cleaned value or DROPPED

    def _value(self, info: Any, value: object, path: Path) -> object:
        if isinstance(value, str) and "$" in value:
            value = self._from_environment(info, value, path)
        method = _METHODS.get(type(info), Walked._leaf)
        return value if value is DROPPED else method(self, info, value, path)

    def _from_environment(self, info: Any, value: str, path: Path) -> object:
        kind = "secret" if _secret(info) else _extra(info, "variable")
        try:
            return resolved(kind, value) if kind else value
        except Unset as error:
            self._problem(path, str(error))
        return _STAND_INS.get(kind, DROPPED)

    def _problem(self, path: Path, text: str) -> _Dropped:
        self.problems.append(Problem(path, text))
        return DROPPED

    def _wrong(self, info: Any, value: object, path: Path) -> _Dropped:
        if _secret(info):
            text = "what is here is not shown, since it may be a secret (a number needs quotes)"
            return self._problem(path, f"{text}; expected {wanted(info)}")
        return self._problem(path, f"found {found(value)}; expected {wanted(info)}")

    def _leaf(self, info: Any, value: object, path: Path) -> object:
        known = type(info) in _LEAVES
        return self._wrong(info, value, path) if known and not _fits(info, value) else value

    def _described(self, info: Any, value: object, path: Path) -> object:
        """A type with more than limits: `Meta(extra={"words": ...})` says in words what a pattern means."""
        inner = info.type
        if type(inner) in _LEAVES and not _fits(inner, value):
            return self._wrong(info, value, path)
        return self._value(inner, value, path)

    def _literal(self, info: Any, value: object, path: Path) -> object:
        if any(type(value) is type(option) and value == option for option in info.values):
            return value
        options = [str(option) for option in info.values]
        hint = suggestion(value, options) if isinstance(value, str) else ""
        return self._problem(path, f"found {found(value)}; expected {wanted(info)}{hint}")

    def _list(self, info: Any, value: object, path: Path) -> object:
        if not isinstance(value, list):
            return self._wrong(info, value, path)
        items = [self._value(info.item_type, item, (*path, i)) for i, item in enumerate(value)]
        kept = [i for i, item in enumerate(items) if item is not DROPPED]
        if len(kept) < len(items):
            self.kept[path] = kept
        elif not _length_fits(info, value):
            return self._wrong(info, value, path)
        cleaned = [items[i] for i in kept]
        return cleaned if _length_fits(info, cleaned) else DROPPED

    def _dict(self, info: Any, value: object, path: Path) -> object:
        if not isinstance(value, dict):
            return self._wrong(info, value, path)
        cleaned = {}
        for key, item in value.items():
            name = self._value(info.key_type, key, (*path, key))
            result = self._value(info.value_type, item, (*path, key))
            if name is not DROPPED and result is not DROPPED:
                cleaned[key] = result
        return cleaned

    def _union(self, info: Any, value: object, path: Path) -> object:
        members = [member for member in info.types if not isinstance(member, inspect.NoneType)]
        if value is None:
            return None if len(members) < len(info.types) else self._wrong(info, value, path)
        if len(members) == 1:
            return self._value(members[0], value, path)
        if all(isinstance(member, inspect.StructType) for member in members):
            return self._tagged({member.tag: member for member in members}, value, path)
        for member in members:
            if _takes(member, value):
                return self._value(member, value, path)
        return self._wrong(info, value, path)

    def _tagged(self, members: dict[str, Any], value: object, path: Path) -> object:
        section = next((step for step in reversed(path) if isinstance(step, str)), "section")
        if isinstance(value, dict):
            value = repairs.with_other_type(path, value, self.notices)
        name = self._type_of(list(members), section.removesuffix("s"), value, path)
        return DROPPED if name is None else self._fields(members[name], value, path)

    def _part(self, info: Any, value: object, path: Path) -> object:
        kind = PART_KINDS.get(info.cls)
        if kind is None:
            return value
        name = self._type_of(registry.names(kind), kind, value, path)
        if name is None:
            return DROPPED
        return self._fields(_declared(registry.config_class(kind, name)), value, path)

    def _type_of(self, names: list[str], kind: str, value: object, path: Path) -> str | None:
        """The `type` of a section, if it is one of `names`."""
        options = "one of " + ", ".join(names)
        if not isinstance(value, dict):
            self._problem(path, f"found {found(value)}; expected a mapping with a `type`, {options}")
        elif "type" not in value:
            self._problem((*path, "type"), f"missing; {options}")
        elif value["type"] in names:
            return str(value["type"])
        elif dropped := crossbar.dropped_type(path, value["type"]):
            self.notices.append(Problem(path, dropped))
        else:
            name = value["type"]
            text = crossbar.later_type(path, name) or (
                f"unknown {kind} {name!r}{suggestion(name, names)}; {options}"
                if isinstance(name, str)
                else f"found {found(name)}; expected {options}"
            )
            self._problem((*path, "type"), text)
        return None

    def _struct(self, info: Any, value: object, path: Path) -> object:
        if info.tag is not None:
            return self._tagged({info.tag: info}, value, path)
        return self._fields(info, value, path)

    def _fields(self, info: Any, value: object, path: Path) -> object:
        if not isinstance(value, dict):
            return self._wrong(info, value, path)
        before = len(self.problems)
        value = repairs.repaired(info.cls, value, path, self.notices)
        fields = {field.encode_name: field for field in info.fields}
        cleaned: dict[Any, Any] = {}
        meant: set[str] = set()
        for key, item in value.items():
            if key in fields:
                result = self._value(fields[key].type, item, (*path, key))
                if result is not DROPPED:
                    cleaned[key] = result
            elif key == info.tag_field:
                cleaned[key] = item
            elif info.forbid_unknown_fields:
                meant.add(self._unknown(info.cls, list(fields), key, item, (*path, key)))
        for name, field in fields.items():
            if field.required and name not in value and name not in meant:
                self._problem((*path, name), f"missing; expected {wanted(field.type)}")
        if any(field.required and name not in cleaned for name, field in fields.items()):
            return DROPPED
        return cleaned if len(self.problems) > before else self._converted(info, cleaned, path)

    def _converted(self, info: Any, cleaned: dict[Any, Any], path: Path) -> object:
        """A section whose keys are all right may still refuse them together (`__post_init__`)."""
        try:
            convert(cleaned, info.cls, dec_hook=as_part)
        except ValidationError as error:
            return self._problem(path, str(error))
        return cleaned

    def _unknown(self, cls: type, known: list[str], key: Any, value: object, path: Path) -> str:
        """A key that is not declared. Result: the declared one that was meant, or an empty text."""
        ignored, later = crossbar.ignored_key(cls, path, value), crossbar.later_key(cls, key)
        if ignored is not None:
            if ignored:
                self.notices.append(Problem(path, ignored))
            inner = crossbar.INNER.get((cls, key), ())
            for name in value if inner and isinstance(value, dict) else ():
                if name not in inner:
                    self._unknown(type(None), list(inner), name, None, (*path, name))
            return ""
        if later and not value:  # false, null, an empty list: nothing is asked for
            return ""
        meant = "" if later else closest(key, known)
        options = f"did you mean {meant!r}?" if meant else f"known here: {', '.join(known) or 'none'}"
        self._problem(path, later or f"unknown key; {options}")
        return meant


def _secret(info: Any) -> bool:
    """Whether a value of this type must not get into a log or onto a screen: `Meta(extra={"secret": True})`."""
    return bool(_extra(info, "secret"))


def _extra(info: Any, key: str) -> Any:
    """What `Meta(extra=...)` says of a type, or of one of a union."""
    extras = (getattr(each, "extra", None) or {} for each in (info, *getattr(info, "types", ())))
    return next((extra[key] for extra in extras if key in extra), None)


def _length_fits(info: Any, value: list[Any]) -> bool:
    return len(value) >= (info.min_length or 0) and (info.max_length is None or len(value) <= info.max_length)


def _fits(info: Any, value: object) -> bool:
    """Whether msgspec takes a leaf of this type: its own rules, not a copy of them."""
    python, *names = _LEAVES[type(info)]
    limits = {name: getattr(info, name) for name in names if getattr(info, name) is not None}
    try:
        convert(value, Annotated[python, Meta(**limits)] if limits else python)
    except ValidationError:
        return False
    return True


def _takes(info: Any, value: object) -> bool:
    """Whether a value has the kind of a member of a union, whatever its limits."""
    info = info.type if isinstance(info, inspect.Metadata) else info
    if isinstance(info, inspect.LiteralType):
        return value in info.values
    kinds = _MEMBERS.get(type(info), object)
    return isinstance(value, kinds) and not (isinstance(value, bool) and kinds in (int, (int, float)))


_LEAVES: dict[type, tuple[Any, ...]] = {
    inspect.BoolType: (bool,),
    inspect.IntType: (int, "gt", "ge", "lt", "le", "multiple_of"),
    inspect.FloatType: (float, "gt", "ge", "lt", "le", "multiple_of"),
    inspect.StrType: (str, "pattern", "min_length", "max_length"),
}

_MEMBERS: dict[type, Any] = {
    inspect.BoolType: bool,
    inspect.IntType: int,
    inspect.FloatType: (int, float),
    inspect.StrType: str,
    inspect.ListType: list,
    inspect.DictType: dict,
    inspect.StructType: dict,
}

_METHODS: dict[type, Callable[[Walked, Any, object, Path], object]] = {
    inspect.LiteralType: Walked._literal,
    inspect.ListType: Walked._list,
    inspect.DictType: Walked._dict,
    inspect.UnionType: Walked._union,
    inspect.CustomType: Walked._part,
    inspect.StructType: Walked._struct,
    inspect.Metadata: Walked._described,
}
