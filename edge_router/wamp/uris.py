"""What a URI may look like, exact or as a pattern (spec, "URIs" and "Pattern-based Subscriptions").

Loose: components of anything but white space, `.` and `#`. Strict: components of lower-case letters, digits and `_`.
Empty components are allowed only in wildcard patterns, where they stand for any one component; a prefix is the
beginning of a URI, so it may end in the middle of a component or with a dot.
"""

from __future__ import annotations

import re
from typing import Final, Literal

from edge_router.wamp.messages import Match

UriCheck = Literal["loose", "strict"]

#: longer ones are refused: a URI is a name that is kept in maps and caches, not a payload
MAX_URI_LENGTH: Final = 1024

_LOOSE: Final = r"[^\s.#]"
_STRICT: Final = r"[0-9a-z_]"


def _patterns(letter: str) -> dict[Match, re.Pattern[str]]:
    return {
        "exact": re.compile(rf"{letter}+(?:\.{letter}+)*\Z"),
        "prefix": re.compile(rf"(?:{letter}+\.)*{letter}*\Z"),
        "wildcard": re.compile(rf"{letter}*(?:\.{letter}*)*\Z"),
    }


PATTERNS: Final[dict[UriCheck, dict[Match, re.Pattern[str]]]] = {
    "loose": _patterns(_LOOSE),
    "strict": _patterns(_STRICT),
}


def is_valid(uri: str, match: Match = "exact", check: UriCheck = "loose") -> bool:
    """Whether `uri` may be used for publishing and calling (`exact`), or as a pattern of the kind `match`."""
    return len(uri) <= MAX_URI_LENGTH and PATTERNS[check][match].match(uri) is not None
