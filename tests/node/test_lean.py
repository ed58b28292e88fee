"""What is held back at the start is not loaded, and nothing breaks that needs it later. Each case is a process."""

from __future__ import annotations

import subprocess
import sys

import pytest

HELD_BACK = """
from edge_router.node.lean import hold_back
ALL = ("rawsocket", "websocket", "web", "universal")
hold_back(tls=False, parts=ALL)
import sys, types
import twisted.internet.epollreactor, twisted.internet.protocol, twisted.logger
from twisted.internet import defer
def is_loaded(name):
    module = sys.modules.get(name)
    return module is not None and type(module) is types.ModuleType
"""


def run(program: str) -> None:
    """Run a program after HELD_BACK in a new process, with warnings as errors; it raises what is wrong."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", HELD_BACK + program], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr


def test_what_is_held_back_is_not_loaded() -> None:
    """The reactor is there, and HTTP for servers; neither asyncio nor cookies, HTTP clients, TLS or ctypes."""
    run("""
for name in ("asyncio", "asyncio.events", "http.cookiejar", "http.client", "urllib.request", "tempfile", "shutil",
             "zipfile", "importlib.metadata", "ssl", "ctypes", "pickle", "logging", "html.entities", "_hashlib",
             "cbor2", "OpenSSL", "typing_extensions"):
    assert not is_loaded(name), name
import html
assert type(html._html5) is not dict, "its table is there all the same"
""")


def test_who_asks_later_gets_the_real_typing_extensions() -> None:
    """All of it: what the stand-in had from `typing` is not what, say, pydantic wants of an older Python."""
    run("""
import typing_extensions
assert is_loaded("typing_extensions") and typing_extensions.__file__ and typing_extensions.TypeVar("T", default=int)
from typing_extensions import TypedDict, deprecated, override
from twisted.internet import protocol, process, threads
class Options(TypedDict): number: int
import msgspec
assert msgspec.convert({"number": 1}, Options) == {"number": 1}
""")


def test_msgspec_knows_the_words_of_typing_when_it_came_first() -> None:
    """As in the program, where the configuration is read before anything else is known."""
    program = """
import sys
from edge_router.node.lean import hold_back, typing_held_back
with typing_held_back():
    import msgspec
assert "typing_extensions" not in sys.modules
from typing import Annotated, NotRequired, TypedDict
class Row(TypedDict):
    uri: Annotated[str, msgspec.Meta(min_length=1)]
    count: NotRequired[int]
assert msgspec.convert({"uri": "a"}, Row) == {"uri": "a"}
hold_back(tls=False)
assert "typing_extensions" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_coroutines_and_deferreds_work() -> None:
    """`await` on Deferreds, generators, and the refusal of what is no coroutine, as with the real asyncio."""
    run("""
async def plain(): return await defer.succeed(42)
results = []
defer.ensureDeferred(plain()).addCallback(results.append)
defer.Deferred.fromCoroutine(plain()).addCallback(results.append)
@defer.inlineCallbacks
def old():
    inner = yield plain()
    return inner
old().addCallback(results.append)
import collections.abc
class Own(collections.abc.Coroutine):
    def send(self, value): raise StopIteration(42)
    def throw(self, *error): raise error[0]
    def __await__(self): return self
    def close(self): pass
defer.ensureDeferred(Own()).addCallback(results.append)
defer.maybeDeferred(plain).addCallback(results.append)
assert results == [42] * 5, results
for no_coroutine in (42, "x", None, lambda: 0):
    try:
        defer.ensureDeferred(no_coroutine)
    except defer.NotACoroutineError:
        pass
    else:
        raise AssertionError(no_coroutine)
""")


def test_asyncio_is_the_real_one_for_whoever_imports_it_later() -> None:
    """A hosted component may use asyncio, also together with Deferreds."""
    run("""
import asyncio
assert is_loaded("asyncio") and asyncio.__file__
async def main(): await asyncio.sleep(0); return 42
assert asyncio.run(main()) == 42
async def bridge():
    loop = asyncio.get_running_loop()
    there = await defer.succeed(1).asFuture(loop)
    future = loop.create_future()
    back = []
    defer.Deferred.fromFuture(future).addCallback(back.append)
    future.set_result(2)
    await asyncio.sleep(0)
    return [there, *back]
assert asyncio.run(bridge()) == [1, 2]
import asyncio.subprocess, concurrent.futures
""")


def test_a_name_that_the_stand_in_does_not_have_loads_the_real_package() -> None:
    """A later Twisted may import more from asyncio than today's; it gets it."""
    run("""
import sys
from edge_router.node.lean import _Asyncio, _standing_in
with _standing_in("asyncio", _Asyncio("asyncio")):
    from asyncio import iscoroutine, get_event_loop_policy, Task
import asyncio
assert asyncio.Task is Task and is_loaded("asyncio")
try:
    from asyncio import no_such_name
except ImportError:
    pass
else:
    raise AssertionError
""")


