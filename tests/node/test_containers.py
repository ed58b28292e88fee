"""Containers of a real node: components on Twisted and asyncio, and what happens when they fail, crash, hang, leak."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.running import Client
from tests.node.outside import World, children_of, is_gone, until

pytestmark = pytest.mark.slow

TWISTED = "from autobahn.twisted.wamp import ApplicationSession\n"
ASYNCIO = "from autobahn.asyncio.wamp import ApplicationSession\nimport asyncio\n"
ADDER = """
class Adder(ApplicationSession):
    def onJoin(self, details):
        tell('pid', os.getpid())
        return self.register(lambda x, y: x + y, 'com.add')
"""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    if world.node is not None:
        world.node.close()


def cls(name: str, module: str = "box1_module", **more: Any) -> dict[str, Any]:
    return {"type": "class", "classname": f"{module}.{name}", **more}


def states(world: World) -> list[str]:
    return [component["state"] for worker in world.facts() for component in worker["components"]]


def call(world: World, procedure: str, *args: Any) -> Any:
    """Call a procedure as soon as it is there. Result: the answer's args."""
    client = Client(world.directory / "router.sock")
    assert client.join()[0] == 2
    for request in range(1, 2000):
        client.send(48, request, {}, procedure, list(args))
        answer = client.receive()
        if answer[:5][-1] != "wamp.error.no_such_procedure":
            client.close()
            return answer[3] if answer[0] == 50 and len(answer) > 3 else answer
        time.sleep(0.02)
    raise AssertionError(f"{procedure} never came")


def test_twisted(world: World) -> None:
    """An ApplicationSession is a client like any other, in a process of its own."""
    world.container(TWISTED + ADDER, cls("Adder", id="adder", extra={"a": 1}))
    world.start()
    assert call(world, "com.add", 2, 3) == [5]
    pid = int(world.told("pid"))
    assert pid not in (world.node.process.pid, os.getpid())
    until(lambda: states(world) == ["running"], "never told")
    (facts,) = world.facts()
    assert facts["pid"] == pid
    assert facts["components"] == [
        {"id": "adder", "type": "class", "realm": "realm1", "state": "running", "restarts": 0}
    ]
    assert f"container box1: running (process {pid})\n    class adder: running" in world.status()
    log = world.stop()
    assert "container: box1: component adder has joined realm realm1 as anonymous" in log
    assert "container: box1: stopped, ended with status 0" in log
    assert is_gone(pid)


def test_asyncio(world: World) -> None:
    """Coroutines, timers and tasks of asyncio work; the class is unchanged."""
    code = ASYNCIO + (
        "class Doubler(ApplicationSession):\n"
        "    async def onJoin(self, details):\n"
        "        await asyncio.sleep(0.01)\n"
        "        await self.register(self.double, 'com.double')\n"
        "        reply = await self.call('com.double', 21)\n"
        "        tell('reply', reply)\n"
        "    async def double(self, x):\n"
        "        await asyncio.sleep(0.01)\n"
        "        return 2 * x\n"
    )
    world.container(code, cls("Doubler"))
    world.start()
    assert world.told("reply") == "42"
    assert call(world, "com.double", 4) == [8]
    assert "error" not in world.stop()


def test_functions_of_both_kinds(world: World) -> None:
    """Functions get the session; `main` gets the reactor or the loop, and its end is the component's."""
    names = ("connect", "join", "ready", "leave", "disconnect")
    diary = "".join(
        f"def on_{name}(*args, **kwargs): tell('{{0}}_{name}', len(args) + len(kwargs))\n" for name in names
    )
    twisted = TWISTED + diary.replace("{0}", "t") + (
        "from twisted.internet.defer import inlineCallbacks\n"
        "from twisted.internet.task import deferLater\n"
        "@inlineCallbacks\n"
        "def main(reactor, session):\n"
        "    yield deferLater(reactor, 0.01, lambda: None)\n"
        "    tell('t_main', session.config.extra['word'])\n"
    )
    aio = ASYNCIO + diary.replace("{0}", "a") + (
        "async def main(loop, session):\n"
        "    assert loop is asyncio.get_running_loop()\n"
        "    tell('a_main', session.config.extra['word'])\n"
    )
    for name, code in (("box1", twisted), ("box2", aio)):
        callbacks = {each: f"{name}_module.on_{each}" for each in names} | {"main": f"{name}_module.main"}
        component = {"type": "function", "callbacks": callbacks, "extra": {"word": name}}
        world.container(code, component, name=name, shutdown="shutdown-on-last-component-stopped")
    world.start()
    assert (world.told("t_main"), world.told("a_main")) == ("box1", "box2")
    for kind in "ta":
        told = [world.told(f"{kind}_{name}") for name in names]
        assert told == ["2", "2", "1", "2", "2"]
    until(lambda: world.status().count(": ended,") == 2, world.status())
    log = world.stop()
    assert log.count("component component001 has left") == 2
    assert " error " not in log


