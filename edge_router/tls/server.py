"""The server's side: from the `tls` section of an endpoint to an OpenSSL context, or everything that is wrong with it.

Without Twisted: `check` uses it too.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from OpenSSL import SSL

from edge_router.config.schema import Tls
from edge_router.tls.files import BadTls, Fault, Reader, certificates_in

#: a certificate that ends sooner is told of
SOON: Final = timedelta(days=14)


def make_context(tls: Tls, directory: Path) -> Any:
    """An OpenSSL context for a server.

    tls: the section. directory: the node directory. Result: an `OpenSSL.SSL.Context`. Raises BadTls.
    """
    reader = Reader(directory)
    reader.identity(tls.key, tls.certificate)
    reader.chain(tls.chain_certificates)
    if tls.ca_certificates is not None:
        _authorities(reader, tls.ca_certificates, directory)
    if tls.dhparam is not None and reader.parsed(("dhparam",), tls.dhparam, bytes):
        reader.openssl(("dhparam",), reader.context.load_tmp_dh, os.fsencode(directory / tls.dhparam))
    reader.ciphers(tls.ciphers)
    return reader.finished()


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


def _authorities(reader: Reader, names: list[str], directory: Path) -> None:
    """Clients must show a certificate that one of these has signed."""
    for place, name in enumerate(names):
        path = ("ca_certificates", place)
        authorities = reader.parsed(path, name, certificates_in)
        if authorities is None:
            continue
        reader.openssl(path, reader.context.load_verify_locations, os.fsencode(directory / name))
        for authority in authorities:
            reader.context.add_client_ca(authority)
    reader.context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT)


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
        return f"the certificate ended on {end:%Y-%m-%d}: clients refuse it; replace it and run `edge-router reload`"
    if now < begin:
        return f"the certificate begins on {begin:%Y-%m-%d}, in the future; is the clock of this machine right?"
    if end - now < SOON:
        return f"the certificate ends on {end:%Y-%m-%d}; replace it before that and run `edge-router reload`"
    return ""


def _key_mode(key: Path) -> Iterator[Fault]:
    if stat.S_IMODE(key.stat().st_mode) & stat.S_IROTH:
        yield Fault(("key",), f"everybody on this machine may read {str(key)!r}; `chmod 600` it")
