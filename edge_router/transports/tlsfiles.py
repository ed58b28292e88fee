"""From the files of a `tls` section to an OpenSSL context, or everything that is wrong with them.

Only reading and judging files may live here, without Twisted: `check` uses it too. What the context allows: TLS 1.2 and
1.3, ciphers with forward secrecy and authentication (RFC 9325 section 4.2), no renegotiation, no compression, no
resumption, so that every connection is judged by the files as they are now. (RFC 8446, RFC 5246, SSL_CTX_new(3ssl).)
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from OpenSSL import SSL

from edge_router.config.schema import Tls

#: for TLS 1.2; what is fast differs from machine to machine, so the client's order counts. TLS 1.3 has its own
CIPHERS: Final = ":".join(
    f"{exchange}-{cipher}"
    for exchange in ("ECDHE-ECDSA", "ECDHE-RSA", "DHE-RSA")
    for cipher in ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305")
)
#: a certificate that ends sooner is told of
SOON: Final = timedelta(days=14)


class Fault(NamedTuple):
    """What is wrong with a file. path: the option in the `tls` section. text: what it is and would be right."""

    path: tuple[str | int, ...]
    text: str


class BadTls(Exception):
    """The files cannot be used. faults: all that is wrong; `str` gives them in one line."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("; ".join(f"tls.{'.'.join(map(str, fault.path))}: {fault.text}" for fault in faults))
        self.faults = faults


def make_context(tls: Tls, directory: Path) -> Any:
    """An OpenSSL context for a server.

    tls: the section. directory: the node directory. Result: an `OpenSSL.SSL.Context`. Raises BadTls.
    """
    return _Reader(tls, directory).context()


def judged(tls: Tls, directory: Path, now: datetime | None = None) -> tuple[list[Fault], list[Fault]]:
    """What is wrong with a section and its files, and what an operator should know of files that can be used.

    The latter: certificates that have ended or soon will, keys that everybody may read. Arguments as above; now: with a
    time zone; left out, the machine's. Result: faults, notices.
    """
    try:
        make_context(tls, directory)
        return [], [*_times(tls, directory, now or datetime.now(UTC)), *_key_mode(directory / tls.key)]
    except BadTls as bad:
        return bad.faults, []


class _Reader:
    """Reads one section's files into a context, and collects what is wrong."""

    def __init__(self, tls: Tls, directory: Path) -> None:
        self._tls = tls
        self._directory = directory
        self._faults: list[Fault] = []
        self._context = _empty_context()

    def context(self) -> Any:
        """The context with everything in it. Raises BadTls."""
        self._identity()
        self._chain()
        self._authorities()
        self._ciphers()
        if self._faults:
            raise BadTls(self._faults)
        return self._context

    def _identity(self) -> None:
        key = self._parsed(("key",), self._tls.key, private_key)
        certificates = self._parsed(("certificate",), self._tls.certificate, certificates_in)
        if key is None or certificates is None:
            return
        own, *others = certificates
        if _public(key.public_key()) != _public(own.public_key()):
            self._fault(("certificate",), f"does not belong to the key {self._tls.key!r}; give the two made together")
            return
        try:
            self._context.use_certificate(own)
            self._context.use_privatekey(key)
        except SSL.Error as error:
            self._fault(("certificate",), f"is refused by OpenSSL: {reason_of(error)}")
            return
        for certificate in others:
            self._context.add_extra_chain_cert(certificate)

    def _chain(self) -> None:
        for place, name in enumerate(self._tls.chain_certificates):
            for certificate in self._parsed(("chain_certificates", place), name, certificates_in) or ():
                self._context.add_extra_chain_cert(certificate)

    def _authorities(self) -> None:
        names = self._tls.ca_certificates
        if names is None:
            return
        for place, name in enumerate(names):
            path = ("ca_certificates", place)
            authorities = self._parsed(path, name, certificates_in)
            if authorities is None:
                continue
            self._openssl(path, self._context.load_verify_locations, os.fsencode(self._directory / name))
            for authority in authorities:
                self._context.add_client_ca(authority)
        self._context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT)

    def _ciphers(self) -> None:
        tls = self._tls
        if tls.dhparam is not None and self._parsed(("dhparam",), tls.dhparam, bytes):
            self._openssl(("dhparam",), self._context.load_tmp_dh, os.fsencode(self._directory / tls.dhparam))
        ciphers = CIPHERS if tls.ciphers is None else tls.ciphers
        self._openssl(("ciphers",), self._context.set_cipher_list, ciphers.encode("ascii", "replace"))

    def _parsed(self, path: tuple[str | int, ...], name: str, parse: Callable[[bytes], Any]) -> Any:
        """What is in a file; None, and a fault, if it cannot be had."""
        file = self._directory / name
        try:
            return parse(file.read_bytes())
        except FileNotFoundError:
            hint = "`edge-router certificate` makes one" if path[0] in ("key", "certificate") else "correct the path"
            self._fault(path, f"there is no file {str(file)!r}; {hint}")
        except OSError as error:
            self._fault(path, f"{str(file)!r} cannot be read by this user: {error.strerror or error}")
        except ValueError as error:
            self._fault(path, f"{str(file)!r}: {error}")
        return None

    def _openssl(self, path: tuple[str | int, ...], call: Callable[[Any], object], argument: Any) -> None:
        try:
            call(argument)
        except SSL.Error as error:
            self._fault(path, f"is refused by OpenSSL: {reason_of(error)}")

    def _fault(self, path: tuple[str | int, ...], text: str) -> None:
        self._faults.append(Fault(path, text))


