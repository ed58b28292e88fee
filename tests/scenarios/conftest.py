"""Failures of scenarios are told by their transcript, not by the runner's traceback."""

from __future__ import annotations

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):  # type: ignore[no-untyped-def]
    """Show a transcript that did not hold, and nothing else."""
    report = yield
    if call.excinfo is not None and call.excinfo.errisinstance(AssertionError) and "  !!  " in str(call.excinfo.value):
        report.longrepr = str(call.excinfo.value)
    return report
