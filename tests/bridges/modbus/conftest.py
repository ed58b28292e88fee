"""Fixtures: the plant."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.bridges.harness import FakeSession, PtyReactor
from tests.bridges.modbus.plant import Plant


@pytest.fixture
def plant(reactor: PtyReactor, session: FakeSession) -> Iterator[Plant]:
    """After the test nothing of the bridge is left."""
    found = Plant(reactor, session)
    yield found
    if found.bridge is not None:
        found.bridge.stop()
    reactor.advance(0)  # connections tell of their end in the next turn
    ours = [call for call in reactor.getDelayedCalls() if call.func.__module__.startswith("bridges.")]
    assert not ours, "a stopped bridge has no timer"
