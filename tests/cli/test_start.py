"""`edge-router start`, `stop` and `status` with real processes."""

from __future__ import annotations

import json
import re
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.running import Client, RunningNode, configuration, run, write

pytestmark = pytest.mark.slow

Start = Callable[..., RunningNode]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_node_in_order(tmp_path: Path, start_node: Start, number: signal.Signals) -> None:
    """All sessions get GOODBYE wamp.close.system_shutdown, on every transport; the node ends with status 0."""
    write(tmp_path, configuration())
    node = start_node()
    port = node.wait_until_ready()
    clients = [Client(port), Client(tmp_path / "router.sock")]
    assert [client.join()[0] for client in clients] == [2, 2]
    silent = Client(port)
    node.process.send_signal(number)
    for client in clients:
        assert client.receive() == [6, {}, "wamp.close.system_shutdown"]
        client.send(6, {}, "wamp.close.goodbye_and_out")
        assert client.receive() is None
    assert silent.receive() is None
    for client in (*clients, silent):
        client.close()
    assert node.ended() == 0
    assert node.said("STOPPING=1")
    assert not (tmp_path / "node.pid").exists()
    assert not (tmp_path / "router.sock").exists()
    assert "stopping: SIG" in node.stderr
    assert node.stderr.splitlines()[-1].endswith("node: stopped")


def test_nobody_joins_a_node_that_ends(tmp_path: Path, start_node: Start) -> None:
    """A HELLO while others take their leave is answered with ABORT, for the same reason."""
    write(tmp_path, configuration())
    node = start_node()
    port = node.wait_until_ready()
    slow, late = Client(port), Client(port)
    slow.join()
    node.process.send_signal(signal.SIGTERM)
    assert slow.receive()[0] == 6
    answer = late.join()
    assert (answer[0], answer[2]) == (3, "wamp.close.system_shutdown")
    slow.send(6, {}, "wamp.close.goodbye_and_out")
    slow.close()
    late.close()
    assert node.ended() == 0


def test_a_client_that_never_answers_does_not_keep_the_node(tmp_path: Path, start_node: Start) -> None:
    """The wait for the answers to GOODBYE is bounded; then the connection is cut, and the status is 0 all the same."""
    write(tmp_path, configuration())
    node = start_node()
    client = Client(node.wait_until_ready())
    client.join()
    node.process.send_signal(signal.SIGTERM)
    assert client.receive()[0] == 6
    assert client.receive() is None
    client.close()
    assert node.ended() == 0
    assert "did not end within" not in node.stderr


def test_a_second_signal_ends_the_process_at_once(tmp_path: Path, start_node: Start) -> None:
    """No farewells any more, but no pid file left behind either."""
    write(tmp_path, configuration())
    node = start_node()
    client = Client(node.wait_until_ready())
    client.join()
    node.process.send_signal(signal.SIGTERM)
    assert client.receive()[0] == 6
    node.process.send_signal(signal.SIGTERM)
    assert node.ended() == 0
    client.close()
    assert not node.stderr.splitlines()[-1].endswith("stopped")
    assert not (tmp_path / "node.pid").exists()


def test_status_and_stop(tmp_path: Path, start_node: Start) -> None:
    """What status says of a node that runs and of one that does not; `stop` ends it; 69 is for what is not there."""
    write(tmp_path, configuration())
    node = start_node()
    node.wait_until_ready()
    where = ("--cbdir", tmp_path)
    running = run("status", *where)
    assert (running.returncode, running.stdout) == (0, f"running: {tmp_path} (process {node.process.pid})\n")
    assert run("status", *where, "--assert", "running").returncode == 0
    assert run("status", *where, "--assert", "stopped").returncode == 69

    stopped = run("stop", "--cbdata", tmp_path)
    assert (stopped.returncode, stopped.stdout, stopped.stderr) == (0, f"stopped: {tmp_path}\n", "")
    assert node.ended() == 0

    assert run("status", *where).stdout == f"stopped: {tmp_path}\n"
    assert run("status", *where, "--assert", "running").returncode == 69
    again = run("stop", *where)
    assert (again.returncode, again.stderr) == (69, f"edge-router: no node is running in {tmp_path}\n")


def test_a_second_node_in_the_directory_is_refused(tmp_path: Path, start_node: Start) -> None:
    """It says who is there, and the first goes on."""
    write(tmp_path, configuration())
    node = start_node()
    port = node.wait_until_ready()
    second = run("start", "--cbdir", tmp_path)
    assert second.returncode == 1
    assert f"a node is already running here (process {node.process.pid})" in second.stderr
    client = Client(port)
    assert client.join()[0] == 2
    client.close()


