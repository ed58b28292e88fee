"""How a node that nobody knows yet becomes one that is known: a code, used once, that vouches for its public key.

The code never goes over the wire. HELLO has a proof that only who has the code can make, and that is worth something
for one key alone: whoever sees it can neither use it for a key of his own nor find the code, which has 80 random bits.
(HMAC: RFC 2104. The alphabet is Douglas Crockford's, without letters that are taken for digits.)
"""

from __future__ import annotations

import os
from collections.abc import Callable
from hashlib import sha256
from hmac import digest
from typing import Final

#: the attribute of HELLO.Details.authextra, 64 hexadecimal digits
PROOF: Final = "enrolment"
_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_MEANT: Final = str.maketrans("ILO", "110")
_CHARACTERS: Final = 16
_GROUP: Final = 4


def new_code(entropy: Callable[[int], bytes] = os.urandom) -> str:
    """A fresh code, such as `K7QF-2M9D-0HXA-RT5W`. entropy: random bytes."""
    text = "".join(_ALPHABET[octet % len(_ALPHABET)] for octet in entropy(_CHARACTERS))
    return "-".join(text[at : at + _GROUP] for at in range(0, _CHARACTERS, _GROUP))


def key_of(code: str) -> bytes:
    """What a code stands for, 32 octets: however it was typed. Raises ValueError for what is no code."""
    text = "".join(code.upper().split()).replace("-", "").translate(_MEANT)
    if len(text) != _CHARACTERS or not set(text) <= set(_ALPHABET):
        raise ValueError(f"{code!r} is no code; one has {_CHARACTERS} letters and digits, as K7QF-2M9D-0HXA-RT5W")
    return sha256(b"edge-router enrolment " + text.encode()).digest()


def proof(key: bytes, pubkey: bytes) -> str:
    """What vouches for a public key, 64 hexadecimal digits. key: of the code."""
    return digest(key, b"edge-router node " + pubkey, "sha256").hex()
