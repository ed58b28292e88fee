"""Seed 001, "Getting started with Crossbar.io" (2018): hello world and the date, in Python, Node and a browser.

The guide has Docker between the programs; here they are beside each other on one machine.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator

import pytest

from tests.interop.stage import NodeModules, Unavailable
from tests.page.browser import Browser, Page
from tests.seeds.desk import Desk, Program, complaints

pytestmark = pytest.mark.slow

DATE = r"call result: (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d.*Z)"


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory, modules: NodeModules) -> Iterator[Desk]:
    """The guide's folder, and its router, for all of them. The node must not have complained in the end."""
    desk = Desk(tmp_path_factory.mktemp("guide"), modules)
    desk.put("getting-started", ".")
    (desk.directory / ".crossbar").mkdir()
    (desk.directory / "config.json").rename(desk.directory / ".crossbar" / "config.json")
    try:
        desk.put_autobahn("2.pubsub-js", "3.rpc")
    except Unavailable as reason:
        desk.close()
        pytest.skip(str(reason))
    # the configuration serves it, the guide does not say what is there
    shutil.copytree(desk.directory / "2.pubsub-js", desk.directory / "web" / "pubsub")
    node = desk.start()
    yield desk
    assert node.interrupt() == 0
    assert complaints(node.said()) == []
    desk.close()


def stop(*programs: Program) -> None:
    for program in programs:
        program.close()


def events(page: Page) -> str:
    """What stands in the page's label, once an event has come."""
    script = "document.getElementById('WAMPEvent').innerHTML"
    return str(page.wait_for(f"{script}.startsWith('Events:') && {script}"))


def test_status_in_a_browser(started: Desk, browser: Browser) -> None:
    """http://localhost:8080/info"""
    page = browser.open(f"http://localhost:{started.port}/info")
    text = page.evaluate("document.body.innerText")
    assert "realm1" in text
    assert "running" in text
    page.close()


@pytest.mark.parametrize("served", [False, True], ids=["by clicking on the file", "from the node"])
def test_hello_world(started: Desk, browser: Browser, served: bool) -> None:
    """A publisher in Python, a subscriber in a browser, which opens the page from the disk, or as http://localhost
    while the page connects to 127.0.0.1."""
    publisher = started.python("1.hello-world/client_component_publish.py")
    publisher.says("session ready")
    where = f"http://localhost:{started.port}/pubsub" if served else f"file://{started.directory}/2.pubsub-js"
    page = browser.open(f"{where}/frontend.html")
    assert re.fullmatch(r"Events:Hello World \d+", events(page))
    assert [said for said in page.complaints() if "/favicon.ico" not in said] == []
    page.close()
    stop(publisher)


def test_node_publishes(started: Desk, browser: Browser) -> None:
    """"Publishes Hello World to the topic com.myapp.hello and quits.\""""
    page = browser.open(f"file://{started.directory}/2.pubsub-js/frontend.html")
    for _ in range(100):
        publisher = started.node("4.nodejs/client.js")
        assert publisher.ends() == 0
        assert "session closed: closed wamp.close.goodbye_and_out" in publisher.said()
        if "Hello World" in page.evaluate("document.getElementById('WAMPEvent').innerHTML"):
            break  # before, it may not have subscribed
    assert events(page) == "Events:Hello World from Node"
    page.close()


def test_date_of_node(started: Desk) -> None:
    """A callee in Node, a caller in Python."""
    callee = started.node("3.rpc/rpc_callee.js")
    callee.says(r"Procedure registered: \d+")
    caller = started.python("3.rpc/client_component_rpc_caller.py")
    caller.says(DATE)
    assert caller.ends() == 0
    callee.says("Someone is calling com.myapp.date")
    stop(callee)


def test_date_of_a_browser(started: Desk, browser: Browser) -> None:
    """A callee in a browser; its console says that it is called."""
    page = browser.open(f"file://{started.directory}/3.rpc/rpc_callee.html")
    page.wait_for("connection.isOpen")
    for _ in range(100):
        caller = started.python("3.rpc/client_component_rpc_caller.py")
        found = caller.says(f"{DATE}|call error: .*")
        assert caller.ends() == 0
        if found[1]:
            break
        assert "wamp.error.no_such_procedure" in found[0]
    assert found[1]
    assert page.complaints() == []
    page.close()
