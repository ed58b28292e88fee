"""The method `tls`: client certificates that the handshake has proved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edge_router.router.interfaces import ClientCertificate, TransportDetails
from tests.auth.entrance import DENIED, Client, Entrance, refused, welcomed
from tests.auth.test_config import AUTH, loaded

SHA256, SHA1 = "0a" * 32, "0b" * 20
PUMP = {"certificate-sha256": SHA256, "role": "device"}


def colons(fingerprint: str) -> str:
    """As openssl writes it."""
    return ":".join(fingerprint[i : i + 2] for i in range(0, len(fingerprint), 2)).upper()


def client(principals: dict[str, Any], shown: ClientCertificate | None) -> Client:
    """A client that has shown a certificate, at an entrance for these."""
    found = Entrance({"tls": {"principals": principals}}).client()
    found.details = TransportDetails("memory", "tcp4:192.168.0.7:50000", "json", True, shown)
    return found


SHOWN = ClientCertificate("CN=pump", SHA256, SHA1)


@pytest.mark.parametrize(
    "principal",
    [
        PUMP,
        {"certificate-sha256": colons(SHA256), "role": "device"},
        {"certificate-sha1": colons(SHA1), "role": "device"},
        {"certificate-sha1": SHA1, "certificate-sha256": SHA256, "role": "device"},
    ],
)
@pytest.mark.parametrize("authid", [None, "pump"])
def test_a_known_certificate_lets_in(principal: dict[str, str], authid: str | None) -> None:
    """By either fingerprint, however written; the authid may be left out."""
    found = welcomed(client({"other": {**PUMP, "certificate-sha256": "00" * 32}, "pump": principal}, SHOWN).hello(
        "tls", authid
    ))  # fmt: skip
    assert found == {"authid": "pump", "authrole": "device", "authmethod": "tls", "authprovider": "static"}


@pytest.mark.parametrize(
    ("principal", "authid"),
    [
        ({**PUMP, "certificate-sha256": "00" * 32}, None),
        ({**PUMP, "certificate-sha1": "00" * 20}, None),
        ({"role": "device"}, None),
        (PUMP, "other"),
        (PUMP, ""),
    ],
)
def test_others_are_refused(principal: dict[str, str], authid: str | None) -> None:
    """Another certificate, one of two fingerprints wrong, none given, somebody else's name."""
    assert refused(client({"pump": principal}, SHOWN).hello("tls", authid)) == DENIED


def test_without_a_certificate_nobody_is_let_in() -> None:
    """The text says what is missing; an empty fingerprint fits nothing."""
    answer = client({"pump": PUMP}, None).hello("tls", "pump")
    assert refused(answer) == DENIED
    assert "no client certificate was shown" in answer[1]["message"]


@pytest.mark.parametrize(
    ("principal", "problem"),
    [
        ({"role": "device"}, "whose certificate? give `certificate-sha256`"),
        ({"role": "device", "certificate-sha256": SHA1}, "expected 64 hexadecimal digits"),
        ({"role": "device", "certificate-sha1": SHA256}, "expected 40 hexadecimal digits"),
        ({**PUMP, "role": "nobody"}, "no realm has a role 'nobody'"),
        (PUMP, "nobody can log in by this: no client is asked for a certificate"),
    ],
)
def test_check(tmp_path: Path, principal: dict[str, str], problem: str) -> None:
    """What could let nobody in, or is no fingerprint."""
    found = loaded({"tls": {"principals": {"pump": principal}}}, tmp_path)
    assert any(line.startswith(f"{AUTH}.tls") and problem in line for line in found), found
