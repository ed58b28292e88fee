"""A router in a process of its own: as reachable as any, ended with the node, started again when it crashes."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.running import ALLOW_ALL, Client, run, write
from tests.node.outside import World, is_gone, until

pytestmark = pytest.mark.slow


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    realm = {"name": "realm2", "roles": [{"name": "anonymous", "permissions": [ALLOW_ALL]}]}
    socket = {"type": "rawsocket", "endpoint": {"type": "unix", "path": "own.sock"}}
    world.config["workers"].append(
        {"type": "router", "id": "own", "options": {"process": "own"}, "realms": [realm], "transports": [socket]}
    )
    yield world
    if world.node is not None:
        world.node.close()


def own(world: World) -> dict[str, Any]:
    """What the node tells of the router apart, once it listens."""
    until(lambda: any(worker.get("transports") for worker in world.facts()), "it never listened")
    return world.facts()[0]


def joined(world: World, realm: str = "realm2", path: str = "own.sock") -> Client:
    client = Client(world.directory / path)
    assert client.join(realm)[0] == 2
    return client


def test_two_routers(world: World) -> None:
    """The node is ready when both listen; each has its realms, and its process."""
    world.start()
    clients = joined(world), joined(world, "realm1", "router.sock")
    facts = own(world)
    assert facts["transports"] == [f"unix:{world.directory}/own.sock"]
    assert facts["pid"] != world.node.process.pid
    other = Client(world.directory / "own.sock")
    assert other.join("realm1")[2] == "wamp.error.no_such_realm"
    assert f"router own: running (process {facts['pid']})" in world.status()
    for client in (*clients, other):
        client.close()
    log = world.stop()
    assert f"router: own: rawsocket listens on unix:{world.directory}/own.sock" in log
    assert is_gone(facts["pid"])


def test_the_end(world: World) -> None:
    """Its clients hear GOODBYE, as those of any router."""
    world.start()
    client = joined(world)
    world.node.process.terminate()
    assert client.receive() == [6, {}, "wamp.close.system_shutdown"]
    client.send(6, {}, "wamp.close.goodbye_and_out")
    assert client.receive() is None
    client.close()
    assert world.node.ended() == 0


def test_a_crash(world: World) -> None:
    """It listens again, and the node's own router has not noticed."""
    world.start()
    bystander = joined(world, "realm1", "router.sock")
    first = own(world)["pid"]
    os.kill(first, signal.SIGKILL)
    until(lambda: own(world)["pid"] not in (None, first), "it never came again")
    client = joined(world)
    bystander.send(32, 1, {}, "com.x")
    assert bystander.receive()[0] == 33
    for each in (client, bystander):
        each.close()
    assert "router: own: ended by SIGKILL; started again in" in world.stop()


def test_no_orphans(world: World) -> None:
    """It goes with a node that is killed."""
    world.start()
    pid = own(world)["pid"]
    world.node.process.kill()
    until(lambda: is_gone(pid), "it is left")


def test_its_components(world: World) -> None:
    """They run in its process, and the node tells of them."""
    (world.directory / "app.py").write_text(
        "import os\n"
        "from autobahn.twisted.wamp import ApplicationSession\n"
        "class App(ApplicationSession):\n"
        "    def onJoin(self, details): return self.register(os.getpid, 'com.pid')\n"
    )
    worker = world.config["workers"][1]
    worker["options"]["pythonpath"] = ["."]
    worker["components"] = [{"type": "class", "id": "app", "classname": "app.App", "realm": "realm2"}]
    world.start()
    until(lambda: "class app: running" in world.status(), world.status())
    client = joined(world)
    client.send(48, 1, {}, "com.pid")
    assert client.receive()[3] == [own(world)["pid"]]
    client.close()


def test_a_port_in_use(world: World, tmp_path: Path) -> None:
    """It is told, and tried again; the node is ready without it."""
    (world.directory / "own.sock").mkdir()
    world.start()
    until(lambda: "router own: failed" in world.status(), world.status())
    (world.directory / "own.sock").rmdir()
    until((world.directory / "own.sock").exists, "it never came")
    assert " error router: own: " in world.stop()


def test_bridges_cannot_join(tmp_path: Path) -> None:
    """`check` says so, before anything is started."""
    world = World(tmp_path)
    world.config["workers"][0]["options"] = {"process": "own"}
    world.config["bridges"] = [{"type": "serial", "id": "x", "realm": "realm1", "device": "/dev/ttyUSB0"}]
    write(tmp_path, world.config)
    done = run("check", "--cbdir", tmp_path)
    assert done.returncode == 1
    assert "bridges.0.realm: the router of realm 'realm1' has a process of its own, where bridges" in done.stderr
