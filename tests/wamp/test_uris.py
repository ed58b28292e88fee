"""What is a URI, and what is a pattern (spec, "URIs")."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_router.wamp.uris import MAX_URI_LENGTH, is_valid

#: uri: what it is valid as, loose and strict (e exact, p prefix, w wildcard)
TABLE = {
    "com.myapp.mytopic1": ("epw", "epw"),
    "a": ("epw", "epw"),
    "com.my_app.topic_1": ("epw", "epw"),
    "com.Kitchen": ("epw", ""),
    "com.my-app": ("epw", ""),
    "com.küche.温度": ("epw", ""),
    "com/x?y=z&": ("epw", ""),
    "": ("pw", "pw"),
    "com.": ("pw", "pw"),
    ".com": ("w", "w"),
    "com..x": ("w", "w"),
    "..": ("w", "w"),
    "com.x y": ("", ""),
    "com.x\t": ("", ""),
    "com.x\n": ("", ""),
    "com.x\u00a0y": ("", ""),
    "com.x#": ("", ""),
    "#": ("", ""),
}


@pytest.mark.parametrize("uri", TABLE, ids=repr)
def test_the_table(uri: str) -> None:
    """By matching policy and strictness."""
    for check, expected in zip(("loose", "strict"), TABLE[uri], strict=True):
        found = "".join(match[0] for match in ("exact", "prefix", "wildcard") if is_valid(uri, match, check))  # type: ignore[arg-type]
        assert found == expected, check


def test_a_uri_has_a_greatest_length() -> None:
    """It is a name that is kept in maps, not a payload."""
    assert is_valid("x" * MAX_URI_LENGTH)
    assert not is_valid("x" * (MAX_URI_LENGTH + 1))
    assert not is_valid("x." * 500_000)


@given(uri=st.text(alphabet="ab._-# \nÄ", max_size=8))
def test_what_the_rule_says(uri: str) -> None:
    """Components are not empty and have no dot, # or white space."""
    components = uri.split(".")
    assert is_valid(uri) == all(part and not any(c in "# \n" for c in part) for part in components)
    assert is_valid(uri, "wildcard") == all(not any(c in "# \n" for c in part) for part in components)
    if is_valid(uri):
        for end in range(len(uri) + 1):
            assert is_valid(uri[:end], "prefix")
