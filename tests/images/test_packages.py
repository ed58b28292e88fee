"""Which mirrors are asked for Debian's packages."""

from __future__ import annotations

import pytest

from images import packages

pytestmark = pytest.mark.anywhere

ASKED = "http://here/debian/\nhttp://safe/debian-security/\nhttp://else/apt/\n"
DAY = "20261121T000000Z"


def given(monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    """An environment, on a machine whose apt asks two mirrors of Debian and one of somebody else."""
    monkeypatch.setattr(packages, "run", lambda _command: ASKED)
    for name in ("DEBIAN_MIRROR", "DEBIAN_SECURITY_MIRROR", "DEBIAN_SUITES"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def test_those_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what has been mended since the last point release; for the build, and for the board that is built."""
    given(monkeypatch)
    assert packages.lines("contrib") == (
        "deb http://here/debian trixie main contrib",
        "deb http://here/debian trixie-updates main contrib",
        "deb http://safe/debian-security trixie-security main contrib",
    )
    assert "URIs: http://safe/debian-security\nSuites: trixie-security\n" in packages.sources()


def test_what_is_empty_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a shell script whose variable was not set."""
    given(monkeypatch)
    wanted = packages.lines()
    given(monkeypatch, DEBIAN_MIRROR="", DEBIAN_SECURITY_MIRROR="", DEBIAN_SUITES="")
    assert packages.lines() == wanted and len(wanted) == 3


def test_one_that_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """What has been mended is beside it, unless it is said where."""
    given(monkeypatch, DEBIAN_MIRROR="http://mine/debian")
    assert packages.lines()[2] == "deb http://mine/debian-security trixie-security main" and not packages.age()
    given(monkeypatch, DEBIAN_MIRROR="http://mine/debian", DEBIAN_SECURITY_MIRROR="http://safe/updates")
    assert packages.lines()[2] == "deb http://safe/updates trixie-security main"


def test_a_mirror_that_is_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """The build can do without; the board asks all the same."""
    given(monkeypatch, DEBIAN_SUITES="trixie")
    assert packages.lines() == ("deb http://here/debian trixie main",)
    assert "trixie-security" in packages.sources()


def test_a_day_of_the_past(monkeypatch: pytest.MonkeyPatch) -> None:
    """To build a release again: both as they were then, although their lists have run out since."""
    given(monkeypatch, DEBIAN_MIRROR=f"http://snapshots/archive/debian/{DAY}")
    assert packages.security() == f"http://snapshots/archive/debian-security/{DAY}"
    assert packages.age() == {"Acquire::Check-Valid-Until": "false"}
