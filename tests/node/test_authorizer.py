"""Authorizers as Crossbar's users write them: autobahn's sessions, embedded in the router that asks them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from autobahn.twisted.wamp import ApplicationSession
from autobahn.wamp.exception import ApplicationError
from autobahn.wamp.types import PublishOptions
from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent

from edge_router.config.parts import to_config
from edge_router.node.node import Node

HERE = __name__
EVERYTHING = {"uri": "", "match": "prefix", "allow": dict.fromkeys(("call", "register", "publish", "subscribe"), True)}
REALM = {
    "name": "realm1",
    "roles": [
        {"name": "authorizer", "permissions": [EVERYTHING]},
        {"name": "visitor", "authorizer": "com.example.authorize", "authorizer_timeout": 2_000},
    ],
}

diary: list[Any] = []


class Old(ApplicationSession):  # type: ignore[misc]
    """Three arguments, true or false, as in the documentation of Crossbar's first years."""

    @inlineCallbacks
    def onJoin(self, details: Any) -> Any:
        yield self.register(self.authorize, "com.example.authorize")

    def authorize(self, session: Any, uri: str, action: str) -> bool:
        diary.append((session["authrole"], uri, action))
        return uri.startswith("com.yes.")


class New(ApplicationSession):  # type: ignore[misc]
    """Four arguments, a dict, and an answer that takes its time."""

    @inlineCallbacks
    def onJoin(self, details: Any) -> Any:
        yield self.register(self.authorize, "com.example.authorize")

    @inlineCallbacks
    def authorize(self, session: Any, uri: str, action: str, options: Any) -> Any:
        diary.append((session["authrole"], uri, action))
        yield self.publish("com.log", uri, options=PublishOptions(acknowledge=True))
        return {"allow": uri.startswith("com.yes."), "disclose": True, "cache": True}


class Broken(Old):
    """It fails."""

    def authorize(self, session: Any, uri: str, action: str) -> bool:
        raise RuntimeError("no database")


class Visitor(ApplicationSession):  # type: ignore[misc]
    """Does things, all at once, and writes down what comes of each."""

    @inlineCallbacks
    def onJoin(self, details: Any) -> Any:
        yield self.deeds()

    def deeds(self) -> Any:
        told = PublishOptions(acknowledge=True)
        work = [
            self.publish("com.yes.a", 1, options=told),
            self.publish("com.no.a", 1, options=told),
            self.subscribe(diary.append, "com.yes.b"),
            self.register(lambda: 7, "com.no.c"),
            self.register(lambda: 7, "com.yes.c"),
            self.publish("com.yes.a", 2, options=told),
        ]
        for number, deed in enumerate(work):
            deed.addCallbacks(
                lambda _, number=number: diary.append(number),
                lambda failure, number=number: diary.append((number, failure.value.error)),
            )
        return work[-1]


@pytest.fixture(autouse=True)
def new_diary() -> None:
    """Nothing has happened yet."""
    diary.clear()


def run(*components: str) -> list[str]:
    """A node with these components. Result: what its log says from warnings upward."""
    clock = Clock()
    roles = {"Visitor": "visitor"}
    declared = [
        {"type": "class", "classname": f"{HERE}.{name}", "realm": "realm1", "role": roles.get(name, "authorizer")}
        for name in components
    ]
    worker = {"type": "router", "realms": [REALM], "components": declared}
    node = Node(to_config({"workers": [worker]}), Path("/nowhere"), clock)
    with capturedLogs() as logged:
        Deferred.fromCoroutine(node.start())
        for _ in range(100):
            clock.advance(0)
    return [formatEvent(event) for event in logged if event["log_level"].name in ("warn", "error", "critical")]


NO = ApplicationError.NOT_AUTHORIZED
OUTCOME = [0, (1, NO), 2, (3, NO), 4, 5]


def test_an_authorizer_of_crossbars_first_years() -> None:
    """It is asked once more with the arguments that it takes, and then always so."""
    (line,) = run("Old", "Visitor")
    assert "takes 4 positional arguments but 5 were given" in line
    assert [entry for entry in diary if entry in OUTCOME] == OUTCOME
    asked = [entry for entry in diary if isinstance(entry, tuple) and entry[0] == "visitor"]
    assert asked == [
        ("visitor", "com.yes.a", "publish"),
        ("visitor", "com.no.a", "publish"),
        ("visitor", "com.yes.b", "subscribe"),
        ("visitor", "com.no.c", "register"),
        ("visitor", "com.yes.c", "register"),
        ("visitor", "com.yes.a", "publish"),
    ]


def test_an_authorizer_that_works_while_it_is_asked() -> None:
    """What it does itself needs no asking; what it says is to be cached is asked once."""
    assert run("New", "Visitor") == []
    assert [entry for entry in diary if entry in OUTCOME] == OUTCOME
    assert diary.count(("visitor", "com.yes.a", "publish")) == 1


def test_an_authorizer_that_fails() -> None:
    """Nothing is allowed; the log says why, once for all."""
    warnings = run("Broken", "Visitor")
    assert len(diary) == len(OUTCOME)
    assert {entry[1] for entry in diary} == {"wamp.error.authorization_failed"}
    (line,) = [line for line in warnings if "com.example.authorize" in line]
    assert "realm 'realm1': authorizer 'com.example.authorize' of role 'visitor': failed:" in line
    assert "no database" in line
