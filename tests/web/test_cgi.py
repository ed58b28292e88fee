"""Scripts: what they are told, what becomes of what they say, and how little they can do to the node."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.process import reapAllProcesses

from edge_router.config.schema.webcode import CgiPath
from edge_router.transports.listen import CannotListen
from tests.transports.loop import Loop
from tests.web.loopback import Front, Line
from tests.web.ports import Answer
from tests.web.realms import posted

Ask = Callable[..., Answer]


class Scripts:
    """A port with scripts in shell below `/cgi`."""

    def __init__(self, loop: Loop, directory: Path) -> None:
        self.loop = loop
        self.directory = directory
        (directory / "scripts").mkdir()
        self.front: Front | None = None

    def write(self, text: str, name: str = "script.sh") -> None:
        path = self.directory / "scripts" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    def serve(self, **options: Any) -> Front:
        config = CgiPath(**{"directory": "scripts", "processor": "sh", **options})
        self.front = Front(self.loop, {"cgi": config}, self.directory)
        return self.front

    def begin(self, path: str = "/cgi/script.sh", body: bytes = b"", method: str = "GET", **headers: str) -> Line:
        front = self.front or self.serve()
        client = front.connect()
        client.transport.write(posted(path, body, method, Connection="close", **headers))
        return client

    def end(self, client: Line, method: str = "GET") -> Answer:
        self.loop.until(lambda: reapAllProcesses() or client.lost)
        return Answer(client.got, method)

    def ask(self, path: str = "/cgi/script.sh", body: bytes = b"", method: str = "GET", **headers: str) -> Answer:
        return self.end(self.begin(path, body, method, **headers), method)

    def close(self) -> None:
        if self.front is not None:
            self.front.close()
            running = self.front.site._root.services["cgi"].running
            self.loop.until(lambda: reapAllProcesses() or not running)


@pytest.fixture
def scripts(loop: Loop, tmp_path: Path) -> Iterator[Scripts]:
    made = Scripts(loop, tmp_path)
    yield made
    made.close()


def test_a_script_answers(scripts: Scripts) -> None:
    """Status, headers, body."""
    head = "Status: 418 Tea\\r\\nContent-Type: x/y\\r\\nSet-Cookie: a\\r\\nSet-Cookie: b\\r\\n"
    scripts.write(f"printf '{head}\\r\\nhello'")
    client = scripts.begin()
    answer = scripts.end(client)
    assert client.got.startswith(b"HTTP/1.1 418 Tea\r\n")
    assert answer.headers["Content-Type"] == "x/y"
    assert answer.headers.get_all("Set-Cookie") == ["a", "b"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.body == b"hello"


def test_what_a_script_is_told(scripts: Scripts, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variables of RFC 3875, and nothing of the node's own environment, where secrets may be."""
    monkeypatch.setenv("NODE_SECRET", "x")
    scripts.write("printf 'Content-Type: text/plain\\n\\n'; env; pwd; echo args: $#; cat", "deep/er.sh")
    answer = scripts.ask("/cgi/deep/er.sh/a%20b/c?x=1&y", b"body", "POST", Content_Type="text/x", X_Some="a",
                         Proxy="evil", Cookie="k=v")  # fmt: skip
    lines = answer.body.decode().splitlines()
    for line in (
        "GATEWAY_INTERFACE=CGI/1.1",
        "REQUEST_METHOD=POST",
        "REQUEST_URI=/cgi/deep/er.sh/a%20b/c?x=1&y",
        "QUERY_STRING=x=1&y",
        "SCRIPT_NAME=/cgi/deep/er.sh",
        "PATH_INFO=/a b/c",
        f"SCRIPT_FILENAME={scripts.directory}/scripts/deep/er.sh",
        "CONTENT_LENGTH=4",
        "CONTENT_TYPE=text/x",
        "REMOTE_ADDR=127.0.0.1",
        "SERVER_PROTOCOL=HTTP/1.1",
        "HTTP_X_SOME=a",
        "HTTP_COOKIE=k=v",
        "HTTP_HOST=pi.local",
        "args: 0",
        f"{scripts.directory}/scripts/deep",
    ):
        assert line in lines
    assert lines[-1] == "body"
    assert not any(line.startswith(("HTTP_PROXY", "NODE_SECRET", "HTTP_CONTENT_TYPE")) for line in lines)


