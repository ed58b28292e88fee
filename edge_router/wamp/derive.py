"""What is kept of a password in place of it: the salted key of WAMP-CRA, the two keys of SCRAM.

(Spec, "Challenge Response Authentication", "Salted Challenge Response Authentication Mechanism"; RFC 5802, RFC 8018.)
"""

from __future__ import annotations

import stringprep
from base64 import b64encode
from hashlib import pbkdf2_hmac, sha256
from hmac import digest
from typing import NamedTuple
from unicodedata import normalize


class ScramKeys(NamedTuple):
    """What a server keeps of a SCRAM password (RFC 5802 section 3), 32 octets each."""

    stored: bytes
    server: bytes


def wampcra_key(secret: str, salt: str, iterations: int, keylen: int) -> str:
    """The key that both sides of WAMP-CRA use in place of a salted secret: PBKDF2-HMAC-SHA256, in Base64."""
    return b64encode(pbkdf2_hmac("sha256", secret.encode(), salt.encode(), iterations, keylen)).decode()


def scram_keys(password: str, salt: bytes, iterations: int) -> ScramKeys:
    """The keys of SCRAM-SHA-256 with PBKDF2. Raises ValueError for a password with characters that nobody can type."""
    return keys_of(pbkdf2_hmac("sha256", prepared(password).encode(), salt, iterations))


def keys_of(salted: bytes) -> ScramKeys:
    """The keys of SCRAM-SHA-256. salted: the key that was derived from the password, by whatever means."""
    client_key = digest(salted, b"Client Key", "sha256")
    return ScramKeys(sha256(client_key).digest(), digest(salted, b"Server Key", "sha256"))


def prepared(password: str) -> str:
    """The password in the one form that all keyboards come to (SASLprep, RFC 4013). Raises ValueError.

    Characters that are younger than the tables of the RFC (2002) are taken as they are.
    """
    spaced = (" " if stringprep.in_table_c12(each) else each for each in password if not stringprep.in_table_b1(each))
    text = normalize("NFKC", "".join(spaced))
    prohibited = (
        stringprep.in_table_c12,
        stringprep.in_table_c21_c22,
        *(getattr(stringprep, f"in_table_c{number}") for number in range(3, 10)),
    )
    for each in text:
        if any(forbids(each) for forbids in prohibited):
            raise ValueError(f"the password has the character {each!r}, which SASLprep (RFC 4013) does not allow")
    return text
