"""The management realm of real nodes: what is told, what is changed, who may."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_router.node.management import Management
from edge_router.node.management_calls import parameters
from tests.cli.running import ALLOW_ALL, Client, RunningNode, configuration, run, write

pytestmark = pytest.mark.slow

WORKER = "worker.worker001."
PAGE = Path(__file__).parents[2] / "docs" / "management.md"


class Manager:
    """A session in the management realm. events: those that came, as topic and argument."""

    def __init__(self, directory: Path) -> None:
        self.client = Client(directory / "management.sock")
        assert self.client.join("crossbar")[0] == 2
        self.events: deque[tuple[str, Any]] = deque()
        self.client.send(32, 1, {"match": "prefix"}, "crossbar.")
        assert self.client.receive()[0] == 33

    def call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """The result of `crossbar.` and this name."""
        kind, *rest = self.ask(name, *args, **kwargs)
        assert kind == 50, rest
        return rest[2][0] if len(rest) > 2 else None

    def refused(self, name: str, *args: Any, **kwargs: Any) -> str:
        """The error of a call."""
        kind, *rest = self.ask(name, *args, **kwargs)
        assert kind == 8, rest
        assert rest[4][0], "an error says why"
        return str(rest[3])

    def ask(self, name: str, *args: Any, **kwargs: Any) -> Any:
        self.client.send(48, 1, {}, f"crossbar.{name}", list(args), kwargs)
        while True:
            message = self.client.receive()
            if message[0] != 36:
                return message
            self._keep(message)

    def hears(self, topic: str) -> Any:
        """The next event of a topic; those before it are passed over."""
        while True:
            while self.events:
                found, value = self.events.popleft()
                if found == f"crossbar.{topic}":
                    return value
            message = self.client.receive()
            assert message is not None, f"no {topic}"
            self._keep(message)

    def _keep(self, message: Any) -> None:
        if message[0] == 36:
            self.events.append((message[3]["topic"], message[4][0]))


def managed(**more: Any) -> dict[str, Any]:
    """A configuration with management."""
    return configuration(controller={"id": "pi", "management": {}}, **more)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., tuple[RunningNode, Manager, int]]]:
    """Starts a node: its configuration -> the node, a session, the TCP port."""
    nodes: list[RunningNode] = []
    managers: list[Manager] = []

    def begin(config: dict[str, Any] | None = None) -> tuple[RunningNode, Manager, int]:
        write(tmp_path, config or managed())
        nodes.append(RunningNode(tmp_path))
        port = nodes[-1].wait_until_ready()
        managers.append(Manager(tmp_path))
        return nodes[-1], managers[-1], port

    yield begin
    for manager in managers:
        manager.client.close()
    for node in nodes:
        node.close()


Start = Callable[..., tuple[RunningNode, Manager, int]]


def test_it_tells_of_the_node(start: Start, tmp_path: Path) -> None:
    """What it is, since when, what it uses, what it said."""
    node, manager, _ = start()
    status = manager.call("get_status")
    assert (status["node"], status["pid"], status["state"]) == ("pi", node.process.pid, "running")
    assert (status["directory"], status["workers"]) == (str(tmp_path), {"worker001": "running"})
    assert status["last_crash"] is None
    assert manager.call("get_process_stats")["resident_memory"] > 1_000_000
    assert manager.call("get_system_stats")["memory_total"] > manager.call("get_process_stats")["resident_memory"]
    assert manager.call("get_info")["version"] == status["version"]
    assert manager.call("started")[:4] == manager.call("utcnow")[:4]
    assert manager.call("uptime") >= 0
    said = [line["text"] for line in manager.call("get_log", limit=50)]
    assert any("management" in text for text in said)
    assert not [text for text in said if "starting on" in text], "Twisted's own lines are not in the log either"
    assert len(manager.call("get_log", 1)) == 1


def test_the_socket_is_for_the_same_user(start: Start, tmp_path: Path) -> None:
    """By its mode, and by what the kernel says of who connects; nothing else leads to the realm."""
    _, _, port = start()
    path = tmp_path / "management.sock"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    stranger = Client(port)
    assert stranger.join("crossbar")[2] == "wamp.error.no_such_realm"
    stranger.close()
    local = Client(tmp_path / "router.sock")
    assert local.join("crossbar")[2] == "wamp.error.no_such_realm"
    local.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="takes root, to be somebody else")
def test_another_user_is_refused(start: Start, tmp_path: Path) -> None:
    """Even one that can open the socket."""
    config = managed()
    config["controller"]["management"]["mode"] = "666"
    start(config)
    for parent in (tmp_path, *tmp_path.parents):
        if parent.stat().st_uid == 0 and parent not in (Path("/"), Path("/tmp")):
            parent.chmod(parent.stat().st_mode | 0o055)
    script = (
        "import os, socket, sys; os.setgid(65534); os.setuid(65534); s = socket.socket(socket.AF_UNIX);"
        "s.connect(sys.argv[1]); s.sendall(b'\\x7f\\xf1\\0\\0'); s.recv(4);"
        "m = b'[1, \"crossbar\", {\"roles\": {\"caller\": {}}}]'; s.sendall(len(m).to_bytes(4, 'big') + m);"
        "print(s.recv(1000)[4:].decode())"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "management.sock")],
        capture_output=True, text=True, check=True, timeout=30,
    )  # fmt: skip
    assert done.stdout.startswith("[3,")
    assert "wamp.error.authentication_denied" in done.stdout


@pytest.mark.parametrize("message", [[64, 1, {}, "crossbar.shutdown"], [16, 1, {"acknowledge": True}, "crossbar.x"]])
def test_nobody_serves_or_tells_there_but_the_node(start: Start, message: list[Any]) -> None:
    """Or somebody could pass for it."""
    _, manager, _ = start()
    manager.client.send(*message)
    assert manager.client.receive()[4] == "wamp.error.not_authorized"


@pytest.mark.parametrize(
    ("name", "args", "error"),
    [
        ("get_logs", [], "wamp.error.no_such_procedure"),
        ("worker.nobody.get_router_realms", [], "crossbar.error.no_such_worker"),
        ("get_log", ["many"], "wamp.error.invalid_argument"),
        ("get_log", [1, 2], "wamp.error.invalid_argument"),
        ("get_worker", [], "wamp.error.invalid_argument"),
        ("get_worker", ["nobody"], "crossbar.error.no_such_worker"),
        ("stop_worker", ["worker001"], "crossbar.error.cannot_stop"),
        ("get_bridge", ["nobody"], "crossbar.error.no_such_object"),
        (WORKER + "get_router_realm", ["nobody"], "crossbar.error.no_such_object"),
        (WORKER + "get_router_transport", ["nobody"], "crossbar.error.no_such_object"),
        (WORKER + "stop_router_component", ["nobody"], "crossbar.error.no_such_object"),
        (WORKER + "kill_session", ["realm1", 1], "wamp.error.no_such_session"),
        (WORKER + "start_router_realm", ["r", {"nam": "x"}], "crossbar.error.invalid_configuration"),
        (WORKER + "start_router_realm", ["r", {"name": "realm1"}], "crossbar.error.invalid_configuration"),
        (WORKER + "start_router_realm", ["realm1", {"name": "r2"}], "crossbar.error.already_started"),
        (WORKER + "start_router_transport", ["t", {"type": "rawsock"}], "crossbar.error.invalid_configuration"),
        (WORKER + "start_router_realm_role", ["realm1", "a,b", {}], "crossbar.error.invalid_configuration"),
    ],
)
def test_errors_say_what_is_wrong(shared: Manager, name: str, args: list[Any], error: str) -> None:
    """In WAMP's words and Crossbar's."""
    assert shared.refused(name, *args) == error


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Manager]:
    """A session for questions that change nothing."""
    directory = tmp_path_factory.mktemp("node")
    write(directory, managed())
    node = RunningNode(directory)
    node.wait_until_ready()
    manager = Manager(directory)
    yield manager
    manager.client.close()
    node.close()


def test_sessions_are_shown_and_ended(start: Start) -> None:
    """With what they have sent and been sent."""
    _, manager, port = start()
    alice = Client(port)
    number = alice.join()[1]
    alice.send(16, 1, {"acknowledge": True}, "com.example.x", ["x" * 100])
    assert alice.receive()[0] == 17
    (session,) = manager.call(WORKER + "get_router_realm_sessions", "realm1")
    assert (session["session"], session["authrole"]) == (number, "anonymous")
    assert (session["messages_received"], session["messages_sent"]) == (2, 2)
    assert session["bytes_received"] > 200
    stats = manager.call("get_stats")
    assert stats["realms"][0]["messages_received"] == 2
    assert sum(port["messages_received"] for port in stats["ports"]) == 2
    assert manager.call("get_slow_readers") == []
    manager.call(WORKER + "kill_session", "realm1", number, message="enough")
    assert alice.receive() == [6, {"message": "enough"}, "wamp.close.killed"]
    alice.close()


def test_a_slow_reader_is_found(start: Start) -> None:
    """By what waits for it."""
    _, manager, port = start()
    slow, fast = Client(port), Client(port)
    number = slow.join()[1]
    fast.join()
    slow.send(32, 1, {}, "com.example.x")
    slow.receive()
    for request in range(1, 101):
        fast.send(16, request, {"acknowledge": True}, "com.example.x", ["x" * 100_000])
        fast.receive()
    (found,) = manager.call("get_slow_readers")
    assert (found["session"], found["realm"]) == (number, "realm1")
    assert found["bytes_waiting"] + found["events_dropped"] > 0
    slow.close()
    fast.close()


def test_processes_are_stopped_started_and_heard(start: Start) -> None:
    """With their states as events, and their output."""
    guest = {
        "type": "guest", "id": "talker", "executable": "sh", "arguments": ["-c", "echo here I am; exec sleep 100"],
    }  # fmt: skip
    config = managed()
    config["workers"].append(guest)
    _, manager, _ = start(config)
    assert manager.call("get_workers") == ["worker001", "talker"]
    assert manager.call("get_workers", ["guest"]) == ["talker"]
    before = manager.call("get_worker", "talker")
    assert before["state"] == "running"
    assert manager.refused("start_worker", "talker") == "crossbar.error.worker_already_running"
    manager.call("stop_worker", "talker")
    assert manager.hears("on_guest_stopped")["id"] == "talker"
    assert manager.call("get_worker", "talker")["state"] == "stopped"
    assert manager.refused("stop_worker", "talker") == "crossbar.error.worker_not_running"
    manager.call("start_worker", "talker")
    assert manager.hears("on_guest_started")["pid"] != before["pid"]
    manager.call("restart_worker", "talker")
    assert manager.hears("on_guest_started")["state"] == "running"
    said: list[str] = []
    while not any("here I am" in line for line in said):  # as soon as the shell has come to it
        said = [line["text"] for line in manager.call("get_worker_log", "talker")]


def test_bridges_are_stopped_and_started(start: Start, tmp_path: Path) -> None:
    """Their procedures come and go with them."""
    bridge = {"type": "serial", "id": "kitchen", "realm": "realm1", "device": str(tmp_path / "ttyUSB0")}
    _, manager, _ = start(managed(bridges=[bridge]))
    assert manager.call("get_bridges") == ["kitchen"]
    found = manager.call("get_bridge", "kitchen")
    assert found["state"] == "running"
    assert found["messages_received"] > 0
    manager.call("stop_bridge", "kitchen")
    assert manager.hears("on_bridge_stopped")["id"] == "kitchen"
    assert manager.refused("stop_bridge", "kitchen") == "crossbar.error.not_started"
    assert manager.call(WORKER + "get_router_realm", "realm1")["registrations"] == 0
    manager.call("start_bridge", "kitchen")
    manager.hears("on_bridge_started")
    assert manager.call(WORKER + "get_router_realm", "realm1")["registrations"] > 0
    assert manager.refused("start_bridge", "kitchen") == "crossbar.error.already_started"
    assert manager.refused(WORKER + "stop_router_realm", "realm1") == "crossbar.error.dependent_objects"
    manager.call("restart_bridge", "kitchen")


def test_uplinks_are_stopped_and_started(start: Start) -> None:
    """Nobody is at the other end; that is told."""
    way = {"type": "rawsocket", "endpoint": {"type": "unix", "path": "nobody.sock"}}
    uplink = {"id": "hq", "realm": "realm1", "transport": way, "rules": [{"uri": "com.", "match": "prefix"}]}
    _, manager, _ = start(managed(uplinks=[uplink]))
    assert manager.call("get_uplinks") == ["hq"]
    found = manager.call("get_uplink", "hq")
    assert (found["state"], found["link"]) == ("running", "down")
    assert manager.call("get_status")["uplinks"] == {"hq": "down"}
    manager.call("stop_uplink", "hq")
    assert manager.call("get_uplink", "hq")["state"] == "stopped"
    assert manager.refused("stop_uplink", "hq") == "crossbar.error.not_started"
    manager.call("start_uplink", "hq")
    assert manager.refused("start_uplink", "hq") == "crossbar.error.already_started"
    assert manager.refused("get_uplink", "nobody") == "crossbar.error.no_such_object"
    assert manager.refused(WORKER + "stop_router_realm", "realm1") == "crossbar.error.dependent_objects"
    manager.call("restart_uplink", "hq")


def test_a_role_changes_at_once(start: Start) -> None:
    """For sessions that have it; taken away, it takes them along."""
    _, manager, port = start()
    alice = Client(port)
    alice.join()
    publish = (16, 1, {"acknowledge": True}, "com.example.x")
    alice.send(*publish)
    assert alice.receive()[0] == 17
    narrow = {"permissions": [{"uri": "com.example.y", "allow": {"publish": True}}]}
    manager.call(WORKER + "start_router_realm_role", "realm1", "anonymous", narrow)
    assert manager.hears("on_router_realm_role_started")["role"] == "anonymous"
    alice.send(*publish)
    assert alice.receive()[4] == "wamp.error.not_authorized"
    shown = manager.call(WORKER + "get_router_realm_role", "realm1", "anonymous")
    assert shown["permissions"][0]["uri"] == "com.example.y"
    manager.call(WORKER + "start_router_realm_role", "realm1", "other", {"permissions": [ALLOW_ALL]})
    assert manager.call(WORKER + "get_router_realm_roles", "realm1") == ["anonymous", "other"]
    manager.call(WORKER + "stop_router_realm_role", "realm1", "anonymous")
    assert alice.receive()[0] == 6
    alice.close()


def test_realms_and_transports_are_opened_and_closed(start: Start) -> None:
    """A port that is taken is told; sessions of what closes hear GOODBYE, others nothing."""
    _, manager, port = start()
    endpoint = {"type": "tcp", "port": port, "interface": "127.0.0.1"}
    transport = {"type": "rawsocket", "endpoint": endpoint}
    assert manager.refused(WORKER + "start_router_transport", "t2", transport) in (
        "crossbar.error.cannot_listen", "crossbar.error.invalid_configuration",
    )  # fmt: skip
    with socket.create_server(("127.0.0.1", 0)) as other:
        endpoint["port"] = other.getsockname()[1]
        assert manager.refused(WORKER + "start_router_transport", "t2", transport) == "crossbar.error.cannot_listen"
    endpoint["port"] = 0
    place = manager.call(WORKER + "start_router_transport", "t2", transport)
    assert manager.hears("on_router_transport_started")["place"] == place
    realm = {"name": "realm2", "roles": [{"name": "anonymous", "permissions": [ALLOW_ALL]}]}
    manager.call(WORKER + "start_router_realm", "second", realm)
    assert manager.call(WORKER + "get_router_realms") == ["realm1", "second"]
    alice, bob, carol = Client(int(place.rpartition(":")[2])), Client(port), Client(port)
    assert alice.join()[0] == bob.join("realm2")[0] == carol.join()[0] == 2
    assert manager.call(WORKER + "get_router_transport", "t2")["connections"] == 1

    manager.client.send(48, 1, {}, f"crossbar.{WORKER}stop_router_transport", ["t2"])
    assert alice.receive()[2] == "wamp.close.system_shutdown"
    alice.send(6, {}, "wamp.close.goodbye_and_out")
    assert manager.hears("on_router_transport_stopped")["transport"] == "t2"
    while manager.client.receive()[0] != 50:
        pass
    with pytest.raises(ConnectionRefusedError):
        Client(int(place.rpartition(":")[2]))

    manager.client.send(48, 1, {}, f"crossbar.{WORKER}stop_router_realm", ["second"])
    assert bob.receive()[2] == "wamp.close.close_realm"
    bob.send(6, {}, "wamp.close.goodbye_and_out")
    assert manager.hears("on_realm_stopped")["name"] == "realm2"
    while manager.client.receive()[0] != 50:
        pass
    carol.send(16, 1, {"acknowledge": True}, "com.example.x")
    assert carol.receive()[0] == 17
    for client in (alice, bob, carol):
        client.close()


def test_a_reload(start: Start, tmp_path: Path) -> None:
    """With what was done, or what is wrong."""
    _, manager, _ = start()
    config = managed()
    config["workers"][0]["realms"].append({"name": "realm2", "roles": []})
    write(tmp_path, config)
    done = manager.call("reload")
    assert done["state"] == "done"
    assert any("realm2" in line for line in done["lines"])
    assert manager.hears("on_reloaded") == done
    assert manager.call(WORKER + "get_router_realms") == ["realm1", "realm2"]
    config["workers"][0]["relams"] = []
    write(tmp_path, config)
    invalid = manager.call("reload")
    assert invalid["state"] == "invalid"
    assert any("relams" in line for line in invalid["lines"])


def test_components_are_stopped_and_started(start: Start) -> None:
    """What they serve goes and comes with them."""
    component = {"type": "class", "classname": "tests.node.applications.Adder", "realm": "realm1", "id": "adder"}
    config = managed()
    config["workers"][0]["components"] = [component]
    config["workers"][0]["options"] = {"pythonpath": [str(Path(__file__).parents[2])]}
    _, manager, _ = start(config)
    assert manager.call(WORKER + "get_router_components") == ["adder"]
    while manager.call(WORKER + "get_router_component", "adder")["state"] != "running":
        manager.hears("on_component_started")
    serves = manager.call(WORKER + "get_router_realm", "realm1")["registrations"]
    assert serves > 0
    assert manager.refused(WORKER + "start_router_component", "adder") == "crossbar.error.already_started"
    manager.call(WORKER + "stop_router_component", "adder")
    assert manager.hears("on_component_stopped")["id"] == "adder"
    assert manager.call(WORKER + "get_router_realm", "realm1")["registrations"] == 0
    manager.call(WORKER + "start_router_component", "adder")
    assert manager.hears("on_component_started")["state"] == "running"
    manager.call(WORKER + "restart_router_component", "adder")
    assert manager.hears("on_component_started")["id"] == "adder"


def test_shutdown(start: Start, tmp_path: Path) -> None:
    """Asked for, told, done in order."""
    node, manager, _ = start()
    manager.call("shutdown")
    assert manager.hears("on_shutdown_requested") == "pi"
    assert manager.hears("on_node_stopping")["state"] == "stopping"
    assert manager.hears("on_shutdown") == "pi"
    assert node.ended() == 0
    assert "stopping: the management realm asks for it" in node.stderr
    assert not (tmp_path / "management.sock").exists()


def test_a_node_without_it_has_none(tmp_path: Path) -> None:
    """Nothing is loaded that the configuration does not name."""
    script = (
        "import sys\nfrom pathlib import Path\nfrom twisted.internet.task import Clock\n"
        "from edge_router.config.schema import Config\nfrom edge_router.node.node import Node\n"
        "Node(Config(), Path(), Clock())\n"
        "print([name for name in sys.modules if 'node.management' in name])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.strip() == "[]"


def test_the_page_lists_every_procedure() -> None:
    """With its arguments, in the order of the tables."""
    page = PAGE.read_text()
    for subjects, table in ((1, Management.of_node), (2, Management.of_router)):
        for name, procedure in table.items():
            given = ", ".join(parameters(procedure, subjects)).replace("|", "\\|")
            about = (procedure.__doc__ or "").strip()
            assert f"| `{name}({given})` | {about} |" in page, name


def test_the_commands_find_it(start: Start, tmp_path: Path) -> None:
    """By its realm; in the configuration of the node directory."""
    start()
    done = run("call", "--cbdir", tmp_path, "--realm", "crossbar", "crossbar.get_workers")
    assert done.stdout == '["worker001"]\n'
