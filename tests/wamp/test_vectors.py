"""The protocol's own test vectors: bytes and what they say, and attributes that must be refused.

What the vectors have and the specification has not is told in tables here, with the reason and what happens to it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from edge_router.wamp.codecs import CODECS
from edge_router.wamp.errors import ProtocolViolation
from edge_router.wamp.messages import MESSAGES
from tests.scenarios.spoken import SPOKEN
from tests.vectors import FOLDER, NAMES, needed

#: messages that are none of the specification's -> what is said of them
FOREIGN_MESSAGES = {"EVENT_RECEIVED": "this is no WAMP message"}
#: attributes of one implementation, from before the specification's ppt_*: the arguments are one binary value
FOREIGN_PAYLOADS = ("enc_algo", "enc_serializer")
#: attributes of one implementation: "unknown attributes MUST be ignored", whatever they are
FOREIGN_ATTRIBUTES = ("transaction_hash", "x_acknowledged_delivery")
#: wrong, but in what is not read here: passed over like what is unknown -> why it is not read
NOT_READ = {
    "SUBSCRIBE.Options.forward_for with invalid type string": "events go to who subscribes, whoever that is for",
}
FOREIGN = (*FOREIGN_MESSAGES, *FOREIGN_PAYLOADS, *FOREIGN_ATTRIBUTES)

pytestmark = needed


def _samples(key: str, chosen: Callable[[str, str], bool]) -> Iterator[Any]:
    """Those that have such a key. chosen: takes the description and the whole text of a sample."""
    for path in sorted((FOLDER / "singlemessage").rglob("*.json")):
        for sample in json.loads(path.read_text("utf-8"))["samples"]:
            if key in sample and chosen(sample["description"], json.dumps(sample)):
                yield pytest.param(sample, id=sample["description"])


def _of_the_specification(description: str, text: str) -> bool:
    return description not in NOT_READ and not _has(FOREIGN, text)


def _has(words: tuple[str, ...], text: str) -> bool:
    return any(word in text for word in words)


@pytest.mark.parametrize("encoding", CODECS)
@pytest.mark.parametrize("sample", list(_samples("serializers", _of_the_specification)))
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
        elif name in ("options", "details"):
            assert json.loads(msgspec.json.encode(getattr(message, name))) == value
        elif name != "payload" or value is not None:
            assert msgspec.to_builtins(getattr(message, NAMES.get(name, name))) == value, name


@pytest.mark.parametrize("encoding", CODECS)
@pytest.mark.parametrize("sample", list(_samples("wmsg", _of_the_specification)))
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


# --- where the vectors say more than the specification -----------------------------------------------------------


@pytest.mark.parametrize("encoding", CODECS)
@pytest.mark.parametrize("sample", list(_samples("serializers", lambda _, text: _has(tuple(FOREIGN_MESSAGES), text))))
def test_a_message_of_no_specification_is_a_violation(sample: dict[str, Any], encoding: str) -> None:
    """Extension messages need an agreement that nobody has made here (Extension Messages)."""
    for spelling in sample["serializers"][encoding]:
        with pytest.raises(ProtocolViolation, match=FOREIGN_MESSAGES["EVENT_RECEIVED"]):
            CODECS[encoding].decode(bytes.fromhex(spelling["bytes_hex"]))


@pytest.mark.parametrize("encoding", CODECS)
@pytest.mark.parametrize("sample", list(_samples("wmsg", lambda _, text: _has(FOREIGN_PAYLOADS, text))))
def test_arguments_are_a_list_whatever_an_attribute_says(sample: dict[str, Any], encoding: str) -> None:
    """Payload passthru of the specification has its binary in a list of one."""
    with pytest.raises(ProtocolViolation, match=r"must be a list|Expected `array`"):
        CODECS[encoding].decode(SPOKEN[encoding].dumps(sample["wmsg"]))


@pytest.mark.parametrize("encoding", CODECS)
@pytest.mark.parametrize(
    "sample", list(_samples("wmsg", lambda said, text: said in NOT_READ or _has(FOREIGN_ATTRIBUTES, text)))
)
def test_what_is_not_known_is_passed_over(sample: dict[str, Any], encoding: str) -> None:
    """A message is the same with and without an attribute that is not read, be it right or wrong."""
    codec, message = CODECS[encoding], sample["wmsg"]
    (place,) = (at for at, item in enumerate(message) if isinstance(item, dict))
    bare = [*message[:place], {}, *message[place + 1 :]]
    with_it, without = (codec.encode(codec.decode(SPOKEN[encoding].dumps(said))) for said in (message, bare))
    assert with_it == without
