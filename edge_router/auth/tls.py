"""The method `tls`: whoever has shown a known certificate on the way in is known by it.

The handshake has proved that the client has the key, and that an authority of the endpoint has signed the certificate;
so nothing is asked here, and a fingerprint is no secret. (Crossbar's names; fingerprints of the whole certificate.)
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from edge_router.auth.asked import Principals
from edge_router.auth.asked import accepted as as_found
from edge_router.auth.denial import denied
from edge_router.auth.principal import accepted_as
from edge_router.config.schema import TlsAuth, TlsPrincipal
from edge_router.router.interfaces import Accepted, ClientCertificate, Decision, Login
from edge_router.wamp.errors import AUTHENTICATION_DENIED, WampError


class TlsCertificate:
    """The method `tls`. config: whose certificates are known. directory, entropy: unused."""

    def __init__(
        self,
        config: TlsAuth,
        directory: Path = Path(),  # noqa: ARG002 - as for every method
        entropy: Callable[[int], bytes] = os.urandom,  # noqa: ARG002
    ) -> None:
        self._principals = config.principals or {}

    def hello(self, login: Login) -> Accepted:
        """Accept a certificate: as the user that HELLO names, else as the first that it belongs to."""
        shown = _shown(login)
        named = self._principals if login.authid is None else (login.authid,)
        for authid in named:
            principal = self._principals.get(authid)
            if principal is not None and _is_of(shown, principal):
                accepted = accepted_as(authid, principal.role, principal.realm, login)
                if accepted is not None:
                    return accepted
        raise denied()


def asked(login: Login, ask: Principals) -> Decision:
    """Whose certificate it is, somebody else says; the details have its subject and fingerprints."""
    _shown(login)
    return ask(login).map(as_found)


def _shown(login: Login) -> ClientCertificate:
    if login.transport.certificate is None:
        raise WampError(AUTHENTICATION_DENIED, "no client certificate was shown on this connection; tls needs one")
    return login.transport.certificate


def _is_of(shown: ClientCertificate, principal: TlsPrincipal) -> bool:
    """Whether a certificate has every fingerprint that is given, and one is."""
    wanted = [(principal.sha256, shown.sha256), (principal.sha1, shown.sha1)]
    given = [(plain(fingerprint), actual) for fingerprint, actual in wanted if fingerprint is not None]
    return bool(given) and all(fingerprint == actual for fingerprint, actual in given)


def plain(fingerprint: str) -> str:
    """A fingerprint as `ClientCertificate` has it. fingerprint: as people write it, with colons, in capitals."""
    return fingerprint.replace(":", "").lower()
