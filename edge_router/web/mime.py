"""Types of files by the ending of their names."""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Final

#: by ending; what Python's own table does not know, or not as browsers need it. (`mimetypes.types_map` as it is before
#: `init`, which would read the tables of the system: 1 MB.)
_TYPES: Final = {
    ".avif": "image/avif",
    ".js": "text/javascript",
    ".md": "text/markdown",
    ".mjs": "text/javascript",
    ".map": "application/json",
    ".ico": "image/x-icon",
    ".toml": "application/toml",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
}
_TEXT: Final = ("application/json", "application/manifest+json", "image/svg+xml", "application/xml")


class MimeTypes:
    """Types by ending. more: those of the configuration, which go before."""

    def __init__(self, more: Mapping[str, str]) -> None:
        self._types = {f".{ending.lower().lstrip('.')}": kind for ending, kind in (_TYPES | dict(more)).items()}

    def of(self, name: str) -> str:
        """The type of a file, with its charset if it is text."""
        ending = PurePosixPath(name).suffix.lower()
        kind = self._types.get(ending) or mimetypes.types_map.get(ending) or "application/octet-stream"
        is_text = kind.startswith("text/") or kind in _TEXT
        return f"{kind}; charset=utf-8" if is_text and "charset" not in kind else kind
