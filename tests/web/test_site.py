"""HTTP at the router's end: paths, bounds, time-outs, and connections that become WebSockets."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.logger import LogEvent, formatEvent, globalLogPublisher

from edge_router.config.schema import NestedPath, NodeInfoPath, StaticPath, WebSocketPath
from edge_router.config.schema.webrealm import LongPollPath, PublisherPath
from edge_router.wamp.codecs import CODECS
from edge_router.wamp.messages import Hello, HelloDetails
from edge_router.web.bodies import MAX_UNWANTED
from edge_router.web.nodeinfo import accepted
from edge_router.web.request import path_segments
from tests.transports.wires import Client, MemoryTransport
from tests.web.ports import Answer, WebPort, request
from tests.web.realms import RealmPort

HELLO = Hello("realm1", HelloDetails(roles={"subscriber": {}}))
INFO = {
    "version": "0.1.0",
    "uptime": 93_784.5,
    "sessions_refused": 0,
    "bridges": [],
    "id": None,
    "realms": [{"name": "<realm1>", "sessions": 3}],
    "transports": ["tcp4:*:80", "unix:/run/x"],
}


@pytest.fixture
def port() -> WebPort:
    info = NodeInfoPath()
    return WebPort(
        {"info": info, "deep": NestedPath(paths={"er": info, "ws": WebSocketPath()}), "ws": WebSocketPath()}, info=INFO
    )


# --- paths -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/info", 200),
        ("/info/", 200),
        ("/info/more", 404),
        ("/deep/er", 200),
        ("/deep/er?x=1", 200),
        ("/%69nfo", 200),
        ("/deep", 404),
        ("/deep/", 404),
        ("/er", 404),
        ("/", 404),
        ("/INFO", 404),
        ("//info", 404),
        ("/ws", 426),
        ("/deep/ws", 426),
    ],
)
def test_the_longest_path_wins(port: WebPort, path: str, status: int) -> None:
    assert port.ask(path).status == status


def test_the_root_serves_what_no_path_names(tmp_path: Any) -> None:
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "a.txt").write_text("root")
    port = WebPort({"/": StaticPath(directory="www"), "info": NodeInfoPath()}, tmp_path, info={"version": "1"})
    assert port.ask("/a.txt").body == b"root"
    assert port.ask("/info").status == 200


@pytest.mark.parametrize(
    ("path", "segments"),
    [
        (b"/", ("",)),
        (b"/a", ("a",)),
        (b"/a/", ("a", "")),
        (b"/a%20b/%C3%BC", ("a b", "ü")),
        (b"/%", ("%",)),
        (b"/%zz", ("%zz",)),
    ],
)
def test_paths_are_decoded_once(path: bytes, segments: tuple[str, ...]) -> None:
    assert path_segments(path) == segments


@pytest.mark.parametrize("path", [b"", b"a", b"/..", b"/.", b"/%2e%2e", b"/a%2fb", b"/%00"])
def test_paths_that_mean_no_good_are_refused(path: bytes) -> None:
    with pytest.raises(ValueError, match="the path"):
        path_segments(path)


# --- the node's page ---------------------------------------------------------------------------------------------


def test_the_nodes_page_is_escaped_html(port: WebPort) -> None:
    """For people; nothing on it is fetched or run."""
    answer = port.ask("/info", Accept="text/html,application/xhtml+xml,*/*;q=0.8")
    page = answer.body.decode()
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "<th>uptime</th><td>1 d 2 h 3 min 4 s</td>" in page
    assert "<th>sessions refused</th><td>0</td>" in page
    assert "<th>bridges</th><td>none</td>" in page
    assert "<th>id</th><td>-</td>" in page
    assert "<td>&lt;realm1&gt;</td>" in page
    assert "<td>tcp4:*:80, unix:/run/x</td>" in page


def test_the_nodes_page_has_workers_one_below_the_other() -> None:
    """Each under its name, with what belongs to it; what is alike in one table."""
    realms = [{"name": "a", "sessions": 1}, {"name": "b", "sessions": 2}]
    workers = [{"id": "worker001", "realms": realms}, {"id": "box", "type": "container"}]
    page = WebPort({"info": NodeInfoPath()}, info={"workers": workers}).ask("/info").body.decode()
    assert "<h2>worker001</h2>" in page
    assert "<h3>realms</h3><table><thead><tr><th>name</th><th>sessions</th></tr></thead>" in page
    assert "<tr><td>a</td><td>1</td></tr><tr><td>b</td><td>2</td></tr>" in page
    assert page.index("<h3>realms</h3>") < page.index("<h2>box</h2>") < page.index("<td>container</td>")


@pytest.mark.parametrize(
    ("path", "accept", "is_json"),
    [
        ("/info", "application/json", True),
        ("/info?format=json", "text/html", True),
        ("/info?format=html", "application/json", False),
        ("/info", "*/*", False),
        ("/info", "", False),
        ("/info", "text/html;q=0.5, application/json;q=0.9", True),
        ("/info", "text/html, application/json", False),
        ("/info", "application/*", True),
    ],
)
def test_the_nodes_page_is_json_when_asked(port: WebPort, path: str, accept: str, is_json: bool) -> None:
    """By `?format=` or by `Accept`; a browser, and who does not say, gets the page."""
    answer = port.ask(path, Accept=accept)
    assert (answer.headers["Content-Type"] == "application/json") is is_json
    assert answer.headers["Cache-Control"] == "no-store"
    if is_json:
        assert json.loads(answer.body) == INFO


@pytest.mark.parametrize(
    ("accept", "weight"),
    [
        ("", 1.0),
        ("*/*", 1.0),
        ("text/*;q=0.3, */*;q=0.1", 0.3),
        ("text/html;q=x", 0.0),
        ("image/png", 0.0),
        ("text/html;q=7", 1),
    ],
)
def test_accept_is_weighed(accept: str, weight: float) -> None:
    assert accepted(accept, "text/html") == weight


# --- bounds ------------------------------------------------------------------------------------------------------


def test_a_small_body_is_taken_and_thrown_away(port: WebPort) -> None:
    """And the connection goes on."""
    transport = port.connect()
    transport.protocol.dataReceived(request("/info", "POST", Content_Length="5") + b"hello" + request("/info"))
    first, _, second = transport.sent().partition(b"</html>\n")
    assert first.startswith(b"HTTP/1.1 405 ")
    assert second.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "data",
    [
        request("/info", "POST", Content_Length=str(MAX_UNWANTED + 1)),
        request("/info", "POST", Content_Length=str(MAX_UNWANTED + 1), Connection="close"),
        request("/info", "POST", Content_Length=str(MAX_UNWANTED + 1)) + b"x" * (MAX_UNWANTED + 1),
        request("/info", "POST", Content_Length=str(MAX_UNWANTED + 1), Expect="100-continue"),
        request("/info", "POST", Transfer_Encoding="chunked") + (b"10000\r\n" + b"x" * 65536 + b"\r\n") * 3,
    ],
)
def test_a_long_body_is_refused(port: WebPort, data: bytes) -> None:
    """Before it is sent if its length is told, else as soon as it is too long; once."""
    transport = port.connect()
    transport.protocol.dataReceived(data)
    assert transport.value().count(b"HTTP/1.1 ") == transport.value().count(b"HTTP/1.1 413 ") == 1
    assert transport.disconnecting


@pytest.mark.parametrize(
    "data",
    [
        b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 5_000,
        b"garbage\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
    ],
)
def test_a_bad_head_ends_the_connection(port: WebPort, data: bytes) -> None:
    transport = port.connect()
    transport.protocol.dataReceived(data)
    assert transport.disconnecting


def test_an_idle_connection_is_closed(port: WebPort) -> None:
    """After `client_timeout`; by force if it does not go."""
    transport = port.connect()
    port.node.clock.advance(60)
    assert transport.disconnecting
    port.node.clock.advance(15)
    assert transport.cut
    transport.protocol.connectionLost(None)
    assert port.node.clock.getDelayedCalls() == []
    assert not port.connections.open


def test_dripping_buys_no_time(port: WebPort) -> None:
    """A request has `client_timeout` from its first octet (slow loris); the next one has it anew."""
    transport = port.connect()
    port.node.clock.advance(50)
    transport.protocol.dataReceived(request("/info"))
    assert transport.sent()
    port.node.clock.advance(50)
    for octet in request("/info")[:-4]:
        transport.protocol.dataReceived(bytes((octet,)))
        assert not transport.disconnecting
        port.node.clock.advance(0.5)
    for octet in b"X: y\r\n" * 20:
        transport.protocol.dataReceived(bytes((octet,)))
        port.node.clock.advance(0.5)
    assert transport.disconnecting


def test_a_service_that_fails_answers_500(port: WebPort, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the log says why; nothing of it is shown to the client."""
    from twisted.logger import globalLogPublisher

    def fails(*_: object) -> None:
        raise ZeroDivisionError("inner workings")

    events: list[LogEvent] = []
    observer: Callable[[LogEvent], object] = events.append
    monkeypatch.setattr("edge_router.web.nodeinfo.NodeInfoService.answer", fails)
    globalLogPublisher.addObserver(observer)
    try:
        answer = port.ask("/info")
    finally:
        globalLogPublisher.removeObserver(observer)
    assert answer.status == 500
    assert b"inner" not in answer.body
    assert any("log_failure" in event for event in events)


