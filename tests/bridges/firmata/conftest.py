"""Fixtures: the bench."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bridges.firmata.bench import Bench
from tests.bridges.harness import FakeDevice, PtyReactor


@pytest.fixture
def bench(device: FakeDevice, reactor: PtyReactor, tmp_path: Path) -> Iterator[Bench]:
    """After the test nothing of the bridge is left."""
    found = Bench(device, reactor, tmp_path)
    yield found
    if found.bridge is not None:
        found.bridge.stop()
    assert not reactor.getReaders()
    assert not [call for call in reactor.getDelayedCalls() if call.func.__module__.startswith("bridges.")]
