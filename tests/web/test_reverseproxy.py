"""Passing requests on: what the server hears, what the client hears, and what happens when either fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from edge_router.config.schema.webserve import ReverseProxyPath
from tests.transports.loop import Loop
from tests.web.loopback import Front, Line, Server
from tests.web.ports import request

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
Make = Callable[..., Front]


@pytest.fixture
def server(loop: Loop) -> Iterator[Server]:
    made = Server(loop)
    yield made
    made.close()


@pytest.fixture
def front(loop: Loop, server: Server) -> Iterator[Make]:
    """A port with the server below `/app`."""
    made: list[Front] = []

    def make(**options: Any) -> Front:
        config = ReverseProxyPath(**{"host": "127.0.0.1", "port": server.port, **options})
        made.append(Front(loop, {"app": config}))
        return made[-1]

    yield make
    for each in made:
        each.close()


def ask(at: Front, path: str = "/app", method: str = "GET", body: bytes = b"", **headers: str) -> Line:
    """A client that has asked, and closes after the answer."""
    client = at.connect()
    client.transport.write(request(path, method, Connection="close", **headers) + body)
    return client


@pytest.mark.parametrize(
    ("base", "path", "asked"),
    [
        ("", "/app", b"/"),
        ("", "/app/", b"/"),
        ("", "/app/a%20b/c?x=1&y=%2F", b"/a%20b/c?x=1&y=%2F"),
        ("/base", "/app", b"/base"),
        ("/base", "/app/", b"/base/"),
        ("/base/", "/app/x", b"/base/x"),
        ("", "/app//x", b"/x"),
        ("", "/app?q", b"/?q"),
    ],
)
def test_the_path_below_is_asked_for(front: Make, server: Server, base: str, path: str, asked: bytes) -> None:
    """Below `path` of the configuration; octets as the client wrote them."""
    ask(front(path=base), path)
    assert server.request().startswith(b"GET " + asked + b" HTTP/1.1\r\n")


def test_who_asked_is_told(front: Make, server: Server) -> None:
    """By `X-Forwarded-*`; what concerns the client's connection is not passed on."""
    at = front()
    ask(at, Upgrade="h2c", TE="trailers", X_Forwarded_For="10.0.0.9", X_Mine="kept", Keep_Alive="5",
        Proxy_Authorization="secret", X_Forwarded_Proto="https", X_Forwarded_Host="evil")  # fmt: skip
    head = server.request().lower()
    lines = head.split(b"\r\n")
    for line in (
        b"host: 127.0.0.1:%d" % server.port,
        b"x-forwarded-for: 10.0.0.9, 127.0.0.1",
        b"x-forwarded-host: pi.local",
        b"x-forwarded-proto: http",
        b"x-forwarded-port: %d" % at.port,
        b"x-mine: kept",
    ):
        assert line in lines
    for name in (b"upgrade", b"te:", b"keep-alive", b"proxy-", b"evil"):
        assert name not in head


def test_headers_named_by_connection_are_not_passed_on(front: Make, server: Server) -> None:
    client = front().connect()
    client.transport.write(request("/app", Connection="close, X-Hop", X_Hop="1", X_Stays="1"))
    head = server.request().lower()
    assert b"x-hop" not in head
    assert b"x-stays" in head


def test_what_the_proxy_is_taken_for_can_be_said(front: Make, server: Server) -> None:
    """`forwarded_port` and `forwarded_proto`, behind yet another proxy."""
    ask(front(forwarded_port=443, forwarded_proto="https"))
    head = server.request().lower()
    assert b"x-forwarded-port: 443\r\n" in head
    assert b"x-forwarded-proto: https\r\n" in head


