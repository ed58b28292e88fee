"""Where the WAMP repository's own test vectors are: data that is read, and no part of this repository.

They are in a folder `shared/vectors` beside the repository, or where WAMP_VECTORS says.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

FOLDER = Path(os.environ.get("WAMP_VECTORS", Path(__file__).parents[2] / "shared" / "vectors"))

needed = pytest.mark.skipif(not FOLDER.is_dir(), reason="the WAMP test vectors are not there (WAMP_VECTORS)")

#: the vectors' names of fields, where they are not the spec's words
NAMES = {
    "request_id": "request",
    "session_id": "session",
    "publication_id": "publication",
    "subscription_id": "subscription",
    "registration_id": "registration",
    "request_type": "kind",
    "error": "uri",
}
