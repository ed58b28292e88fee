"""The client's side: from the `tls` section of a connection to an OpenSSL context that trusts only whom it should.

A machine without a battery-backed clock starts in the past, where certificates are of the future. It cannot be earlier
than this program was installed, or than the clock was known to be right: certificates are judged by that moment then.
(systemd-timesyncd(8), FILES; X509_VERIFY_PARAM_set_time(3ssl).)
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from OpenSSL import SSL

from edge_router.config.schema.connecting import ClientTls
from edge_router.tls.files import Reader, certificates_in

#: files that were written at a time when the clock was right, or as good as that
CLOCK_FILES: Final = (Path("/var/lib/systemd/timesync/clock"), Path(__file__))
#: why OpenSSL does not trust a certificate (X509_verify_cert_error_string(3ssl)), in words for an operator
_WHY: Final = {
    9: "it is not valid yet; is the clock of this machine right?",
    10: "it has ended; the router needs a new one (or the clock of this machine is wrong)",
    18: "it is signed by itself; give it in `ca_certificates` to trust it",
    19: "its authority is not known here; give the file of the authority in `ca_certificates`",
    20: "its authority is not known here; give the file of the authority in `ca_certificates`",
    21: "its authority is not known here; give the file of the authority in `ca_certificates`",
    23: "it has been revoked",
    24: "its authority may not sign certificates",
    26: "it is not for servers",
    62: "it is for another name",
}


def earliest(files: tuple[Path, ...] = CLOCK_FILES) -> float:
    """What the time is at least, seconds since 1970; 0 if nothing tells."""
    found = 0.0
    for path in files:
        try:
            found = max(found, path.stat().st_mtime)
        except OSError:
            continue
    return found


def make_context(tls: ClientTls, directory: Path, distrusted: Callable[[Any, str], None]) -> Any:
    """An OpenSSL context for a client.

    tls: the section. directory: the node directory. distrusted: is told of a connection (`OpenSSL.SSL.Connection`) why
    the other end is not trusted; the handshake fails then. Result: an `OpenSSL.SSL.Context`. Raises BadTls.
    """
    reader = Reader(directory)
    if tls.key is not None and tls.certificate is not None:
        reader.identity(tls.key, tls.certificate)
    elif tls.key is not None or tls.certificate is not None:
        reader.fault(("key",) if tls.key is None else ("certificate",), "is missing; a certificate has both")
    reader.chain(tls.chain_certificates)
    reader.ciphers(tls.ciphers)
    if tls.ca_certificates is None:
        reader.context.set_default_verify_paths()
    for place, name in enumerate(tls.ca_certificates or ()):
        path = ("ca_certificates", place)
        if reader.parsed(path, name, certificates_in) is not None:
            reader.openssl(path, reader.context.load_verify_locations, os.fsencode(directory / name))

    least = earliest()
    if time.time() < least:
        store: Any = reader.context.get_cert_store()
        store.set_time(datetime.fromtimestamp(least, UTC))

    def verified(connection: Any, _certificate: Any, number: int, _depth: int, good: int) -> bool:
        if not good:
            distrusted(connection, _WHY.get(number, f"OpenSSL's reason number {number}"))
        return bool(good)

    reader.context.set_verify(SSL.VERIFY_PEER, verified)
    return reader.finished()
