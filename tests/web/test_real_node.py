"""All web services at once, in a node as an operator runs it, used by clients of other people's: curl, http.client."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from edge_router import registry
from tests.interop.running_node import RunningNode, tcp
from tests.web.test_signature import query

pytestmark = pytest.mark.slow

ACTING = {"realm": "realm1", "role": "anonymous"}
SECRET = {"keys": {"pump": {"secret": "pumped"}}}

APPLICATION = """
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"wsgi ", environ["PATH_INFO"].encode()]
"""
RESOURCE = """
from twisted.web.resource import Resource
class Hello(Resource):
    isLeaf = True
    def render_GET(self, request):
        return b"resource"
"""


def paths(backend: int) -> dict[str, Any]:
    """One path of each type."""
    return {
        "/": {"type": "static", "directory": "www"},
        "info": {"type": "nodeinfo"},
        "deep": {"type": "path", "paths": {"conf": {"type": "json", "value": {"a": 1}}}},
        "conf": {"type": "json", "value": [1, 2]},
        "old": {"type": "redirect", "url": "/info"},
        "ws": {"type": "websocket"},
        "lp": {"type": "longpoll"},
        "publish": {"type": "publisher", **ACTING},
        "call": {"type": "caller", **ACTING},
        "signed": {"type": "publisher", **ACTING, "options": SECRET},
        "hook": {"type": "webhook", **ACTING, "options": {"topic": "com.example.hook"}},
        "upload": {"type": "upload", **ACTING, "directory": "files"},
        "metrics": {"type": "metrics"},
        "health": {"type": "health"},
        "proxy": {"type": "reverseproxy", "host": "127.0.0.1", "port": backend},
        "archive": {"type": "archive", "archive": "page.zip"},
        "wsgi": {"type": "wsgi", "module": "their_application", "object": "app"},
        "resource": {"type": "resource", "classname": "their_resource.Hello"},
        "cgi": {"type": "cgi", "directory": "scripts", "processor": "sh"},
    }


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    """A running node, in whose web port another node's is proxied. It must not complain of anything."""
    directory = tmp_path_factory.mktemp("web")
    for name in ("www", "files", "scripts", "code"):
        (directory / name).mkdir()
    (directory / "www" / "index.html").write_text("<p>start</p>")
    (directory / "scripts" / "a.sh").write_text("printf 'Content-Type: text/plain\\n\\ncgi'; printf \"$PATH_INFO\"")
    site = Path(registry.__file__).parent.parent
    (directory / "their_application.py").write_text(APPLICATION)
    (directory / "their_resource.py").write_text(RESOURCE)
    with zipfile.ZipFile(directory / "page.zip", "w") as archive:
        archive.writestr("index.html", "<p>zipped</p>")
    backend = RunningNode(tmp_path_factory.mktemp("behind"), {
        "web": {"type": "web", "endpoint": tcp(), "paths": {"behind": {"type": "json", "value": "behind"}}},
    })  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", f"{directory}:{site}")
        backend.start()
        services = paths(backend.tcp("web")[1])
        web = {"type": "web", "paths": services}
        running = RunningNode(directory, {
            "web": {**web, "endpoint": tcp(), "options": {"client_timeout": 2}},
            "six": {"type": "universal", "endpoint": {**tcp(), "version": 6, "interface": "::1"},
                    "web": {"paths": services}},
        })  # fmt: skip
        running.start()
    yield running
    assert running.stop() == 0
    assert running.complaints() == []
    assert backend.stop() == 0


def ask(
    node: RunningNode, path: str, method: str = "GET", body: bytes | None = None, **headers: str
) -> tuple[int, bytes]:
    """Status and body of an answer. headers: `Content_Type="..."`."""
    connection = http.client.HTTPConnection(*node.tcp("web"), timeout=20)
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def test_every_type_is_tried(node: RunningNode) -> None:
    """What the registry has is in this node."""
    assert {service["type"] for service in paths(1).values()} == set(registry.names("webservice"))


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        ("/", 200, b"<p>start</p>"),
        ("/nothing", 404, None),
        ("/info?format=json", 200, None),
        ("/conf", 200, b"[1,2]\n"),
        ("/deep/conf", 200, b'{"a":1}\n'),
        ("/old", 302, None),
        ("/ws", 426, None),
        ("/publish", 405, None),
        ("/metrics", 200, None),
        ("/health/ready", 200, b'{"status":"pass","state":"running","bridges":{}}\n'),
        ("/proxy/behind", 200, b'"behind"\n'),
        ("/proxy/nothing", 404, None),
        ("/archive/", 200, b"<p>zipped</p>"),
        ("/wsgi/x", 200, b"wsgi /x"),
        ("/resource", 200, b"resource"),
        ("/cgi/a.sh/below", 200, b"cgi/below"),
    ],
)
def test_what_is_read(node: RunningNode, path: str, status: int, body: bytes | None) -> None:
    """Each answers."""
    found, said = ask(node, path)
    assert found == status
    assert body is None or said == body


