"""The node's key: Ed25519 as RFC 8032 has it, in files as Crossbar has them."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

import pytest

from edge_router.node.ed25519 import public_key
from edge_router.node.keyfiles import KeyFileError, ensure_key, read_tags

# RFC 8032 section 7.1: secret key, public key
VECTORS = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
    ),
    (
        "f5e5767cf153319517630f226876b86c8160cc583bc013744c6bf255f5cc0ee5",
        "278117fc144c72340f67d0f2316e8386ceffbf2b2428c9c51fef7c597f1d426e",
    ),
    (
        "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
    ),
]


@pytest.mark.parametrize(("private", "public"), VECTORS)
def test_the_vectors_of_the_rfc(private: str, public: str) -> None:
    """Five of five."""
    assert public_key(bytes.fromhex(private)).hex() == public


def test_random_keys_agree_with_another_implementation() -> None:
    """The `cryptography` package, if it is there (autobahn, for the tests, brings it along)."""
    ed25519 = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ed25519")
    for _ in range(20):
        seed = secrets.token_bytes(32)
        other = ed25519.Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
        assert public_key(seed) == other


def test_a_seed_of_another_size_is_refused() -> None:
    """31 bytes are no key."""
    with pytest.raises(ValueError, match="32 bytes, not 31"):
        public_key(bytes(31))


def test_a_new_key(tmp_path: Path) -> None:
    """Title, empty line, `tag: value`; the public file has all but the private key."""
    assert ensure_key(tmp_path, "kitchen-pi") == [tmp_path / "key.priv", tmp_path / "key.pub"]
    private, public = read_tags(tmp_path / "key.priv"), read_tags(tmp_path / "key.pub")
    assert private["node-authid"] == "kitchen-pi"
    assert public_key(bytes.fromhex(private["private-key-ed25519"])).hex() == private["public-key-ed25519"]
    del private["private-key-ed25519"]
    assert public == private
    assert (tmp_path / "key.priv").read_text().split("\n")[1] == ""
    assert stat.S_IMODE((tmp_path / "key.priv").stat().st_mode) == 0o600


def test_what_a_power_cut_has_left_is_no_key(tmp_path: Path) -> None:
    """An empty file without a public half was never used by anybody."""
    (tmp_path / "key.priv").touch()
    assert ensure_key(tmp_path, "x") == [tmp_path / "key.priv", tmp_path / "key.pub"]
    assert read_tags(tmp_path / "key.priv")["node-authid"] == "x"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes files for others")
def test_a_key_that_root_has_made_is_that_of_the_directory(tmp_path: Path) -> None:
    """`sudo edge-router keys`, before the service has started for the first time: it has to read it."""
    os.chown(tmp_path, 4711, 4712)
    for made in ensure_key(tmp_path, "x"):
        assert (made.stat().st_uid, made.stat().st_gid) == (4711, 4712)


def test_an_existing_key_is_kept_and_its_public_half_made_anew(tmp_path: Path) -> None:
    """Keys of Crossbar are taken as they are, with tags that are not known here."""
    private, public = VECTORS[0]
    text = (
        "Crossbar.io node private key - KEEP THIS SAFE\n\ncreator: me@office\ncreated-at: 2022-07-05T11:29:48Z"
        f"\nuser-id: x@y.z\npublic-key-ed25519: {public}\nprivate-key-ed25519: {private}\n"
    )
    (tmp_path / "key.priv").write_text(text)
    (tmp_path / "key.priv").chmod(0o644)
    assert ensure_key(tmp_path, "other") == [tmp_path / "key.pub"]
    assert (tmp_path / "key.priv").read_text() == text
    assert stat.S_IMODE((tmp_path / "key.priv").stat().st_mode) == 0o600
    tags = read_tags(tmp_path / "key.pub")
    assert (tags["public-key-ed25519"], tags["user-id"]) == (public, "x@y.z")
    assert private not in (tmp_path / "key.pub").read_text()
    assert ensure_key(tmp_path, "other") == []


@pytest.mark.parametrize(
    ("private", "public", "problem"),
    [
        (None, "public-key-ed25519: 00", "there is no key.priv to it"),
        ("creator: me", None, "has no line `public-key-ed25519"),
        (f"public-key-ed25519: {VECTORS[0][1]}\nprivate-key-ed25519: {VECTORS[1][0]}", None, "does not belong to"),
        (f"public-key-ed25519: {VECTORS[0][1]}\nprivate-key-ed25519: xyz", None, "does not belong to"),
        (f"public-key-ed25519: {VECTORS[0][1]}", f"public-key-ed25519: {VECTORS[1][1]}", "not the public key of"),
    ],
)
def test_files_that_do_not_belong_together(
    tmp_path: Path, private: str | None, public: str | None, problem: str
) -> None:
    """Nothing is overwritten; the text names the file."""
    for name, text in (("key.priv", private), ("key.pub", public)):
        if text is not None:
            (tmp_path / name).write_text(text)
    with pytest.raises(KeyFileError, match=problem):
        ensure_key(tmp_path, "x")
    assert not (private is None and (tmp_path / "key.priv").exists())