def test_frameworks_do_not_mix(world: World) -> None:
    """One container works with Twisted or with asyncio; the other component is told to go elsewhere."""
    world.container(TWISTED + ADDER, cls("Adder"), cls("Other", "other_module"))
    (world.directory / "other_module.py").write_text(ASYNCIO + "class Other(ApplicationSession): pass\n")
    world.start()
    assert call(world, "com.add", 2, 3) == [5]
    until(lambda: states(world) == ["running", "failed"], "it did not fail")
    assert call(world, "com.add", 3, 3) == [6]
    assert "RuntimeError: Explicitly using 'twisted' already" in world.stop()


def test_over_websocket_with_a_login(world: World) -> None:
    """The configuration may say how a component logs in; the class knows nothing of it."""
    web = {
        "type": "websocket",
        "endpoint": {"type": "unix", "path": "ws.sock"},
        "auth": {"wampcra": {"users": {"joe": {"secret": "geheim", "role": "anonymous"}}}},
    }
    world.config["workers"][0]["transports"].append(web)
    code = TWISTED + (
        "class Me(ApplicationSession):\n"
        "    def onJoin(self, details):\n"
        "        tell(self.config.extra['file'], f'{details.authid} {details.authmethod} {details.serializer}')\n"
    )
    transport = {"type": "websocket", "url": "ws://localhost/", "endpoint": {"type": "unix", "path": "ws.sock"}}
    wrong = {"wampcra": {"authid": "joe", "secret": "falsch"}}
    right = {"wampcra": {"authid": "joe", "secret": "geheim"}}
    world.container(
        code,
        cls("Me", transport={**transport, "serializers": ["json"]}, auth=right, extra={"file": "right"}),
        cls("Me", transport=transport, auth=wrong, extra={"file": "wrong"}),
    )
    world.start()
    assert world.told("right") == "joe wampcra json"
    log = re.sub(r"\d\.\d s", "", world.stop())
    assert "component component002: the router said wamp.error.authentication_denied" in log
    assert not (world.directory / "wrong").exists()


def test_a_class_that_logs_in_by_itself(world: World) -> None:
    """As with autobahn's own transports: onConnect and onChallenge."""
    world.config["workers"][0]["transports"][1]["auth"] = {
        "ticket": {"principals": {"joe": {"ticket": "geheim", "role": "anonymous"}}},
        "anonymous": {"role": "anonymous"},
    }
    code = TWISTED + (
        "class Me(ApplicationSession):\n"
        "    def onConnect(self): self.join(self.config.realm, ['ticket'], 'joe')\n"
        "    def onChallenge(self, challenge): return 'geheim'\n"
        "    def onJoin(self, details): tell('who', details.authid)\n"
    )
    world.container(code, cls("Me"))
    world.start()
    assert world.told("who") == "joe"


def test_a_component_that_fails(world: World) -> None:
    """It alone is started again; its neighbour in the same process is not concerned."""
    code = TWISTED + ADDER + (
        "class Broken(ApplicationSession):\n"
        "    def onJoin(self, details):\n"
        "        if not os.path.exists('tried'):\n"
        "            tell('tried', 1)\n"
        "            raise ValueError('broken')\n"
        "        tell('again', os.getpid())\n"
    )
    world.container(code, cls("Adder"), cls("Broken"))
    world.start()
    assert world.told("again") == world.told("pid")
    until(lambda: "class component002: running, started again once" in world.status(), world.status())
    log = world.stop()
    assert "component component002: failed: ValueError: broken; started again in" in log
    assert re.search(r"error container: box1: .*box1_module.py", log)


def test_one_that_crashes(world: World) -> None:
    """The process is started again, and the node and the other containers go on."""
    code = TWISTED + (
        "import os\n"
        "class Crasher(ApplicationSession):\n"
        "    def onJoin(self, details):\n"
        "        count = len([each for each in os.listdir('.') if each.startswith('life')])\n"
        "        tell(f'life{count}', os.getpid())\n"
        "        if count == 0: os.abort()\n"
    )
    world.container(code, cls("Crasher"))
    world.container(TWISTED + ADDER, cls("Adder", "box2_module"), name="box2")
    world.start()
    first, second = world.told("life0"), world.told("life1")
    assert first != second
    assert call(world, "com.add", 1, 1) == [2]
    assert "box1: ended by SIGABRT; started again in" in world.stop()


def test_one_that_hangs(world: World) -> None:
    """A component that never returns keeps nobody from stopping the node."""
    code = TWISTED + (
        "class Hangs(ApplicationSession):\n"
        "    def onJoin(self, details):\n"
        "        tell('pid', os.getpid())\n"
        "        while True: pass\n"
    )
    world.container(code, cls("Hangs"))
    world.start()
    pid = int(world.told("pid"))
    begin = time.monotonic()
    log = world.stop()
    assert is_gone(pid)
    assert time.monotonic() - begin < 8
    assert "box1: does not end; it is killed" in log


