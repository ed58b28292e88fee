"""`keys`, `keygen` and `legal`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from edge_router.__main__ import dispatch
from edge_router.cli.version import PACKAGES
from edge_router.node.ed25519 import x25519_public_key

PAIR = re.compile(r"  private: ([0-9a-f]{64})\n   public: ([0-9a-f]{64})\n\Z")


@pytest.mark.parametrize(
    ("options", "kind"),
    [([], X25519PrivateKey), (["--cryptosign"], Ed25519PrivateKey)],
    ids=["cryptobox", "cryptosign"],
)
def test_keygen(options: list[str], kind: type, capsys: pytest.CaptureFixture[str]) -> None:
    """A pair that belongs together, another one each time, in the form of Crossbar's."""
    pairs = []
    for _ in range(2):
        assert dispatch(["keygen", *options]) == 0
        match = PAIR.match(capsys.readouterr().out)
        assert match
        pairs.append((bytes.fromhex(match[1]), bytes.fromhex(match[2])))
    assert pairs[0] != pairs[1]
    for private, public in pairs:
        assert kind.from_private_bytes(private).public_key().public_bytes_raw() == public  # type: ignore[attr-defined]


def test_x25519() -> None:
    """Bob of RFC 7748 section 6.1, and no key of another size."""
    bob = bytes.fromhex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb")
    public = "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"
    assert x25519_public_key(bob).hex() == public
    with pytest.raises(ValueError, match="has 32 bytes, not 31"):
        x25519_public_key(bytes(31))


def test_keys_makes_the_key_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As Crossbar's: the key of a node is made when it is first asked for, then stays."""
    assert dispatch(["keys", "--cbdir", str(tmp_path)]) == 0
    first = capsys.readouterr()
    assert first.err.splitlines() == [f"wrote {tmp_path / name}" for name in ("key.priv", "key.pub")]
    assert re.fullmatch(r"edge-router node PUBLIC key \(.*\)\nhex: [0-9a-f]{64}\n", first.out)
    assert dispatch(["keys", "--cbdir", str(tmp_path)]) == 0
    assert capsys.readouterr() == (first.out, "")


def test_the_private_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Only when it is asked for."""
    dispatch(["keys", "--cbdir", str(tmp_path)])
    public = capsys.readouterr().out.split()[-1]
    assert dispatch(["keys", "--cbdir", str(tmp_path), "--private"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("edge-router node PRIVATE key")
    private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(said.split()[-1]))
    assert private.public_key().public_bytes_raw().hex() == public


def test_keys_of_crossbar(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A node directory that is brought along keeps its key, whatever else Crossbar wrote beside it."""
    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes_raw().hex()
    (tmp_path / "key.priv").write_text(
        "Crossbar.io node private key - KEEP THIS SAFE!\n\ncreator: joe@pi\ncreated-at: 2026-01-01T00:00:00.000Z\n"
        f"machine-id: 1\nnode-authid: pi\nnode-cluster-ip: 127.0.0.1\npublic-key-ed25519: {public}\n"
        f"public-adr-eth: 0x1\nprivate-key-ed25519: {private.private_bytes_raw().hex()}\nprivate-key-eth: 2\n"
    )
    assert dispatch(["keys", "--cbdir", str(tmp_path)]) == 0
    assert capsys.readouterr().out.endswith(f"\nhex: {public}\n")
    assert (tmp_path / "key.priv").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("name", "content"),
    [("key.priv", "nothing"), ("key.pub", "public-key-ed25519: 00"), ("key.priv", "public-key-ed25519: " + "0" * 64)],
)
def test_keys_of_no_use(name: str, content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Status 1 and a line that names the file."""
    (tmp_path / name).write_text(content)
    assert dispatch(["keys", "--cbdir", str(tmp_path)]) == 1
    assert str(tmp_path / name) in capsys.readouterr().err.splitlines()[-1]


def test_keys_of_no_node(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A misspelt directory is not made."""
    assert dispatch(["keys", "--cbdir", str(tmp_path / "none")]) == 1
    assert "`edge-router init` makes a node" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_legal(capsys: pytest.CaptureFixture[str]) -> None:
    """The licence as it stands in the source, and what each package says of itself."""
    assert dispatch(["legal"]) == 0
    said = capsys.readouterr().out
    assert said.startswith((Path(__file__).parents[2] / "LICENSE").read_text())
    lines = dict(line.split(maxsplit=1) for line in said.splitlines() if line.startswith("  "))
    assert set(PACKAGES) <= set(lines)
    assert "MIT" in lines["twisted"]


def test_crossbars_word_for_a_node_that_stands_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """`crossbar standalone version` is in scripts of old."""
    assert dispatch(["standalone", "version"]) == 0
    assert "edge-router" in capsys.readouterr().out
