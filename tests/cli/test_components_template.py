"""`edge-router init --template components`: what it writes runs, as Crossbar's first README promised."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge_router.__main__ import dispatch
from edge_router.config.load import load
from tests.cli.running import Client, RunningNode, write

pytest.importorskip("autobahn")

SUBSCRIBE, SUBSCRIBED, EVENT, CALL, RESULT, ERROR = 32, 33, 36, 48, 50, 8
NO_SUCH_PROCEDURE = "wamp.error.no_such_procedure"


def until(client: Client, code: int) -> Any:
    """The next message of this code, or the next ERROR."""
    while (received := client.receive())[0] not in (code, ERROR):
        pass
    return received


def test_nothing_is_to_be_said_about_it(tmp_path: Path) -> None:
    """`check` has no problem and no notice."""
    dispatch(["init", "--cbdata", str(tmp_path), "--template", "components"])
    assert load(tmp_path / "config.yaml").notices == []


@pytest.mark.slow
def test_time_and_ticks(tmp_path: Path, start_node: Callable[..., RunningNode]) -> None:
    """The time is told by the component in the router, the ticks come from the container."""
    dispatch(["init", "--cbdata", str(tmp_path), "--template", "components"])
    config = tmp_path / "config.yaml"
    config.write_text(config.read_text().replace("port: 8080}", "port: 0, interface: 127.0.0.1}"))
    start_node().wait_until_ready()
    client = Client(tmp_path / "router.sock")
    client.join()
    client.send(SUBSCRIBE, 1, {}, "com.myapp.topic1")
    assert until(client, SUBSCRIBED)[0] == SUBSCRIBED
    first, second = until(client, EVENT), until(client, EVENT)
    assert second[4] == [first[4][0] + 1]
    for request in range(2, 1000):
        client.send(CALL, request, {}, "com.timeservice.now")
        time = until(client, RESULT)
        if time[0] == RESULT:
            break
        assert time[4] == NO_SUCH_PROCEDURE, "the component may still be starting"
    assert time[3][0].endswith("Z")
    client.close()


@pytest.mark.slow
def test_modules_of_web_services(tmp_path: Path, start_node: Callable[..., RunningNode]) -> None:
    """`pythonpath` of a worker is for all that it imports, not for components alone."""
    (tmp_path / "apps").mkdir()
    (tmp_path / "apps" / "moving_resource.py").write_text(
        "from twisted.web.resource import Resource\n\n\nclass Here(Resource):\n    pass\n"
    )
    endpoint = {"type": "tcp", "port": 0, "interface": "127.0.0.1"}
    paths = {"/": {"type": "resource", "classname": "moving_resource.Here"}}
    worker = {"type": "router", "options": {"pythonpath": ["apps"]}, "realms": [{"name": "realm1"}]}
    transports = [{"type": "web", "endpoint": endpoint, "paths": paths}]
    write(tmp_path, {"version": 2, "workers": [{**worker, "transports": transports}]})
    assert start_node().wait_until_ready() > 0