def test_one_that_leaks(world: World) -> None:
    """The limit is the container's own; the node and the others have what they had."""
    code = TWISTED + (
        "class Leaks(ApplicationSession):\n"
        "    def onJoin(self, details):\n"
        "        hoard = []\n"
        "        try:\n"
        "            while True: hoard.append(bytearray(1 << 20))\n"
        "        except MemoryError:\n"
        "            count = len(hoard); hoard.clear(); tell('limit', count); raise\n"
    )
    world.container(code, cls("Leaks"), memory_limit="128M")
    world.start()
    assert 20 < int(world.told("limit")) < 128
    assert "component component001: failed: MemoryError" in world.stop()


def test_one_that_floods(world: World) -> None:
    """What it prints is bounded in the log."""
    code = TWISTED + (
        "from twisted.internet import reactor\n"
        "class Floods(ApplicationSession):\n"
        "    def onJoin(self, details):\n"
        "        for n in range(20000): print('x' * 50)\n"
        "        tell('flooded', 1)\n"
    )
    world.container(code, cls("Floods"))
    world.start()
    world.told("flooded")
    log = world.stop()
    assert "lines were left out" in log
    assert log.count("x" * 50) <= 200 * 15


@pytest.mark.parametrize(
    ("shutdown", "restart", "state"),
    [
        ("shutdown-on-any-component-failed", "restart-never", "given up"),
        ("shutdown-on-any-component-failed", "restart-on-failed", "started again once"),
        ("shutdown-on-any-component-stopped", "restart-on-failed", "started again once"),
        ("shutdown-manual", "restart-never", "component002: given up"),
    ],
)
def test_when_a_container_ends(world: World, shutdown: str, restart: str, state: str) -> None:
    """The options say what a failed component means for the process."""
    code = TWISTED + ADDER + "class Broken(ApplicationSession):\n    def onJoin(self, details): raise ValueError\n"
    world.container(code, cls("Adder"), cls("Broken"), shutdown=shutdown, restart=restart)
    world.start()
    until(lambda: state in world.status(), world.status())
    if shutdown == "shutdown-manual":
        assert call(world, "com.add", 1, 1) == [2]


def test_no_orphans(world: World) -> None:
    """A node that is killed takes its containers with it, and what they have started."""
    code = TWISTED + (
        "import signal, subprocess\n"
        "class Parent(ApplicationSession):\n"
        "    def onJoin(self, details):\n"
        "        signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "        child = subprocess.Popen(['sleep', '1000'])\n"
        "        tell('pids', f'{os.getpid()} {child.pid}')\n"
    )
    world.container(code, cls("Parent"))
    world.start()
    pids = [*map(int, world.told("pids").split()), *children_of(world.node.process.pid)]
    assert len(pids) == 4
    world.node.process.kill()
    until(lambda: all(map(is_gone, pids)), "somebody is left")


def test_a_cradle_that_is_killed(world: World) -> None:
    """The containers are lost with it, and come again."""
    world.container(TWISTED + ADDER, cls("Adder"))
    world.start()
    first = int(world.told("pid"))
    (cradle,) = [each for each in children_of(world.node.process.pid) if first in children_of(each)]
    (world.directory / "pid").unlink()
    os.kill(cradle, signal.SIGKILL)
    second = int(world.told("pid"))
    assert is_gone(first)
    assert call(world, "com.add", 1, 1) == [2]
    log = world.stop()
    assert "the process that containers come from has ended" in log
    assert "box1: ended by SIGKILL; started again in" in log
    assert is_gone(second)


def test_a_lost_connection(world: World) -> None:
    """A session that the router ends is a failure, and the component comes back."""
    code = TWISTED + (
        "class Killed(ApplicationSession):\n"
        "    def onJoin(self, details):\n"
        "        tell('session', details.session)\n"
        "        tell(f'session{details.session}', 1)\n"
    )
    world.config["workers"][0]["realms"][0]["roles"][0]["permissions"] = [
        {"uri": "", "match": "prefix", "allow": {"call": True}}
    ]
    world.container(code, cls("Killed"))
    world.start()
    first = world.told("session")
    (world.directory / "session").unlink()
    call(world, "wamp.session.kill", int(first))
    assert world.told("session") != first
    assert "component component001: the router said wamp.close.killed; started again in" in world.stop()


def test_environment_and_path(world: World) -> None:
    """The environment is what the options say, the working directory is the node's, modules come from pythonpath."""
    (world.directory / "lib").mkdir()
    (world.directory / "lib" / "library.py").write_text("WORD = 'found'\n")
    code = TWISTED + (
        "import library, sys\n"
        "class Looks(ApplicationSession):\n"
        "    def onJoin(self, details):\n"
        "        tell('seen', repr((library.WORD, sorted(os.environ), os.getcwd(), self.config.extra,\n"
        "             sys.stdin.read(), sorted(os.listdir('/proc/self/fd')) < [str(n) for n in range(20)])))\n"
    )
    world.container(code, cls("Looks"), pythonpath=[".", "lib"], env={"inherit": ["HOME"], "vars": {"A": "b"}})
    world.start()
    path = str(world.directory)
    seen = world.told("seen")
    assert seen.startswith(repr(("found", ["A", "HOME"], path, {"cbdir": path}, ""))[:-1])
