"""The page of an example shows what the example has: whoever opens it may read all topics, as the page asks to."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_router.config.load import load
from edge_router.config.schema import RouterWorker, StaticPath
from edge_router.config.sections import all_of
from edge_router.router.permissions import RolePermissions

EXAMPLES = Path(__file__).parents[2] / "examples"
WITH_PAGE = sorted(path for path in EXAMPLES.glob("*/config.yaml") if "resource: page" in path.read_text())


def test_there_are_some() -> None:
    assert len(WITH_PAGE) >= 8


@pytest.mark.parametrize("path", WITH_PAGE, ids=lambda path: path.parent.name)
def test_the_page_may_read(path: Path) -> None:
    """Its address is given without ?prefix=, so it subscribes to everything."""
    (router,) = all_of(RouterWorker, load(path).config.workers)
    assert any(page.resource == "page" for page in all_of(StaticPath, router))
    (anonymous,) = [role for role in router.realms[0].roles if role.name == "anonymous"]
    assert RolePermissions("anonymous", anonymous, "loose").grant_pattern("", "prefix").subscribe
