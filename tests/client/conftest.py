"""What the tests of clients share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.transports.loop import Loop, running_loop


@pytest.fixture(scope="module")
def loop() -> Iterator[Loop]:
    """A private reactor that the test turns by hand."""
    with running_loop() as running:
        yield running
