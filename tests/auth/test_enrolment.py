"""Nodes that become known by a code, and log in with their key from then on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge_router.auth.roster import Full, Roster, Unreadable
from edge_router.client.cryptosign import Cryptosign
from edge_router.client.failures import CannotLogIn
from edge_router.config.schema.connecting import CryptosignLogin
from edge_router.wamp.enrolment import key_of, new_code, proof
from tests.auth.entrance import DENIED, Entrance, refused, welcomed

KEY = bytes(range(32))
OTHER = bytes(32)
FAILED = "wamp.error.authentication_failed"


class Centre:
    """A router where nodes may enrol, and its list."""

    def __init__(self, directory: Path, **options: Any) -> None:
        section = {"cryptosign": {"enrolment": {"role": "device", **options}}}
        self.entrance = Entrance(section, directory)
        self.now = 1_000_000.0
        self.path = directory / "nodes.json"
        self.roster = Roster(self.path, options.get("limit", 1000), lambda: self.now)
        nodes = self.entrance.methods["cryptosign"]._method._nodes  # type: ignore[attr-defined]
        nodes._roster._now = lambda: self.now

    def logs_in(self, key: bytes = KEY, code: str | None = None, authid: str | None = None) -> Any:
        """What our own client is answered."""
        login = Cryptosign(CryptosignLogin(privkey=key.hex(), code=code), Path())
        client = self.entrance.client()
        challenge = client.challenged("cryptosign", authid, **login.hello(lambda _: None))
        return client.answer(login.answer(challenge)[0])


@pytest.fixture
def centre(tmp_path: Path) -> Centre:
    return Centre(tmp_path)


def test_a_code_makes_a_node_known_once_and_for_all(centre: Centre) -> None:
    """By its key alone from then on, under the name of the invitation."""
    assert refused(centre.logs_in()) == DENIED
    code = centre.roster.invite("board-17", 60)
    found = welcomed(centre.logs_in(code=code))
    assert (found["authid"], found["authrole"]) == ("board-17", "device")
    assert welcomed(centre.logs_in())["authid"] == "board-17"
    assert welcomed(centre.logs_in(code=code))["authid"] == "board-17"
    centre.now += 10_000_000
    assert welcomed(centre.logs_in(authid="board-17"))["authid"] == "board-17"
    assert refused(centre.logs_in(authid="board-18")) == DENIED


def test_a_code_is_good_for_one_key(centre: Centre) -> None:
    """And for as long as it was said to be."""
    code = centre.roster.invite("board-17", 60)
    welcomed(centre.logs_in(code=code))
    assert refused(centre.logs_in(OTHER, code)) == DENIED
    late = centre.roster.invite("board-18", 60)
    centre.now += 60
    assert refused(centre.logs_in(OTHER, late)) == DENIED
    assert centre.roster.read().nodes.keys() == {"board-17"}


def test_who_sees_the_proof_can_do_nothing_with_it(centre: Centre) -> None:
    """It vouches for one key, and the key has to sign; what failed does not use the code up."""
    code = centre.roster.invite("board-17", 60)
    overheard = proof(key_of(code), Ed25519PrivateKey.from_private_bytes(KEY).public_key().public_bytes_raw())
    login = Cryptosign(CryptosignLogin(privkey=OTHER.hex()), Path())
    client = centre.entrance.client()
    extra = {**login.hello(lambda _: None), "enrolment": overheard}
    assert refused(client.answer(login.answer(client.challenged("cryptosign", None, **extra))[0])) == DENIED
    mine = Ed25519PrivateKey.from_private_bytes(KEY).public_key().public_bytes_raw().hex()
    client = centre.entrance.client()
    challenge = client.challenged("cryptosign", None, **{**extra, "pubkey": mine})
    assert refused(client.answer(login.answer(challenge)[0])) == DENIED
    assert welcomed(centre.logs_in(code=code))["authid"] == "board-17"


@pytest.mark.parametrize("given", [7, "", "é" * 64, "0" * 64, None, ["x"]])
def test_what_is_no_proof(centre: Centre, given: Any) -> None:
    """Is no reason to fail otherwise than with an unknown key."""
    centre.roster.invite("board-17", 60)
    login = Cryptosign(CryptosignLogin(privkey=KEY.hex()), Path())
    client = centre.entrance.client()
    challenge = client.challenged("cryptosign", None, **login.hello(lambda _: None), enrolment=given)
    assert refused(client.answer(login.answer(challenge)[0])) == DENIED


def test_a_new_board_takes_the_place_of_the_old_one(centre: Centre) -> None:
    """The old key is good until the new one has come."""
    welcomed(centre.logs_in(KEY, centre.roster.invite("board-17", 60)))
    code = centre.roster.invite("board-17", 60)
    welcomed(centre.logs_in(KEY))
    welcomed(centre.logs_in(OTHER, code))
    assert refused(centre.logs_in(KEY)) == DENIED


def test_a_node_that_is_removed_stays_out(centre: Centre) -> None:
    welcomed(centre.logs_in(KEY, centre.roster.invite("board-17", 60)))
    assert centre.roster.remove("board-17") and not centre.roster.remove("board-17")
    assert refused(centre.logs_in(KEY)) == DENIED


def test_a_realm_may_be_said(tmp_path: Path) -> None:
    """As of other principals."""
    centre = Centre(tmp_path, realm="realm2")
    code = centre.roster.invite("board-17", 60)
    assert refused(centre.logs_in(code=code)) == DENIED
    assert centre.roster.read().nodes == {}


def test_the_list_is_bounded(tmp_path: Path) -> None:
    """Nobody is invited who would have no place."""
    centre = Centre(tmp_path, limit=1)
    first, second = centre.roster.invite("a", 60), centre.roster.invite("b", 60)
    welcomed(centre.logs_in(KEY, first))
    answer = centre.logs_in(OTHER, second)
    assert refused(answer) == FAILED and "1 nodes already" in answer[1]["message"]
    with pytest.raises(Full):
        centre.roster.invite("c", 60)


@pytest.mark.parametrize("damaged", [b"{", b'{"nodes": {"\xff": {}}}'])
def test_a_damaged_list_lets_nobody_in_and_is_left_as_it_is(centre: Centre, damaged: bytes) -> None:
    """A client hears that the router has a problem, and no more."""
    centre.path.write_bytes(damaged)
    hello = Cryptosign(CryptosignLogin(privkey=KEY.hex()), Path()).hello(lambda _: None)
    answer = centre.entrance.client().hello("cryptosign", None, **hello)
    assert refused(answer) == FAILED and str(centre.path) not in json.dumps(answer)
    with pytest.raises(Unreadable, match=r"nodes\.json"):
        centre.roster.invite("a", 60)
    assert centre.path.read_bytes() == damaged


def test_a_list_that_cannot_be_written_uses_no_code_up(centre: Centre, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next attempt succeeds."""
    code = centre.roster.invite("a", 60)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("edge_router.auth.roster.os.fsync", full)
        answer = centre.logs_in(code=code)
        assert refused(answer) == FAILED and "No space left" in answer[1]["message"]
    assert sorted(path.name for path in centre.path.parent.iterdir()) == ["nodes.json"]
    assert welcomed(centre.logs_in(code=code))["authid"] == "a"


def test_only_its_owner_may_read_the_list(centre: Centre) -> None:
    """It has what codes stand for."""
    centre.roster.invite("a", 60)
    assert centre.path.stat().st_mode & 0o777 == 0o600


def test_a_code_may_be_typed_in_many_ways() -> None:
    """Small letters, other groups, and letters that look like digits."""
    code = new_code(lambda size: bytes([0, 1, 1, 31] * (size // 4)))
    assert code == "011Z-011Z-011Z-011Z"
    assert key_of("oil z-oIiz 011z oLLZ") == key_of(code)
    assert len({new_code() for _ in range(100)}) == 100
    for wrong in ("", "K7QF", "U" * 16, "K7QF-2M9D-0HXA-RT5W-X"):
        with pytest.raises(ValueError, match="is no code"):
            key_of(wrong)


def test_a_configured_code_that_is_none() -> None:
    with pytest.raises(CannotLogIn, match="the code has not the form"):
        Cryptosign(CryptosignLogin(privkey=KEY.hex(), code="12345"), Path())
