"""Everybody may join, in one role (spec, "Authentication": the method `anonymous`)."""

from __future__ import annotations

import os
from collections.abc import Callable

from edge_router.config.schema import AnonymousAuth
from edge_router.router.interfaces import Accepted
from edge_router.wamp.messages import Hello


class Anonymous:
    """The method `anonymous`. config: role and authid. entropy: random bytes for authids."""

    def __init__(self, config: AnonymousAuth, entropy: Callable[[int], bytes] = os.urandom) -> None:
        self._config = config
        self._entropy = entropy

    def hello(self, realm: str, hello: Hello) -> Accepted:  # noqa: ARG002 - what it decides by is nothing
        """Accept. The authid is the configured one, or random."""
        return Accepted(self._config.authid or self._entropy(8).hex(), self._config.role)