def test_headers_may_hold_any_octets(tmp_path: Path) -> None:
    """They are text of no known encoding; nothing fails over them."""
    port = WebPort({"/": StaticPath(directory="."), "info": NodeInfoPath(), "ws": WebSocketPath()}, tmp_path, info=INFO)
    odd = "\xfc\xff"
    headers = {"Accept": odd, "Range": odd, "If_None_Match": odd, "If_Range": odd, "Origin": odd, "Upgrade": odd}
    for path, status in (("/info", 200), ("/", 404), ("/ws", 426)):
        assert port.ask(path, **headers).status == status


def test_requests_are_logged_only_if_configured() -> None:
    events: list[LogEvent] = []
    globalLogPublisher.addObserver(events.append)
    try:
        WebPort({"info": NodeInfoPath()}, info=INFO).ask("/info")
        assert events == []
        WebPort({"info": NodeInfoPath()}, info=INFO, access_log=True).ask("/info?format=json")
    finally:
        globalLogPublisher.removeObserver(events.append)
    assert formatEvent(events[-1]).startswith('192.168.1.1 "GET /info?format=json" 200 ')


@pytest.mark.parametrize(
    ("uri", "told"),
    [
        ("/lp/rEARCdM0k7MKkgJ5pndvJx_m/send", "/lp/.../send"),
        ("/in/lp/rEARCdM0k7MKkgJ5pndvJx_m/close?x=1", "/in/lp/.../close?x=1"),
        ("/lp/open", "/lp/open"),
        ("/publish?key=pump&signature=E8UOA12v%3D&seq=1", "/publish?key=pump&signature=...&seq=1"),
    ],
)
def test_what_lets_others_in_is_not_in_the_log(uri: str, told: str) -> None:
    """The name of a long-polling transport is all it takes to be its client; signatures are logged at no level."""
    events: list[LogEvent] = []
    paths: dict[str, Any] = {"lp": LongPollPath(), "publish": PublisherPath(realm="realm1", role="web")}
    port = RealmPort({**paths, "in": NestedPath(paths={"lp": LongPollPath()})}, access_log=True)
    globalLogPublisher.addObserver(events.append)
    try:
        port.post(uri, b"{}")
    finally:
        globalLogPublisher.removeObserver(events.append)
    (line,) = [formatEvent(event) for event in events if "method" in event]
    assert f'"POST {told}"' in line