def test_a_query_is_no_argument(scripts: Scripts) -> None:
    """Old servers made arguments of `?a+b`, and so of `?-s`."""
    scripts.write("printf 'Content-Type: text/plain\\n\\n'; echo $#")
    assert scripts.ask("/cgi/script.sh?-s+-d").body == b"0\n"


@pytest.mark.parametrize("path", ["", "/", "/nothing", "/.hidden.sh", "/deep", "/deep/", "/out.sh", "/..%2fx", "/%00"])
def test_only_scripts_of_the_directory_run(scripts: Scripts, path: str) -> None:
    scripts.write("echo; echo ran", ".hidden.sh")
    scripts.write("echo; echo ran", "deep/er.sh")
    (scripts.directory / "outside.sh").write_text("echo; echo ran")
    (scripts.directory / "scripts" / "out.sh").symlink_to("../outside.sh")
    answer = scripts.ask(f"/cgi{path}")
    assert answer.status in (404, 400)


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("", 502),
        ("exit 3", 502),
        ("echo no header", 502),
        ("yes | head -c 100000", 502),
        ("printf 'Status: 99 x\\n\\n'", 200),
        ("printf 'Status: nonsense\\n\\n'", 200),
        ("printf 'Location: /other\\n\\n'", 302),
        ("printf 'Status: 301 x\\nLocation: /other\\n\\n'", 301),
        ("printf 'Transfer-Encoding: x\\nServer: y\\nbad name: z\\nnothing\\nX: y\\n\\n'", 200),
        ("printf 'X: y\\n\\n'; yes error | head -c 1000000 >&2", 200),
    ],
)
def test_whatever_a_script_says(scripts: Scripts, text: str, status: int) -> None:
    """It is an answer, or 502."""
    scripts.write(text)
    answer = scripts.ask()
    assert answer.status == status
    assert answer.headers["Server"] is None


def test_a_script_has_its_time(scripts: Scripts) -> None:
    """504 if it has said nothing by then; half an answer is cut off. What it has started ends with it."""
    scripts.write("echo $$ > pid; sleep 60 | sleep 60")
    scripts.serve(timeout=1)
    assert scripts.ask().status == 504
    scripts.loop.until(lambda: alive_in(int((scripts.directory / "scripts" / "pid").read_text())) == [])
    scripts.write("printf 'Content-Length: 10\\n\\nhalf'; exec sleep 60")
    client = scripts.begin()
    scripts.loop.until(lambda: reapAllProcesses() or client.lost)
    assert client.got.endswith(b"half")


def alive_in(group: int) -> list[str]:
    """The processes of a group that still run (proc(5)); zombies do not."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = stat.read_text().rpartition(")")
        except OSError:
            continue
        state, _parent, pgrp, *_ = rest.split()
        if int(pgrp) == group and state != "Z":
            found.append(name)
    return found


def test_scripts_are_bounded(scripts: Scripts) -> None:
    """`max_processes`; then 503. Who goes away ends the script."""
    scripts.write("echo x >> ran; exec sleep 60")
    front = scripts.serve(max_processes=2)
    clients = [scripts.begin() for _ in range(2)]
    running = front.site._root.services["cgi"].running
    scripts.loop.until(lambda: len(running) == 2)
    assert scripts.ask().status == 503
    clients[0].transport.abortConnection()
    scripts.loop.until(lambda: reapAllProcesses() or len(running) == 1)


def test_a_long_answer_waits_for_the_client(scripts: Scripts) -> None:
    scripts.write("printf 'X: y\\n\\n'; yes | head -c 5000000")
    client = scripts.begin()
    assert len(scripts.end(client).body) == 5_000_000


def test_what_is_not_there_keeps_the_port_closed(loop: Loop, tmp_path: Path) -> None:
    for options in ({"directory": "nowhere", "processor": "sh"}, {"directory": ".", "processor": "no-such-program"}):
        with pytest.raises(CannotListen):
            Front(loop, {"cgi": CgiPath(**options)}, tmp_path)
