"""The names of Crossbar.io's IoT cookbook: its clients find what they know."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec import ValidationError

from edge_router.client import CallError, Invoked
from edge_router.wamp.messages import InvocationDetails
from tests.bridges.gpio.conftest import Board, Router, configured

PREFIX = "io.crossbar.demo.iotstarterkit.1234.gpio"
SECTIONS: dict[str, Any] = {
    "cookbook": {"prefix": PREFIX},
    "outputs": {"lamp": {"line": 13}, "pump": {"line": 19, "on_loss": "off"}},
    "inputs": {"door": {"line": 20, "debounce": 0}, "meter": {"line": 21, "measure": "count"}, "gate": {"line": 22}},
}

Make = Callable[..., Board]


class Starterkit:
    """A client of the cookbook."""

    def __init__(self, io: Board) -> None:
        self.io = io

    def call(self, name: str, *args: Any, caller: int | None = 7, **kwargs: Any) -> Any:
        procedure = f"{PREFIX}.{name}"
        invoked = Invoked(procedure, InvocationDetails(caller=caller), None)
        return self.io.session.procedures[procedure](invoked, *args, **kwargs)

    def told(self) -> list[tuple[str, Any]]:
        return [(topic.removeprefix(f"{PREFIX}."), kwargs) for topic, kwargs in self.io.session.told]


@pytest.fixture
def kit(board: Make) -> Starterkit:
    return Starterkit(board(**SECTIONS))


def test_digouts(kit: Starterkit) -> None:
    """By number, with positional or keyword arguments; set says whether it changed, toggle what it is now."""
    assert kit.call("set_digout", 0, True) is True
    assert kit.call("set_digout", digout=0, state=True) is False
    assert kit.call("toggle_digout", 1) is True
    assert kit.call("get_digout") == [True, True]
    assert kit.call("get_digout", 1) is True
    assert kit.call("get_digout", digout=1) is True
    assert kit.io.pin(13) is True
    assert kit.told() == [
        ("on_ready", {}),
        ("on_digout_changed", {"digout": 0, "state": True}),
        ("on_digout_changed", {"digout": 1, "state": True}),
    ]


def test_trigger(kit: Starterkit) -> None:
    """500 ms unless said otherwise."""
    assert kit.call("trigger_digout", 0) is None
    kit.io.advance(0.4)
    assert kit.io.pin(13) is True
    kit.io.advance(0.2)
    assert kit.io.pin(13) is False
    kit.call("trigger_digout", 0, period=100)
    kit.io.advance(0.15)
    assert kit.told()[-1] == ("on_digout_changed", {"digout": 0, "state": False})


def test_digins(kit: Starterkit) -> None:
    """Those that measure a level, in their order; the others have no number."""
    assert kit.call("get_digin") == [False, False]
    kit.io.drive(20, True)
    assert kit.call("get_digin", 0) is True
    assert kit.told()[1:] == [("on_digin_changed", {"digin": 0, "state": True})]


def test_our_rules_apply(kit: Starterkit, session: Router) -> None:
    """An output with on_loss is lost by this way too."""
    with pytest.raises(CallError, match=r"edge\.error\.caller_unknown"):
        kit.call("set_digout", 1, True, caller=None)
    kit.call("set_digout", 1, True, caller=9)
    session.tell("wamp.session.on_leave", 9)
    assert kit.io.pin(19) is False


def test_version(kit: Starterkit) -> None:
    assert set(kit.call("get_version")) == {"pi", "board"}


@pytest.mark.parametrize(
    ("name", "args", "kwargs"),
    [
        ("set_digout", (2, True), {}),
        ("set_digout", (-1, True), {}),
        ("set_digout", (True, True), {}),
        ("set_digout", (0, 1), {}),
        ("set_digout", (0,), {}),
        ("set_digout", (0, True, 3), {}),
        ("get_digout", (0, 1), {}),
        ("get_digout", (), {"digin": 0}),
        ("get_digin", ("0",), {}),
        ("trigger_digout", (0, "long"), {}),
        ("trigger_digout", (0, -5), {}),
        ("toggle_digout", (), {}),
    ],
)
def test_wrong_arguments(kit: Starterkit, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    with pytest.raises(CallError, match=r"wamp\.error\.invalid_argument"):
        kit.call(name, *args, **kwargs)


def test_numbers_can_be_chosen(board: Make) -> None:
    sections = {**SECTIONS, "cookbook": {"prefix": PREFIX, "digouts": ["pump"], "digins": []}}
    kit = Starterkit(board(**sections))
    kit.call("set_digout", 0, True)
    assert kit.io.pin(19) is True
    assert kit.call("get_digin") == []


@pytest.mark.parametrize("wrong", [{"digouts": ["door"]}, {"digins": ["meter"]}, {"digins": ["x"]}])
def test_numbers_for_what_is_not_there(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="which is none of the"):
        configured(**{**SECTIONS, "cookbook": {"prefix": PREFIX, **wrong}})
