"""Any octets to a port with all kinds of services: answers or a closed connection, and nothing in the log."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.logger import globalLogPublisher

from edge_router.config.schema import NestedPath, NodeInfoPath, WebSocketPath
from edge_router.config.schema.webrealm import CallerPath, LongPollPath, PublisherPath, WebhookOptions, WebhookPath
from edge_router.config.schema.webserve import HealthPath, JsonPath, MetricsPath, RedirectPath
from tests.web.realms import RealmPort, lose

ACTING: dict[str, str] = {"realm": "realm1", "role": "web"}
METHODS = [b"GET", b"POST", b"PUT", b"HEAD", b"OPTIONS", b"BREW"]
PATHS = [
    b"/", b"/publish", b"/call", b"/hook", b"/lp/open", b"/lp/x/send", b"/conf", b"/old", b"/info", b"/ws",
    b"/deep/conf", b"/metrics", b"/health/ready", b"/publish?key=a&timestamp=b", b"http://x/call", b"*",
]  # fmt: skip
HEADERS = [
    b"Content-Type", b"Content-Length", b"Transfer-Encoding", b"Origin", b"Accept", b"Expect", b"Connection",
    b"If-None-Match", b"Upgrade", b"Host", b"X",
]  # fmt: skip
VALUES = [
    b"application/json", b"chunked", b"5", b"70000", b"http://pi.local", b"close", b"websocket", b"100-continue",
    b"\xff\xfe", b"multipart/form-data; boundary=x", b"0", b"-1", b"*/*;q=x",
]  # fmt: skip
BODIES = [
    b"{}", b'{"topic": "com.a"}', b'{"procedure": "com.a", "args": [1]}', b'{"protocols": ["wamp.2.json"]}',
    b"5\r\nhello\r\n0\r\n\r\n",
]  # fmt: skip

requests = st.builds(
    lambda method, path, headers, body: b"%b %b HTTP/1.1\r\n%b\r\n%b"
    % (method, path, b"".join(b"%b: %b\r\n" % header for header in headers), body),
    st.sampled_from(METHODS),
    st.sampled_from(PATHS) | st.binary(max_size=20).map(lambda octets: b"/" + octets),
    st.lists(st.tuples(st.sampled_from(HEADERS), st.sampled_from(VALUES) | st.binary(max_size=10)), max_size=5),
    st.sampled_from(BODIES) | st.binary(max_size=30),
)


@pytest.mark.parametrize("whole", [True, False])
@given(stream=st.lists(requests | st.binary(max_size=60), min_size=1, max_size=4).map(b"".join))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_octets(whole: bool, stream: bytes) -> None:
    """Whole or byte by byte; and the next client is served."""
    failures: list[Any] = []

    def observe(event: dict[str, Any]) -> None:
        if "log_failure" in event:
            failures.append(event)

    at = RealmPort(
        {
            "publish": PublisherPath(**ACTING),
            "call": CallerPath(**ACTING),
            "hook": WebhookPath(**ACTING, options=WebhookOptions(topic="com.hook")),
            "lp": LongPollPath(),
            "conf": JsonPath(value=[1]),
            "old": RedirectPath(url="/x"),
            "info": NodeInfoPath(),
            "ws": WebSocketPath(),
            "deep": NestedPath(paths={"conf": JsonPath(value=[1])}),
            "metrics": MetricsPath(),
            "health": HealthPath(),
        }
    )
    globalLogPublisher.addObserver(observe)
    try:
        transport = at.connect()
        for piece in [stream] if whole else [stream[place : place + 1] for place in range(len(stream))]:
            if not transport.disconnecting:
                transport.protocol.dataReceived(piece)
        at.settle()
        lose(transport)
        at.settle()
        assert at.post("/conf", method="GET").status == 200
        at.site.stop()
        assert at.site._budget.used == 0
    finally:
        globalLogPublisher.removeObserver(observe)
    assert failures == []
