"""What is thrown at the router: values, messages as plain arrays, their frames, and frames that are a little broken."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from edge_router.wamp.messages import MESSAGES
from tests.scenarios.spoken import SPOKEN

#: text without lone surrogates, which no encoding but JSON's escapes can say, nor U+0000 at the beginning
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8).filter(lambda text: not text.startswith("\0"))
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT
    | st.binary(max_size=8)
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4), max_leaves=8
)
ARGS = st.lists(VALUES, max_size=3)
KWARGS = st.dictionaries(TEXT, VALUES, max_size=3)

URIS = st.sampled_from(["com.x", "com.x.y", "com", "a..b", "", "x" * 1025, "com.ü", "a b", "wamp.session.count"])
IDS = st.integers(0, 4) | st.sampled_from([2**53, 2**53 + 1, -1])
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "acknowledge": st.booleans(),
        "exclude_me": st.booleans(),
        "match": st.sampled_from(["exact", "prefix", "wildcard", "regex", None]),
        "invoke": st.sampled_from(["single", "roundrobin", "last"]),
        "eligible": st.lists(IDS, max_size=2),
        "receive_progress": st.booleans(),
        "progress": st.booleans(),
        "timeout": st.integers(-1, 10**18),
        "mode": st.sampled_from(["skip", "kill", "killnowait"]),
        "concurrency": st.integers(-1, 2),
        "roles": st.dictionaries(TEXT, st.dictionaries(TEXT, VALUES, max_size=2) | VALUES, max_size=2),
        "ppt_scheme": TEXT,
        "authextra": KWARGS,
        "x_unknown": VALUES,
    },
)
#: arrays that look like messages, more or less
ARRAYS: st.SearchStrategy[list[Any]] = st.builds(
    lambda code, fields: [code, *fields],
    st.sampled_from([*MESSAGES, 7, 99]),
    st.lists(IDS | URIS | OPTIONS | ARGS | KWARGS | VALUES, max_size=6),
)
#: arrays whose fields are in the right places
REQUESTS: st.SearchStrategy[list[Any]] = st.one_of(
    st.builds(lambda *fields: [16, *fields], IDS, OPTIONS, URIS, ARGS, KWARGS),
    st.builds(lambda *fields: [32, *fields], IDS, OPTIONS, URIS),
    st.builds(lambda *fields: [34, *fields], IDS, IDS),
    st.builds(lambda *fields: [48, *fields], IDS, OPTIONS, URIS, ARGS, KWARGS),
    st.builds(lambda *fields: [49, *fields], IDS, OPTIONS),
    st.builds(lambda *fields: [64, *fields], IDS, OPTIONS, URIS),
    st.builds(lambda *fields: [66, *fields], IDS, IDS),
    st.builds(lambda *fields: [70, *fields], IDS, OPTIONS, ARGS, KWARGS),
    st.builds(lambda *fields: [8, 68, *fields], IDS, OPTIONS, URIS, ARGS),
    st.builds(lambda *fields: [6, *fields], OPTIONS, URIS),
)


@st.composite
def mutations(draw: st.DrawFn, data: bytes) -> bytes:
    """The bytes with a few of them changed, inserted or cut away."""
    octets = bytearray(data)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(octets)))
        kind = draw(st.sampled_from("cidt"))
        if kind == "c" and at < len(octets):
            octets[at] = draw(st.integers(0, 255))
        elif kind == "i":
            octets[at:at] = draw(st.binary(min_size=1, max_size=4))
        elif kind == "d":
            del octets[at : at + draw(st.integers(1, 4))]
        else:
            del octets[at:]
    return bytes(octets)


@st.composite
def frames(draw: st.DrawFn, encoding: str) -> bytes:
    """A frame: any bytes, a message, or a message that was broken."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=64))
    data = SPOKEN[encoding].dumps(draw(ARRAYS | REQUESTS))
    return draw(mutations(data)) if draw(st.booleans()) else data
