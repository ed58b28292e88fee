"""`edge-router reload` and SIGHUP with real nodes and real clients: what changes, and who does not notice."""

from __future__ import annotations

import json
import os
import pty
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cli.running import ALLOW_ALL, PATIENCE, Client, RunningNode, configuration, run, write
from tests.transports.tls_clients import client_context, make_files

pytestmark = pytest.mark.slow

Start = Callable[..., RunningNode]
Tree = dict[str, Any]
Connect = Callable[[int | Path], Client]


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Clients that are closed whatever a test does. where: as of `Client`."""
    clients: list[Client] = []

    def made(where: int | Path) -> Client:
        clients.append(Client(where))
        return clients[-1]

    yield made
    for client in clients:
        client.close()


def router(config: Tree) -> Any:
    return config["workers"][0]


def reload(directory: Path, config: Tree | str | None = None) -> subprocess.CompletedProcess[str]:
    """Write another configuration, and have the node take it over."""
    if isinstance(config, str):
        (directory / "config.json").write_text(config)
    elif config is not None:
        write(directory, config)
    return run("reload", "--cbdir", directory)


def unix(path: str, **more: Any) -> Tree:
    return {"type": "rawsocket", "endpoint": {"type": "unix", "path": path}, **more}


@contextmanager
def reloading(directory: Path, config: Tree) -> Iterator[Future[subprocess.CompletedProcess[str]]]:
    """The same as `reload` while a test does something else."""
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(reload, directory, config)


def leaves(client: Client) -> Any:
    """The router's GOODBYE, answered. Result: the message."""
    said = client.receive()
    client.send(6, {}, "wamp.close.goodbye_and_out")
    assert client.receive() is None
    client.close()
    return said


def is_there(client: Client) -> bool:
    """Whether a client's session goes on, and nothing was said to it meanwhile."""
    client.send(48, 999, {}, "com.nobody")
    answer: Any = client.receive()
    return bool(answer[:3] == [8, 48, 999])


def test_nothing_has_changed(tmp_path: Path, start_node: Start) -> None:
    """Nothing is done, and that is said; what a node before this one has left behind is of no account."""
    write(tmp_path, configuration())
    (tmp_path / "node.reload").write_text("{}")
    start_node().wait_until_ready()
    assert not (tmp_path / "node.reload").exists()
    done = reload(tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "nothing to change\n", "")


def test_no_node(tmp_path: Path) -> None:
    """Status 69 (EX_UNAVAILABLE), as of `stop`."""
    write(tmp_path, configuration())
    done = reload(tmp_path)
    assert done.returncode == os.EX_UNAVAILABLE
    assert "no node is running" in done.stderr


