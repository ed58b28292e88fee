"""Seed 000, "Local Crossbar Router for WAMP" (2018): `init`, `start`, and what is there then."""

from __future__ import annotations

import json
from urllib.request import ProxyHandler, build_opener

import pytest

from tests.page.browser import Browser
from tests.seeds.desk import Desk, complaints

pytestmark = pytest.mark.slow

fetch = build_opener(ProxyHandler({})).open


def test_init_and_start(desk: Desk, browser: Browser) -> None:
    """The command to start stands at the end of what `init` prints; the page, the info page and the realm are there."""
    said = desk.edge_router("init")
    assert "\n  edge-router start\n" in said
    config = desk.directory / ".crossbar" / "config.yaml"
    config.write_text(desk.ported(config.read_text()))
    assert "looks good" in desk.edge_router("check")

    node = desk.start()
    assert f"web listens on tcp4:*:{desk.port}" in node.said()
    with fetch(f"http://localhost:{desk.port}/info?format=json") as answer:
        info = json.load(answer)
    assert info["state"] == "running"
    assert [realm["name"] for realm in info["workers"][0]["realms"]] == ["realm1"]
    for address in (f"http://localhost:{desk.port}/", f"http://localhost:{desk.port}/info"):
        page = browser.open(address)
        assert page.evaluate("document.querySelector('h1').innerText")
        assert page.complaints() == []
        page.close()
    # `init` lets the network look and nothing else: what is not there is not to be told from what is not allowed
    frontend = desk.put("frontends/timeservice.js", "frontend.js")
    desk.node(str(frontend)).says("wamp.error.not_authorized")

    assert f"running: {desk.directory / '.crossbar'}" in desk.edge_router("status")
    assert node.interrupt() == 0
    assert node.said().endswith("stopped\n")
    assert complaints(node.said()) == []
