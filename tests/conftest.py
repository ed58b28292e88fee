"""What all tests share: how hypothesis works, what Ctrl-C means, and that a test has the same name in every process.

No example has a deadline, since machines of two cores are busy with other things too. `--hypothesis-profile=deep` takes
its time and looks further.
"""

from __future__ import annotations

import signal

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("usual", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("deep", deadline=None, max_examples=3000, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("usual")

# What a shell script starts in its background ignores SIGINT, and so would every program that is started here.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse names with an address in memory: processes that share the tests would not agree on which there are."""
    unstable = [item.nodeid for item in items if " at 0x" in item.nodeid]
    if unstable:
        raise pytest.UsageError("give `ids` to parametrize; these names are others in each run:", *unstable)