INVALID = {
    "no JSON": ('{"version": 2,\n', ["config.json:"]),
    "two things at once": (
        json.dumps({**configuration(), "bridges": [{"type": "serial", "id": "a", "realm": "x", "device": "/dev/a"}],
                    "werkers": []}, indent=1),
        ["there is no realm 'x'", "did you mean 'workers'?"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", INVALID)
def test_an_invalid_file_changes_nothing(tmp_path: Path, start_node: Start, connect: Connect, case: str) -> None:
    """What is wrong is said as by `check`, with file and line, by the command and in the log; sessions go on, and the
    service manager is told that the node is there as before.
    """
    text, expected = INVALID[case]
    write(tmp_path, configuration())
    node = start_node()
    client = connect(node.wait_until_ready())
    client.join()
    done = reload(tmp_path, text)
    assert done.returncode == 1
    checked = run("check", "--cbdir", tmp_path).stderr.splitlines()
    assert done.stderr.splitlines() == [
        *checked, "edge-router: the configuration cannot be used; nothing was changed",
    ]  # fmt: skip
    assert all(any(words in line for line in checked) for words in expected)
    assert node.said("RELOADING=1")
    assert node.said("READY=1").endswith("router.sock")
    client.send(48, 1, {}, "com.nobody")
    assert client.receive()[4] == "wamp.error.no_such_procedure"
    node.process.terminate()
    assert node.ended() == 0
    assert all(line in node.stderr for line in checked)
    assert not (tmp_path / "node.reload").exists()


def test_systemd_is_told(tmp_path: Path, start_node: Start) -> None:
    """RELOADING=1 with MONOTONIC_USEC, from the clock that systemd compares with, then READY=1 (sd_notify(3))."""
    write(tmp_path, configuration())
    node = start_node()
    node.wait_until_ready()
    before = time.monotonic_ns() // 1000
    node.process.send_signal(signal.SIGHUP)
    told = dict(line.split("=", 1) for line in node.said("RELOADING=1").splitlines())
    assert before <= int(told["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000
    assert "listening on" in node.said("READY=1")


def test_a_transport_that_moves(tmp_path: Path, start_node: Start, connect: Connect) -> None:
    """Its sessions get GOODBYE and are told why; those of the others do not notice; the new place is open."""
    config = configuration()
    router(config)["transports"].append(unix("first.sock"))
    write(tmp_path, config)
    node = start_node()
    stays, moved = connect(node.wait_until_ready()), connect(tmp_path / "first.sock")
    stays.join()
    moved.join()
    router(config)["transports"][2] = unix("second.sock")
    with reloading(tmp_path, config) as done:
        goodbye = leaves(moved)
    assert goodbye[1:] == [{"message": "this transport was changed; connect again"}, "wamp.close.system_shutdown"]
    assert done.result().returncode == 0
    assert "(endpoint.path)" in done.result().stdout
    assert not (tmp_path / "first.sock").exists()
    assert connect(tmp_path / "second.sock").join()[0] == 2
    assert is_there(stays)


def test_two_transports_change_places(tmp_path: Path, start_node: Start, connect: Connect) -> None:
    """What one leaves another can have."""
    config = configuration()
    auths = [{"anonymous": {"type": "static", "role": role}} for role in ("anonymous", "other")]
    places = [unix("a.sock", id="a", auth=auths[0]), unix("b.sock", id="b", auth=auths[1])]
    router(config)["transports"] = places
    router(config)["realms"][0]["roles"].append({"name": "other"})
    write(tmp_path, config)
    start_node().wait_until_ready()

    def roles() -> list[str]:
        return [connect(tmp_path / name).join()[2]["authrole"] for name in ("a.sock", "b.sock")]

    assert roles() == ["anonymous", "other"]
    places[0]["endpoint"], places[1]["endpoint"] = places[1]["endpoint"], places[0]["endpoint"]
    done = reload(tmp_path, config)
    assert (done.returncode, done.stderr) == (0, "")
    assert roles() == ["other", "anonymous"]


def test_a_port_that_somebody_has(tmp_path: Path, start_node: Start, connect: Connect) -> None:
    """All else is done; the transport stays as it was, with its sessions; the next reload tries it again."""
    config = configuration()
    router(config)["transports"][0] = unix("old.sock", id="main")
    write(tmp_path, config)
    start_node().wait_until_ready()
    client = connect(tmp_path / "old.sock")
    client.join()
    router(config)["transports"][0] = unix("taken.sock", id="main")
    router(config)["realms"].append({"name": "realm2", "roles": [{"name": "anonymous"}]})
    with socket.socket(socket.AF_UNIX) as somebody:
        somebody.bind(str(tmp_path / "taken.sock"))
        somebody.listen()
        done = reload(tmp_path, config)
    assert done.returncode == 1
    assert done.stdout == "realm realm2: opened\n"
    assert "another program listens on this socket" in done.stderr
    assert "stays as it was" in done.stderr
    assert is_there(client)
    with reloading(tmp_path, config) as again:
        leaves(client)
    assert again.result().returncode == 0
    assert connect(tmp_path / "taken.sock").join("realm2")[0] == 2


def test_a_place_that_is_left_and_cannot_be_taken(tmp_path: Path, start_node: Start, connect: Connect) -> None:
    """If what is to take a place cannot, whoever had it opens it again."""
    config = configuration()
    main = router(config)["transports"][1] = unix("router.sock", id="main")
    write(tmp_path, config)
    start_node().wait_until_ready()
    main["endpoint"]["group"] = "nobody-knows-this-group-at-all"
    main["endpoint"]["owner"] = "0"
    done = reload(tmp_path, config)
    assert done.returncode == 1
    assert connect(tmp_path / "router.sock").join()[0] == 2


def test_a_role_that_may_less(tmp_path: Path, start_node: Start, connect: Connect) -> None:
    """A subscription that is not granted any more is revoked, at once; the session goes on."""
    config = configuration()
    write(tmp_path, config)
    client = connect(start_node().wait_until_ready())
    client.send(1, "realm1", {"roles": {"subscriber": {"features": {"subscription_revocation": True}}}})
    client.receive()
    client.send(32, 1, {}, "com.secret")
    subscription = client.receive()[2]
    router(config)["realms"][0]["roles"][0]["permissions"].append({"uri": "com.secret", "allow": {}})
    done = reload(tmp_path, config)
    assert (done.returncode, done.stdout) == (0, "realm realm1: role anonymous set\n")
    revoked = client.receive()
    assert revoked[:2] == [35, 0]
    assert revoked[2]["subscription"] == subscription
    assert is_there(client)


def test_a_role_and_a_realm_that_go(tmp_path: Path, start_node: Start, connect: Connect) -> None:
    """Their sessions end, each for its reason; the others go on."""
    config = configuration()
    realms = router(config)["realms"]
    realms.append({"name": "realm2", "roles": [{"name": "anonymous"}]})
    write(tmp_path, config)
    port = start_node().wait_until_ready()
    stays, goes = connect(port), connect(port)
    stays.join()
    goes.join("realm2")
    realms.pop()
    with reloading(tmp_path, config) as done:
        assert leaves(goes)[2] == "wamp.close.close_realm"
    assert done.result().returncode == 0
    assert is_there(stays)
    assert connect(port).join("realm2")[2] == "wamp.error.no_such_realm"
    realms[0]["roles"] = [{"name": "other"}]
    with reloading(tmp_path, config) as done:
        assert leaves(stays)[2] == "wamp.error.no_such_role"
    assert done.result().returncode == 0


def test_users_come_and_go(tmp_path: Path, start_node: Start, connect: Connect) -> None:
    """A transport whose logins alone differ stays open: who has joined stays, but for those who are taken out."""
    users = {name: {"ticket": f"secret of {name}", "role": "anonymous"} for name in ("joe", "sue")}
    config = configuration()
    router(config)["transports"][0]["auth"] = {"ticket": {"type": "static", "principals": users}}
    write(tmp_path, config)
    port = start_node().wait_until_ready()

    def join(name: str) -> tuple[Client, Any]:
        client = connect(port)
        client.send(1, "realm1", {"roles": {"caller": {}}, "authmethods": ["ticket"], "authid": name})
        assert client.receive()[0] == 4
        client.send(5, f"secret of {name}", {})
        return client, client.receive()

    joe, sue = join("joe")[0], join("sue")[0]
    assert join("ann")[1][0] == 3
    users["ann"] = {"ticket": "secret of ann", "role": "anonymous"}
    del users["joe"]
    with reloading(tmp_path, config) as done:
        assert leaves(joe)[2] == "wamp.close.killed"
    assert done.result().returncode == 0
    assert "other logins; 1 session(s) ended" in done.result().stdout
    assert is_there(sue)
    assert join("ann")[1][0] == 2
    assert join("joe")[1][0] == 3


def test_a_secret_in_a_file_is_read_again(tmp_path: Path, start_node: Start, connect: Connect) -> None:
    """As certificates are: the configuration is the same, what it names is not."""
    users = {"joe": {"ticket": {"file": "joe.secret"}, "role": "anonymous"}}
    config = configuration()
    router(config)["transports"][0]["auth"] = {"ticket": {"type": "static", "principals": users}}
    write(tmp_path, config)
    secret = tmp_path / "joe.secret"
    secret.write_text("first")
    secret.chmod(0o600)
    port = start_node().wait_until_ready()

    def join(ticket: str) -> int:
        client = connect(port)
        client.send(1, "realm1", {"roles": {"caller": {}}, "authmethods": ["ticket"], "authid": "joe"})
        client.receive()
        client.send(5, ticket, {})
        code: int = client.receive()[0]
        return code

    assert join("first") == 2
    secret.write_text("second")
    done = reload(tmp_path)
    assert done.returncode == 0
    assert "secrets were read again" in done.stdout
    assert (join("first"), join("second")) == (3, 2)


def test_bridges_come_change_and_go(tmp_path: Path, start_node: Start, connect: Connect) -> None:
    """A bridge is started, restarted when its section changes, ended; another one is left alone throughout."""
    masters, devices = zip(*(pty.openpty() for _ in range(2)), strict=True)
    names = [os.ttyname(device) for device in devices]
    bridges = [
        {"type": "serial", "id": name, "realm": "realm1", "device": device}
        for name, device in zip(("kitchen", "garage"), names, strict=True)
    ]
    write(tmp_path, configuration(bridges=bridges[:1]))
    node = start_node()
    client = connect(node.wait_until_ready())
    client.join()
    client.send(32, 1, {"match": "prefix"}, "kitchen")
    client.receive()

    def hears(line: bytes, master: int) -> Any:
        os.write(master, line)
        return client.receive()

    assert hears(b"1\n", masters[0])[4]
    assert reload(tmp_path, configuration(bridges=bridges)).stdout == "bridge garage: started\n"
    client.send(32, 2, {"match": "prefix"}, "garage")
    while client.receive()[0] != 33:
        pass
    changed = {**bridges[1], "baudrate": 1200}
    done = reload(tmp_path, configuration(bridges=[bridges[0], changed]))
    assert done.stdout == "bridge garage: started again, since it was changed (baudrate)\n"
    done = reload(tmp_path, configuration(bridges=bridges[:1]))
    assert done.stdout == "bridge garage: stopped\n"
    while client.receive()[3].get("topic", "").startswith("garage"):
        os.write(masters[0], b"2\n")
    for descriptor in (*masters, *devices):
        os.close(descriptor)


def test_guests_come_change_and_go(tmp_path: Path, start_node: Start) -> None:
    """A guest whose section is the same keeps its process."""
    guests = [{"type": "guest", "id": name, "executable": "sleep", "arguments": ["60"]} for name in ("one", "two")]
    config = configuration()
    config["workers"] += guests
    write(tmp_path, config)
    node = start_node()
    node.wait_until_ready()

    def processes() -> dict[str, int]:
        """As `status` has them."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            said = [line.split() for line in run("status", "--cbdir", tmp_path).stdout.splitlines()[1:]]
            if all("running" in line for line in said):
                return {line[1].rstrip(":"): int(line[4].rstrip(")")) for line in said}
        raise AssertionError(said)

    while len(before := processes()) < 2:
        pass
    guests[1]["arguments"] = ["61"]
    config["workers"].append({"type": "guest", "id": "three", "executable": "sleep", "arguments": ["60"]})
    assert reload(tmp_path, config).stdout.splitlines() == [
        "worker two: started again, since it was changed (arguments)", "worker three: started",
    ]  # fmt: skip
    while len(after := processes()) < 3 or after["two"] == before["two"]:
        pass
    assert after["one"] == before["one"]
    del config["workers"][1:]
    assert reload(tmp_path, config).returncode == 0
    assert not any(Path(f"/proc/{pid}").exists() for pid in after.values())


def test_certificates_are_read_again(tmp_path: Path, start_node: Start, connect: Connect) -> None:
    """Sessions stay; whoever comes later sees the new one. TLS may come while the node runs, too."""
    make_files(tmp_path)
    config = configuration()
    write(tmp_path, config)
    node = start_node()
    plain = connect(node.wait_until_ready())
    plain.join()
    tls = {"key": "tls/node.key", "certificate": "tls/node.crt"}
    router(config)["transports"].append(
        {"type": "rawsocket", "endpoint": {"type": "tcp", "port": 0, "interface": "127.0.0.1", "tls": tls}}
    )
    done = reload(tmp_path, config)
    assert (done.returncode, done.stderr) == (0, "")
    port = int(done.stdout.split("127.0.0.1:")[1].split(")")[0])

    def certificate() -> Any:
        with (
            socket.create_connection(("127.0.0.1", port), PATIENCE) as connection,
            client_context(tmp_path).wrap_socket(connection, server_hostname="127.0.0.1") as secured,
        ):
            return secured.getpeercert(binary_form=True)

    first = certificate()
    make_files(tmp_path)
    done = reload(tmp_path)
    assert done.returncode == 0
    assert "certificate and key were read again" in done.stdout
    assert certificate() != first
    second = certificate()
    (tmp_path / "tls/node.crt").write_text("no certificate")
    done = reload(tmp_path)
    assert done.returncode == 1
    assert is_there(plain)
    assert certificate() == second


def test_a_terminal_that_is_closed_ends_the_node(tmp_path: Path) -> None:
    """SIGHUP is a wish for a reload while the terminal is there, and the end when it is gone."""
    write(tmp_path, configuration())
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "edge_router", "start", "--cbdir", str(tmp_path)],
        stdin=slave, stdout=slave, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert process.stderr is not None
    os.close(slave)
    while "ready:" not in process.stderr.readline():
        pass
    assert reload(tmp_path).returncode == 0
    os.close(master)
    process.send_signal(signal.SIGHUP)
    _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert "its terminal is gone" in said


def test_what_takes_a_restart_is_told(tmp_path: Path, start_node: Start) -> None:
    """The rest is done; it is no failure."""
    config = configuration()
    write(tmp_path, config)
    start_node().wait_until_ready()
    router(config)["options"] = {"expose_shared": True}
    done = reload(tmp_path, config)
    assert done.returncode == 0
    assert done.stderr == (
        "warning: workers.worker001.options.expose_shared: cannot change while the node runs; it takes a restart\n"
    )


def test_reloads_under_load(tmp_path: Path, start_node: Start, connect: Connect) -> None:
    """Everything else changes again and again while events are published: each arrives, once, in order."""
    config = configuration()
    transports, realms = router(config)["transports"], router(config)["realms"]
    write(tmp_path, config)
    port = start_node().wait_until_ready()
    publisher, subscriber, caller = connect(port), connect(tmp_path / "router.sock"), connect(port)
    for client in (publisher, subscriber, caller):
        client.join()
    subscriber.send(32, 1, {}, "com.count")
    subscriber.receive()
    stop, sent = threading.Event(), 0
    received: list[int] = []

    def publish() -> None:
        nonlocal sent
        while not stop.is_set():
            for _ in range(50):
                sent += 1
                publisher.send(16, sent, {"acknowledge": sent % 50 == 0}, "com.count", [sent])
            publisher.receive()

    def listen() -> None:
        while (event := subscriber.receive()[4][0]) > 0:
            received.append(event)

    threads = [threading.Thread(target=work) for work in (publish, listen)]
    for thread in threads:
        thread.start()
    outcomes = []
    for number in range(8):
        name = f"other{number}"
        transports[2:] = [unix(f"{name}.sock", id="other")]
        realms[1:] = [{"name": name, "roles": [{"name": "anonymous"}]}]
        realms[0]["roles"][0]["permissions"] = [ALLOW_ALL, {"uri": f"com.{name}", "allow": {"call": True}}]
        outcomes.append(reload(tmp_path, config).returncode)
        assert is_there(caller)
    stop.set()
    threads[0].join()
    publisher.send(16, sent + 1, {}, "com.count", [0])
    threads[1].join()
    assert outcomes == [0] * 8
    assert received == list(range(1, sent + 1))


def test_fifty_reloads_leave_nothing_behind(tmp_path: Path, start_node: Start, connect: Connect) -> None:
    """No descriptor, no memory to speak of, and no session, whatever was opened, changed and closed in between."""
    config = configuration()
    write(tmp_path, config)
    node = start_node()
    client = connect(node.wait_until_ready())
    client.join()
    process = Path(f"/proc/{node.process.pid}")

    def descriptors() -> int:
        return len(list((process / "fd").iterdir()))

    def pages() -> int:
        return int((process / "statm").read_text().split()[1])

    web = {"type": "web", "paths": {"/": {"type": "nodeinfo"}, "ws": {"type": "websocket"}}}

    def turn(number: int) -> None:
        path = f"{number % 2}.sock"
        changed = configuration(bridges=[{"type": "serial", "id": "b", "realm": "realm1", "device": f"/dev/no{path}"}])
        router(changed)["transports"] += [{**web, "endpoint": {"type": "unix", "path": path}}]
        store = {"type": "sqlite", "path": "realm2.sqlite", "limit": 1 + number % 2}
        router(changed)["realms"] += [{"name": "realm2", "roles": [{"name": "anonymous"}], "store": store}]
        write(tmp_path, changed)
        node.process.send_signal(signal.SIGHUP)
        node.said("RELOADING=1")
        assert path in node.said("READY=1")

    for number in range(10):
        turn(number)
    settled, size = descriptors(), pages()
    for number in range(40):
        turn(number)
    assert descriptors() < settled + 5  # SQLite and the kernel have their own times
    assert (pages() - size) * os.sysconf("SC_PAGE_SIZE") < 3_000_000
    assert reload(tmp_path, config).returncode == 0
    assert is_there(client)
    assert json.loads((tmp_path / "node.reload").read_text())["number"] == 51


def test_a_router_with_a_process_of_its_own(tmp_path: Path, start_node: Start, connect: Connect) -> None:
    """It is not touched by what changes elsewhere; what changes in it starts it again; it may come into the node's."""
    config = configuration()
    realm = {"name": "realm2", "roles": [{"name": "anonymous"}]}
    own = {"type": "router", "id": "second", "realms": [realm], "transports": [unix("second.sock")],
           "options": {"process": "own"}}  # fmt: skip
    write(tmp_path, config)
    port = start_node().wait_until_ready()
    first = connect(port)
    first.join()
    config["workers"].append(own)
    assert reload(tmp_path, config).stdout == "worker second: started\n"
    second = connect(tmp_path / "second.sock")
    assert second.join("realm2")[0] == 2
    router(config)["realms"].append({"name": "realm3"})
    assert reload(tmp_path, config).stdout == "realm realm3: opened\n"
    assert is_there(second)
    realm["roles"] = [{"name": "other"}]
    assert "worker second: started again" in reload(tmp_path, config).stdout
    assert connect(tmp_path / "second.sock").join("realm2")[2] == "wamp.error.no_such_role"
    realm["roles"] = [{"name": "anonymous"}]
    own["options"] = {}
    done = reload(tmp_path, config)
    assert (done.returncode, done.stderr) == (0, "")
    assert connect(tmp_path / "second.sock").join("realm2")[0] == 2
    assert is_there(first)


def test_what_a_file_keeps_is_there_in_the_changed_realm(
    tmp_path: Path, start_node: Start, connect: Connect
) -> None:
    """Its store is closed and opened again; a store in memory that becomes a file takes its events along."""
    config = configuration()
    realm = router(config)["realms"][0]
    write(tmp_path, config)
    port = start_node().wait_until_ready()

    def kept() -> Any:
        client = connect(port)
        client.join()
        client.send(32, 1, {"get_retained": True}, "com.kept")
        client.receive()
        return client.receive()[4]

    client = connect(port)
    client.join()
    client.send(16, 1, {"retain": True, "acknowledge": True}, "com.kept", [1])
    client.receive()
    client.close()
    for store in ({"type": "sqlite", "path": "a.sqlite"}, {"type": "sqlite", "path": "a.sqlite", "limit": 7},
                  {"type": "sqlite", "path": "b.sqlite"}, {"type": "memory", "limit": 7}):  # fmt: skip
        realm["store"] = store
        assert reload(tmp_path, config).returncode == 0
        assert kept() == [1]