def test_the_answer_is_the_servers(front: Make, server: Server) -> None:
    """Status, headers, body; nothing of ours but the date, if it has none."""
    at = front()
    client = ask(at)
    server.request()
    server.lines[0].transport.write(
        b"HTTP/1.1 418 I'm a teapot\r\nContent-Length: 3\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nServer: tea\r\n"
        b"Connection: close\r\nKeep-Alive: 5\r\nX-Frame-Options: DENY\r\nContent-Type: x/y\r\n\r\npot"
    )
    answer = at.answer(client)
    assert client.got.startswith(b"HTTP/1.1 418 I'm a teapot\r\n")
    assert (answer.status, answer.body) == (418, b"pot")
    assert answer.headers.get_all("Set-Cookie") == ["a=1", "b=2"]
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Content-Type"] == "x/y"
    assert answer.headers["Keep-Alive"] is None
    assert answer.headers["X-Content-Type-Options"] is None


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", b"hi"),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhi", b"hi"),
        (b"HTTP/1.0 200 OK\r\n\r\nhi", b"hi"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (b"HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n", b""),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, b"hi"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b""),
    ],
)
def test_all_framings_of_an_answer(front: Make, server: Server, answer: bytes, body: bytes) -> None:
    at = front()
    client = ask(at)
    server.request()
    server.lines[0].transport.write(answer)
    server.lines[0].transport.loseConnection()
    assert at.answer(client).body == body


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "DELETE", "PROPFIND"])
def test_all_methods_are_passed_on(front: Make, server: Server, method: str) -> None:
    at = front()
    client = ask(at, "/app/x", method)
    assert server.request().startswith(method.encode() + b" /x ")
    server.lines[0].transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    assert at.answer(client, method).status == 200


@pytest.mark.parametrize("early", [False, True])
def test_a_body_is_passed_on_as_it_comes(front: Make, server: Server, early: bool) -> None:
    """Before the request is complete; its length is told if the client has told it."""
    at = front()
    client = at.connect()
    client.transport.write(request("/app", "POST", Content_Length="6", Connection="close") + b"abc")
    head = server.request(end=b"abc")
    assert b"content-length: 6\r\n" in head.lower()
    if early:
        server.lines[0].transport.write(OK)
        at.loop.until(lambda: True)
    client.transport.write(b"def")
    if not early:
        server.request(end=b"abcdef")
        server.lines[0].transport.write(OK)
    assert at.answer(client).body == b"hi"


def test_a_chunked_body_is_passed_on(front: Make, server: Server) -> None:
    at = front()
    client = at.connect()
    head = request("/app", "PUT", Transfer_Encoding="chunked", Connection="close")
    client.transport.write(head + b"3\r\nabc\r\n0\r\n\r\n")
    assert server.request(end=b"0\r\n\r\n").endswith(b"3\r\nabc\r\n0\r\n\r\n")
    server.lines[0].transport.write(OK)
    assert at.answer(client).body == b"hi"


def test_a_long_body_does_not_pile_up(front: Make, server: Server) -> None:
    """A server that does not read makes the client wait."""
    at = front()
    client = at.connect()
    client.transport.write(request("/app", "POST", Content_Length="16000000") + b"x")
    server.request(end=b"x")
    server.lines[0].transport.pauseProducing()
    sent = 0
    stuck = 0
    while stuck < 200:
        if len(client.transport.dataBuffer) + client.transport._tempDataLen < 65536:
            client.transport.write(b"x" * 65536)
            sent += 65536
            stuck = 0
        stuck += 1
        at.loop.reactor.iterate(0.001)
        assert sent < 16_000_000, "all of it was taken"
    server.lines[0].transport.resumeProducing()
    at.loop.until(lambda: len(server.lines[0].got) > sent - 200_000)


def test_a_body_has_a_limit(front: Make, server: Server) -> None:
    at = front(post_body_limit=10)
    answer = at.answer(ask(at, method="POST", body=b"x" * 11, Content_Length="11"))
    assert answer.status == 413
    assert server.lines == []


def test_a_long_answer_does_not_pile_up(front: Make, server: Server) -> None:
    """A client that does not read makes the server wait; when it reads, it gets all."""
    at = front()
    client = ask(at)
    server.request()
    client.transport.pauseProducing()
    total = 64_000_000
    line = server.lines[0].transport
    line.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % total)
    sent = stuck = 0
    while stuck < 200:
        if len(line.dataBuffer) + line._tempDataLen < 65536:
            line.write(b"x" * 65536)
            sent += 65536
            stuck = 0
        stuck += 1
        at.loop.reactor.iterate(0.001)
        assert sent < 32_000_000, "all of it was taken"
    client.transport.resumeProducing()
    at.loop.until(lambda: len(client.got) > sent - 200_000)


