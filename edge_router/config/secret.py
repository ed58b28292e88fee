"""Secrets that stand elsewhere than in the configuration: in a file, the environment, or a credential of systemd."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from edge_router.config.schema import Secret, SecretPlace

CREDENTIALS = "CREDENTIALS_DIRECTORY"
#: where those of the running service are, for whoever checks its configuration by hand, as root
_OF_SERVICE = Path("/run/credentials/edge-router.service")
#: where it gets them from when it starts; some are encrypted elsewhere
_STORES = tuple(map(Path, ("/etc/credstore", "/run/credstore", "/usr/local/lib/credstore", "/usr/lib/credstore")))
_MOST = 65_536
#: the file of the node's own key
_NODE_KEY = "key.priv"


class Missing(Exception):
    """A secret that cannot be had. The text says which, and why."""


def secret_text(secret: Secret, directory: Path, environment: Mapping[str, str] = os.environ) -> str:
    """The secret itself.

    secret: as in the configuration. directory: the node directory. environment: the process's, by name. Raises Missing.
    (systemd.exec(5), `LoadCredential=`.)
    """
    if isinstance(secret, str):
        return secret
    if sum(place is not None for place in (secret.file, secret.env, secret.credential)) != 1:
        raise Missing("say where the secret is by one of `file`, `env`, `credential`")
    if secret.env is not None:
        text = environment.get(secret.env)
        if text is None:
            raise Missing(f"the environment has no variable {secret.env!r}")
        where = f"the variable {secret.env!r}"
    else:
        path = _path(secret, directory, environment)
        text, where = _read(path), str(path)
    if not text:
        raise Missing(f"{where} is empty; a secret would be right")
    return text


def open_to_others(secret: SecretPlace, directory: Path) -> bool:
    """Whether every user of the machine may read the file of a secret."""
    return secret.file is not None and bool((directory / secret.file).stat().st_mode & stat.S_IROTH)


def _path(secret: SecretPlace, directory: Path, environment: Mapping[str, str]) -> Path:
    if secret.credential is None:
        return directory / str(secret.file)
    if "/" in secret.credential:
        raise Missing(f"{secret.credential!r} is no name of a credential; it has no /")
    handed = Path(environment[CREDENTIALS]) if CREDENTIALS in environment else _OF_SERVICE
    by_hand = CREDENTIALS not in environment and secret.credential.startswith("edge-router.")
    for place in (handed, *(_STORES if by_hand else ())):
        if os.access(place / secret.credential, os.R_OK):
            return place / secret.credential
    if not os.access(handed, os.X_OK):
        raise Missing(
            f"${CREDENTIALS} is not set; systemd sets it for a unit with LoadCredential={secret.credential}:, "
            f"and for edge-router.service if the credential is called edge-router.NAME"
        )
    raise Missing(
        f"{handed} has no {secret.credential}; systemd puts there, when a service starts, what LoadCredential= says, "
        f"and of /etc/credstore what is called edge-router.NAME"
    )


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            octets = file.read(_MOST + 1)
        text = octets.decode()
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or "it is no UTF-8 text"
        own = isinstance(problem, FileNotFoundError) and path.name == _NODE_KEY
        hint = "; 'edge-router keys' makes the node's own" if own else ""
        raise Missing(f"{path} cannot be read: {reason}{hint}") from None
    if len(octets) > _MOST:
        raise Missing(f"{path} is longer than {_MOST} octets, which no secret is")
    return text.removesuffix("\n").removesuffix("\r")
