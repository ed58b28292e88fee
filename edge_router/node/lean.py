"""What importing Twisted would load although nothing here uses it, and how each is held back.

Run `hold_back` after the configuration is known and before the first import of Twisted. Each measure stands with what
it saves (RSS, x86-64, CPython 3.11, Twisted 26.10; a bare epoll reactor goes from 33.8 to 24.2 MB) and is tested in
`tests/node/test_lean.py`. Whatever is held back is loaded as usual by whoever really imports it later.

- OpenSSL, 9 to 12 MB: Twisted loads pyOpenSSL if it can. Without a TLS endpoint it is blocked, as if not installed.
- asyncio, 4 MB: `twisted.internet.defer` takes three names from it: two for annotations, `iscoroutine` for use. A
  stand-in has these while that one module is imported; any other name asked of it loads the real package.
- http.cookiejar, 5 MB (it loads urllib.request, http.client, email and ssl): `twisted.python.compat` only binds the
  module's name. The standard library's LazyLoader loads it at the first attribute asked of it or `import` of it.
- ctypes, 0.6 MB: `twisted.python.win32` tries it for a name that exists on Windows only.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from importlib import import_module
from types import CoroutineType, ModuleType
from typing import Any


def hold_back(tls: bool) -> None:
    """Import Twisted's core without what it does not need.

    tls: whether the configuration has a TLS endpoint. Nothing happens for parts that are loaded already.
    """
    if not tls:
        sys.modules.setdefault("OpenSSL", None)  # type: ignore[arg-type]  # None is how an import is blocked
    _load_when_used("http", "cookiejar")
    with _standing_in("asyncio", _AsyncioNames("asyncio")):
        import_module("twisted.internet.defer")
    with _standing_in("ctypes", None):
        import_module("twisted.python.win32")


class _AsyncioNames(ModuleType):
    """The names of asyncio that `twisted.internet.defer` imports."""

    class AbstractEventLoop:
        """Named in annotations."""

    class Future:
        """Named in annotations."""

    @staticmethod
    def iscoroutine(value: object) -> bool:
        """As `asyncio.iscoroutine` of Python 3.12 and later; for generators, Twisted asks itself."""
        return isinstance(value, (CoroutineType, Coroutine))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(import_module(self.__name__), name)


@contextmanager
def _standing_in(name: str, stand_in: ModuleType | None) -> Iterator[None]:
    """While this lasts, an import of the module gets the stand-in (None: an ImportError), unless it is loaded."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = stand_in  # type: ignore[assignment]
    try:
        yield
    finally:
        if sys.modules.get(name) is stand_in:
            sys.modules.pop(name, None)


def _load_when_used(package: str, module: str) -> None:
    name = f"{package}.{module}"
    spec = importlib.util.find_spec(name)
    if name in sys.modules or spec is None or spec.loader is None:
        return
    spec.loader = importlib.util.LazyLoader(spec.loader)
    lazy = importlib.util.module_from_spec(spec)
    sys.modules[name] = lazy
    setattr(import_module(package), module, lazy)
    spec.loader.exec_module(lazy)
