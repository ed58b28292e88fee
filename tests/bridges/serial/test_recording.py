"""The file of `edge-router record`: what is written is read again, and what cannot be read is told with its line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridges.serial.recording import BadRecording, Record, Recording, head, line

RECORDS = st.lists(
    st.tuples(st.integers(0, 10**9), st.sampled_from("<>!"), st.binary(max_size=50)).map(
        lambda parts: Record(parts[0] / 1_000_000, parts[1], parts[2])
    )
).map(lambda records: sorted(records, key=lambda record: record.seconds))


def read(path: Path, text: str) -> list[Record]:
    path.write_text(text, "latin-1", newline="")
    return list(Recording(path).records())


@given(RECORDS)
def test_any_bytes_come_back(tmp_path_factory: pytest.TempPathFactory, records: list[Record]) -> None:
    """The file is ASCII, one line each, without blanks at an end."""
    text = head({"device": "/dev/ttyUSB0"}) + "".join(map(line, records))
    assert text.isascii()
    assert len(text.split("\n")) == len(records) + 3
    assert read(tmp_path_factory.getbasetemp() / "any.rec", text) == records


def test_by_hand(tmp_path: Path) -> None:
    """With an editor: empty lines, remarks, other line ends, text that is not ASCII."""
    found = read(tmp_path / "x", "edge-router recording 1\r\n\n# a remark\n1 < 21 °\\x43\r\n2.5 ! pulled out\n")
    assert found == [Record(1.0, "<", "21 °C".encode("latin-1")), Record(2.5, "!", b"pulled out")]


def test_remarks(tmp_path: Path) -> None:
    (tmp_path / "x").write_text(head({"device": "/dev/a:b", "baudrate": "9600"}) + "# more\n0 < x\n# later: 1\n")
    assert Recording(tmp_path / "x").remarks() == {"device": "/dev/a:b", "baudrate": "9600"}


@pytest.mark.parametrize(
    ("text", "where", "problem"),
    [
        ("", 1, "no recording"),
        ("edge-router recording 2\n", 1, "it has to begin with 'edge-router recording 1'"),
        ("edge-router recording 1\n1 x\n", 2, "no `SECONDS < BYTES`"),
        ("edge-router recording 1\n1 <x\n", 2, "but '1 <x'"),
        ("edge-router recording 1\n-1 < x\n", 2, "no `SECONDS < BYTES`"),
        ("edge-router recording 1\n\n2 < x\n1 < x\n", 4, "1.000000 is before the line above, which was at 2.000000"),
        ("edge-router recording 1\n1 < \\q\n", 2, "'\\\\q' is no escape"),
        ("edge-router recording 1\n1 < \\\n", 2, "is no escape"),
        ("edge-router recording 1\n1 < \\x4\n", 2, "is no escape"),
        ("edge-router recording 1\n1 < " + "x" * 1_048_576 + "\n", 2, "a line of more than 1048576 characters"),
    ],
)
def test_what_cannot_be_read(tmp_path: Path, text: str, where: int, problem: str) -> None:
    with pytest.raises(BadRecording) as said:
        read(tmp_path / "x", text)
    assert str(said.value).startswith(f"{tmp_path}/x:{where}: ")
    assert problem in str(said.value)
