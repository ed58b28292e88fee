"""The walk over CBOR agrees with a decoder on what is well-formed."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import cbor2
from hypothesis import given
from hypothesis import strategies as st

from edge_router.wamp.codecs.cborwalk import skip
from tests.fuzz.strategies import VALUES, mutations


def _walks(data: bytes) -> bool:
    try:
        return skip(data, 0, 1) == len(data)
    except (ValueError, IndexError, RecursionError):
        return False


def _decodes(data: bytes) -> bool | None:
    """None: this library cannot tell."""
    stream = BytesIO(data)
    try:
        cbor2.CBORDecoder(stream).decode()
    except cbor2.CBORDecodeEOF:
        return False
    except Exception:  # noqa: BLE001 - contents of tags, keys that cannot be hashed: no matter of being well-formed
        return None
    return stream.tell() == len(data)


@given(value=VALUES)
def test_an_item_ends_where_it_ends(value: Any) -> None:
    """What follows an item is not part of it."""
    data = cbor2.dumps(value)
    assert skip(data, 0, 1) == len(data)
    assert skip(data + b"\xff\x00", 0, 1) == len(data)
    assert skip(b"\x80" + data, 1, 1) == len(data) + 1


@given(value=VALUES, cut=st.integers(1, 10))
def test_an_item_that_is_cut_short_is_not_well_formed(value: Any, cut: int) -> None:
    """Every beginning of an item is too short."""
    data = cbor2.dumps(value)
    assert not _walks(data[:-cut]) or cut >= len(data)


@given(data=st.binary(max_size=24) | VALUES.map(cbor2.dumps).flatmap(mutations))
def test_what_decodes_is_well_formed_and_the_other_way_round(data: bytes) -> None:
    """Where the decoder can tell, the walk says the same."""
    told = _decodes(data)
    if told is not None:
        assert _walks(data) == told
