"""Guests of a real node: programs that crash, hang, leak, flood and multiply."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_router.node.throttle import cpu_seconds
from tests.cli.running import PATIENCE, Client
from tests.node.outside import World, children_of, is_gone, until

pytestmark = pytest.mark.slow


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    if world.node is not None:
        world.node.close()


def test_what_a_guest_gets(world: World, tmp_path: Path) -> None:
    """Arguments, working directory, environment and input as the options say; output goes to the log."""
    (tmp_path / "sub").mkdir()
    program = (
        "import os, sys; print(os.getcwd(), sys.argv[1:], sys.stdin.read(), os.environ.get('A'),"
        " os.environ.get('NOTIFY_SOCKET'), os.getpgid(0) == os.getpid(),"
        " __import__('resource').getrlimit(7)[0]); print('to stderr', file=sys.stderr)"
    )
    world.config["workers"].append(
        {
            "type": "guest",
            "executable": sys.executable,
            "arguments": ["-c", program, "x y", "$HOME"],
            "options": {
                "workdir": "sub",
                "env": {"vars": {"A": "B"}},
                "stdin": {"type": "json", "value": {"n": [1, None]}},
                "nice": 1,
            },
        }
    )
    world.start()
    until(lambda: "worker002: ended" in world.status(), "the guest has not ended")
    log = world.stop()
    assert f"guest: worker002: {tmp_path}/sub ['x y', '$HOME'] {{\"n\":[1,null]}}" in log
    assert "guest: worker002:  B None True 1024" in log
    assert "guest: worker002: to stderr" in log
    assert "worker002: has ended" in log


def test_output_that_nobody_wants(world: World) -> None:
    """It goes nowhere, and the guest may write all the same; a closed input is at its end at once."""
    world.guest("print('said'); print('complained', file=sys.stderr); tell('read', repr(sys.stdin.read()))",
                stdout="drop", stderr="close", stdin="close")  # fmt: skip
    world.start()
    assert world.told("read") == "''"
    log = world.stop()
    assert "said" not in log
    assert "complained" not in log


def test_one_that_crashes(world: World) -> None:
    """It is started again, with the reason in the log and in `status`; what it has started is gone with it."""
    world.guest(
        "child = subprocess.Popen(['sleep', '1000'])\n"
        "if not os.path.exists('first'):\n"
        "    tell('first', child.pid)\n"
        "    os.abort()\n"
        "tell('second', child.pid)\n"
        "time.sleep(1000)\n"
    )
    world.start()
    first, second = int(world.told("first")), int(world.told("second"))
    assert is_gone(first)
    assert not is_gone(second)
    until(lambda: "started again once, the last time it ended by SIGABRT" in world.status(), world.status())
    log = world.stop()
    assert "guest1: ended by SIGABRT; started again in" in log
    assert is_gone(second)
    assert not (world.directory / "node.status").exists()


def test_one_that_hangs(world: World) -> None:
    """One that does not listen to SIGTERM is killed, and the node ends within its time."""
    world.guest("signal.signal(signal.SIGTERM, signal.SIG_IGN); tell('pid', os.getpid())\nwhile True: time.sleep(100)")
    world.start()
    pid = int(world.told("pid"))
    begin = time.monotonic()
    log = world.stop()
    assert "guest1: does not end; it is killed" in log
    assert is_gone(pid)
    assert time.monotonic() - begin < 8


def test_one_that_leaks(world: World) -> None:
    """Over its limit, allocating fails; the node does not notice."""
    world.guest(
        "if os.path.exists('limit'): tell('again', 1); time.sleep(1000)\n"
        "hoard = []\n"
        "try:\n"
        "    for _ in range(1000): hoard.append(bytearray(1 << 20))\n"
        "except MemoryError:\n"
        "    count = len(hoard); hoard.clear(); tell('limit', count)\n"
        "    sys.exit(1)\n",
        memory_limit="64M",
    )
    world.start()
    assert 30 < int(world.told("limit")) < 64
    world.told("again")
    assert "guest1: ended with status 1; started again" in world.stop()


def test_one_that_computes(world: World) -> None:
    """It and what it has started get their share of a core, and not more."""
    world.guest(
        "child = subprocess.Popen([sys.executable, '-c', 'while True: pass'])\n"
        "tell('pids', f'{os.getpid()} {child.pid}')\n"
        "while True: pass\n",
        cpu_limit=20,
    )
    world.start()
    leader, child = map(int, world.told("pids").split())
    until(lambda: state_of(leader) == state_of(child) == "T", "it was never stopped")
    begin, before = time.monotonic(), cpu_seconds(leader)
    until(lambda: time.monotonic() - begin > 3, "")
    share = (cpu_seconds(leader) - before) / (time.monotonic() - begin)
    assert share < 0.45, share
    assert "guest1: stopped, ended by SIGTERM" in world.stop()
    assert is_gone(child)


def state_of(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_one_that_floods(world: World) -> None:
    """The log stays bounded, what was left out is counted, and clients are served meanwhile."""
    world.guest(
        "signal.signal(signal.SIGTERM, lambda *_: os._exit(0))\n"
        "line = b'x' * 50 + b'\\n'\n"
        "for n in range(10**9):\n"
        "    os.write(1, line * 100)\n"
        "    if n == 300: tell('flooded', n)\n"
    )
    port = world.start()
    world.told("flooded")
    client = Client(port)
    begin = time.monotonic()
    assert client.join()[0] == 2
    assert time.monotonic() - begin < 2
    client.close()
    log = world.stop()
    assert "lines were left out" in log
    assert log.count("x" * 50) <= 200 * 15


def test_no_orphans(world: World) -> None:
    """A node that is killed takes its guests with it, and what they have started."""
    world.guest("child = subprocess.Popen(['sleep', '1000']); tell('pids', f'{os.getpid()} {child.pid}'); child.wait()")
    world.guest("signal.signal(signal.SIGTERM, signal.SIG_IGN); tell('other', os.getpid()); time.sleep(1000)", "guest2")
    world.start()
    pids = [*map(int, world.told("pids").split()), int(world.told("other"))]
    world.node.process.kill()
    until(lambda: all(map(is_gone, pids)), "somebody is left")


def test_a_guard_that_is_killed(world: World) -> None:
    """There is another one, which knows of everybody."""
    world.guest("tell('pid', os.getpid()); time.sleep(1000)")
    world.start()
    pid = int(world.told("pid"))
    guards = [child for child in children_of(world.node.process.pid) if child != pid]
    assert len(guards) == 1
    os.kill(guards[0], signal.SIGKILL)
    until(lambda: bool(set(children_of(world.node.process.pid)) - {pid, guards[0]}), "no new guard")
    world.node.process.kill()
    until(lambda: is_gone(pid), "the guest is left")


def test_a_program_that_is_not_there(world: World) -> None:
    """One line says so; the node runs, and gives up when it is told to."""
    world.config["workers"].append(
        {"type": "guest", "id": "nobody", "executable": "no-such-program", "options": {"restart": "restart-never"}}
    )
    world.start()
    until(lambda: "nobody: given up" in world.status(), world.status())
    log = world.stop()
    assert "nobody: cannot be run: [Errno 2] there is no such program, neither here nor on $PATH: 'no-such" in log
    assert "nobody: ended with status 127; it is not started again" in log


def test_a_watched_directory(world: World) -> None:
    """A changed file restarts the guest, once for all changes at a time."""
    (world.directory / "code").mkdir()
    world.guest(
        "n = len([name for name in os.listdir('.') if name.startswith('life')])\n"
        "tell(f'life{n}', os.getpid()); time.sleep(1000)\n",
        watch={"directories": ["code", "nowhere"], "timeout": 0.1},
    )
    world.start()
    first = int(world.told("life0"))
    for number in range(5):
        (world.directory / "code" / f"{number}.py").write_text("x")
    second = int(world.told("life1"))
    assert first != second
    assert is_gone(first)
    log = world.stop()
    assert "code/0.py has changed" in log
    assert log.count("has changed") == 1
    assert f"there is no directory '{world.directory}/nowhere' to watch" in log


def test_facts(world: World) -> None:
    """The info page and the service manager know of guests."""
    world.guest("time.sleep(1000)")
    page = {"type": "web", "endpoint": {"type": "tcp", "port": 0, "interface": "127.0.0.1"},
            "paths": {"/": {"type": "nodeinfo"}}}  # fmt: skip
    world.config["workers"][0]["transports"] = [page]
    port = world.start()
    import urllib.request

    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://127.0.0.1:{port}/?format=json", timeout=PATIENCE) as answer:
        facts = json.load(answer)["workers"][1]
    assert is_gone(facts.pop("pid")) is False
    assert facts == {
        "id": "guest1", "type": "guest", "state": "running", "restarts": 0, "last_end": None, "lines_left_out": 0,
    }  # fmt: skip
