"""Which of a registration's callees gets the next call."""

from __future__ import annotations

from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from edge_router.router.registration import Callee, Registration


class Someone:
    """Stands for a session."""

    features: frozenset[str] = frozenset()


def _registration(invoke: Any, *concurrency: int) -> Registration:
    registration = Registration(1, "com.x", "exact", invoke)
    for most in concurrency:
        registration.callees.append(Callee(registration, Someone(), most, False))  # type: ignore[arg-type]
    return registration


def _chosen(registration: Registration) -> Callee | None:
    return registration.choose("com.x", Random(1))


@given(steps=st.lists(st.sampled_from(["call", "call", "join"]) | st.integers(0, 3), max_size=30))
def test_roundrobin_lets_nobody_miss_its_turn(steps: list[Any]) -> None:
    """Between two turns of one callee, everybody who was there all the while has had exactly one."""
    registration = _registration("roundrobin", 0, 0, 0)
    since: dict[int, list[Callee]] = {}
    turns: list[Callee] = []
    for step in steps:
        if step == "call" and registration.callees:
            chosen = _chosen(registration)
            assert chosen is not None
            if id(chosen) in since:
                start = since[id(chosen)]
                between = turns[len(turns) - turns[::-1].index(chosen) :]
                for other in start:
                    if other in registration.callees and other is not chosen:
                        assert between.count(other) == 1
            turns.append(chosen)
            since[id(chosen)] = list(registration.callees)
        elif step == "join":
            registration.callees.append(Callee(registration, Someone(), 0, False))  # type: ignore[arg-type]
        elif isinstance(step, int) and step < len(registration.callees):
            registration.remove(registration.callees[step].session)


def test_random_uses_everybody_in_time() -> None:
    """By the randomness that is passed in."""
    registration = _registration("random", 0, 0, 0)
    random = Random(7)
    assert {id(registration.choose("com.x", random)) for _ in range(100)} == {id(c) for c in registration.callees}


def test_who_has_no_room_is_passed_over() -> None:
    """By every policy; None if nobody has room."""
    for invoke in ("first", "last", "roundrobin", "random"):
        registration = _registration(invoke, 1, 1)
        registration.callees[0].active = 1
        assert _chosen(registration) is registration.callees[1]
        registration.callees[1].active = 1
        assert _chosen(registration) is None


def test_first_and_last_stay() -> None:
    """As long as the callee is there."""
    assert len({id(_chosen(registration)) for registration in [_registration("first", 0, 0)] for _ in range(5)}) == 1
    registration = _registration("last", 0, 0)
    assert _chosen(registration) is registration.callees[1]