@pytest.mark.parametrize("begin", [bytes.fromhex("160301020001"), bytes.fromhex("7ff10000")])
def test_what_is_not_http_is_told_at_once(port: WebPort, begin: bytes) -> None:
    """A client that was told https: or rs: by mistake need not wait for a time-out to know it."""
    transport = port.connect()
    transport.protocol.dataReceived(begin)
    assert transport.disconnected
    assert transport.sent() == b""


# --- WebSockets --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("switchable", [True, False])
@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("path", ["/ws", "/deep/ws", "/ws/", "/ws?token=1", "/ws/below"])
def test_a_connection_becomes_a_websocket(port: WebPort, path: str, whole: bool, switchable: bool) -> None:
    """Whole or byte by byte, on transports that let their protocol be replaced and on those that do not."""
    transport = port.connect()
    if not switchable:
        channel = transport.protocol
        transport.protocol = type("Outer", (), {"dataReceived": staticmethod(channel.dataReceived)})()
    client = Client(transport, path=path, whole=whole)
    assert client.open
    client.send(CODECS["json"].encode(HELLO))
    (session,) = port.node.sessions
    assert session.messages == [HELLO]
    assert len(port.connections.open) == 1
    (channel if not switchable else transport.protocol).connectionLost(None)
    assert session.losses == 1
    assert not port.connections.open
    assert port.node.clock.getDelayedCalls() == []


