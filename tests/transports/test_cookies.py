"""Cookies in the handshake: what a browser shows, what it is given, and with which attributes."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import convert, structs
from websockets.datastructures import Headers

from edge_router.auth.jar import Jar
from edge_router.config.schema import Cookie, WebSocketPath
from edge_router.transports.cookies import given, shown
from edge_router.transports.websocket import WebSockets
from tests.transports.test_websocket import head
from tests.transports.wires import MemoryNode, MemoryTransport

GOOD = "abcdefghijkl"


class Port:
    """A listening port whose browsers have cookies."""

    def __init__(self, **cookie: Any) -> None:
        self.node = MemoryNode()
        config = WebSocketPath(cookie=convert(cookie, Cookie))
        host = structs.replace(self.node.host, jar=Jar)
        self.connections = self.node.connections(WebSockets(config, host).protocol)

    def shake(self, **headers: Any) -> tuple[str | None, Any]:
        """A handshake. Result: the header Set-Cookie; the visit, as the session's transport details have it."""
        transport: MemoryTransport = self.node.connect(self.connections)
        transport.protocol.dataReceived(head(**headers))
        answer = transport.value().split(b"\r\n\r\n")[0].decode().split("\r\n")
        cookies = [line.partition(": ")[2] for line in answer if line.startswith("Set-Cookie: ")]
        assert len(cookies) <= 1
        visit = self.node.sessions[-1].peer.details.cookie if answer[0].startswith("HTTP/1.1 101") else None
        return (cookies[0] if cookies else None), visit


def test_a_browser_keeps_its_cookie() -> None:
    """It is given one, shows it the next time, and is not given another."""
    port = Port()
    header, visit = port.shake()
    assert header is not None
    cookie = header.partition(";")[0]
    again, same = port.shake(Cookie=f"theme=dark; {cookie}; x=y")
    assert again is None
    assert same.name == visit.name
    strange, other = port.shake(Cookie="cbtid=abcdefabcdefabcdefabcdef")
    assert strange is not None
    assert other.name != visit.name


def test_no_cookie_without_a_handshake() -> None:
    """A request that is refused gets none."""
    assert Port().shake(Origin="http://elsewhere.example") == (None, None)


def test_no_cookies_unless_configured() -> None:
    node = MemoryNode()
    connections = node.connections(WebSockets(WebSocketPath(), node.host).protocol)
    transport = node.connect(connections)
    transport.protocol.dataReceived(head())
    assert b"Set-Cookie" not in transport.value()
    assert node.sessions[0].peer.details.cookie is None


@pytest.mark.parametrize(
    ("cookie", "secure", "header"),
    [
        ({}, False, "cbtid=v; Max-Age=604800; Path=/ws; SameSite=Strict; HttpOnly"),
        ({}, True, "cbtid=v; Max-Age=604800; Path=/ws; SameSite=Strict; HttpOnly; Secure"),
        ({"secure": False}, True, "cbtid=v; Max-Age=604800; Path=/ws; SameSite=Strict; HttpOnly"),
        (
            {"name": "kitchen", "max_age": 60, "http_strict": False, "same_site": "None", "secure": True},
            False,
            "kitchen=v; Max-Age=60; Path=/ws; SameSite=None; Secure",
        ),
    ],
)
def test_attributes(cookie: dict[str, Any], secure: bool, header: str) -> None:
    """As configured; `Secure` by itself where the connection is."""
    assert given(convert(cookie, Cookie), "v", "/ws?x=1", secure) == header


@pytest.mark.parametrize("path", ["*", "/a;Domain=x", "/a b", "http://x/", ""])
def test_strange_paths(path: str) -> None:
    """They cannot write attributes."""
    assert "; Path=/; " in given(Cookie(), "v", path, False)


@pytest.mark.parametrize(
    ("header", "value"),
    [
        (f"cbtid={GOOD}", GOOD),
        (f"a=b;cbtid={GOOD};c=d", GOOD),
        (f"a=b; xcbtid=no; cbtid={GOOD}", GOOD),
        ("cbtid=", None),
        ("cbtid=short", None),
        (f"cbtid={'x' * 65}", None),
        (f"cbtid={GOOD}é", None),
        (f'cbtid="{GOOD}"', None),
        ("cbtid", None),
        ("", None),
        (";;;===", None),
    ],
)
def test_what_is_shown(header: str, value: str | None) -> None:
    """Found among others; what cannot be ours is none."""
    assert shown(Headers(Cookie=header), "cbtid") == value
    assert shown(Headers(), "cbtid") is None
