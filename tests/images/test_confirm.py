"""Whether an update on trial stays: the script of a card, with a systemd that says what it is told to. And what
`edge-router-update` says where it has nothing to do."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from images.version import ROOT

pytestmark = pytest.mark.anywhere
CARD = ROOT / "images/card/usr"
#: what a program of the board does here; systemctl has $0.says: what it answers, from the first call to the last one
PROGRAMS = {
    "systemctl": """\
case $1 in
    show) head -n 1 "$0.says"; [ "$(wc -l < "$0.says")" = 1 ] || sed -i 1d "$0.says" ;;
    reboot) echo reboot ;;
    *) exit "$(cat "$0.enabled")" ;;
esac
""",
    "edge-router": 'exit "$(cat "$0.status")"\n',
    "journalctl": """\
case "$*" in
    *"-n 1 "*"-p err "*) [ ! -e "$0.errors" ] || printf 'this one is broken\\nand more\\n' ;;
    *) echo "its last words" ;;
esac
""",
    "sleep": "",
}
UP, BETWEEN = "ActiveState=active InvocationID=1 ", "ActiveState=activating InvocationID=2 "


class Trial:
    """A boot with a slot on trial. place: for its files."""

    def __init__(self, place: Path) -> None:
        self.state, self._programs = place / "state", place / "programs"
        for directory in (self.state, self._programs, place / "chosen"):
            directory.mkdir()
        for name, text in PROGRAMS.items():
            (self._programs / name).write_text(f"#!/bin/sh\n{text}")
            (self._programs / name).chmod(0o755)
        (place / "chosen" / "trial").write_text("b\n")
        (self.state / "current").write_text("a\n")
        (self.state / "trial").write_text("b 1\n")
        self.tell(enabled="0", status="0")

    def tell(self, says: tuple[str, ...] = (UP,), **results: str) -> None:
        """What the programs answer."""
        (self._programs / "systemctl.says").write_text("".join(f"{line}\n" for line in says))
        for name, text in results.items():
            program = "systemctl" if name == "enabled" else "edge-router"
            (self._programs / f"{program}.{name}").write_text(text)

    def fails(self) -> None:
        """Its node, by an error that is in the journal."""
        self.tell((BETWEEN,))
        (self._programs / "journalctl.errors").touch()

    def runs(self, within: int = 30, stays: int = 0) -> str:
        """Run the script to its end. within: seconds from now. Result: what it said."""
        now = int(float(Path("/proc/uptime").read_text().split()[0]))
        environment = {
            "PATH": f"{self._programs}:{os.environ['PATH']}",
            "STATE": str(self.state),
            "CHOSEN": str(self.state.parent / "chosen"),
            "WITHIN": str(now + within),
            "STAYS": str(stays),
        }
        command = ["sh", str(CARD / "libexec/edge-router/confirm")]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    def left(self) -> dict[str, str]:
        """The state now."""
        return {file.name: file.read_text().strip() for file in self.state.iterdir()}


@pytest.fixture
def trial(tmp_path: Path) -> Trial:
    """A boot with slot b on trial."""
    return Trial(tmp_path)


def test_one_that_is_ready_stays(trial: Trial) -> None:
    """And nothing is left of what was given up before."""
    (trial.state / "rolled-back").write_text("once")
    assert "slot b works and stays" in trial.runs()
    assert trial.left() == {"current": "b"}


def test_one_that_is_not_ready_in_time_is_given_up(trial: Trial) -> None:
    """With the last words of the node; the board starts anew, and the initrd finds no try left."""
    trial.tell((BETWEEN,))
    said = trial.runs(within=0)
    assert said.endswith("reboot\n")
    left = trial.left()
    assert left["current"] == "a" and left["trial"].startswith("b 0 edge-router.service was not up for 0 s, within ")
    assert left["trial"].endswith("the node said: its last words")
    assert left["rolled-back.log"] == "its last words"


def test_the_last_error_says_more_than_what_came_after_it(trial: Trial) -> None:
    """After a start that failed, the helper that sets outputs has the last word."""
    trial.fails()
    trial.runs(within=0)
    assert trial.left()["trial"].endswith("the node said: this one is broken")


def test_one_that_starts_again_and_again_is_not_ready(trial: Trial) -> None:
    """It has to stay up for a while, as one and the same process."""
    trial.tell(tuple(f"ActiveState=active InvocationID={number} " for number in range(400)))
    assert trial.runs(within=1, stays=60).endswith("reboot\n")


def test_one_that_says_that_it_does_not_run_is_not_ready(trial: Trial) -> None:
    trial.tell(status="69")
    assert trial.runs(within=1).endswith("reboot\n")


def test_a_node_that_is_not_enabled_is_not_waited_for(trial: Trial) -> None:
    """The system is."""
    trial.tell(enabled="1", status="69")
    assert "if multi-user.target is up" in trial.runs()
    assert trial.left() == {"current": "b"}


def test_one_that_was_given_up_by_hand(trial: Trial) -> None:
    """It is not confirmed behind the operator's back."""
    (trial.state / "trial").write_text("b 0 given up by hand\n")
    assert "given up by hand" in trial.runs()
    assert trial.left() == {"current": "a", "trial": "b 0 given up by hand"}


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("--help",), 0, "usage: edge-router-update"),
        (("--wrong",), 2, "there is no option --wrong"),
        (("--status", "x.deb"), 2, "--status takes no packages"),
        ((), 1, "root"),
    ],
)
def test_where_there_is_nothing_to_update(words: tuple[str, ...], status: int, said: str) -> None:
    """This machine has no card with two root file systems, or this user may not."""
    command = ["sh", CARD / "sbin/edge-router-update", *words]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == status and said in done.stdout + done.stderr
