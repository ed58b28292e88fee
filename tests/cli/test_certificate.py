"""`edge-router certificate`: what it makes is what clients accept, and nobody else may read the keys."""

from __future__ import annotations

import stat
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from edge_router.__main__ import dispatch
from edge_router.cli import certificate
from edge_router.node.authority import Authority, CannotSign


def read(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def names_of(path: Path) -> list[str]:
    found = read(path).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return [str(name.value) for name in found]


def test_a_node_gets_keys_that_only_its_user_reads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Authority and node; what to write into the configuration and what to import where."""
    assert dispatch(["certificate", "--cbdir", str(tmp_path), "pi.local", "192.168.0.7", "::1"]) == 0
    said = capsys.readouterr().out
    files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "tls").iterdir()}
    assert set(files) == {"ca.key", "ca.crt", "node.key", "node.crt"}
    assert all(mode == 0o600 for name, mode in files.items() if name.endswith(".key"))
    assert names_of(tmp_path / "tls/node.crt") == ["pi.local", "192.168.0.7", "::1"]
    assert "    key: tls/node.key\n    certificate: tls/node.crt\n" in said
    assert f"Import {tmp_path}/tls/ca.crt" in said
    assert "PRIVATE KEY" not in said


def test_without_names_it_is_for_this_machine(tmp_path: Path) -> None:
    """Its name, the one of mDNS, localhost and its addresses."""
    assert dispatch(["certificate", "--cbdir", str(tmp_path)]) == 0
    names = names_of(tmp_path / "tls/node.crt")
    assert {"localhost", "127.0.0.1", "::1"} <= set(names)
    assert any(name.endswith(".local") for name in names)


def test_a_second_run_renews(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Authority and key stay, so nothing has to be imported again."""
    for _ in range(2):
        assert dispatch(["certificate", "--cbdir", str(tmp_path), "pi.local"]) == 0
    authority, node = ((tmp_path / "tls" / name).read_bytes() for name in ("ca.crt", "node.crt"))
    assert dispatch(["certificate", "--cbdir", str(tmp_path), "pi.local", "pi.lan", "--days", "90"]) == 0
    assert (tmp_path / "tls/ca.crt").read_bytes() == authority
    assert (tmp_path / "tls/node.crt").read_bytes() != node
    assert names_of(tmp_path / "tls/node.crt") == ["pi.local", "pi.lan"]
    assert "Authority, used as it was" in capsys.readouterr().out


def test_what_browsers_want(tmp_path: Path) -> None:
    """At most 825 days, server authentication only, an authority that signs no further authorities (RFC 5280)."""
    now = datetime.now(UTC)
    signed = Authority(tmp_path, "mine", now).sign_node(["pi.local"], certificate.DAYS)
    own, authority = read(signed.certificate), read(tmp_path / "ca.crt")
    assert timedelta(days=824) < own.not_valid_after_utc - now <= timedelta(days=825)
    usage = own.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]
    constraints = authority.extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical and constraints.value == x509.BasicConstraints(True, 0)
    own.verify_directly_issued_by(authority)
    done = subprocess.run(
        ["openssl", "verify", "-x509_strict", "-CAfile", tmp_path / "ca.crt", "-purpose", "sslserver",
         "-verify_hostname", "pi.local", signed.certificate], capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_a_client_and_its_fingerprints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As `openssl x509 -fingerprint` shows them, without colons."""
    assert dispatch(["certificate", "--cbdir", str(tmp_path), "--client", "pump-1"]) == 0
    said = capsys.readouterr().out
    for kind in ("sha256", "sha1"):
        command = ["openssl", "x509", "-noout", "-fingerprint", f"-{kind}", "-in", tmp_path / "tls/client-pump-1.crt"]
        shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert shown.partition("=")[2].strip().replace(":", "").lower() in said
    assert "ca_certificates: [tls/ca.crt]" in said
    auth = yaml.safe_load(said.splitlines()[-1])
    fingerprint = auth["tls"]["principals"]["pump-1"]["certificate-sha256"]
    assert auth == {"tls": {"principals": {"pump-1": {"role": "ROLE", "certificate-sha256": fingerprint}}}}
    assert f"SHA-256  {fingerprint}" in said
    assert not (tmp_path / "tls/node.key").exists()


@pytest.mark.parametrize("words", [["a b"], ["../x"], ["pi..local"], ["--client", "../x"], ["--days", "0"], ["-x"]])
def test_what_is_no_name(tmp_path: Path, words: list[str]) -> None:
    """Refused before anything is written."""
    with pytest.raises(SystemExit) as end:
        dispatch(["certificate", "--cbdir", str(tmp_path), *words])
    assert end.value.code == 2
    assert list(tmp_path.iterdir()) == []


def test_names_and_a_client_do_not_go_together(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A client's certificate has one name."""
    assert dispatch(["certificate", "--cbdir", str(tmp_path), "pi.local", "--client", "pump"]) == 2
    assert "a client is known by the one name after --client" in capsys.readouterr().err


@pytest.mark.parametrize("missing", ["ca.key", "ca.crt"])
def test_half_an_authority_is_not_replaced(
    tmp_path: Path, missing: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The other half may be trusted somewhere; a person decides."""
    assert dispatch(["certificate", "--cbdir", str(tmp_path)]) == 0
    (tmp_path / "tls" / missing).unlink()
    assert dispatch(["certificate", "--cbdir", str(tmp_path)]) == 1
    assert f"{missing} is missing" in capsys.readouterr().err


def test_an_authority_that_has_ended_signs_nothing(tmp_path: Path) -> None:
    """And what it signs never outlives it."""
    now = datetime.now(UTC)
    authority = Authority(tmp_path, "mine", now)
    assert authority.sign_node(["a"], 99_999).ends == read(tmp_path / "ca.crt").not_valid_after_utc
    with pytest.raises(CannotSign, match="ended on"):
        Authority(tmp_path, "mine", now + timedelta(days=3651))


def test_without_pyopenssl(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Says what to install."""
    monkeypatch.setitem(__import__("sys").modules, "edge_router.node.authority", None)
    assert dispatch(["certificate", "--cbdir", str(tmp_path)]) == 1
    assert "pip install 'edge-router[tls]'" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
