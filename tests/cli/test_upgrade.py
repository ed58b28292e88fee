"""`edge-router upgrade` and `convert`: what they write, what they leave alone, and what they say."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edge_router.__main__ import dispatch
from edge_router.config import json_file, yaml_file
from edge_router.config.load import load

VERSION_1 = """\
# kitchen
controller: {}
workers:
  - type: router
    realms:
      - name: realm1
        roles:
          - name: anonymous
            permissions:
              - uri: "*"         # everything
                publish: true
                subscribe: true  # to listen
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A node directory with a configuration of version 1."""
    path = tmp_path / "config.yaml"
    path.write_text(VERSION_1)
    path.chmod(0o640)
    return path


def said(capsys: pytest.CaptureFixture[str]) -> tuple[list[str], list[str]]:
    """The lines on stdout and stderr."""
    out, err = capsys.readouterr()
    return out.splitlines(), err.splitlines()


def names(directory: Path) -> list[str]:
    """What is in a directory."""
    return sorted(path.name for path in directory.iterdir())


def test_upgrade(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The file says the same in version 2, without a notice; its comments, mode and the old file stay."""
    before = load(config).config
    assert dispatch(["upgrade", "--cbdir", str(config.parent)]) == 0
    out, err = said(capsys)
    assert out[0] == f"{config}: upgraded to version 2; what it was is in config.yaml.bak"
    assert out[1:] == [
        "  workers.0.realms.0.roles.0.permissions.0: version 1 form, now {uri: '', match: 'prefix', "
        "allow: {publish: true, subscribe: true}}"
    ]
    assert err == []
    loaded = load(config)
    assert (loaded.config.workers, loaded.notices) == (before.workers, [])
    assert "                  subscribe: true  # to listen\n" in config.read_text()
    backup = config.with_name("config.yaml.bak")
    assert backup.read_text() == VERSION_1
    assert [path.stat().st_mode & 0o777 for path in (config, backup)] == [0o640, 0o640]
    assert names(config.parent) == ["config.yaml", "config.yaml.bak"]


def test_upgrade_twice(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The second time there is nothing to do, and status 0 as Crossbar's."""
    dispatch(["upgrade", "--cbdir", str(config.parent)])
    text = config.read_text()
    capsys.readouterr()
    assert dispatch(["upgrade", "--cbdir", str(config.parent)]) == 0
    assert said(capsys) == ([f"{config}: already at latest version 2, nothing was changed"], [])
    assert config.read_text() == text


def test_no_old_file_is_lost(config: Path) -> None:
    """A backup has a name that was free."""
    for number in range(3):
        config.write_text(VERSION_1 + f"# {number}\n")
        assert dispatch(["upgrade", "--cbdir", str(config.parent)]) == 0
    copies = [config.with_name(f"config.yaml.bak{number}").read_text()[-2] for number in ("", 2, 3)]
    assert copies == ["0", "1", "2"]


def test_upgrade_of_a_link(config: Path, tmp_path: Path) -> None:
    """What is rewritten is the file, not the link to it."""
    (tmp_path / "node").mkdir()
    link = tmp_path / "node" / "config.yaml"
    link.symlink_to(config)
    assert dispatch(["upgrade", "--cbdir", str(link.parent)]) == 0
    assert link.is_symlink()
    assert "version: 2" in config.read_text()


def test_upgrade_of_a_wrong_file(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is upgraded all the same, and what is wrong with it is said: status 1."""
    config.write_text(VERSION_1.replace("controller", "kontroller"))
    assert dispatch(["upgrade", "--cbdir", str(config.parent)]) == 1
    assert said(capsys)[1] == [f"{config}:3: kontroller: unknown key; did you mean 'controller'?"]


@pytest.mark.parametrize("text", ["[", "- 1", "a: 1\na: 2"])
@pytest.mark.parametrize("command", ["upgrade", "convert"])
def test_what_is_no_configuration(command: str, text: str, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Status 1, a line that says why, and nothing is written."""
    config.write_text(text)
    assert dispatch([command, "--cbdir", str(config.parent)]) == 1
    out, err = said(capsys)
    assert out == []
    assert str(config) in err[0]
    assert names(config.parent) == ["config.yaml"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_upgrade_in_a_directory_that_cannot_be_written(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Status 1, one line, and the file is as it was."""
    config.parent.chmod(0o500)
    try:
        assert dispatch(["upgrade", "--cbdir", str(config.parent)]) == 1
    finally:
        config.parent.chmod(0o700)
    assert len(said(capsys)[1]) == 1
    assert config.read_text() == VERSION_1


def test_a_full_disk(config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """What cannot be written whole is not written at all."""

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert dispatch(["upgrade", "--cbdir", str(config.parent)]) == 1
    assert said(capsys)[1] == ["edge-router: No space left on device; `df -h` shows what is full"]
    assert names(config.parent) == ["config.yaml"]
    assert config.read_text() == VERSION_1


def test_convert_to_json(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same values, and a word on the comments; variables stay variables."""
    text = VERSION_1 + "    transports:\n      - {type: rawsocket, endpoint: {type: tcp, port: $CONVERT_PORT}}\n"
    config.write_text(text)
    os.environ["CONVERT_PORT"] = "8080"
    try:
        assert dispatch(["convert", "--cbdir", str(config.parent)]) == 0
    finally:
        del os.environ["CONVERT_PORT"]
    target = config.with_suffix(".json")
    assert said(capsys)[0] == [
        f"wrote {target}",
        "JSON has no comments: 3 of config.yaml are not in it",
        "The node reads config.yaml now; delete the one that you do not want.",
    ]
    assert json_file.read(target.read_text())[0] == yaml_file.read(text)[0]
    assert target.stat().st_mode & 0o777 == 0o640


def test_convert_to_yaml_and_back(config: Path) -> None:
    """Nothing but comments and looks is lost on the way."""
    values = yaml_file.read(VERSION_1)[0]
    assert dispatch(["convert", "--cbdir", str(config.parent)]) == 0
    config.unlink()
    assert dispatch(["convert", "--cbdir", str(config.parent)]) == 0
    assert config.read_text() != VERSION_1
    assert yaml_file.read(config.read_text())[0] == values


def test_convert_writes_over_nothing(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Unless it is told to."""
    target = config.with_suffix(".json")
    target.write_text("mine")
    assert dispatch(["convert", "--cbdir", str(config.parent)]) == 1
    assert said(capsys)[1][-1] == f"edge-router: {target} is there already; --force writes over it"
    assert target.read_text() == "mine"
    assert dispatch(["convert", "--cbdir", str(config.parent), "--force"]) == 0
    assert target.read_text() != "mine"


def test_convert_of_another_file(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--config; its name says the language."""
    config.rename(config.with_name("old.yml"))
    assert dispatch(["convert", "--cbdir", str(config.parent), "--config", "old.yml"]) == 0
    assert said(capsys)[0][0] == f"wrote {config.with_name('old.json')}"
    config.with_name("old.yml").rename(config.with_name("old.conf"))
    assert dispatch(["convert", "--cbdir", str(config.parent), "--config", "old.conf"]) == 1
    assert "must end in .json or .yaml" in said(capsys)[1][-1]
