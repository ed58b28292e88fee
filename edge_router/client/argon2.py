"""Argon2id, by whichever of two packages is there. (RFC 9106.)"""

from __future__ import annotations

from edge_router import registry


class NoArgon2(Exception):
    """Neither package is there. The text says which they are."""


def argon2id(password: bytes, salt: bytes, iterations: int, memory: int) -> bytes:
    """A key of 32 octets, in one lane.

    memory: KiB. By `cryptography` (44 or later, where its OpenSSL has it), else by `argon2-cffi`. Raises NoArgon2.
    """
    try:
        derive = registry.load("cryptography.hazmat.primitives.kdf.argon2:Argon2id")
        made: bytes = derive(
            salt=salt, length=32, iterations=iterations, lanes=1, memory_cost=memory
        ).derive(password)
    except Exception:  # noqa: BLE001 - not installed, too old, or its OpenSSL has no Argon2
        try:
            low_level = registry.load("argon2.low_level:hash_secret_raw")
            kind = registry.load("argon2.low_level:Type").ID
        except ImportError:
            raise NoArgon2(
                "Argon2id needs the Python package 'argon2-cffi' (`pip install 'edge-router[argon2]'`), or "
                "'cryptography' of version 44 or later"
            ) from None
        made = low_level(password, salt, iterations, memory, 1, 32, kind)
    return made
