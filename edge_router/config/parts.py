"""Plain values -> configuration structs, with the registry's struct wherever a `type` names a part."""

from __future__ import annotations

from typing import Any

from msgspec import convert

from edge_router import registry
from edge_router.config.schema import PART_KINDS, Config


def to_config(tree: object) -> Config:
    """The configuration that plain values stand for. Raises msgspec.ValidationError at the first problem."""
    return convert(tree, Config, dec_hook=as_part)


def as_part(wanted: type, value: Any) -> Any:
    """msgspec's `dec_hook`: one section whose `type` names a part. Raises ValueError, as msgspec wants it."""
    kind = PART_KINDS.get(wanted)
    name = value.get("type") if isinstance(value, dict) else None
    if kind is None or not isinstance(name, str):
        raise ValueError(f"expected a mapping with a `type` for {wanted.__name__}")
    try:
        struct = registry.config_class(kind, name)
    except registry.UnknownPart as error:
        raise ValueError(str(error)) from None
    return convert(value, struct, dec_hook=as_part)
