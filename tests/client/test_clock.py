"""Certificates that are of the future for a machine that does not know the time."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge_router.client.failures import NotTrusted
from edge_router.node.authority import Authority
from edge_router.tls import client as tls_client
from tests.client.routers import Place, tcp
from tests.transports.loop import Loop

DAYS = 86_400.0


@pytest.fixture
def place(loop: Loop, tmp_path: Path) -> Iterator[Place]:
    """A router with a certificate that will be valid in two days, for ten."""
    authority = Authority(tmp_path / "tls", "test authority", datetime.now(UTC) + timedelta(days=2))
    authority.sign_node(["localhost", "127.0.0.1"], 10)
    running = Place(loop, tmp_path, {"rawsocket-tls": {"type": "rawsocket", "endpoint": tcp(tls={})}})
    yield running
    running.stop()


def _it_is_at_least(days: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file was written so many days from now, as this machine believes."""
    path = tmp_path / "clock"
    path.touch()
    os.utime(path, times=(0, time.time() + days * DAYS))
    monkeypatch.setattr(tls_client.earliest, "__defaults__", ((tmp_path / "nowhere", path),))


def test_a_file_knows_better_than_the_clock(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What must be later than the certificate's beginning makes it valid."""
    _it_is_at_least(3, tmp_path, monkeypatch)
    place.leave(place.join(place.transport("rawsocket-tls")))


@pytest.mark.parametrize(("days", "why"), [(0.5, "is not valid yet"), (13, "has ended"), (-1, "is not valid yet")])
def test_certificates_are_always_judged(
    days: float, why: str, place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the later of both times; never not at all."""
    _it_is_at_least(days, tmp_path, monkeypatch)
    with pytest.raises(NotTrusted, match=why):
        place.join(place.transport("rawsocket-tls"))


def test_nothing_that_tells(tmp_path: Path) -> None:
    """Then the clock is believed."""
    assert tls_client.earliest((tmp_path / "nowhere",)) == 0.0
