"""URIs in a configuration: how a permission's is read, and what is wrong with one.

Which URIs exist on the wire is `edge_router.wamp.uris`, which this package may not import; the rules are the same
(WAMP spec, "URIs"), the words here are for an operator.
"""

from __future__ import annotations

import re
from typing import Literal, TypeAlias

from edge_router.config.schema import Permission

Match: TypeAlias = Literal["exact", "prefix", "wildcard"]

MAX_LENGTH = 1024

_COMPONENT = {"loose": r"[^\s.#]", "strict": r"[0-9a-z_]"}
_FORM: dict[str, str] = {"exact": "{c}+(?:\\.{c}+)*", "prefix": "(?:{c}+\\.)*{c}*", "wildcard": "{c}*(?:\\.{c}*)*"}
_LETTERS = {"loose": "no spaces and no #", "strict": "lower-case letters, digits and _ only (uri_check: strict)"}


def pattern_of(permission: Permission) -> tuple[str, Match]:
    """Crossbar's reading of a permission without `match`: a star at the end is a prefix, one within a wildcard."""
    uri, match = permission.uri, permission.match
    if match is None:
        if uri.endswith("*"):
            return uri[:-1], "prefix"
        return (uri.replace("*", ""), "wildcard") if "*" in uri else (uri, "exact")
    if match == "prefix":
        uri = uri.removesuffix("*")
    elif match == "wildcard":
        uri = uri.replace("*", "")
    return uri, match


def pattern_problem(uri: str, match: Match, uri_check: str) -> str | None:
    """Why a pattern can match no URI, or None if it can."""
    if len(uri) > MAX_LENGTH:
        return f"{len(uri)} characters long; a URI has at most {MAX_LENGTH}"
    if re.fullmatch(_FORM[match].format(c=_COMPONENT[uri_check]), uri):
        return None
    if not uri:
        return "empty; for every URI write `match: prefix` beside it"
    if match != "wildcard" and re.search(r"^\.|\.\.|\.$", uri):
        return f"{uri!r} has an empty component; such patterns need `match: wildcard`"
    return f"{uri!r} is no URI pattern: names separated by dots, {_LETTERS[uri_check]}"


def uri_problem(uri: str) -> str | None:
    """Why a text is no URI, or None if it is one."""
    return None if uri and pattern_problem(uri, "exact", "loose") is None else f"{uri!r} is no name: no spaces, no #"
