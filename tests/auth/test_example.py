"""examples/logins does what its comments say."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from edge_router.config.load import load
from edge_router.node.logins import Logins
from tests.auth.entrance import DENIED, Client, Entrance, refused, welcomed
from tests.auth.test_wampcra import sign

EXAMPLE = Path(__file__).parents[2] / "examples" / "logins"


@pytest.fixture
def transports(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The transports of the example."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    loaded = load(EXAMPLE / "config.yaml")
    assert loaded.notices == []
    yield loaded.config.workers[0].transports
    sys.modules.pop("users", None)


def entered(auth: Any) -> tuple[Entrance, Client]:
    """A client of a transport with this `auth`."""
    entrance = Entrance({}, EXAMPLE)
    logins = Logins(EXAMPLE, entrance.clock, entrance.router)
    entrance.methods = logins.methods(auth)
    problems: list[Any] = []
    Deferred.fromCoroutine(logins.start()).addErrback(problems.append)
    assert problems == []
    return entrance, entrance.client()


def test_people(transports: Any) -> None:
    """A user of the file gets in with the password, and another does not."""
    entrance, client = entered(transports[0].auth)
    client.tell(1, "realm1", {"roles": {"caller": {}}, "authmethods": ["cookie", "wampcra"], "authid": "joe"})
    found = welcomed(client.say(5, sign(client.inbox[-1][2], "correct horse"), {}))
    assert (found["authrole"], found["authextra"]) == ("operator", {"greeting": "hello joe"})
    answer = entrance.client().hello("wampcra", "jim")
    assert refused(answer) == DENIED
    assert answer[1]["message"] == "who is that?"


def test_devices(transports: Any) -> None:
    """The procedure decides, in the realm that it is in; a device need not know."""
    entrance, client = entered(transports[1].auth)
    entrance.local().register("com.example.authenticate", lambda *_: {"role": "operator", "realm": "realm1"})
    entrance.settle()
    client.tell(1, None, {"roles": {"caller": {}}, "authmethods": ["ticket"], "authid": "pump"})
    client.tell(5, "x", {})
    entrance.settle()
    assert welcomed(client.inbox[-1])["authid"] == "pump"