def _empty_context() -> Any:
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION | SSL.OP_NO_TICKET)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)
    return context


def reason_of(error: Exception) -> str:
    """What OpenSSL says of an error, in its words; the last of its queue says most. error: an `OpenSSL.SSL.Error`."""
    queue = error.args[0] if error.args and isinstance(error.args[0], list) else []
    return str(queue[-1][-1]) if queue else str(error) or "no reason given"


# --- what is in a file -------------------------------------------------------------------------------------------


def private_key(data: bytes) -> Any:
    """The private key in PEM text. Raises ValueError."""
    try:
        return load_pem_private_key(data, None)
    except TypeError:
        raise ValueError(
            "the key is encrypted, and nobody is there to type its passphrase; `openssl pkey` takes it off"
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("holds no private key in PEM form that OpenSSL knows") from None


def certificates_in(data: bytes) -> list[x509.Certificate]:
    """All certificates in PEM text, at least one. Raises ValueError."""
    try:
        return x509.load_pem_x509_certificates(data)
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("holds no certificate in PEM form that can be read") from None


def _public(key: Any) -> bytes:
    octets: bytes = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return octets


# --- what an operator should know --------------------------------------------------------------------------------


def _times(tls: Tls, directory: Path, now: datetime) -> Iterator[Fault]:
    files: list[tuple[tuple[str | int, ...], str]] = [(("certificate",), tls.certificate)]
    files += [(("chain_certificates", i), name) for i, name in enumerate(tls.chain_certificates)]
    files += [(("ca_certificates", i), name) for i, name in enumerate(tls.ca_certificates or ())]
    for path, name in files:
        for certificate in certificates_in((directory / name).read_bytes()):
            told = _told_of_time(certificate.not_valid_before_utc, certificate.not_valid_after_utc, now)
            if told:
                yield Fault(path, f"{certificate.subject.rfc4514_string()}: {told}")


def _told_of_time(begin: datetime, end: datetime, now: datetime) -> str:
    if now > end:
        return f"the certificate ended on {end:%Y-%m-%d}: clients will refuse it; put a new one there and send SIGHUP"
    if now < begin:
        return f"the certificate begins on {begin:%Y-%m-%d}, in the future; is the clock of this machine right?"
    if end - now < SOON:
        return f"the certificate ends on {end:%Y-%m-%d}; put a new one there before that and send SIGHUP"
    return ""


def _key_mode(key: Path) -> Iterator[Fault]:
    if stat.S_IMODE(key.stat().st_mode) & stat.S_IROTH:
        yield Fault(("key",), f"everybody on this machine may read {str(key)!r}; `chmod 600` it")
