"""What a build says when something could not be had: in the words of apt, mmdebstrap and pip."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path

import pytest

from images import steps
from images.failures import explain

pytestmark = pytest.mark.anywhere

SAID = {
    "a package is gone": (
        "Err:38 http://mirror/debian trixie/main arm64 python3-ujson arm64 5.10.0-1+b4\n"
        "  404  Not Found [IP: 127.0.0.1 18099]\n"
        "E: Failed to fetch http://mirror/debian/pool/main/u/ujson/python3-ujson_5.10.0-1%2bb4_arm64.deb"
        "  404  Not Found [IP: 127.0.0.1 18099]\n"
        "E: Unable to fetch some archives, maybe run apt-get update or try with --fix-missing?\n",
        ("python3-ujson_5.10.0-1+b4_arm64.deb is not at http://mirror/debian (404)", "DEBIAN_MIRROR=", "is kept"),
    ),
    "nobody listens": (
        "E: Failed to fetch http://mirror:1/debian/dists/trixie/InRelease  Could not connect to mirror:1 (10.0.0.1). "
        "- connect (111: Connection refused)\nE: Some index files failed to download.\n",
        ("InRelease could not be fetched from http://mirror:1/debian: Could not connect", "refused", "network"),
    ),
    "no such name": (
        "E: Failed to fetch http://nowhere.invalid/debian/dists/trixie/InRelease  "
        "Could not resolve 'nowhere.invalid'\n",
        ("from http://nowhere.invalid/debian: Could not resolve 'nowhere.invalid'",),
    ),
    "another content": (
        "E: Failed to fetch http://mirror/debian/pool/main/n/netbase/netbase_6.5_all.deb  Hash Sum mismatch\n"
        "   Hashes of expected file:\n",
        ("netbase_6.5_all.deb from http://mirror/debian is not what its lists promise (Hash Sum mismatch)",),
    ),
    "no such suite": (
        "E: The repository 'http://mirror/debian nosuite Release' does not have a Release file.\n",
        ("There is no Debian nosuite at http://mirror/debian",),
    ),
    "a mirror without what has been mended": (
        "E: The repository 'http://mirror/security trixie-security Release' does not have a Release file.\n",
        ("no Debian trixie-security at http://mirror/security", "DEBIAN_SECURITY_MIRROR=", "DEBIAN_SUITES=trixie"),
    ),
    "no such package": ("E: Unable to locate package nosuchpkg\n", ("no package nosuchpkg", "non-free-firmware")),
    "the disk is full": (
        "E: Failed to fetch http://mirror/debian/dists/trixie/main/binary-arm64/Packages  Error writing to file - "
        "write (28: No space left on device) [IP: 127.0.0.1 18099]\n",
        ("no space left", "python -m images clean", "EDGE_ROUTER_CACHE"),
    ),
    "a partition is full": (
        "mke2fs: Could not allocate block in ext2 filesystem while populating file system\n",
        ("do not fit into their partition", "SIZES"),
    ),
    "the disk got full in the middle of a package": (
        "tar: ./usr/lib/file: Wrote only 1536 of 10240 bytes\ntar: Exiting with failure status due to previous errors\n"
        "dpkg-deb: error: tar subprocess returned error exit status 2\n",
        ("no space left",),
    ),
    "no such version": (
        "ERROR: Could not find a version that satisfies the requirement msgspec==99.0 (from versions: 0.21.1, 0.22.0)\n"
        "ERROR: No matching distribution found for msgspec==99.0\n",
        ("has no msgspec==99.0", "PIP_INDEX_URL"),
    ),
    "no index": (
        "WARNING: Retrying (Retry(total=0, connect=None, read=None, redirect=None, status=None)) after connection "
        "broken by 'NewConnectionError('<pip._vendor.urllib3.connection.HTTPConnection object at 0x7f>: Failed to "
        "establish a new connection: [Errno 111] Connection refused')': /simple/msgspec/\n"
        "ERROR: No matching distribution found for msgspec==0.22.0\n",
        ("msgspec==0.22.0 could not be fetched from the Python index: [Errno 111] Connection refused",),
    ),
}


@pytest.mark.parametrize("case", SAID)
def test_it_says_what_was_missing(case: str) -> None:
    """Which file, from where, and what would help."""
    said, wanted = SAID[case]
    told = explain(said)
    assert [words for words in wanted if words not in told] == [], told


def test_what_is_not_known_is_shown() -> None:
    """Its last lines, its command and its status."""
    with pytest.raises(steps.BuildFailed, match=r"(?s)sh -c .*exit status 3.*it is not known why.*    strange"):
        steps.run(["sh", "-c", "echo strange >&2; exit 3"])


def test_a_program_reads_what_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long it takes, and nothing of what is typed at the build."""
    monkeypatch.setattr(steps, "_TICK", 0.01)
    assert steps.run(["sh", "-c", "sleep 0.1; cat"], input="text") == "text" and steps.run(["cat"]) == ""