def test_after_a_crash_the_node_starts_again(tmp_path: Path, start_node: Start) -> None:
    """node.pid and the Unix socket of a killed node are in nobody's way; the log says that it did not end in order."""
    write(tmp_path, configuration())
    first = start_node()
    first.wait_until_ready()
    first.process.kill()
    first.ended()
    assert (tmp_path / "node.pid").exists()
    assert run("status", "--cbdir", tmp_path, "--assert", "stopped").returncode == 0
    second = start_node()
    second.wait_until_ready()
    client = Client(tmp_path / "router.sock")
    assert client.join()[0] == 2
    client.close()
    assert json.loads((tmp_path / "node.pid").read_text())["pid"] == second.process.pid
    second.process.terminate()
    assert second.ended() == 0
    assert "did not end in order" in second.stderr


def test_a_busy_port_is_a_clear_error(tmp_path: Path, start_node: Start) -> None:
    """Status 1, and a line that names the place; what had been opened before is closed again."""
    config = configuration()
    with socket.create_server(("127.0.0.1", 0)) as other:
        transports = config["workers"][0]["transports"]
        transports.reverse()
        transports[1]["endpoint"]["port"] = other.getsockname()[1]
        write(tmp_path, config)
        node = start_node()
        assert node.ended() == 1
        assert f"tcp4:127.0.0.1:{other.getsockname()[1]}: the port is in use" in node.stderr
        assert "Traceback" not in node.stderr
    assert not (tmp_path / "router.sock").exists()
    assert not (tmp_path / "node.pid").exists()


def test_all_problems_of_a_configuration_are_said_at_once(tmp_path: Path, start_node: Start) -> None:
    """Nothing is started, no pid file is written, the status is 1."""
    config = configuration()
    config["workers"][0]["transports"][0]["endpoint"]["port"] = "many"
    config["workers"][0]["relams"] = []
    write(tmp_path, config)
    node = start_node()
    assert node.ended() == 1
    assert len(node.stderr.splitlines()) == 2
    assert re.search(r"config\.json:\d+: workers\.0\.transports\.0\.endpoint\.port: ", node.stderr)
    assert "realms" in node.stderr
    assert list(tmp_path.iterdir()) == [tmp_path / "config.json"]


def test_without_a_configuration_the_way_to_one_is_said(tmp_path: Path) -> None:
    """The first thing a newcomer may do wrong."""
    done = run("start", "--cbdir", tmp_path)
    assert done.returncode == 1
    assert "config.yaml" in done.stderr
    assert "edge-router init" in done.stderr


def test_a_device_that_is_not_there_does_not_keep_the_node(tmp_path: Path, start_node: Start) -> None:
    """The router serves its clients while a bridge waits for its device."""
    bridge = {"type": "serial", "id": "kitchen", "realm": "realm1", "device": str(tmp_path / "ttyUSB0")}
    write(tmp_path, configuration(bridges=[bridge]))
    node = start_node()
    client = Client(node.wait_until_ready())
    assert client.join()[0] == 2
    client.send(48, 1, {}, "kitchen.get_status")
    assert client.receive()[0] == 50
    client.close()
    node.process.terminate()
    assert node.ended() == 0


def test_the_watchdog_is_fed_by_a_running_node(tmp_path: Path, start_node: Start) -> None:
    """By its own reactor, at half the period of WatchdogSec=."""
    write(tmp_path, configuration())
    node = start_node(WATCHDOG_USEC="200000")
    node.wait_until_ready()
    assert [node.said("WATCHDOG=1") for _ in range(3)] == ["WATCHDOG=1"] * 3


def test_what_it_does_not_use_is_not_loaded(tmp_path: Path, start_node: Start) -> None:
    """Each of these is half a megabyte to ten: `edge_router.node.lean` holds them back, if nobody asks before it."""
    write(tmp_path, configuration())
    node = start_node()
    node.wait_until_ready()
    loaded = Path(f"/proc/{node.process.pid}/maps").read_text()
    assert "msgspec" in loaded
    for name in ("_cbor2", "libcrypto", "libssl", "_ctypes.", "_asyncio", "_pickle", "_sqlite3", "_lzma", "pyexpat"):
        assert name not in loaded, name


def test_it_ends_by_itself_if_asked_to(tmp_path: Path, start_node: Start) -> None:
    """--shutdownafter, and a log without times that shows only warnings and worse."""
    write(tmp_path, configuration())
    node = start_node("--shutdownafter", "0.1", "--loglevel", "warn", "--logformat", "none")
    assert node.ended() == 0
    assert node.stderr == ""
