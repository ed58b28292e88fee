"""A private certificate authority, and the certificates it signs: for a node, and for clients that show one.

For a LAN, where no public authority signs names like `pi.local` or addresses. Keys are ECDSA on P-256, which small
boards sign fast with; times and extensions are those that browsers want. (RFC 5280; Apple's HT211025 for the 825 days.)
It needs `cryptography`, which comes with the extra `tls`; so it is loaded by the command that wants it only.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from msgspec import Struct

#: of the authority, in days
AUTHORITY_DAYS: Final = 3650
#: how far back certificates begin, since clocks in a LAN differ
SLACK: Final = timedelta(days=1)
_MAX_NAME: Final = 64  # RFC 5280 appendix A.1, ub-common-name


class CannotSign(Exception):
    """The files that are there cannot be used. The text says which, and what would help."""


class Signed(Struct, frozen=True):
    """A certificate that was made. key, certificate: the files. sha256, sha1: fingerprints. ends: its last day."""

    key: Path
    certificate: Path
    sha256: str
    sha1: str
    ends: datetime


class Authority:
    """The authority in a directory: `ca.key` and `ca.crt`, made if neither is there.

    directory: made too, if need be. name: of a new authority. now: with a time zone. Raises OSError, CannotSign.
    """

    def __init__(self, directory: Path, name: str, now: datetime | None = None) -> None:
        self._now = (now or datetime.now(UTC)).replace(microsecond=0)
        self._directory = directory
        self.key = directory / "ca.key"
        self.certificate = directory / "ca.crt"
        self.is_new = not self.key.exists() and not self.certificate.exists()
        directory.mkdir(parents=True, exist_ok=True)
        if self.is_new:
            self._make(name)
        self._key = _read_key(self.key)
        self._own = _read_certificate(self.certificate)
        if self._key.public_key() != self._own.public_key():
            raise CannotSign(f"{self.key} does not belong to {self.certificate}; move both away to make new ones")
        if self._own.not_valid_after_utc < self._now:
            raise CannotSign(f"{self.certificate} ended on {self._own.not_valid_after_utc:%Y-%m-%d}; move it away")

    def sign_node(self, names: Sequence[str], days: int) -> Signed:
        """A certificate for a server, in `node.key` and `node.crt`; a key that is there is kept.

        names: host names and IP addresses that it is reached by. days: how long it holds, at most as the authority.
        """
        alternatives = x509.SubjectAlternativeName([_general_name(name) for name in names])
        return self._sign("node", names[0], ExtendedKeyUsageOID.SERVER_AUTH, days, alternatives)

    def sign_client(self, name: str, days: int) -> Signed:
        """A certificate for a client, in `client-NAME.key` and `client-NAME.crt`. name: letters, digits, `.`, `-`."""
        return self._sign(f"client-{name}", name, ExtendedKeyUsageOID.CLIENT_AUTH, days, None)

    def _make(self, name: str) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _subject(name)
        builder = _builder(subject, subject, key.public_key(), self._now, self._now + timedelta(days=AUTHORITY_DAYS))
        builder = builder.add_extension(x509.BasicConstraints(True, 0), True)
        builder = builder.add_extension(_usage(key_cert_sign=True, crl_sign=True), True)
        _write(self.key, _pem(key), 0o600)
        _write(self.certificate, builder.sign(key, SHA256()).public_bytes(Encoding.PEM), 0o644)

    def _sign(
        self, file: str, name: str, purpose: x509.ObjectIdentifier, days: int, extension: x509.ExtensionType | None
    ) -> Signed:
        key_file, file_of_certificate = self._directory / f"{file}.key", self._directory / f"{file}.crt"
        key = _read_key(key_file) if key_file.exists() else ec.generate_private_key(ec.SECP256R1())
        end = min(self._now + timedelta(days=days), self._own.not_valid_after_utc)
        builder = _builder(_subject(name), self._own.subject, key.public_key(), self._now, end)
        builder = builder.add_extension(x509.BasicConstraints(False, None), True)
        builder = builder.add_extension(_usage(digital_signature=True), True)
        builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), False)
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), False
        )
        if extension is not None:
            builder = builder.add_extension(extension, False)
        certificate = builder.sign(self._key, SHA256())
        if not key_file.exists():
            _write(key_file, _pem(key), 0o600, self._directory.parent)
        _write(file_of_certificate, certificate.public_bytes(Encoding.PEM), 0o644, self._directory.parent)
        sha256, sha1 = (certificate.fingerprint(kind).hex() for kind in (SHA256(), SHA1()))
        return Signed(key_file, file_of_certificate, sha256, sha1, end)


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:_MAX_NAME])])


def _builder(
    subject: x509.Name, issuer: x509.Name, public_key: Any, now: datetime, end: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SLACK)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), False)
    )


_USAGES: Final = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


def _usage(**given: bool) -> x509.KeyUsage:
    return x509.KeyUsage(**{name: given.get(name, False) for name in _USAGES})


# --- files -------------------------------------------------------------------------------------------------------


def _pem(key: Any) -> bytes:
    octets: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return octets


def _read_key(path: Path) -> Any:
    try:
        return load_pem_private_key(path.read_bytes(), None)
    except FileNotFoundError:
        raise CannotSign(f"{path} is missing, its certificate is there; put it back, or move that away") from None
    except (ValueError, TypeError):
        raise CannotSign(f"{path} holds no private key that can be used without a passphrase; move it away") from None


def _read_certificate(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except FileNotFoundError:
        raise CannotSign(f"{path} is missing, but its key is there; put it back, or move the key away") from None
    except ValueError:
        raise CannotSign(f"{path} holds no certificate; move it and its key away") from None


def _write(path: Path, data: bytes, mode: int, like: Path | None = None) -> None:
    """Write a file that is there whole or not at all.

    mode: its permissions from the first moment on. like: if root writes it, it is to belong to whom this belongs.
    """
    beginning = path.with_name(f"{path.name}.{os.getpid()}")
    fd = os.open(beginning, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            if like is not None and os.geteuid() == 0:
                owner = like.stat()
                os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
            file.flush()
            os.fsync(file.fileno())
        beginning.replace(path)
    except BaseException:
        beginning.unlink(missing_ok=True)
        raise