def test_what_is_known_goes_before_what_was_said() -> None:
    """Through the one function that all programs are run by."""
    with pytest.raises(steps.BuildFailed, match=r"(?s)exit status 100\nThere is no space left.*    .*No space"):
        steps.run(["sh", "-c", "echo 'cp: error writing x: No space left on device'; exit 100"])
    with pytest.raises(steps.BuildFailed, match="not installed here: nosuchprogram"):
        steps.run(["nosuchprogram"])


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of one's own."""
    monkeypatch.setattr(steps, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(steps._State, "told", set())
    return tmp_path / "cache"


def test_a_step_is_done_once(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And says so; whoever only looks makes nothing."""
    made: list[Path] = []

    def make(place: Path) -> None:
        made.append(place)
        place.write_text("it")

    assert steps.missing(lambda: steps.cached("0123-thing", make)) == "thing" and not cache.exists()
    assert steps.cached("0123-thing", make).read_text() == "it"
    assert steps.missing(lambda: steps.cached("0123-thing", make)) == ""
    steps._State.told.clear()
    steps.cached("0123-thing", make)
    assert len(made) == 1 and made[0] != cache / "0123-thing"
    assert [line.split(":")[1].split(",")[0] for line in capsys.readouterr().out.splitlines()] == [
        " begun",
        " done in 0 s",
        " is there",
    ]


def test_a_step_that_was_interrupted_leaves_nothing(cache: Path) -> None:
    """Neither by Ctrl-C nor, once it is begun again, by SIGKILL."""

    def interrupted(place: Path) -> None:
        place.write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        steps.cached("0123-thing", interrupted)
    (cache / ".0123-thing.99999").mkdir()
    (cache / ".0123-thing.99999.work").write_text("left")
    steps.cached("0123-thing", lambda place: place.touch())
    assert sorted(path.name for path in cache.iterdir()) == [".0123-thing.lock", ".thing.took", "0123-thing"]


def test_a_result_is_whole_or_it_is_the_one_before(tmp_path: Path) -> None:
    """A card that was half copied must not look like one. Files and directories take the place of older ones."""
    place = tmp_path / "dist" / "thing"
    steps.publish(place, lambda path: path.write_text("old"))

    def interrupted(path: Path) -> None:
        path.write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        steps.publish(place, interrupted)
    assert place.read_text() == "old" and [path.name for path in place.parent.iterdir()] == ["thing"]
    (place.parent / ".thing.99999").mkdir()  # of a build that was killed
    place.unlink()
    for _ in range(2):
        steps.publish(place, lambda path: path.mkdir())
    assert place.is_dir() and [path.name for path in place.parent.iterdir()] == ["thing"]


def test_a_full_disk_is_told_wherever_it_is_met(tmp_path: Path) -> None:
    """Not by a trace of the program's own."""

    def full(path: Path) -> None:
        path.touch()
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    with pytest.raises(steps.BuildFailed, match=r"thing: There is no space left.*images clean"):
        steps.publish(tmp_path / "thing", full)
    assert not list(tmp_path.iterdir())


def test_what_a_program_has_started_ends_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if it is not told by the terminal: nothing goes on writing where it was removed."""
    monkeypatch.setattr(steps, "_TICK", 0.01)

    def interrupts() -> None:
        if (tmp_path / "child").exists():
            raise KeyboardInterrupt

    monkeypatch.setattr(steps, "_alive", interrupts)
    with pytest.raises(KeyboardInterrupt):
        steps.run(["sh", "-c", "sleep 60 & echo $! > pid; mv pid child; wait"], cwd=tmp_path)
    status = Path("/proc", (tmp_path / "child").read_text().strip(), "stat")
    end = time.monotonic() + 10
    while status.exists() and status.read_text().split()[2] != "Z":
        assert time.monotonic() < end
        time.sleep(0.01)


def test_what_nobody_uses_is_cleared(cache: Path) -> None:
    """After some days; what is in use stays."""
    steps.cached("0123-thing", lambda place: place.write_bytes(b"x" * 1000) and None)
    assert steps.clear(1) == 0 and (cache / "0123-thing").exists()
    os.utime(cache / ".0123-thing.lock", (0, 0))
    assert steps.clear(1) == 1000 and not (cache / "0123-thing").exists()


def test_what_has_a_successor_is_cleared_sooner(cache: Path) -> None:
    """Each commit makes a card anew, and a disk has not room for two weeks of them."""
    for name, days in (("0-card", 2), ("1-card", 1.5), ("2-root", 2), ("3-card", 0.5)):
        steps.cached(name, lambda place: place.touch())
        os.utime(cache / f".{name}.lock", (0, time.time() - days * 86_400))
    steps.clear(14)
    assert {path.name for path in cache.iterdir() if path.name[0] != "."} == {"2-root", "3-card"}


def test_modes_do_not_depend_on_who_builds(cache: Path) -> None:
    """The umask is that of the build."""
    assert steps.cached("0123-file", lambda place: place.touch()).stat().st_mode & 0o777 == 0o644
