"""The table of failed logins."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from edge_router.auth.guard import Failures, address_of
from edge_router.config.schema import FailedLogins


def test_the_table_is_bounded() -> None:
    """Of more addresses than it may have, the one that failed longest ago is forgotten."""
    failures = Failures(FailedLogins(allowed=1, addresses=3), Clock())
    for address in ("a", "b", "a", "c", "d"):
        failures.add(address)
    assert len(failures) == 3
    assert failures.wait("b") == 0
    assert failures.wait("a") == 2
    assert failures.wait("d") == 1


def test_all_is_forgotten_in_time() -> None:
    """After twice the longest wait without a failure an address begins anew."""
    clock = Clock()
    failures = Failures(FailedLogins(allowed=2, max_delay=4000), clock)
    for _ in range(10):
        failures.add("a")
    assert failures.wait("a") == 4
    clock.advance(8.1)
    failures.add("a")
    assert failures.wait("a") == 0


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("tcp4:192.168.0.7:53124", "192.168.0.7"),
        ("tcp6:[2001:db8:1:2:3:4:5:6]:53124", "2001:db8:1:2::/64"),
        ("tcp6:[fe80::1%eth0]:53124", "fe80::/64"),
        ("unix:pid=812,uid=1000", "uid=1000"),
        ("unix:pid=813,uid=1000,gid=100", "uid=1000,gid=100"),
    ],
)
def test_what_is_one_address(peer: str, address: str) -> None:
    """Ports and processes do not count, and in IPv6 the /64 is what belongs to one household."""
    assert address_of(peer) == address
