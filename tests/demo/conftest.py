"""The demo is seen with the same browser as the page."""

from __future__ import annotations

from tests.page.conftest import browser

__all__ = ["browser"]
