"""The fields of a form, out of a body of type `multipart/form-data` (RFC 7578, RFC 2046 section 5.1.1)."""

from __future__ import annotations

import re
from typing import Final

#: fields of one form, and bytes of the head of one
MAX_FIELDS, MAX_HEAD = 100, 4096

_BOUNDARY: Final = re.compile(r"boundary=(?:\"([^\"]{1,70})\"|([^\s;\"]{1,70}))", re.IGNORECASE)
_NAME: Final = re.compile(rb"content-disposition:\s*form-data\s*;(?:.*;)?\s*name=\"([^\"\r\n]*)\"", re.IGNORECASE)


def fields_of(body: bytes, content_type: str) -> dict[str, bytes]:
    """Name -> value; of several with one name, the last. Raises ValueError."""
    kind = content_type.partition(";")[0].strip().lower()
    match = _BOUNDARY.search(content_type)
    if kind != "multipart/form-data" or match is None:
        raise ValueError("`Content-Type: multipart/form-data` with a boundary would be right")
    delimiter = b"\r\n--" + (match[1] or match[2]).encode("latin-1")
    first, *parts = (b"\r\n" + body).split(delimiter, MAX_FIELDS + 1)
    if not parts or first.strip() or len(parts) > MAX_FIELDS or not parts[-1].startswith(b"--"):
        raise ValueError("the form is not complete, or has too many fields")
    return dict(_field(part) for part in parts[:-1])


def _field(part: bytes) -> tuple[str, bytes]:
    line, newline, rest = part.partition(b"\r\n")
    head, blank, value = rest.partition(b"\r\n\r\n")
    match = _NAME.search(head[:MAX_HEAD])
    if line.strip() or not newline or not blank or match is None:
        raise ValueError("a field of the form has no name")
    return match[1].decode("utf-8", "replace"), value
