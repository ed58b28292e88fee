"""Sections `class` and `function` of components -> sessions of autobahn, for a router and for a container alike.

The only thing added to what users wrote: whatever goes wrong when a session connects or joins is told to the host. It
works with autobahn on Twisted and on asyncio, as `txaio` is set. (autobahn's `wamp.protocol` is the reference for the
order in which a session calls what.)
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import txaio
from autobahn.wamp.protocol import ApplicationSession
from autobahn.wamp.types import ComponentConfig

from edge_router import registry

#: what a session calls while it comes up; if one of these fails, nothing of it can be relied upon
_CRUCIAL = ("onConnect", "onJoin")


class CannotLoad(Exception):
    """What a section names cannot be had. The text says what and why."""


class Application:
    """The code of one component, loaded.

    section: its configuration (`type`, `classname` or `callbacks`, `realm`, `extra`). directory: the node directory.
    shared: for `config.shared`, or None. reactors: by framework, what `main` gets: Twisted's reactor, asyncio's loop.
    Raises CannotLoad, and whatever the user's module raises when it is imported.
    """

    def __init__(self, section: Any, directory: Path, shared: dict[Any, Any] | None, reactors: dict[str, Any]) -> None:
        self._realm: str = section.realm
        self._extra = _extra(section.extra, directory)
        self._shared = shared
        self._reactors = reactors
        self._callbacks: dict[str, Callable[..., Any]] = {}
        self._session_class: type[ApplicationSession] | None = None
        if registry.type_name(section) == "class":
            self._session_class = _class_of(section.classname)
        else:
            names = {name: getattr(section.callbacks, name) for name in section.callbacks.__struct_fields__}
            self._callbacks = {name: _named(where) for name, where in names.items() if where is not None}

    @property
    def framework(self) -> str:
        """`twisted` or `asyncio`: what the code of the component works with."""
        if self._session_class is None:
            return "asyncio" if txaio.using_asyncio else "twisted"
        bases = {base.__module__.partition(".wamp")[0] for base in self._session_class.__mro__}
        return "asyncio" if "autobahn.asyncio" in bases else "twisted"

    def session(
        self, failed: Callable[[Any], None], report: Callable[[Any, str], None] | None = None
    ) -> ApplicationSession:
        """A new session, for one connection.

        failed: called with a txaio failure if it cannot come up; the log has that already. report: writes a failure and
        what failed into the log; left out, autobahn does it. A class with an `onUserError` of its own keeps that.
        """
        cls = self._session_class or import_module(f"autobahn.{self.framework}.wamp").Session
        session = cls(ComponentConfig(self._realm, self._extra, shared=self._shared))
        if report is not None and cls.onUserError is ApplicationSession.onUserError:
            session.onUserError = report
        for name in _CRUCIAL:
            _watch(session, name, failed)
        for event, function in self._callbacks.items():
            if event == "main":
                session.on("join", self._run_main(function, failed))
            else:
                session.on(event, _guarded(function, failed) if event in ("connect", "join") else function)
        return session

    def _run_main(self, main: Callable[..., Any], failed: Callable[[Any], None]) -> Callable[..., Any]:
        """`main` takes as long as it takes, so joining is over before it is done."""

        def joined(session: Any, details: Any) -> None:
            del details
            running = txaio.as_future(main, self._reactors[self.framework], session)
            txaio.add_callbacks(running, lambda _: session.leave(), _told(session, "main", failed))

        return joined


def _extra(extra: Any, directory: Path) -> Any:
    """As Crossbar does: a mapping is told the node directory."""
    if extra is None or isinstance(extra, dict):
        return {**(extra or {}), "cbdir": str(directory)}
    return extra


def _named(where: str) -> Any:
    module, _, name = where.rpartition(".")
    try:
        found = import_module(module)
    except ModuleNotFoundError as problem:
        if problem.name is None or not f"{module}.".startswith(f"{problem.name}."):
            raise  # it is there, and misses another one
        raise CannotLoad(f"there is no module {problem.name!r}; `options.pythonpath` says where to look") from None
    try:
        return getattr(found, name)
    except AttributeError:
        raise CannotLoad(f"there is no {name!r} in the module {module!r} ({found.__file__})") from None


def _class_of(where: str) -> type[ApplicationSession]:
    found = _named(where)
    if isinstance(found, type) and issubclass(found, ApplicationSession):
        return found
    raise CannotLoad(f"{where!r} is no subclass of autobahn's ApplicationSession, but {found!r}")


def _watch(session: Any, name: str, failed: Callable[[Any], None]) -> None:
    """Have the host know when this method of a session fails; autobahn logs that and goes on."""
    method = getattr(session, name)

    def watched(*args: Any) -> Any:
        running = txaio.as_future(method, *args)
        txaio.add_callbacks(running, None, lambda failure: _after(failed, failure))
        return running

    setattr(session, name, watched)


def _after(failed: Callable[[Any], None], failure: Any) -> Any:
    failed(failure)
    return failure


def _guarded(function: Callable[..., Any], failed: Callable[[Any], None]) -> Callable[..., Any]:
    def guarded(session: Any, *args: Any) -> Any:
        running = txaio.as_future(function, session, *args)
        txaio.add_callbacks(running, None, _told(session, function.__name__, failed))
        return running

    return guarded


def _told(session: Any, what: str, failed: Callable[[Any], None]) -> Callable[[Any], None]:
    def told(failure: Any) -> None:
        session.onUserError(failure, f"While running {what}")
        failed(failure)

    return told
