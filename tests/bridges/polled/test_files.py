"""Files and programs of the system: bounded, below a root, with errors that say what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridges.polled import files
from bridges.polled.files import Files


def test_a_file_is_read_as_far_as_the_bound(tmp_path: Path) -> None:
    """/proc has files without an end. What is no UTF-8 harms nobody."""
    (tmp_path / "long").write_bytes(b"\xff" * (2 * files.MOST))
    text = Files(str(tmp_path)).text("/long")
    assert len(text) == files.MOST
    assert text.encode()


def test_names_are_sorted_and_none_where_there_is_no_directory(tmp_path: Path) -> None:
    for name in ("b", "a"):
        (tmp_path / name).touch()
    tree = Files(str(tmp_path))
    assert tree.names("/") == ["a", "b"]
    assert tree.names("/a") == tree.names("/none") == []


def test_a_program() -> None:
    assert Files().output("echo", "throttled=0x0") == "throttled=0x0\n"


def test_a_program_says_nothing_of_another_root(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Files(str(tmp_path)).output("echo")
    with pytest.raises(FileNotFoundError):
        Files().output("no-such-program")


def test_a_program_that_fails() -> None:
    with pytest.raises(OSError, match="sh ended with status 3: it cannot"):
        Files().output("sh", "-c", "echo it cannot >&2; exit 3")
    with pytest.raises(OSError, match="said nothing"):
        Files().output("false")


def test_a_program_that_does_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "COMMAND_TIMEOUT", 0.05)
    with pytest.raises(OSError, match=r"sleep did not end within 0\.05 s"):
        Files().output("sleep", "60")
