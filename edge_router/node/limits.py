"""Sizes as the configuration writes them."""

from __future__ import annotations


def octets(size: str | None) -> int:
    """`64M` and the like, as a number; 0 for none."""
    if size is None:
        return 0
    return int(size[:-1]) << 10 * " KMG".index(size[-1])