def test_cookies_load_when_they_are_used() -> None:
    """Through Twisted's old name for them, and for whoever imports them."""
    run("""
import warnings
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from twisted.python.compat import cookielib
assert not is_loaded("http.cookiejar")
jar = cookielib.CookieJar()
assert is_loaded("http.cookiejar") and is_loaded("urllib.request")
import http.cookiejar
from http.cookiejar import LWPCookieJar
from http import cookiejar
assert isinstance(jar, http.cookiejar.CookieJar) and cookielib.LWPCookieJar is LWPCookieJar is cookiejar.LWPCookieJar
""")


def test_pickle_is_there_when_it_is_used() -> None:
    """Twisted names functions by it; others pickle."""
    run("""
assert not is_loaded("pickle")
from twisted.python.reflect import fullFuncName
assert fullFuncName(defer.succeed) == "twisted.internet.defer.succeed"
import pickle, copyreg
assert pickle.loads(pickle.dumps({"a": [1]})) == {"a": [1]} and is_loaded("pickle")
""")


def test_logging_is_there_when_it_is_used() -> None:
    """What is passed on to it arrives, at the right level, and the tables of levels are the same."""
    run("""
from twisted.logger import LogLevel, STDLibLogObserver, _stdlib
assert not is_loaded("logging")
observer = STDLibLogObserver("somebody")
import logging
assert is_loaded("logging")
records = []
class Keep(logging.Handler):
    def emit(self, record): records.append((record.levelno, record.getMessage()))
logging.getLogger("somebody").addHandler(Keep())
logging.getLogger("somebody").setLevel(1)
observer({"log_level": LogLevel.warn, "log_format": "hello", "log_time": 0})
assert records == [(logging.WARNING, "hello")], records
assert _stdlib.toStdlibLogLevelMapping == {getattr(LogLevel, name): getattr(logging, text) for name, text in (
    ("debug", "DEBUG"), ("info", "INFO"), ("warn", "WARNING"), ("error", "ERROR"), ("critical", "CRITICAL"))}
for level in (10, 20, 30, 40, 50):
    name = logging.getLevelName(level)
    assert _stdlib.fromStdlibLogLevelMapping[level] == _stdlib.fromStdlibLogLevelMapping[name]
""")


def test_hashes_are_right_and_openssl_is_there_when_it_is_asked_for() -> None:
    """FIPS 180, RFC 2202, then what only OpenSSL has: PBKDF2 (RFC 6070), scrypt (RFC 7914), SHA-512/256."""
    run("""
import hashlib, hmac
assert hashlib.sha1(b"abc").hexdigest() == "a9993e364706816aba3e25717850c26c9cd0d89d"
assert hashlib.new("sha256", b"abc").hexdigest().startswith("ba7816bf")
assert hmac.new(b"key", b"The quick brown fox jumps over the lazy dog", "md5").hexdigest().startswith("80070713463e77")
assert hmac.compare_digest(b"a", b"a") and not hmac.compare_digest(b"a", b"b")
assert not is_loaded("_hashlib")
from hashlib import pbkdf2_hmac
assert pbkdf2_hmac("sha1", b"password", b"salt", 2).hex() == "ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957"
assert is_loaded("_hashlib")
assert hashlib.scrypt(b"", salt=b"", n=16, r=1, p=1, dklen=8).hex() == "77d6576238657b20"
assert hashlib.new("sha512_256", b"abc").hexdigest().startswith("53048e26")
for nonsense in (lambda: hashlib.new("nosuch"), lambda: hashlib.nosuch):
    try:
        nonsense()
    except (ValueError, AttributeError):
        pass
    else:
        raise AssertionError
assert not hasattr(hashlib, "nosuch")
""")


def test_temporary_files_and_metadata_are_there_when_they_are_used() -> None:
    """A large request body would be kept in a file by plain twisted.web; versions of packages are found."""
    run("""
from twisted.web import http
import websockets.server
assert not is_loaded("tempfile") and not is_loaded("importlib.metadata")
with http._getContentFile(10_000_000) as file:
    assert file.write(b"x") == 1
assert is_loaded("tempfile")
import importlib.metadata
assert importlib.metadata.version("websockets") and is_loaded("importlib.metadata")
from importlib import metadata
import tempfile, shutil
assert tempfile.gettempdir() and metadata is importlib.metadata
""")


