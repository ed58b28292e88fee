"""Files and directories that the configuration names, where this user may not look."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from edge_router.config.load import from_tree
from edge_router.config.places import is_directory, is_file, nothing
from edge_router.config.problems import ConfigErrors


@pytest.fixture
def closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that this user, who may be root, sees nothing of, as a service of /home."""
    place = tmp_path / "home"
    monkeypatch.setattr("edge_router.config.places._CLOSED", (str(place),))
    (place / "joe").mkdir(parents=True)
    stat, access = Path.stat, os.access

    def refused(path: Path, **options: Any) -> os.stat_result:
        if place in path.parents:
            raise PermissionError(13, "Permission denied", str(path))
        return stat(path, **options)

    monkeypatch.setattr(Path, "stat", refused)
    monkeypatch.setattr(
        os, "access", lambda path, mode: access(path, mode) and not (Path(path) == place and mode == os.X_OK)
    )
    return place


def test_what_is_there(tmp_path: Path) -> None:
    """And what is not; no path is too odd to be asked for."""
    (tmp_path / "a").touch()
    assert (is_directory(tmp_path), is_file(tmp_path)) == (True, False)
    assert (is_directory(tmp_path / "a"), is_file(tmp_path / "a")) == (False, True)
    assert not is_directory(tmp_path / "a" / "b") and not is_file(Path("a\0b"))
    assert nothing(tmp_path / "b", "file") == f"there is no file '{tmp_path / 'b'}'"


def test_what_cannot_be_told_is_not_there(closed: Path) -> None:
    """With the reason why: it may well be."""
    assert not is_directory(closed / "joe") and not is_file(closed / "joe")
    said = nothing(closed / "joe", "directory")
    assert said.startswith(f"directory '{closed / 'joe'}' cannot be seen: this user may not look into {closed} (a ser")


@pytest.mark.parametrize("name", ["upload", "static"])
def test_a_path_of_a_web_server(closed: Path, name: str) -> None:
    """Told with its place in the configuration, not by a traceback."""
    more = {"realm": "realm1", "role": "x", "form_fields": {}} if name == "upload" else {}
    paths = {"/": {"type": "nodeinfo"}, "x": {"type": name, "directory": str(closed / "joe"), **more}}
    worker = {
        "type": "router",
        "realms": [{"name": "realm1", "roles": [{"name": "x"}]}],
        "transports": [{"type": "web", "endpoint": {"type": "tcp", "port": 0}, "paths": paths}],
    }
    told = told_of({"version": 2, "workers": [worker]}, closed.parent)
    assert "x.directory: directory" in told and "cannot be seen" in told


def test_a_guest(closed: Path) -> None:
    """Its program, and the directory it works in."""
    guest = {"type": "guest", "executable": str(closed / "joe" / "run.sh"), "options": {"workdir": str(closed / "joe")}}
    assert "options.workdir: directory" in told_of({"version": 2, "workers": [guest]}, closed.parent)
    del guest["options"]
    assert "executable: program" in told_of({"version": 2, "workers": [guest]}, closed.parent)


def told_of(tree: dict[str, Any], directory: Path) -> str:
    """Problems and notices of a configuration."""
    try:
        return "\n".join(map(str, from_tree(tree, "c", directory).notices))
    except ConfigErrors as problems:
        return str(problems)
