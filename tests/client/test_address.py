"""Where a URL or a section says to connect, and what is wrong with those that say nothing."""

from __future__ import annotations

import pytest

from edge_router.client.address import BadAddress, endpoint_of, place_of, transport_for
from edge_router.config.schema.connecting import (
    ClientRawSocket,
    ClientTcpEndpoint,
    ClientTls,
    ClientTransport,
    ClientUnixEndpoint,
    ClientWebSocket,
)


@pytest.mark.parametrize(
    ("url", "kind", "place"),
    [
        ("ws://router.lan/ws", ClientWebSocket, "tcp:router.lan:80"),
        ("ws://router.lan:8080/ws", ClientWebSocket, "tcp:router.lan:8080"),
        ("wss://router.lan/ws", ClientWebSocket, "tls:router.lan:443"),
        ("ws://[::1]:8080/", ClientWebSocket, "tcp:[::1]:8080"),
        ("rs://192.168.0.2:8081", ClientRawSocket, "tcp:192.168.0.2:8081"),
        ("rss://router.lan:8081", ClientRawSocket, "tls:router.lan:8081"),
        ("unix:/run/x.sock", ClientRawSocket, "unix:/run/x.sock"),
        ("./x.sock", ClientRawSocket, "unix:./x.sock"),
    ],
)
def test_where_a_url_goes(url: str, kind: type[ClientTransport], place: str) -> None:
    """As a person types it."""
    transport = transport_for(url)
    assert type(transport) is kind
    assert place_of(endpoint_of(transport)) == place


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("http://x/", "'http://x/' is no address to connect to; ws://HOST:PORT/PATH or wss://HOST:PORT/PATH, rs://"),
        ("ws://", "is no address to connect to"),
        ("ws://x:99999/", "is no address to connect to"),
        ("rs://x", "'rs://x' has no port; rs://HOST:PORT or rss://HOST:PORT would be right"),
        ("unix:", "'unix:' names no Unix socket; unix:PATH would be right"),
    ],
)
def test_urls_that_say_nothing(url: str, text: str) -> None:
    """What would be right is said."""
    with pytest.raises(BadAddress) as caught:
        transport_for(url)
    assert text in str(caught.value)


def test_options_of_a_url() -> None:
    """TLS rules and the encoding."""
    transport = transport_for("wss://x/", ClientTls(hostname="y"), "cbor")
    assert isinstance(transport, ClientWebSocket)
    endpoint = endpoint_of(transport)
    assert isinstance(endpoint, ClientTcpEndpoint)
    assert endpoint.tls is not None
    assert (endpoint.tls.hostname, transport.serializers) == ("y", ["cbor"])


def test_the_endpoint_goes_before_the_url() -> None:
    """The URL is what the router is told."""
    there = ClientTcpEndpoint(host="10.0.0.1", port=1)
    assert endpoint_of(ClientWebSocket(url="ws://router.lan/ws", endpoint=there)) is there
    assert endpoint_of(ClientRawSocket(url="rs://router.lan", endpoint=there)) is there
    socket = ClientUnixEndpoint(path="x")
    assert endpoint_of(ClientWebSocket(url="ws://localhost/", endpoint=socket)) is socket


def test_a_secure_url_wants_tls_wherever_it_goes() -> None:
    """For the name in the URL; nobody is connected to in the clear who was to be in private."""
    there = ClientTcpEndpoint(host="10.0.0.1", port=1, version=4, timeout=3)
    found = endpoint_of(ClientWebSocket(url="wss://router.lan/ws", endpoint=there))
    assert isinstance(found, ClientTcpEndpoint)
    assert found.tls is not None
    assert (found.host, found.version, found.timeout, found.tls.hostname) == ("10.0.0.1", 4, 3, "router.lan")
    raw = endpoint_of(ClientRawSocket(url="rss://router.lan:5", endpoint=there))
    assert isinstance(raw, ClientTcpEndpoint)
    assert raw.tls is not None


@pytest.mark.parametrize(
    "transport", [ClientRawSocket(), ClientRawSocket(url="ws://x/"), ClientWebSocket(url="rs://x:1")], ids=repr
)
def test_sections_that_say_nothing(transport: ClientTransport) -> None:
    """Neither endpoint nor url, or the url of another kind."""
    with pytest.raises(BadAddress):
        endpoint_of(transport)