def test_cbor_is_spoken_when_it_is_asked_for() -> None:
    """The codec loads cbor2 at the first message that needs it, and knows its errors."""
    run("""
from edge_router.wamp.codecs import CBOR
from edge_router.wamp.errors import ProtocolViolation
from edge_router.wamp.messages import Hello
assert not is_loaded("cbor2")
import_later = CBOR.decode(bytes.fromhex("830165 7265616c6d a165726f6c6573a16663616c6c6572a0".replace(" ", "")))
assert type(import_later) is Hello and import_later.realm == "realm"
payload = CBOR.dumps([1, "x", None])
assert bytes(payload) == bytes.fromhex("83016178f6") and CBOR.loads(payload) == [1, "x", None]
assert is_loaded("cbor2")
import cbor2
try:
    CBOR.loads(bytes.fromhex("c11b0000"))
except Exception as error:
    assert type(error).__module__.startswith("edge_router."), error
else:
    raise AssertionError
""")


def test_html_is_unescaped_with_the_real_table() -> None:
    """Names, numbers, names without a semicolon and names that do not exist."""
    run("""
import html
assert html.escape("<a>") == "&lt;a&gt;" and not is_loaded("html.entities")
assert html.unescape("&lt;&eacute;&#65;&ampx&nosuchname;") == "<\u00e9A&x&nosuchname;"
import html.entities
assert html.entities.html5["lt;"] == "<" and is_loaded("html.entities")
import html.parser
""")


def test_ctypes_is_the_real_one_for_whoever_imports_it_later() -> None:
    """Only Twisted's look for Windows went without it."""
    run("""
import ctypes
assert ctypes.sizeof(ctypes.c_int32) == 4
from twisted.python.filepath import FilePath
assert FilePath("/").isdir() and not FilePath("/nowhere/at/all").exists()
""")


def test_threads_processes_and_names_work() -> None:
    """What the reactor does beside sockets: threads, host names, child processes."""
    run("""
from edge_router.node.reactor import install_reactor
reactor = install_reactor()
from twisted.internet import threads, utils
done = []
def all_done(results):
    for ok, result in results:
        assert ok, result
        done.append(result)
    reactor.stop()
def begin():
    defer.DeferredList([
        threads.deferToThread(lambda: 42),
        reactor.resolve("127.0.0.1"),
        utils.getProcessOutput("/bin/echo", ["hello"], reactor=reactor),
    ]).addCallback(all_done)
reactor.callWhenRunning(begin)
reactor.callLater(20, reactor.stop)
reactor.run()
assert done == [42, "127.0.0.1", b"hello\\n"], done
""")


def test_pyopenssl_is_blocked_unless_tls_is_configured() -> None:
    """Without TLS an import of it fails as if it were not installed; with TLS nothing is in the way."""
    run("""
try:
    import OpenSSL
except ImportError:
    pass
else:
    raise AssertionError
del sys.modules["OpenSSL"]
hold_back(tls=True, parts=ALL)
assert "OpenSSL" not in sys.modules
""")


def test_tls_loads_no_second_openssl() -> None:
    """With TLS, pyOpenSSL and Twisted's TLS are there, and hashes still come without the system's libcrypto."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", """
import sys
from edge_router.node.lean import hold_back
hold_back(tls=True, parts=("rawsocket",))
import edge_router.transports.tls, hashlib
assert "OpenSSL.SSL" in sys.modules and "_hashlib" not in sys.modules
assert hashlib.sha256(b"abc").hexdigest().startswith("ba7816bf")
assert hashlib.pbkdf2_hmac("sha1", b"password", b"salt", 2).hex() == "ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957"
assert "_hashlib" in sys.modules
"""], capture_output=True, text=True, timeout=60)  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_files_are_watched_without_asking_for_the_name_of_the_c_library() -> None:
    """Which would run a program. Whoever wants another library finds it."""
    run("""
hold_back(tls=False, parts=("serial",))
from twisted.internet.inotify import INotify
assert not is_loaded("ctypes.util") and not is_loaded("shutil") and not is_loaded("subprocess")
watch = INotify()
watch.startReading()
watch.loseConnection()
import ctypes.util
assert is_loaded("ctypes.util") and ctypes.util.find_library("c") == "libc.so.6"
""")


def test_holding_back_what_is_loaded_already_changes_nothing() -> None:
    """Under a debugger or a test runner asyncio may be there before us."""
    program = """
import asyncio, http.cookiejar, ctypes, hashlib, sys
new = hashlib.new
before = {name: sys.modules[name] for name in ("asyncio", "http.cookiejar", "ctypes", "hashlib", "_hashlib")}
from edge_router.node.lean import hold_back
hold_back(tls=False, parts=("web", "universal"))
assert all(sys.modules[name] is module for name, module in before.items())
assert hashlib.new is new
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_memory_is_saved() -> None:
    """The figure that the whole module is for: at least 6 MB, measured against the plain import."""

    def rss(first: str) -> int:
        program = f"""{first}
import twisted.internet.epollreactor, twisted.logger
print(open('/proc/self/statm').read())"""
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
        return int(done.stdout.split()[1]) * 4096

    plain = rss("import sys; sys.modules['OpenSSL'] = None")
    lean = rss("from edge_router.node.lean import hold_back; hold_back(tls=False)")
    assert plain - lean > 6_000_000
