"""Files of a `tls` section, the server's as the client's: read, judged, put into an OpenSSL context.

What a context allows: TLS 1.2 and 1.3, ciphers with forward secrecy and authentication (RFC 9325 section 4.2), no
renegotiation, no compression, no resumption, so that every connection is judged by the files as they are now. Without
Twisted: `check` uses it too. (RFC 8446, RFC 5246, SSL_CTX_new(3ssl).)
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from OpenSSL import SSL

#: for TLS 1.2; what is fast differs from machine to machine, so the client's order counts. TLS 1.3 has its own
CIPHERS: Final = ":".join(
    f"{exchange}-{cipher}"
    for exchange in ("ECDHE-ECDSA", "ECDHE-RSA", "DHE-RSA")
    for cipher in ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305")
)


class Fault(NamedTuple):
    """What is wrong with a file. path: the option in the `tls` section. text: what it is and would be right."""

    path: tuple[str | int, ...]
    text: str


class BadTls(Exception):
    """The files cannot be used. faults: all that is wrong; `str` gives them in one line."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("; ".join(f"tls.{'.'.join(map(str, fault.path))}: {fault.text}" for fault in faults))
        self.faults = faults


class Reader:
    """Reads one section's files into a context, and collects what is wrong.

    directory: the node directory. `context`: an `OpenSSL.SSL.Context`; good if `faults` is empty in the end.
    """

    def __init__(self, directory: Path) -> None:
        self.faults: list[Fault] = []
        self.context = _empty_context()
        self._directory = directory

    def finished(self) -> Any:
        """The context with everything in it. Raises BadTls."""
        if self.faults:
            raise BadTls(self.faults)
        return self.context

    def identity(self, key_file: str, certificate_file: str) -> None:
        """The own key and certificate; what follows the certificate in its file is sent along."""
        key = self.parsed(("key",), key_file, private_key)
        certificates = self.parsed(("certificate",), certificate_file, certificates_in)
        if key is None or certificates is None:
            return
        own, *others = certificates
        if _public(key.public_key()) != _public(own.public_key()):
            self.fault(("certificate",), f"does not belong to the key {key_file!r}; give the two made together")
            return
        try:
            self.context.use_certificate(own)
            self.context.use_privatekey(key)
        except SSL.Error as error:
            self.fault(("certificate",), f"is refused by OpenSSL: {reason_of(error)}")
            return
        for certificate in others:
            self.context.add_extra_chain_cert(certificate)

    def chain(self, files: list[str]) -> None:
        """Certificates between the own one and the authority's."""
        for place, name in enumerate(files):
            for certificate in self.parsed(("chain_certificates", place), name, certificates_in) or ():
                self.context.add_extra_chain_cert(certificate)

    def ciphers(self, ciphers: str | None) -> None:
        """For TLS 1.2, as OpenSSL writes lists of them; None: the good ones."""
        chosen = CIPHERS if ciphers is None else ciphers
        self.openssl(("ciphers",), self.context.set_cipher_list, chosen.encode("ascii", "replace"))

    def parsed(self, path: tuple[str | int, ...], name: str, parse: Callable[[bytes], Any]) -> Any:
        """What is in a file; None, and a fault, if it cannot be had."""
        file = self._directory / name
        try:
            return parse(file.read_bytes())
        except FileNotFoundError:
            hint = "`edge-router certificate` makes one" if path[0] in ("key", "certificate") else "correct the path"
            self.fault(path, f"there is no file {str(file)!r}; {hint}")
        except OSError as error:
            self.fault(path, f"{str(file)!r} cannot be read by this user: {error.strerror or error}")
        except ValueError as error:
            self.fault(path, f"{str(file)!r}: {error}")
        return None

    def openssl(self, path: tuple[str | int, ...], call: Callable[[Any], object], argument: Any) -> None:
        """Call one of OpenSSL's functions; what it refuses is a fault of the option `path`."""
        try:
            call(argument)
        except SSL.Error as error:
            self.fault(path, f"is refused by OpenSSL: {reason_of(error)}")

    def fault(self, path: tuple[str | int, ...], text: str) -> None:
        """Note what is wrong."""
        self.faults.append(Fault(path, text))


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
