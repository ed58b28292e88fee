"""Seed 002, components in Python (2015): TimeService in the router, in a container, and as a guest."""

from __future__ import annotations

import json
import re
import sys

import pytest

from tests.seeds.desk import Desk, Program, complaints

pytestmark = pytest.mark.slow

TIME = r"Current time: \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
NOTICE = "version 1 form, read as {uri: '', match: 'prefix', allow: {"
#: The page says of guests no more than "write me".
GUEST = {
    "type": "guest",
    "executable": sys.executable,
    "arguments": ["-u", "run.py"],
    "options": {"workdir": "..", "restart": "restart-on-failed"},
}
RUN = """\
import os
from autobahn.twisted.wamp import ApplicationRunner
from timeservice import TimeService

ApplicationRunner(os.environ["CBURL"], os.environ["CBREALM"]).run(TimeService)
"""


def experiment(desk: Desk, kind: str) -> Program:
    """`init`, the component, the configuration pasted, `start`."""
    desk.edge_router("init")
    desk.put("time-service/timeservice.py", "timeservice.py")
    desk.put(f"time-service/{kind}.json", ".crossbar/config.json")
    return desk.start()


def asked(desk: Desk, node: Program) -> str:
    """Ask as the frontend does, and end the node. Result: its log."""
    frontend = desk.put("frontends/timeservice.js", "frontend.js")
    desk.node(str(frontend)).says(TIME)
    node.says(r"I am being called;\)")
    assert node.interrupt() == 0
    assert complaints(node.said()) == []
    return node.said()


@pytest.mark.parametrize("kind", ["embedded", "container"])
def test_as_the_page_has_it(desk: Desk, kind: str) -> None:
    """The configuration of version 1 works as it stands; the component runs unchanged on Python 3; what it prints is
    seen."""
    node = experiment(desk, kind)
    node.says(r"Ok, registered procedure for WAMP RPC \(\d+\)")
    for _ in range(100):
        if "component001: running" in (status := desk.edge_router("status")):
            break  # the node writes down now and then how its workers are
    assert "class component001: running" in status
    log = asked(desk, node)
    assert NOTICE in log
    assert ("container: worker002: Ok, registered" in log) is (kind == "container")


@pytest.mark.parametrize("kind", ["embedded", "container"])
def test_after_upgrade(desk: Desk, kind: str) -> None:
    """`upgrade` rewrites it, there is nothing to be said any more, and it does the same."""
    desk.edge_router("init")
    desk.put("time-service/timeservice.py", "timeservice.py")
    desk.put(f"time-service/{kind}.json", ".crossbar/config.json")
    desk.edge_router("upgrade")
    assert NOTICE not in desk.edge_router("check")
    node = desk.start()
    asked(desk, node)


def test_as_a_guest(desk: Desk) -> None:
    """In the container's place a guest, which is a client like any other."""

    def with_guest(text: str) -> str:
        config = json.loads(text)
        config["workers"][1] = GUEST
        return json.dumps(config, indent=3)

    desk.edge_router("init")
    desk.put("time-service/timeservice.py", "timeservice.py")
    (desk.directory / "run.py").write_text(RUN)
    desk.put("time-service/container.json", ".crossbar/config.json", with_guest)
    node = desk.start()
    assert re.search(r"guest: worker002: .*I am being called;\)", asked(desk, node))
