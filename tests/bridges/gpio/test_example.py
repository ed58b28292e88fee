"""examples/gpio does what its README says, as it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bridges.gpio.bridge import GpioBridge
from bridges.gpio.config import GpioConfig
from edge_router.client import CallError, Invoked
from edge_router.config.load import load
from edge_router.wamp.messages import InvocationDetails
from tests.bridges.gpio.conftest import Router
from tests.bridges.harness import PtyReactor

EXAMPLE = Path(__file__).parents[3] / "examples" / "gpio" / "config.yaml"
HOUSE = "com.example.house"


@pytest.fixture
def house(reactor: PtyReactor, session: Router, tmp_path: Path) -> Iterator[GpioBridge]:
    (section,) = load(EXAMPLE).config.bridges
    assert isinstance(section, GpioConfig)
    bridge = GpioBridge(section, reactor)
    bridge.directory = tmp_path
    bridge.start(session)  # type: ignore[arg-type]
    yield bridge
    bridge.stop()


def call(session: Router, name: str, *args: Any) -> Any:
    procedure = f"{HOUSE}.{name}"
    told = (Invoked(procedure, InvocationDetails(caller=7), None),) if procedure in session.disclosed else ()
    return session.procedures[procedure](*told, *args)


def test_what_the_readme_says(house: GpioBridge, reactor: PtyReactor, session: Router) -> None:
    call(session, "simulate", "set", "door", True)
    reactor.until(lambda: session.values(f"{HOUSE}.door") == ["open", "closed"])
    call(session, "light.set", "on")
    call(session, "shutter_up.pulse", 3)
    with pytest.raises(CallError, match=r"edge\.error\.interlock.*shutter_up is on"):
        call(session, "shutter_down.set", "on")
    call(session, "pump.set", "on")
    session.tell("wamp.session.on_leave", 7)
    reactor.advance(4.9)
    levels = {"light": True, "pump": True, "shutter_up": False, "shutter_down": False}
    assert call(session, "get_status").kwargs["outputs"] == levels
    reactor.advance(0.2)
    assert session.values(f"{HOUSE}.pump") == [False, True, False]


def test_the_permissions_suffice() -> None:
    """Its role may publish, register, and be told of sessions that leave."""
    loaded = load(EXAMPLE).config
    (worker,) = loaded.workers
    roles = {role.name: role for role in worker.realms[0].roles}
    allowed = {permission.uri for permission in roles["bridge"].permissions}
    assert allowed == {HOUSE, "wamp.session.on_leave", "wamp.session.list"}
    assert roles["local"].permissions[0].disclose.caller
