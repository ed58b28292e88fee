"""What importing Twisted and others would load although most nodes never use it, and how each is held back.

Run `hold_back` after the configuration is known and before the first import of Twisted. While the one module that
asks for a package is imported, a stand-in is in its place; the stand-in loads the real package when it is used, and
whoever else imports the package gets the real one. Figures: RSS, x86-64, CPython 3.11, Twisted 26.10, where a bare
epoll reactor goes from 31.2 to 21.0 MB. `tests/node/test_lean.py` shows that nothing breaks.

- OpenSSL, 9 to 13 MB: Twisted loads pyOpenSSL if it can. Without a TLS endpoint it is blocked, as if not installed.
- asyncio, 4 MB: `twisted.internet.defer` takes three names from it: two for annotations, and `iscoroutine`.
- http.cookiejar, 5 MB with urllib.request, http.client, email and ssl: `twisted.python.compat` passes it on.
- ctypes, 0.6 MB: `twisted.python.win32` tries it for a name that exists on Windows only.
- ctypes.util, 0.7 MB with shutil, subprocess, tempfile, bz2 and lzma, and the run of a program:
  `twisted.python._inotify` asks it for the name of the C library.
- pickle, 0.5 MB: `twisted.python.reflect` asks it for the module of a function.
- logging, 0.4 MB: `twisted.logger` passes on to it what it is asked to; here nobody asks. (websockets loads it.)
- typing_extensions, 0.6 MB: Twisted's core and msgspec ask it for what `typing` has as well, to annotate with.
- html.entities, 0.5 MB: `html` needs its table to unescape; Twisted and twisted.web only escape.
- tempfile and importlib.metadata, 0.8 MB with shutil, zipfile, bz2 and lzma: `twisted.web.http` keeps large bodies in
  files, which `edge_router.web` does not let it do; `websockets.version` asks only if it is no release.
- cbor2, 0.9 MB: our own codec cuts messages itself and asks cbor2 only for payloads that must be looked into, and
  for the rare messages. The first client that speaks CBOR loads it.
- _hashlib, 3.5 MB, which is OpenSSL's libcrypto: `hashlib` and `hmac` prefer it to CPython's own functions. For one
  SHA-1 a WebSocket these will do; what only OpenSSL has is there when it is asked for. With TLS too: `cryptography`
  from PyPI brings an OpenSSL of its own, and would not use this one.
"""

from __future__ import annotations

import os
import sys
import typing
from collections.abc import Callable, Collection, Coroutine, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from importlib import import_module
from importlib.util import find_spec
from types import CoroutineType, ModuleType
from typing import Any


def hold_back(tls: bool, parts: Collection[str] = ()) -> None:
    """Import Twisted's core, and what else asks for such packages, without them.

    tls: whether the configuration has a TLS endpoint, which needs all of OpenSSL. parts: the types of the
    configuration's transports and bridges. Nothing happens for what is loaded already.
    """
    later = [importer for kind, importers in _OF_PARTS.items() if kind in parts for importer in importers]
    if not tls:
        sys.modules.setdefault("OpenSSL", None)  # type: ignore[arg-type]  # None is how an import is blocked
    if tls or later:
        hash_without_openssl()
    with typing_held_back():
        for importer in (*_OF_ALL, *later):
            absent = _HELD_BACK.get(importer, {})
            with ExitStack() as stack:
                for name, stand_in in absent.items():
                    stack.enter_context(_standing_in(name, stand_in))
                import_module(importer)


def typing_held_back() -> AbstractContextManager[None]:
    """While this lasts, msgspec and Twisted are imported without typing_extensions.

    Who asks for it later may have to have the real one, as pydantic does.
    """
    return _standing_in(_TYPING, _Typing(_TYPING))


def let_in_openssl() -> None:
    """Have OpenSSL found again, for a TLS endpoint that came into the configuration while the node runs."""
    if sys.modules.get("OpenSSL", ...) is None:
        del sys.modules["OpenSSL"]


class _Later(ModuleType):
    """A module that is loaded when one of its names is used."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # the import system asks for these, and nothing is used by that
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        value = getattr(import_module(self.__name__), name)
        setattr(self, name, value)  # asked once
        return value


class _Typing(_Later):
    """The names of typing_extensions that Twisted's core and msgspec import; none of them does anything there."""

    def __getattr__(self, name: str) -> Any:
        if name in _TYPES and hasattr(typing, name):
            return getattr(typing, name)
        return super().__getattr__(name)

    @staticmethod
    def TypeVar(name: str, *constraints: Any, **options: Any) -> typing.TypeVar:
        """`typing` has it without a default before Python 3.13."""
        options.pop("default", None)
        return typing.TypeVar(name, *constraints, **options)

    @staticmethod
    def override(method: Callable[..., Any]) -> Callable[..., Any]:
        """`typing` has it since Python 3.12."""
        return method


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


