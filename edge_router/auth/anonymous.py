"""Everybody may join, in one role (spec, "Authentication": the method `anonymous`)."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from edge_router.config.schema import AnonymousAuth
from edge_router.router.interfaces import Accepted, Login


class Anonymous:
    """The method `anonymous`. config: role and authid. entropy: random bytes for authids."""

    def __init__(
        self,
        config: AnonymousAuth,
        directory: Path = Path(),  # noqa: ARG002 - as for every method; this one has no files
        entropy: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._config = config
        self._entropy = entropy

    def hello(self, login: Login) -> Accepted:  # noqa: ARG002 - what it decides by is nothing
        """Accept. The authid is the configured one, or random."""
        return Accepted(self._config.authid or self._entropy(8).hex(), self._config.role)
