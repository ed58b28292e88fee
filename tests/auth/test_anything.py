"""Whatever a client writes into HELLO and AUTHENTICATE: an answer of the protocol, never an exception."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_router.auth.cryptosign import Cryptosign
from edge_router.config.schema import CryptosignAuth
from edge_router.node.keyfiles import ensure_key
from edge_router.router.interfaces import Authenticator, Login, Question, TransportDetails
from edge_router.wamp.errors import AUTHENTICATION_DENIED, WampError
from tests.auth.entrance import Entrance
from tests.auth.test_cryptosign import KEYS, PUBKEY
from tests.auth.test_scram import SCRAM
from tests.auth.test_ticket import TICKETS
from tests.auth.test_wampcra import SALTED

HEX = st.sampled_from(
    ["", PUBKEY, PUBKEY.upper(), " " * 64, "0 " * 32, "00" * 32, "ff" * 32, "é" * 64, "\u0663" * 64, "0 " * 96]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | HEX | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
KNOWN = st.sampled_from(["nonce", "pubkey", "challenge", "channel_binding"])
EXTRA = st.dictionaries(KNOWN | st.text(), VALUES, max_size=5)
AUTHID = st.none() | st.sampled_from(["joe", "jim", ""]) | st.text()


def methods(directory: Path) -> dict[str, Authenticator]:
    """Every method that asks."""
    found = Entrance({**TICKETS, **SALTED, **SCRAM, **KEYS, "failed_logins": {"allowed": 10**9}}).methods
    ensure_key(directory, "here")
    found["proving"] = Cryptosign(CryptosignAuth(principals={}, prove_node_key=True), directory)
    return dict(found)


@pytest.fixture(scope="module")
def all_methods(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Authenticator]:
    return methods(tmp_path_factory.mktemp("node"))


def asked_and_answered(method: Authenticator, login: Login, signature: str, extra: dict[str, Any]) -> None:
    """HELLO, and AUTHENTICATE if it comes to that."""
    question = method.hello(login)
    assert isinstance(question, Question)
    question.answer(signature, extra)


@pytest.mark.parametrize("name", ["ticket", "wampcra", "scram", "wamp-scram", "cryptosign", "proving"])
@given(authid=AUTHID, extra=EXTRA, signature=st.text() | HEX, answered=EXTRA)
def test_anything(
    name: str,
    all_methods: dict[str, Authenticator],
    authid: str | None,
    extra: dict[str, Any],
    signature: str,
    answered: dict[str, Any],
) -> None:
    """HELLO gives a question or a refusal; without the secret the answer is always a refusal."""
    login = Login("realm1", 1, name, authid, extra, TransportDetails("memory", "tcp4:10.0.0.1:5"))
    with pytest.raises(WampError) as refused:
        asked_and_answered(all_methods[name], login, signature, answered)
    assert refused.value.uri == AUTHENTICATION_DENIED
