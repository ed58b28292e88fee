"""What tests of uplinks share."""

from __future__ import annotations

import pytest

from tests.uplink.world import World


@pytest.fixture
def world() -> World:
    """Nothing yet."""
    return World()
