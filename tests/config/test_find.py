"""Which directory, which file: Crossbar's order."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_router.config import find
from edge_router.config.find import config_file, node_directory, passed_over, sealed


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_current_directory(here: Path) -> None:
    """Without anything else it is the current directory."""
    assert node_directory(None, {}) == here


def test_hidden_directory(here: Path) -> None:
    """`.crossbar` goes before the current directory, if it is one."""
    (here / ".crossbar").mkdir()
    assert node_directory(None, {}) == here / ".crossbar"


def test_file_called_crossbar(here: Path) -> None:
    """A file of that name is no node directory."""
    (here / ".crossbar").touch()
    assert node_directory(None, {}) == here


def test_environment(here: Path) -> None:
    """$CROSSBAR_DIR goes before both."""
    (here / ".crossbar").mkdir()
    assert node_directory(None, {"CROSSBAR_DIR": "there"}) == here / "there"
    assert node_directory("", {"CROSSBAR_DIR": ""}) == here / ".crossbar"


def test_argument(here: Path) -> None:
    """--cbdir goes before all."""
    assert node_directory("other", {"CROSSBAR_DIR": "there"}) == here / "other"
    assert node_directory(Path("/a"), {}) == Path("/a")


def test_argument_that_names_a_file(here: Path) -> None:
    """Then the file's directory is meant."""
    (here / "sub").mkdir()
    (here / "sub" / "config.json").touch()
    assert node_directory("sub/config.json", {}) == here / "sub"


def test_config_files(here: Path) -> None:
    """config.yaml goes before config.json; when there is none, the first is named in the error."""
    assert config_file(here) == here / "config.yaml"
    (here / "config.json").touch()
    assert config_file(here) == here / "config.json"
    (here / "config.yaml").touch()
    assert config_file(here) == here / "config.yaml"


def test_config_argument(here: Path) -> None:
    """--config is relative to the node directory."""
    assert config_file(here, "a/b.yaml") == here / "a" / "b.yaml"
    assert config_file(here, Path("/etc/x.json")) == Path("/etc/x.json")


def test_config_of_the_environment(here: Path) -> None:
    """$CROSSBAR_CONFIG, which Crossbar's container images use; --config goes before it."""
    (here / "config.yaml").touch()
    assert config_file(here, None, {"CROSSBAR_CONFIG": "other.json"}) == here / "other.json"
    assert config_file(here, "mine.json", {"CROSSBAR_CONFIG": "other.json"}) == here / "mine.json"
    assert config_file(here, None, {"CROSSBAR_CONFIG": ""}) == here / "config.yaml"


def test_an_untouched_file_of_init_leaves_the_place(here: Path) -> None:
    """Guides of Crossbar's say: init, then paste this into config.json, then start."""
    yaml, json = here / "config.yaml", here / "config.json"
    yaml.write_text(sealed("# node\nversion: 2\n# ü\n"))
    assert config_file(here) == yaml
    assert passed_over(yaml) is None
    json.write_text("{}")
    assert config_file(here) == json
    assert passed_over(json) == "config.yaml is there too, as `init` wrote it, and is not read"
    yaml.write_text(yaml.read_text() + " ")
    assert config_file(here) == yaml
    beside = "config.json is there too and is not read; delete one of the two, or name one by --config"
    assert passed_over(yaml) == beside


@pytest.mark.parametrize("content", [b"", b"\xff", b"# init 00000000: x", b"# init 0000000g: x\n", b"version: 2\n"])
def test_files_without_a_seal(content: bytes, here: Path) -> None:
    """Whatever is in it, a config.yaml of the operator's own goes first."""
    (here / "config.yaml").write_bytes(content)
    (here / "config.json").touch()
    assert config_file(here) == here / "config.yaml"


def test_another_name(here: Path) -> None:
    """Who names a file knows which."""
    (here / "config.yaml").touch()
    assert passed_over(here / "mine.yaml") is None


@pytest.fixture
def service(here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The Debian package is installed. Result: its configuration."""
    path = here / "etc" / "config.yaml"
    path.parent.mkdir()
    path.write_text("")
    monkeypatch.setattr(find, "SERVICE", here / "var")
    monkeypatch.setattr(find, "SERVICE_FILE", path)
    return path


def test_the_node_of_the_service(here: Path, service: Path) -> None:
    """Whoever types a command on a board means that one, wherever he is."""
    assert find.node_directory(environ={}) == here / "var"
    assert find.config_file(here / "var", environ={}) == service
    assert find.config_file(here / "var", "other.yaml", environ={}) == here / "var" / "other.yaml"


def test_a_node_of_ones_own_goes_before_that_of_the_service(here: Path, service: Path) -> None:
    (here / "config.json").write_text("{}")
    assert find.node_directory(environ={}) == here
    (here / ".crossbar").mkdir()
    assert find.node_directory(environ={}) == here / ".crossbar"


def test_a_configuration_in_the_directory_of_the_service(here: Path, service: Path) -> None:
    """Somebody put it there: it is what the node has."""
    (here / "var").mkdir()
    (here / "var" / "config.yaml").write_text("")
    assert find.config_file(here / "var", environ={}) == here / "var" / "config.yaml"


def test_where_this_user_may_not_look_is_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`sudo -u edge-router edge-router keys` in a home directory that is closed to others; is_dir(3) raises there."""

    def refuse(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CROSSBAR_DIR", raising=False)
    monkeypatch.setattr(Path, "is_dir", refuse)
    monkeypatch.setattr(Path, "is_file", refuse)
    assert find.node_directory() == tmp_path
    assert find.node_directory("/closed") == Path("/closed")
    assert find.config_file(tmp_path, environ={}) == tmp_path / "config.yaml"
    assert find.passed_over(tmp_path / "config.yaml") is None


def test_another_node_of_the_service(here: Path, service: Path) -> None:
    """edge-router@shed has a directory of that name, and its configuration beside the first one's."""
    assert find.config_file(here / "var-shed", environ={}) == here / "var-shed" / "config.yaml"
    shed = service.with_name("shed.yaml")
    shed.write_text("")
    assert find.config_file(here / "var-shed", environ={}) == shed
    assert find.config_file(here / "other-shed", environ={}) == here / "other-shed" / "config.yaml"
