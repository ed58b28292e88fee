"""Files of a `tls` section: what is taken, what is wrong and how it is said, by `check` as by the node."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from edge_router.config.load import from_tree
from edge_router.config.problems import ConfigErrors
from edge_router.config.schema import Tls
from edge_router.tls.files import BadTls
from edge_router.tls.server import judged, make_context
from tests.transports.tls_clients import make_files

GOOD = {"key": "tls/node.key", "certificate": "tls/node.crt"}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A node directory with an authority and certificates."""
    make_files(tmp_path)
    return tmp_path


def faults(directory: Path, **options: object) -> list[tuple[str, str]]:
    """What is wrong: option, text."""
    found, _ = judged(Tls(**{**GOOD, **options}), directory)  # type: ignore[arg-type]
    return [(".".join(map(str, fault.path)), fault.text) for fault in found]


def encrypt(key: Path) -> None:
    """Put a passphrase on a key."""
    secret = load_pem_private_key(key.read_bytes(), None)
    key.write_bytes(secret.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")))


def test_good_files(directory: Path) -> None:
    """Nothing to say; also with everything given, and with the chain in the certificate's own file."""
    assert judged(Tls(**GOOD), directory) == ([], [])
    everything = {"chain_certificates": ["tls/ca.crt"], "ca_certificates": ["tls/ca.crt"], "ciphers": "ECDHE+AESGCM"}
    assert faults(directory, **everything) == []
    with (directory / "tls/node.crt").open("ab") as file:
        file.write((directory / "tls/ca.crt").read_bytes())
    assert faults(directory) == []


@pytest.mark.parametrize("option", ["key", "certificate", "dhparam"])
def test_a_file_that_is_not_there(directory: Path, option: str) -> None:
    """Which one, and for those that the program can make, how."""
    ((where, text),) = faults(directory, **{option: "tls/none.pem"})
    assert where == option
    assert text.startswith(f"there is no file '{directory}/tls/none.pem'")
    assert ("edge-router certificate" in text) is (option != "dhparam")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_must_not_be_read(directory: Path) -> None:
    """A key of root's, for a node that runs as another user."""
    (directory / "tls/node.key").chmod(0)
    ((where, text),) = faults(directory)
    assert (where, "cannot be read by this user" in text) == ("key", True)


def test_a_directory_in_place_of_a_file(directory: Path) -> None:
    """Cannot be read either; no traceback."""
    ((where, text),) = faults(directory, key="tls")
    assert (where, "cannot be read" in text) == ("key", True)


@pytest.mark.parametrize(
    ("option", "file", "said"),
    [
        ("key", "tls/node.crt", "holds no private key"),
        ("certificate", "tls/node.key", "holds no certificate"),
        ("certificate", "tls/client-pump.crt", "does not belong to the key 'tls/node.key'"),
        ("dhparam", "tls/node.crt", "is refused by OpenSSL"),
        ("ciphers", "NO-SUCH-CIPHER", "is refused by OpenSSL: no cipher match"),
    ],
)
def test_a_file_of_another_kind(directory: Path, option: str, file: str, said: str) -> None:
    """Mixed up files are told apart."""
    ((where, text),) = faults(directory, **{option: file})
    assert where == option
    assert said in text


@pytest.mark.parametrize("option", ["chain_certificates", "ca_certificates"])
def test_lists_of_files(directory: Path, option: str) -> None:
    """The place in the list is told."""
    assert faults(directory, **{option: ["tls/ca.crt", "tls/ca.key"]})[0][0] == f"{option}.1"


def test_an_encrypted_key(directory: Path) -> None:
    """Nobody is there to type the passphrase; what helps is said."""
    encrypt(directory / "tls/node.key")
    ((where, text),) = faults(directory)
    assert (where, "`openssl pkey` takes it off" in text) == ("key", True)


def test_all_faults_at_once(directory: Path) -> None:
    """Not the first alone; `BadTls` has them in one line."""
    tls = Tls(key="no.key", certificate="no.crt", ca_certificates=["no.ca"], ciphers="NONE")
    options = r"tls\.key: .*; tls\.certificate: .*; tls\.ca_certificates\.0: .*; tls\.ciphers: "
    with pytest.raises(BadTls, match=options):
        make_context(tls, directory)


@pytest.mark.parametrize(
    ("days", "said"),
    [(31, "the certificate ended on "), (20, "the certificate ends on "), (-2, "the clock of this machine")],
)
def test_times_are_told_of(directory: Path, days: int, said: str) -> None:
    """A notice, no problem: a board without a clock believes it is in the past, and must start all the same."""
    problems, notices = judged(Tls(**GOOD), directory, datetime.now(UTC) + timedelta(days=days))
    assert problems == []
    ((where, text),) = notices
    assert where == ("certificate",)
    assert said in text


def test_a_key_that_everybody_may_read_is_told_of(directory: Path) -> None:
    """With the command that mends it."""
    (directory / "tls/node.key").chmod(0o644)
    _, notices = judged(Tls(**GOOD), directory)
    assert [(notice.path, "chmod 600" in notice.text) for notice in notices] == [(("key",), True)]


# --- through `check` ---------------------------------------------------------------------------------------------


def tree(tls: object, kind: str = "rawsocket", **more: object) -> dict[str, object]:
    transport = {"type": kind, "endpoint": {"type": "tcp", "port": 8443, "tls": tls}, **more}
    realm = {"name": "realm1", "roles": [{"name": "anonymous"}]}
    return {"version": 2, "workers": [{"type": "router", "realms": [realm], "transports": [transport]}]}


def check(directory: Path, config: object) -> list[str]:
    """Problems, else notices, each as it is shown."""
    try:
        return [str(notice) for notice in from_tree(config, "config.yaml", directory).notices]
    except ConfigErrors as errors:
        return [str(finding) for finding in errors.findings]


def test_check_names_the_option(directory: Path) -> None:
    """The path in the configuration, down to the file."""
    assert check(directory, tree(GOOD)) == []
    (line,) = check(directory, tree({**GOOD, "key": "none"}))
    assert line.startswith("config.yaml: workers.0.transports.0.endpoint.tls.key: there is no file ")


def test_an_empty_list_of_authorities_is_refused(directory: Path) -> None:
    """Nobody could say whether it lets in everybody or nobody."""
    (line,) = check(directory, tree({**GOOD, "ca_certificates": []}))
    assert "endpoint.tls.ca_certificates: " in line


def test_check_without_pyopenssl(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Says what to install, and nothing of the files."""
    monkeypatch.setitem(__import__("sys").modules, "edge_router.tls.server", None)
    (line,) = check(directory, tree(GOOD))
    assert "endpoint.tls: TLS needs pyOpenSSL, which is not installed: `pip install 'edge-router[tls]'`" in line


@pytest.mark.parametrize(("options", "count"), [({"hsts": True}, 1), ({}, 0)])
def test_hsts_without_tls_is_told_of(directory: Path, options: object, count: int) -> None:
    """It would have no effect."""
    config = {"type": "web", "endpoint": {"type": "tcp", "port": 80}, "paths": {}, "options": options}
    worker = {"type": "router", "transports": [config]}
    notices = check(directory, {"version": 2, "workers": [worker]})
    assert sum("options.hsts: no effect here: the endpoint has no `tls`" in line for line in notices) == count
