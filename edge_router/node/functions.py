"""Authenticators that are functions in Python (`type: function`), as Crossbar has them.

The function that the configuration names is a factory: called once, when the node starts, with `config` and None (where
Crossbar has a controller). What it gives is asked at each login with (realm, authid, details). Either may be `async` or
give a Deferred; neither may block, for nothing else moves meanwhile.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from edge_router import registry
from edge_router.node.logins import Unusable
from edge_router.router.pending import Pending
from edge_router.wamp.errors import RUNTIME_ERROR, WampError


class Function:
    """One authenticator.

    create: the factory, `module.name`. config: what it gets. directory: the node directory, with modules.
    """

    log = Logger()

    def __init__(self, create: str, config: dict[str, Any] | None, directory: Path) -> None:
        self._create = create
        self._config = config or {}
        self._directory = directory
        self._made: Callable[..., Any] | None = None

    async def load(self) -> None:
        """Import and call the factory. Raises Unusable."""
        directory = str(self._directory.absolute())
        if directory not in sys.path:
            sys.path.append(directory)
        _say_that_it_is_twisted()
        module, _, name = self._create.rpartition(".")
        try:
            factory = registry.load(f"{module}:{name}")
            made = await maybeDeferred(factory, self._config, None)
        except Exception as problem:
            self.log.failure("{create} failed", create=self._create)
            raise Unusable(f"{self._create}: {type(problem).__name__}: {problem}") from problem
        if not callable(made):
            raise Unusable(f"{self._create} gave {made!r}; a function of realm, authid and details would be right")
        self._made = made

    def ask(self, realm: str | None, authid: str | None, details: dict[str, Any]) -> Pending[Any]:
        """Ask it; see `auth.asked.Ask`."""
        assert self._made is not None
        answer: Deferred[Any] = maybeDeferred(self._made, realm, authid, details)
        pending: Pending[Any] = Pending(answer.cancel)
        answer.addCallbacks(pending.settle, partial(self._failed, pending))
        return pending

    def _failed(self, pending: Pending[Any], failure: Failure) -> None:
        """What it raised: an application's error has a URI (autobahn's `ApplicationError`), all else is a bug."""
        problem: Any = failure.value
        uri = getattr(problem, "error", None)
        if isinstance(uri, str):
            pending.settle(WampError(uri, *problem.args))
        elif not failure.check(CancelledError):
            self.log.failure("{create} failed", failure, create=self._create)
            pending.settle(WampError(RUNTIME_ERROR, f"it raised {type(problem).__name__}"))


def _say_that_it_is_twisted() -> None:
    """Modules written for Crossbar use txaio, whose loggers have to know on what they run before they are made."""
    with suppress(ImportError):
        registry.load("txaio:use_twisted")()
