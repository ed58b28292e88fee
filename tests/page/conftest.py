"""A Chromium for all browser tests, and the page's files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.page.browser import Browser, find_chromium

PAGE = Path(__file__).parents[2] / "edge_router" / "page"


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One headless Chromium; skips if none is installed."""
    if find_chromium() is None:
        pytest.skip("chromium is not installed")
    with Browser(tmp_path_factory.mktemp("chromium")) as running:
        yield running


@pytest.fixture
def page_files() -> Path:
    """The directory of the page."""
    return PAGE