def test_events_and_calls(node: RunningNode) -> None:
    """A long-polling client hears what publisher, signed publisher and webhook say; the caller asks the router."""
    opened = json.loads(ask(node, "/lp/open", "POST", b'{"protocols": ["wamp.2.json"]}')[1])
    base = f"/lp/{opened['transport']}"

    def send(message: Any) -> None:
        assert ask(node, f"{base}/send", "POST", json.dumps(message).encode())[0] == 204

    def receive() -> Any:
        status, body = ask(node, f"{base}/receive", "POST", b"")
        assert status == 200
        return json.loads(body)

    send([1, "realm1", {"roles": {"subscriber": {}}}])
    assert receive()[0] == 2
    send([32, 1, {"match": "prefix"}, "com.example."])
    assert receive()[0] == 33
    as_json = {"Content_Type": "application/json"}
    body = b'{"topic": "com.example.a", "args": [1]}'
    assert ask(node, "/publish", "POST", body, **as_json)[0] == 200
    assert receive()[-1] == [1]
    address = f"/signed?{urlencode(query(body, key='pump', secret='pumped', at=time.time()))}"
    assert ask(node, address, "POST", body, **as_json)[0] == 200
    assert receive()[-1] == [1]
    assert ask(node, address, "POST", body, **as_json)[0] == 401
    assert ask(node, "/hook", "POST", b"anything")[0] == 202
    assert receive()[-1][0]["body"] == "anything"
    status, said = ask(node, "/call", "POST", b'{"procedure": "wamp.session.count"}', **as_json)
    assert (status, json.loads(said)["args"][0] >= 1) == (200, True)
    assert ask(node, "/call", "POST", b'{"procedure": "com.nobody"}', **as_json)[0] == 404
    assert ask(node, f"{base}/close", "POST", b"")[0] == 204


def test_a_page_of_the_documentation(node: RunningNode, tmp_path: Path) -> None:
    """The lines for curl in docs/web.md: signing in shell, and a file in one chunk."""
    if shutil.which("curl") is None or shutil.which("openssl") is None:
        pytest.skip("curl or openssl is not installed")
    page = (Path(__file__).parents[2] / "docs" / "web.md").read_text("utf-8")
    host, port = node.tcp("web")
    script = page.partition("```sh\n")[2].partition("```")[0]
    script = script.replace("http://pi.local:8080/publish", f"http://{host}:{port}/signed").replace("$SECRET", "pumped")
    said = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True, timeout=30).stdout
    assert "id" in json.loads(said)
    (tmp_path / "a.bin").write_bytes(b"x" * 3000)
    start = page.index("    s=$(stat")
    script = page[start : page.index("\n\n", start)].replace("http://pi.local:8080", f"http://{host}:{port}")
    subprocess.run(["bash", "-ec", script], cwd=tmp_path, check=True, timeout=30)
    assert (node.directory / "files" / "a.bin").read_bytes() == b"x" * 3000


def test_over_ipv6_and_a_universal_port(node: RunningNode) -> None:
    host, port = node.tcp("six")
    connection = http.client.HTTPConnection(host.strip("[]"), port, timeout=20)
    for path in ("/conf", "/proxy/behind", "/wsgi/", "/health/live"):
        connection.request("GET", path)
        response = connection.getresponse()
        response.read()
        assert response.status == 200
        assert response.headers["Server"] is None
    connection.close()


def test_who_drips_is_cut(node: RunningNode) -> None:
    """A slow loris has `client_timeout`, for its head as for a body."""
    for begin in (b"GET / HTTP/1.1\r\n", b"POST /hook HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"):
        started = time.monotonic()
        with socket.create_connection(node.tcp("web"), timeout=20) as line:
            line.sendall(begin)
            line.settimeout(0.2)
            while time.monotonic() - started < 15:
                try:
                    line.sendall(b"X")
                    if not line.recv(100):
                        break
                except TimeoutError:
                    continue
                except OSError:
                    break
        assert 1.5 < time.monotonic() - started < 10
    assert ask(node, "/conf")[0] == 200


def test_nothing_is_loaded_that_is_not_configured(tmp_path: Path) -> None:
    """A node with files and WebSockets alone has none of the other services in memory, nor what they bring."""
    (tmp_path / "www").mkdir()
    code = f"""
import sys
from pathlib import Path
from twisted.internet.task import Clock
from edge_router import registry
from edge_router.config.load import load
from edge_router.transports.host import Host
config = load(Path({str(tmp_path / "config.yaml")!r})).config.workers[0].transports[0]
registry.part_class("transport", config)(config, Host(Clock(), None, None, Path({str(tmp_path)!r}), dict)).protocols()
print(*sys.modules)
"""
    (tmp_path / "config.yaml").write_text(
        "workers: [{type: router, realms: [{name: realm1}], transports: [{type: web, endpoint: {type: tcp, port: 0}, "
        "paths: {/: {type: static, directory: www}, ws: {type: websocket}}}]}]"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    names = set(found.split())
    for name in ("bridge", "signature", "longpoll", "upload", "reverseproxy", "handover", "cgi", "archive", "metrics"):
        assert f"edge_router.web.{name}" not in names
    assert names.isdisjoint({"twisted.web.server", "twisted.web.client", "edge_router.config.schema.webrealm"})
