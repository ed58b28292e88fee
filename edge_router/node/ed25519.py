"""The public key that belongs to an Ed25519 seed, or to an X25519 one. Sources: RFC 8032 section 5.1.5, RFC 7748.

Only this: nothing here signs or verifies. It is here because the standard library has no Ed25519 and the node's key is
made once, by `init`, on boards where no package for it is installed. It takes a few milliseconds and is not
constant-time, which would matter to a service that uses its key on request, not to a command that makes one.
"""

from __future__ import annotations

from hashlib import sha512
from typing import Final

SEED_SIZE: Final = 32

_P: Final = 2**255 - 19
_D: Final = -121665 * pow(121666, -1, _P) % _P

# a point (x, y) in extended coordinates (X, Y, Z, T): x = X/Z, y = Y/Z, x*y = T/Z
_Point = tuple[int, int, int, int]

_NEUTRAL: Final[_Point] = (0, 1, 1, 0)
_BASE_X: Final = 15112221349535400772501151409588531511454012693041857206046113283949847762202
_BASE_Y: Final = 4 * pow(5, -1, _P) % _P
_BASE: Final[_Point] = (_BASE_X, _BASE_Y, 1, _BASE_X * _BASE_Y % _P)


def public_key(seed: bytes) -> bytes:
    """The public key of a private one.

    seed: the private key, 32 bytes. Result: 32 bytes. Raises ValueError for a seed of another size.
    """
    if len(seed) != SEED_SIZE:
        raise ValueError(f"an Ed25519 private key has {SEED_SIZE} bytes, not {len(seed)}")
    return _compress(_times(_clamped(sha512(seed).digest()[:32]), _BASE))


def x25519_public_key(private: bytes) -> bytes:
    """The public key of a private one for X25519, by the birational map of RFC 7748 section 4.1: u = (1 + y) / (1 - y).

    private: 32 bytes. Result: 32 bytes. Raises ValueError for a key of another size.
    """
    if len(private) != SEED_SIZE:
        raise ValueError(f"an X25519 private key has {SEED_SIZE} bytes, not {len(private)}")
    _, y, z, _ = _times(_clamped(private), _BASE)
    return ((z + y) * pow(z - y, -1, _P) % _P).to_bytes(32, "little")


def _clamped(octets: bytes) -> int:
    """The scalar that 32 bytes stand for."""
    low = int.from_bytes(octets, "little")
    low &= (1 << 254) - 8
    return low | 1 << 254


def _add(one: _Point, other: _Point) -> _Point:
    """The sum of two points, RFC 8032 section 5.1.4."""
    x1, y1, z1, t1 = one
    x2, y2, z2, t2 = other
    a = (y1 - x1) * (y2 - x2) % _P
    b = (y1 + x1) * (y2 + x2) % _P
    c = 2 * t1 * t2 * _D % _P
    d = 2 * z1 * z2 % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _times(factor: int, point: _Point) -> _Point:
    result = _NEUTRAL
    while factor:
        if factor & 1:
            result = _add(result, point)
        point = _add(point, point)
        factor >>= 1
    return result


def _compress(point: _Point) -> bytes:
    """y with the lowest bit of x as its highest, RFC 8032 section 5.1.2."""
    x, y, z, _ = point
    inverse = pow(z, -1, _P)
    x, y = x * inverse % _P, y * inverse % _P
    return (y | (x & 1) << 255).to_bytes(32, "little")