def test_a_connection_kept_from_other_requests_becomes_a_websocket(port: WebPort) -> None:
    """Proxies reuse connections."""
    transport = port.connect()
    transport.protocol.dataReceived(request("/info"))
    assert Answer(transport.sent()).status == 200
    client = Client(transport)
    assert client.open


def test_frames_right_behind_the_request_are_not_lost(port: WebPort) -> None:
    """A hasty client does not wait for the answer."""
    from tests.transports.test_websocket import frame, head

    transport = port.connect()
    transport.protocol.dataReceived(head() + frame(0x81, CODECS["json"].encode(HELLO)))
    assert port.node.sessions[0].messages == [HELLO]


def unread(port: WebPort) -> MemoryTransport:
    """A connection whose client has asked for a long file and does not read it."""
    transport = port.connect()
    write = transport.write

    def full(data: bytes) -> None:
        write(data)
        if len(data) > 1000:
            transport.producer.pauseProducing()

    transport.write = full  # type: ignore[method-assign]
    transport.protocol.dataReceived(request("/big.bin"))
    return transport


@pytest.fixture
def with_file(tmp_path: Path) -> WebPort:
    (tmp_path / "big.bin").write_bytes(b"x" * 200_000)
    return WebPort({"/": StaticPath(directory="."), "ws": WebSocketPath()}, tmp_path)


def test_a_websocket_behind_a_download_is_heard(with_file: WebPort) -> None:
    """The request and the frames wait until the file is sent; then the transport is not left paused."""
    from tests.transports.test_websocket import frame, head

    transport = unread(with_file)
    transport.protocol.dataReceived(head() + frame(0x81, CODECS["json"].encode(HELLO)))
    transport.pauseProducing()
    while not with_file.node.sessions:
        transport.producer.resumeProducing()
    assert with_file.node.sessions[0].messages == [HELLO]
    assert transport.producerState == "producing"


def test_requests_that_wait_behind_a_download_are_bounded(with_file: WebPort) -> None:
    """Who does not read but goes on asking is cut. (Twisted would keep it all.)"""
    transport = unread(with_file)
    for _ in range(100):
        transport.protocol.dataReceived(request("/big.bin") * 10)
    assert not transport.cut
    for _ in range(300):
        transport.protocol.dataReceived(request("/big.bin") * 10)
    assert transport.cut


def test_refused_websockets_close_the_connection(port: WebPort) -> None:
    """A page of another origin, say."""
    from tests.transports.test_websocket import head

    transport = port.connect()
    transport.protocol.dataReceived(head(Origin="http://evil.example"))
    assert transport.value().startswith(b"HTTP/1.1 403 ")
    assert transport.disconnecting


def test_the_http_timeout_does_not_cut_websockets(port: WebPort) -> None:
    transport = port.connect()
    client = Client(transport)
    client.send(CODECS["json"].encode(HELLO))
    for _ in range(20):
        port.node.clock.advance(10)
        client.exchange()
    assert client.open
    assert not transport.disconnecting


@given(st.lists(st.binary(max_size=80) | st.sampled_from([request("/info"), request("/ws", Upgrade="websocket")])))
def test_any_bytes_end_in_answers_or_a_closed_connection(pieces: list[bytes]) -> None:
    """Never in an exception or a timer left behind."""
    port = WebPort({"info": NodeInfoPath(), "ws": WebSocketPath()}, info=INFO)
    transport = port.connect()
    for piece in pieces:
        if not transport.disconnecting:
            transport.protocol.dataReceived(piece)
    transport.protocol.connectionLost(None)
    port.node.clock.advance(10)
    assert port.node.clock.getDelayedCalls() == []
    assert not port.connections.open
