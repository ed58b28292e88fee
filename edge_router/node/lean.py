"""What importing Twisted would load although nothing here uses it, and how each is held back.

Run `hold_back` after the configuration is known and before the first import of Twisted. While the one module that
asks for a package is imported, a stand-in is in its place; the stand-in loads the real package when it is used, and
whoever else imports the package gets the real one. Figures: RSS, x86-64, CPython 3.11, Twisted 26.10, where a bare
epoll reactor goes from 31.2 to 20.8 MB. `tests/node/test_lean.py` shows that nothing breaks.

- OpenSSL, 9 to 12 MB: Twisted loads pyOpenSSL if it can. Without a TLS endpoint it is blocked, as if not installed.
- asyncio, 4 MB: `twisted.internet.defer` takes three names from it: two for annotations, and `iscoroutine`.
- http.cookiejar, 5 MB with urllib.request, http.client, email and ssl: `twisted.python.compat` passes it on.
- ctypes, 0.6 MB: `twisted.python.win32` tries it for a name that exists on Windows only.
- pickle, 0.5 MB: `twisted.python.reflect` asks it for the module of a function.
- logging, 0.4 MB: `twisted.logger` passes on to it what it is asked to; here nobody asks. (websockets loads it.)
- html.entities, 0.5 MB: `html` needs its table to unescape; Twisted and twisted.web only escape.
"""

from __future__ import annotations

import sys
from collections.abc import Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from types import CoroutineType, ModuleType
from typing import Any


def hold_back(tls: bool) -> None:
    """Import Twisted's core without what it does not need.

    tls: whether the configuration has a TLS endpoint. Nothing happens for what is loaded already.
    """
    if not tls:
        sys.modules.setdefault("OpenSSL", None)  # type: ignore[arg-type]  # None is how an import is blocked
    for importer, absent in _HELD_BACK.items():
        with ExitStack() as stack:
            for name, stand_in in absent.items():
                stack.enter_context(_standing_in(name, stand_in))
            import_module(importer)


class _Later(ModuleType):
    """A module that is loaded when one of its names is used."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # the import system asks for these, and nothing is used by that
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(import_module(self.__name__), name)


class _Asyncio(_Later):
    """The names of asyncio that `twisted.internet.defer` imports."""

    class AbstractEventLoop:
        """Named in annotations."""

    class Future:
        """Named in annotations."""

    @staticmethod
    def iscoroutine(value: object) -> bool:
        """As `asyncio.iscoroutine` of Python 3.12 and later; for generators, Twisted asks itself."""
        return isinstance(value, (CoroutineType, Coroutine))


class _Entities(_Later):
    """The name of html.entities that `html` imports: a table, of which it asks `in` and `[]`."""

    class _Table:
        def __contains__(self, name: str) -> bool:
            return name in import_module("html.entities").html5

        def __getitem__(self, name: str) -> str:
            text: str = import_module("html.entities").html5[name]
            return text

    html5 = _Table()


class _Logging(_Later):
    """The names of logging that `twisted.logger` asks for while it is imported; the figures are documented."""

    DEBUG, INFO, WARNING, ERROR, CRITICAL = 10, 20, 30, 40, 50

    @staticmethod
    def getLevelName(level: int) -> str:
        """The name of one of these levels."""
        return {10: "DEBUG", 20: "INFO", 30: "WARNING", 40: "ERROR", 50: "CRITICAL"}[level]


# who imports -> what it gets instead, in the order of the imports; None: an ImportError
_HELD_BACK: dict[str, dict[str, ModuleType | None]] = {
    "html": {"html.entities": _Entities("html.entities")},
    "twisted.python.compat": {"http.cookiejar": _Later("http.cookiejar")},
    "twisted.python.reflect": {"pickle": _Later("pickle")},
    "twisted.python.win32": {"ctypes": None},
    "twisted.logger": {"logging": _Logging("logging")},
    "twisted.internet.defer": {"asyncio": _Asyncio("asyncio")},
}


@contextmanager
def _standing_in(name: str, stand_in: ModuleType | None) -> Iterator[None]:
    """While this lasts, an import of the module gets the stand-in, unless the module is loaded."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = stand_in  # type: ignore[assignment]
    try:
        yield
    finally:
        if sys.modules.get(name) is stand_in:
            sys.modules.pop(name, None)
