"""The way to a device: which directories are watched for which names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bridges.serial.place import MAX_LINKS, PathPlace, steps
from bridges.serial.watch import PathWatch
from tests.bridges.harness import PtyReactor


def test_a_node_in_a_directory(tmp_path: Path) -> None:
    assert steps(str(tmp_path / "ttyUSB0")) == [(str(tmp_path), "ttyUSB0")]


def test_a_link_and_where_it_leads(tmp_path: Path) -> None:
    """As udev makes them: relative, up and over."""
    by_id = tmp_path / "dev" / "serial" / "by-id"
    by_id.mkdir(parents=True)
    (by_id / "usb-Sensor").symlink_to("../../ttyUSB0")
    expected = [(str(by_id), "usb-Sensor"), (str(tmp_path / "dev"), "ttyUSB0")]
    assert steps(str(by_id / "usb-Sensor")) == expected
    (tmp_path / "dev" / "ttyUSB0").touch()
    assert steps(str(by_id / "usb-Sensor")) == expected, "the device itself is watched too: for its permissions"


def test_a_missing_directory_is_waited_for_where_it_will_be(tmp_path: Path) -> None:
    assert steps(str(tmp_path / "serial" / "by-id" / "usb-Sensor")) == [(str(tmp_path), "serial")]


def test_a_directory_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "dev").symlink_to(tmp_path / "real")
    assert steps(str(tmp_path / "dev" / "ttyUSB0")) == [(str(tmp_path), "dev"), (str(tmp_path / "real"), "ttyUSB0")]


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    assert len(steps(str(tmp_path / "a"))) == MAX_LINKS + 1


def test_a_directory_that_may_not_be_searched_is_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It raises nothing: why the device cannot be opened is found out by opening it."""
    lstat = Path.lstat

    def refused(path: Path) -> os.stat_result:
        if path.name == "ttyUSB0":
            raise PermissionError(13, "Permission denied")
        return lstat(path)

    monkeypatch.setattr(Path, "lstat", refused)
    assert steps(str(tmp_path / "ttyUSB0")) == [(str(tmp_path), "ttyUSB0")]


def test_other_names_are_no_news(tmp_path: Path) -> None:
    """/dev changes all the time; only what the path goes by is looked at. Many changes are one piece of news."""
    reactor = PtyReactor()
    news: list[float] = []
    watch = PathWatch(reactor, PathPlace(str(tmp_path / "ttyUSB0")), lambda: news.append(reactor.seconds()))
    watch.start()
    (tmp_path / "ttyUSB1").touch()
    reactor.pump()
    reactor.advance(1)
    assert news == []
    (tmp_path / "ttyUSB0").touch()
    (tmp_path / "ttyUSB0").chmod(0o660)
    reactor.pump()
    reactor.advance(1)
    assert len(news) == 1
    watch.stop()
    watch.stop()
    assert not reactor.getReaders()


def test_the_watched_directory_goes_and_comes_back(tmp_path: Path) -> None:
    """Its end is news, for the watch has to be renewed then."""
    reactor = PtyReactor()
    news: list[float] = []
    directory = tmp_path / "by-id"
    directory.mkdir()
    watch = PathWatch(reactor, PathPlace(str(directory / "usb-Sensor")), lambda: news.append(reactor.seconds()))
    watch.start()
    directory.rmdir()
    reactor.pump()
    reactor.advance(1)
    assert len(news) == 1
    watch.start()
    reactor.advance(1)
    news.clear()
    directory.mkdir()
    reactor.pump()
    reactor.advance(1)
    assert len(news) == 1
    watch.stop()
