"""The protocol's own test vectors: bytes and what they say, and attributes that must be refused.

They are read from a folder beside the repository, or from the one that WAMP_VECTORS names; they are no part of it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge_router.wamp.codecs import CODECS
from edge_router.wamp.errors import ProtocolViolation
from edge_router.wamp.messages import MESSAGES
from tests.scenarios.spoken import SPOKEN

_BESIDE = Path(__file__).parents[3] / "shared" / "vectors"
FOLDER = Path(os.environ.get("WAMP_VECTORS", _BESIDE)) / "singlemessage"

#: extensions of one implementation, which the specification does not have
FOREIGN = ("enc_algo", "enc_serializer", "forward_for", "transaction_hash", "x_acknowledged_delivery", "EVENT_RECEIVED")
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


def _samples(key: str) -> Iterator[Any]:
    for path in sorted(FOLDER.rglob("*.json")):
        for sample in json.loads(path.read_text("utf-8"))["samples"]:
            if key in sample and not any(word in json.dumps(sample) for word in FOREIGN):
                yield pytest.param(sample, id=sample["description"])


pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the WAMP test vectors are not there (WAMP_VECTORS)")


@pytest.mark.parametrize("encoding", CODECS)
@pytest.mark.parametrize("sample", list(_samples("serializers")))
def test_bytes_are_what_they_say(sample: dict[str, Any], encoding: str) -> None:
    """Every spelling of a message decodes to the same, and ours to the same again."""
    codec = CODECS[encoding]
    for spelling in sample["serializers"][encoding]:
        message = codec.decode(bytes.fromhex(spelling["bytes_hex"]))
        _says(message, codec, sample["expected_attributes"])
        _says(codec.decode(codec.encode(message)), codec, sample["expected_attributes"])


def _says(message: Any, codec: Any, expected: dict[str, Any]) -> None:
    for name, value in expected.items():
        if name == "message_type":
            assert type(message) is MESSAGES[value]
        elif name in ("args", "kwargs"):
            raw = getattr(message, name)
            assert (codec.loads(raw) if raw else None) == value
        elif name == "roles":
            assert message.details.roles == value
        elif name != "payload" or value is not None:
            assert msgspec.to_builtins(getattr(message, NAMES.get(name, name))) == value, name


@pytest.mark.parametrize("encoding", CODECS)
@pytest.mark.parametrize("sample", list(_samples("wmsg")))
def test_attributes_are_checked(sample: dict[str, Any], encoding: str) -> None:
    """Wrong types are protocol violations that name the attribute, in every encoding."""
    frame = SPOKEN[encoding].dumps(sample["wmsg"])
    error = sample.get("expected_error")
    if error is None:
        assert type(CODECS[encoding].decode(frame)) is MESSAGES[sample["wmsg"][0]]
    else:
        assert error["type"] == "protocol_violation"
        with pytest.raises(ProtocolViolation, match=error["contains"]):
            CODECS[encoding].decode(frame)