class _Libraries(_Later):
    """The name of ctypes.util that `twisted.python._inotify` asks for."""

    def find_library(self, name: str) -> str | None:
        """As ctypes.util has it; for glibc's libc, without asking the linker's programs."""
        try:
            if name == "c" and os.confstr("CS_GNU_LIBC_VERSION"):
                return "libc.so.6"
        except (OSError, ValueError):
            pass  # another C library
        found: str | None = import_module("ctypes.util").find_library(name)
        return found


_TYPING = "typing_extensions"
#: of it, what is the same in `typing` where that has it
_TYPES = frozenset(
    ("Concatenate", "NotRequired", "ParamSpec", "Required", "Self", "TypeAlias", "TypedDict", "get_type_hints")
)
# who imports -> what it gets instead; None: an ImportError
_HELD_BACK: dict[str, dict[str, ModuleType | None]] = {
    "html": {"html.entities": _Entities("html.entities")},
    "twisted.python.compat": {"http.cookiejar": _Later("http.cookiejar")},
    "twisted.python.reflect": {"pickle": _Later("pickle")},
    "twisted.python.win32": {"ctypes": None},
    "twisted.logger": {"logging": _Logging("logging")},
    "twisted.internet.defer": {"asyncio": _Asyncio("asyncio")},
    "edge_router.wamp.codecs.cbor": {"cbor2": _Later("cbor2")},
    "twisted.python._inotify": {"ctypes.util": _Libraries("ctypes.util")},
    "twisted.web.http": {"tempfile": _Later("tempfile")},
    "websockets.version": {"importlib.metadata": _Later("importlib.metadata")},
}
# in the order of the imports
_OF_ALL = (
    "html",
    "twisted.python.compat",
    "twisted.python.reflect",
    "twisted.python.win32",
    "twisted.logger",
    "twisted.internet.defer",
    "edge_router.wamp.codecs.cbor",
    "twisted.internet.epollreactor",
)
_OF_PARTS = {
    "websocket": ("websockets.version",),
    "web": ("twisted.web.http", "websockets.version"),
    "universal": ("twisted.web.http", "websockets.version"),
    **dict.fromkeys(("serial", "modbus", "firmata"), ("twisted.python._inotify",)),
}


def hash_without_openssl() -> None:
    """Import `hashlib` and `hmac` with CPython's own functions, if this Python was built with all of them."""
    if "hashlib" in sys.modules or not all(find_spec(name) for name in _HASHES):
        return
    with _standing_in("_hashlib", None):
        hashlib: Any = import_module("hashlib")
        import_module("hmac")
    own_new = hashlib.new

    def new(name: str, data: bytes = b"", **options: Any) -> Any:
        try:
            return own_new(name, data, **options)
        except ValueError:
            return import_module("_hashlib").new(name, data, **options)

    def of_openssl(name: str) -> Any:
        if name not in _OPENSSL_ALONE:
            raise AttributeError(f"module 'hashlib' has no attribute '{name}'")
        return getattr(import_module("_hashlib"), name)

    vars(hashlib).pop("pbkdf2_hmac", None)  # Python 3.11 has a slow one of its own
    hashlib.new = new
    hashlib.__getattr__ = of_openssl


# CPython's own hash functions
_SHA2 = ("_sha2",) if sys.version_info >= (3, 12) else ("_sha256", "_sha512")
_HASHES = ("_md5", "_sha1", "_sha3", "_blake2", *_SHA2)
_OPENSSL_ALONE = frozenset({"pbkdf2_hmac", "scrypt"})


@contextmanager
def _standing_in(name: str, stand_in: ModuleType | None) -> Iterator[None]:
    """While this lasts, an import of the module gets the stand-in, unless the module is loaded."""
    if name in sys.modules:
        yield
        return
    package, _, attribute = name.rpartition(".")
    sys.modules[name] = stand_in  # type: ignore[assignment]
    try:
        if package:  # which may be the one that asks
            setattr(import_module(package), attribute, stand_in)
        yield
    finally:
        if sys.modules.get(name) is stand_in:
            del sys.modules[name]
            if package:
                delattr(import_module(package), attribute)
