"""The log of a real node: in a file, and without secrets at any level."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.running import ALLOW_ALL, Client, RunningNode, configuration, run, write

pytestmark = pytest.mark.slow

Start = Callable[..., RunningNode]


def test_a_log_in_a_file(tmp_path: Path, start_node: Start) -> None:
    """Stderr is for errors then; full files are kept beside it."""
    write(tmp_path, configuration())
    logs = tmp_path / "logs"
    logs.mkdir()
    for _ in range(12):
        node = start_node(
            "--logtofile", "--logdir", str(logs), "--logsize", "4K", "--logcount", "3", "--loglevel", "trace",
            "--shutdownafter", "0.01",
        )  # fmt: skip
        assert node.ended() == 0
        assert node.stderr == ""
    assert sorted(path.name for path in logs.iterdir()) == ["node.log", "node.log.1", "node.log.2"]
    assert all(path.stat().st_size <= 4096 for path in logs.iterdir())
    assert "node: stopped" in "".join((logs / "node.log").read_text().splitlines()[-3:])


def test_errors_are_on_stderr_as_well(tmp_path: Path, start_node: Start) -> None:
    """Or somebody would wonder why the node ends."""
    config = configuration()
    config["workers"][0]["transports"][0]["endpoint"]["interface"] = "192.0.2.1"
    write(tmp_path, config)
    node = start_node("--logtofile")
    assert node.ended() == 1
    (line,) = node.stderr.splitlines()
    assert "no network interface of this machine has that address" in line
    assert line in (tmp_path / "node.log").read_text()


TICKET, WRONG = "tick-7f3a9c", "wrong-1b8e44"
CRA_SECRET = "cra-55d0e2"
PASSWORD_OF_A_PROXY = "header-99ab01"


def secretive() -> dict[str, object]:
    """A configuration with secrets of several kinds."""
    config = configuration()
    worker = config["workers"][0]
    worker["realms"][0]["roles"].append({"name": "user", "permissions": [ALLOW_ALL]})
    auth = {
        "ticket": {"type": "static", "principals": {"joe": {"ticket": TICKET, "role": "user"}}},
        "wampcra": {"type": "static", "users": {"ann": {"secret": CRA_SECRET, "role": "user"}}},
    }
    worker["transports"][0]["auth"] = auth
    worker["transports"].append(
        {
            "type": "web",
            "endpoint": {"type": "unix", "path": "web.sock"},
            "paths": {"/": {"type": "nodeinfo"}, "ws": {"type": "websocket", "auth": {**auth, "cookie": {}}}},
            "options": {"access_log": True},
        }
    )
    return config


def log_in(port: int, method: str, authid: str, answer: Callable[[str], str]) -> str:
    """Result: what the router calls its answer."""
    client = Client(port)
    client.send(1, "realm1", {"roles": {"caller": {}}, "authmethods": [method], "authid": authid})
    _, _, extra = client.receive()
    client.send(5, answer(extra.get("challenge", "")), {})
    code = client.receive()[0]
    if code == 2:
        client.send(48, 1, {}, "com.example.nobody", [TICKET])
        client.receive()
        client.send(5, WRONG, {})  # a violation
        client.receive()
    client.close()
    return {2: "WELCOME", 3: "ABORT"}[code]


def signed(challenge: str, secret: str) -> str:
    return base64.b64encode(hmac.new(secret.encode(), challenge.encode(), hashlib.sha256).digest()).decode()


@pytest.mark.parametrize("level", ["info", "trace"])
def test_no_secret_is_logged(tmp_path: Path, start_node: Start, level: str) -> None:
    """Right or wrong ones, headers and cookies, what is called: none of it at any level."""
    config = secretive()
    del config["workers"][0]["transports"][2]  # type: ignore[index]
    write(tmp_path, config)
    node = start_node("--loglevel", level)
    port = node.wait_until_ready()
    assert log_in(port, "ticket", "joe", lambda _: TICKET) == "WELCOME"
    assert log_in(port, "ticket", "joe", lambda _: WRONG) == "ABORT"
    assert log_in(port, "wampcra", "ann", lambda challenge: signed(challenge, CRA_SECRET)) == "WELCOME"
    assert log_in(port, "wampcra", "ann", lambda challenge: signed(challenge, WRONG)) == "ABORT"
    node.process.terminate()
    assert node.ended() == 0
    assert "refused" in node.stderr
    assert not [secret for secret in (TICKET, WRONG, CRA_SECRET) if secret in node.stderr]
    pid_file = run("status", "--cbdir", tmp_path).stdout
    assert TICKET not in pid_file


def test_headers_are_not_logged(tmp_path: Path, start_node: Start) -> None:
    """Not even with an access log: cookies, authorization, what is behind the question mark."""
    config = configuration()
    config["workers"][0]["transports"] = [
        {
            "type": "web",
            "endpoint": {"type": "tcp", "port": 0, "interface": "127.0.0.1"},
            "paths": {"/": {"type": "nodeinfo"}, "ws": {"type": "websocket"}},
        }
    ]
    write(tmp_path, config)
    node = start_node("--loglevel", "trace")
    connection = http.client.HTTPConnection("127.0.0.1", node.wait_until_ready(), timeout=10)
    for path in ("/", "/missing", "/ws"):
        headers = {"Cookie": f"cbtid={TICKET}", "Authorization": f"Bearer {PASSWORD_OF_A_PROXY}", "Referer": WRONG}
        connection.request("GET", f"{path}?token={CRA_SECRET}", headers=headers)
        connection.getresponse().read()
    connection.close()
    node.process.terminate()
    assert node.ended() == 0
    secrets = (TICKET, WRONG, CRA_SECRET, PASSWORD_OF_A_PROXY)
    assert not [secret for secret in secrets if secret in node.stderr]


def test_status_tells_of_the_last_crash(tmp_path: Path) -> None:
    """Until somebody has looked and taken it away."""
    write(tmp_path, configuration())
    (tmp_path / "node.crash").write_text("2026-09-21T13:33:20+0200\nedge-router 0.1.0\n\nTraceback\nValueError: boom\n")
    said = run("status", "--cbdir", tmp_path).stdout
    assert f"last crash: 2026-09-21T13:33:20+0200: ValueError: boom (in {tmp_path}/node.crash)" in said
    assert json.loads((tmp_path / "config.json").read_text())
