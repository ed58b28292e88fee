"""Which of a card's two root file systems is started: the initrd's choice, in all states that a power cut can leave.

The shell functions are run as they are, by this machine's sh; what can be mounted is a directory of names.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from images.version import ROOT

pytestmark = pytest.mark.anywhere
SLOTS = ROOT / "images/card/usr/libexec/edge-router/slots.sh"
HARNESS = """
. "$1"
say() { echo "said: $1"; }
startable() { case " $whole " in *" $1 "*) ;; *) false ;; esac; }
whole=$3
choose "$2"
echo "slot: $slot $trying"
"""


@dataclass
class Boot:
    """What a boot chose and left. slot: and the same again if it is on trial. state: the files and their texts."""

    slot: str
    said: list[str]
    state: dict[str, str]


def boot(place: Path, whole: str = "a b") -> Boot:
    """Choose. place: with the state. whole: the slots with a file system."""
    command = ["sh", "-eu", "-c", HARNESS, "sh", SLOTS, place, whole]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    state = (
        {file.name: file.read_text(errors="replace").strip() for file in place.glob("*") if file.is_file()}
        if place.is_dir()
        else {}
    )
    said = [line.removeprefix("said: ") for line in lines if line.startswith("said: ")]
    return Boot(lines[-1].removeprefix("slot:").strip(), said, state)


def write(place: Path, **state: str) -> None:
    """Leave a state."""
    for name, text in state.items():
        (place / name.replace("_", "-")).write_text(text)


@pytest.mark.parametrize(("whole", "slot"), [("a b", "a"), ("a", "a"), ("b", "b"), ("", "")])
def test_without_any_state_it_is_what_is_there(tmp_path: Path, whole: str, slot: str) -> None:
    """The card as flashed has no directory of states; a damaged data partition has none either."""
    assert boot(tmp_path / "missing", whole).slot == slot
    assert boot(tmp_path, whole) == Boot(slot, [], {})


@pytest.mark.parametrize("current", ["a", "b"])
def test_the_current_one(tmp_path: Path, current: str) -> None:
    write(tmp_path, current=current + "\n")
    assert boot(tmp_path) == Boot(current, [], {"current": current})


@pytest.mark.parametrize("octets", [b"", b"\n", b"c\n", b"ab\n", b"a b\n", bytes(4096), b"\xff*"])
def test_a_damaged_current_means_what_can_be_started(tmp_path: Path, octets: bytes) -> None:
    (tmp_path / "current").write_bytes(octets)
    assert boot(tmp_path).slot == "a"
    assert boot(tmp_path, "b").slot == "b"


def test_a_current_one_that_cannot_be_started(tmp_path: Path) -> None:
    """The other is better than nothing, and it is said; next time the current one may be there again."""
    write(tmp_path, current="b\n")
    assert boot(tmp_path, "a") == Boot("a", ["slot b, the current one, cannot be started: slot a is"], {"current": "b"})


def test_a_trial_is_counted_down_and_given_up(tmp_path: Path) -> None:
    """Two boots without a confirmation, and the third has the old one, and says why."""
    write(tmp_path, current="a\n", trial="b 2\n")
    first = boot(tmp_path)
    assert (first.slot, first.state["trial"]) == ("b b", "b 1")
    second = boot(tmp_path)
    assert (second.slot, second.state["trial"]) == ("b b", "b 0")
    third = boot(tmp_path)
    why = "slot b: the board did not stay up with it until its node was ready"
    assert third == Boot("a", [why], {"current": "a", "rolled-back": why})
    assert boot(tmp_path).slot == "a"


def test_why_a_trial_was_given_up_is_kept(tmp_path: Path) -> None:
    """Who gave it up while it ran knows the reason."""
    write(tmp_path, current="a\n", trial="b 0 edge-router was not ready in 600 s\n")
    assert boot(tmp_path).state == {"current": "a", "rolled-back": "slot b: edge-router was not ready in 600 s"}


def test_a_trial_that_was_confirmed(tmp_path: Path) -> None:
    """The power went between `current` and the removal of `trial`."""
    write(tmp_path, current="b\n", trial="b 1\n")
    assert boot(tmp_path) == Boot("b", [], {"current": "b"})


def test_a_trial_of_a_slot_that_is_not_whole(tmp_path: Path) -> None:
    write(tmp_path, current="a\n", trial="b 2\n")
    why = "slot b: it has no whole file system"
    assert boot(tmp_path, "a") == Boot("a", [why], {"current": "a", "rolled-back": why})


def test_a_trial_without_a_current_one(tmp_path: Path) -> None:
    """It is tried, and what is given up for is what can be started."""
    write(tmp_path, trial="b 1\n")
    assert boot(tmp_path).slot == "b b"
    assert boot(tmp_path).slot == "a"


@pytest.mark.parametrize(
    "text", ["", "b", "c 2", "b -1", "b 22", "b x", "2", "bb 2", "b  2", "\0\0\0", "* 1", "[ab] 1"]
)
def test_a_damaged_trial_is_none(tmp_path: Path, text: str) -> None:
    """What cannot be counted is not tried."""
    write(tmp_path, current="a\n", trial=text + "\n")
    found = boot(tmp_path)
    assert found.slot == "a" and "trial" not in found.state
    assert "neither a nor b and a number of tries" in found.state["rolled-back"]


def test_what_was_half_written_counts_for_nothing(tmp_path: Path) -> None:
    """Files are replaced as a whole: what was being written when the power went has another name."""
    write(tmp_path, current="a\n", **{"trial.new": "b 2\n", "current.new": "b"})
    assert boot(tmp_path).slot == "a"


def test_what_cannot_be_counted_is_not_tried(tmp_path: Path) -> None:
    """The state cannot be written, as on a full disk: it would be tried for ever."""
    write(tmp_path, current="a\n", trial="b 2\n")
    (tmp_path / "trial.new").mkdir()
    found = boot(tmp_path)
    assert (found.slot, found.said) == ("a", [f"slot b is not tried: {tmp_path} cannot be written"])
