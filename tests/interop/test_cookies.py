"""Cookies with a running node: the store is there after a restart and after a kill."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import connect

from tests.interop.running_node import RunningNode, tcp

pytestmark = pytest.mark.slow

AUTH = {"ticket": {"principals": {"joe": {"ticket": "secret1", "role": "anonymous"}}}, "cookie": {}}
STORES = [{"type": "file", "filename": "cookies"}, {"type": "sqlite", "path": "cookies"}]


def join(node: RunningNode, cookie: str | None, *methods: str) -> tuple[list[Any], str | None]:
    """Log in over a WebSocket. Result: the last answer; the cookie that was set."""
    host, port = node.tcp("websocket")
    headers = {} if cookie is None else {"Cookie": cookie}
    with connect(
        f"ws://{host}:{port}/", subprotocols=["wamp.2.json"], additional_headers=headers, proxy=None  # type: ignore[list-item]
    ) as client:
        details = {"roles": {"caller": {}}, "authmethods": methods, "authid": "joe"}
        client.send(json.dumps([1, "realm1", details]))
        answer = json.loads(client.recv())
        if answer[0] == 4:
            client.send(json.dumps([5, "secret1", {}]))
            answer = json.loads(client.recv())
        given = client.response.headers.get("Set-Cookie") if client.response else None
        return answer, given and given.partition(";")[0]


@pytest.mark.parametrize("store", STORES, ids=["file", "sqlite"])
def test_over_restarts(store: dict[str, Any], tmp_path: Path) -> None:
    """Logged in once; known after SIGTERM, and after SIGKILL right after the login."""
    transport = {"type": "websocket", "endpoint": tcp(), "auth": AUTH, "cookie": {"store": store}}
    node = RunningNode(tmp_path, {"websocket": transport})
    node.start()
    cookies = []
    for end in (node.kill, node.stop, node.kill):
        answer, cookie = join(node, None, "cookie", "ticket")
        assert answer[2]["authmethod"] == "ticket"
        cookies.append(cookie)
        end()
        node.start()
        for known in cookies:
            answer, given = join(node, known, "cookie")
            assert (answer[0], answer[2]["authmethod"], answer[2]["authid"]) == (2, "cookie", "joe")
            assert given is None
    assert join(node, "cbtid=abcdefabcdef", "cookie")[0][2] == "wamp.error.authentication_denied"
    assert node.stop() == 0
    assert node.complaints() == []
