"""What is held back at the start is not loaded, and nothing breaks that needs it later. Each case is a process."""

from __future__ import annotations

import subprocess
import sys

import pytest

HELD_BACK = """
from edge_router.node.lean import hold_back
hold_back(tls=False)
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
    """The reactor is there, and neither asyncio nor cookies, HTTP clients, e-mail, TLS or ctypes."""
    run("""
for name in ("asyncio", "asyncio.events", "http.cookiejar", "http.client", "urllib.request", "email.message",
             "ssl", "ctypes", "pickle", "logging", "html.entities", "OpenSSL"):
    assert not is_loaded(name), name
""")


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
hold_back(tls=True)
assert "OpenSSL" not in sys.modules
""")


def test_holding_back_what_is_loaded_already_changes_nothing() -> None:
    """Under a debugger or a test runner asyncio may be there before us."""
    program = """
import asyncio, http.cookiejar, ctypes, sys
before = {name: sys.modules[name] for name in ("asyncio", "http.cookiejar", "ctypes")}
from edge_router.node.lean import hold_back
hold_back(tls=False)
assert all(sys.modules[name] is module for name, module in before.items())
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