@pytest.mark.parametrize(
    ("location", "base", "here"),
    [
        ("http://127.0.0.1:@/login", "", "/app/login"),
        ("http://127.0.0.1:@/base/x?y", "/base", "/app/x?y"),
        ("/login", "", "/app/login"),
        ("/base/login", "/base", "/app/login"),
        ("/other", "/base", "/other"),
        ("/based", "/base", "/based"),
        ("relative", "", "relative"),
        ("https://elsewhere.example/", "", "https://elsewhere.example/"),
        ("//elsewhere.example/", "", "//elsewhere.example/"),
    ],
)
def test_addresses_are_called_as_here(front: Make, server: Server, location: str, base: str, here: str) -> None:
    """Those on the server, in `Location`; others stay as they are."""
    at = front(path=base)
    client = ask(at, "/app/deep/er")
    server.request()
    said = location.replace("@", str(server.port)).encode()
    server.lines[0].transport.write(b"HTTP/1.1 302 Found\r\nLocation: " + said + b"\r\nContent-Length: 0\r\n\r\n")
    assert at.answer(client).headers["Location"] == here


# --- failures ----------------------------------------------------------------------------------------------------


def test_a_server_that_is_down(front: Make, server: Server) -> None:
    """502; with a body, too."""
    at = front()
    server.close()
    for _ in range(2):
        assert at.answer(ask(at)).status == 502
        assert at.answer(ask(at, method="POST", body=b"abc", Content_Length="3")).status == 502


@pytest.mark.parametrize("said", [b"", b"garbage\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 200 OK\r\nnonsense"])
def test_a_server_that_talks_nonsense(front: Make, server: Server, said: bytes) -> None:
    """502."""
    at = front()
    client = ask(at, method="POST", body=b"x", Content_Length="1")
    server.request(end=b"x")
    server.lines[0].transport.write(said)
    server.lines[0].transport.loseConnection()
    assert at.answer(client).status == 502


def test_a_server_that_breaks_off(front: Make, server: Server) -> None:
    """The client does not take what it has for all."""
    at = front()
    client = ask(at)
    server.request()
    server.lines[0].transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
    at.loop.until(lambda: b"half" in client.got)
    server.lines[0].transport.loseConnection()
    at.loop.until(lambda: client.lost)
    assert client.got.endswith(b"half")


def test_a_server_that_does_not_answer(front: Make, server: Server) -> None:
    """504 after `timeout`."""
    at = front(timeout=1)
    assert at.answer(ask(at)).status == 504
    at.loop.until(lambda: server.lines[0].lost)


def test_a_client_that_goes_away(front: Make, server: Server) -> None:
    """The server need not work for nobody: before its answer, and in the middle of it."""
    at = front()
    client = ask(at)
    server.request()
    client.transport.abortConnection()
    at.loop.until(lambda: server.lines[0].lost)
    client = ask(at)
    server.request(1)
    server.lines[1].transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
    at.loop.until(lambda: b"half" in client.got)
    client.transport.abortConnection()
    at.loop.until(lambda: server.lines[1].lost)


@pytest.mark.parametrize("line", [b"GET /app/\xff HTTP/1.1", b"GET /app/a\x01b HTTP/1.1", b"G(T /app/ HTTP/1.1"])
@pytest.mark.parametrize("body", [b"", b"x" * 100_000])
def test_what_is_no_request_is_not_passed_on(front: Make, server: Server, line: bytes, body: bytes) -> None:
    """400; nothing is sent to the server."""
    at = front()
    client = at.connect()
    head = b"\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
    client.transport.write(line + head + body)
    at.loop.until(lambda: client.lost)
    assert client.got.startswith(b"HTTP/1.1 400 ")
    assert server.lines == []


def test_connections_are_used_again(front: Make, server: Server) -> None:
    """Those of the client, and those to the server."""
    at = front()
    client = at.connect()
    for number in range(3):
        client.transport.write(request(f"/app/{number}"))
        at.loop.until(lambda n=number: f"/{n} HTTP".encode() in b"".join(line.got for line in server.lines))  # type: ignore[misc]
        server.lines[0].transport.write(OK)
        at.loop.until(lambda n=number: client.got.count(b"hi") == n + 1)  # type: ignore[misc]
    assert len(server.lines) == 1


def test_websockets_do_not_get_through(front: Make, server: Server) -> None:
    """The server sees a plain request."""
    ask(front(), Upgrade="websocket", Sec_WebSocket_Key="x")
    head = server.request().lower()
    assert b"upgrade" not in head
