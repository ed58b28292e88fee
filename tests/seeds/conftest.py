"""A desk for each test, or for all of a file, and the browser of the page's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.conftest import modules
from tests.interop.stage import NodeModules
from tests.page.conftest import browser
from tests.seeds.desk import Desk

__all__ = ["browser", "modules"]


@pytest.fixture
def desk(tmp_path: Path, modules: NodeModules) -> Iterator[Desk]:
    """A fresh one."""
    made = Desk(tmp_path, modules)
    yield made
    made.close()
