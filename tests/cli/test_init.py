"""`edge-router init`: what it writes works, and what is there already stays."""

from __future__ import annotations

import io
import stat
from pathlib import Path
from typing import Any

import pytest

from edge_router.__main__ import dispatch
from edge_router.cli.init import NAMES, TEMPLATES
from edge_router.config.load import load
from edge_router.config.schema import Auth
from edge_router.router.permissions import RolePermissions


def test_what_it_writes_is_a_valid_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`init`, then `check`: no problems and no notices. The next step is named."""
    assert dispatch(["init", "--appdir", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert f"edge-router start --cbdir {tmp_path / '.crossbar'}" in said
    written = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert written == {".crossbar/config.yaml", ".crossbar/key.priv", ".crossbar/key.pub", "web/index.html"}
    assert load(tmp_path / ".crossbar" / "config.yaml").notices == []


def test_the_network_may_look_and_nothing_else(tmp_path: Path) -> None:
    """Who comes in without a login may subscribe, but not to who else comes in; the Unix socket opens everything."""
    dispatch(["init", "--appdir", str(tmp_path)])
    (worker,) = load(tmp_path / ".crossbar" / "config.yaml").config.workers
    allowed = {role.name: role.permissions[0].allow for role in worker.realms[0].roles}
    assert [allowed["anonymous"].subscribe, allowed["anonymous"].publish] == [True, False]
    assert [allowed["anonymous"].call, allowed["anonymous"].register] == [False, False]
    anonymous = RolePermissions("anonymous", worker.realms[0].roles[0], "loose")
    assert not anonymous.grant("wamp.session.on_join").subscribe
    assert not anonymous.is_uniform("", "prefix", "subscribe")
    assert all(getattr(allowed["local"], action) for action in ("subscribe", "publish", "call", "register"))


def login_of(config: Path) -> Auth | None:
    """The `auth` of the one WebSocket of a configuration."""
    web: Any = load(config).config.workers[0].transports[0]
    (found,) = (path.auth for path in web.paths.values() if hasattr(path, "auth"))
    assert found is None or isinstance(found, Auth)
    return found


def test_nobody_can_log_in_before_the_operator_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """There is no password anywhere. With what `passwd` prints put where the comment says, there is one user."""
    dispatch(["init", "--appdir", str(tmp_path)])
    config = tmp_path / ".crossbar" / "config.yaml"
    assert login_of(config) is None
    capsys.readouterr()
    monkeypatch.setattr("sys.stdin", io.StringIO("pencil\n"))
    dispatch(["passwd", "--wampcra", "--role", "operator", "joe"])
    user = capsys.readouterr().out
    lines = config.read_text().splitlines()
    first = next(number for number, line in enumerate(lines) if line.strip() == "#auth:")
    last = next(number for number, line in enumerate(lines) if line.strip() == '#      "NAME":')
    opened = [line.replace("#", "", 1) for line in lines[first:last]]
    lines[first : last + 4] = [*opened, *(f"{' ' * 18}{line}" for line in user.splitlines())]
    config.write_text("\n".join(lines))
    auth = login_of(config)
    assert auth is not None
    assert auth.wampcra is not None
    assert list(auth.wampcra.users) == ["joe"]
    assert auth.anonymous is not None


def test_the_bridge_in_the_comment_is_valid(tmp_path: Path) -> None:
    """Taking the `#` away, as the comment says, is all there is to do."""
    dispatch(["init", "--appdir", str(tmp_path)])
    config = tmp_path / ".crossbar" / "config.yaml"
    head, _, bridge = config.read_text().partition("#bridges:")
    uncommented = "".join(line.removeprefix("#") for line in f"#bridges:{bridge}".splitlines(keepends=True))
    config.write_text(head + uncommented)
    (kitchen,) = load(config).config.bridges
    assert (kitchen.id, kitchen.realm) == ("kitchen", "realm1")


def test_a_node_directory_of_its_own(tmp_path: Path) -> None:
    """--cbdir is for services: the directory itself, with the pages in it."""
    assert dispatch(["init", "--cbdir", str(tmp_path / "node")]) == 0
    assert (tmp_path / "node" / "web" / "index.html").exists()
    assert load(tmp_path / "node" / "config.yaml").notices == []


def test_a_second_time_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever was edited is kept, also an emptied page directory."""
    dispatch(["init", "--appdir", str(tmp_path)])
    (tmp_path / ".crossbar" / "config.yaml").write_text("version: 2\n")
    (tmp_path / "web" / "index.html").unlink()
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    capsys.readouterr()
    assert dispatch(["init", "--appdir", str(tmp_path)]) == 0
    assert "nothing was changed" in capsys.readouterr().out
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_config_json_that_somebody_brought_along_is_not_hidden(tmp_path: Path) -> None:
    """config.yaml goes before config.json, so none is written beside it."""
    (tmp_path / ".crossbar").mkdir()
    (tmp_path / ".crossbar" / "config.json").write_text("{}")
    dispatch(["init", "--appdir", str(tmp_path)])
    assert not (tmp_path / ".crossbar" / "config.yaml").exists()
    assert (tmp_path / ".crossbar" / "key.priv").exists()


def test_a_config_json_pasted_after_init_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As guides of Crossbar's go; once the config.yaml was edited, that one is meant."""
    dispatch(["init", "--cbdata", str(tmp_path)])
    (tmp_path / "config.json").write_text('{"version": 2, "controller": {"id": "pasted"}}')
    capsys.readouterr()
    for name, beside in (("config.json", "as `init` wrote it, and is not read"), ("config.yaml", "delete one")):
        assert dispatch(["check", "--cbdata", str(tmp_path)]) == 0
        said = capsys.readouterr()
        assert str(tmp_path / name) in said.out
        assert beside in said.err
        config = tmp_path / "config.yaml"
        config.write_text(config.read_text().replace("realm1", "home"))


def test_the_private_key_is_for_its_owner(tmp_path: Path) -> None:
    """Mode 0600 from the first moment; an old file that is too open is closed."""
    directory = tmp_path / ".crossbar"
    dispatch(["init", "--appdir", str(tmp_path)])
    assert stat.S_IMODE((directory / "key.priv").stat().st_mode) == 0o600
    (directory / "key.priv").chmod(0o644)
    dispatch(["init", "--appdir", str(tmp_path)])
    assert stat.S_IMODE((directory / "key.priv").stat().st_mode) == 0o600


def test_where_nothing_can_be_written_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Status 1 and the reason."""
    (tmp_path / "file").write_text("")
    assert dispatch(["init", "--appdir", str(tmp_path / "file")]) == 1
    assert "edge-router: " in capsys.readouterr().err


def test_the_templates_are_there(tmp_path: Path) -> None:
    """Each gives what it says; without one it is the default."""
    assert {path.name for path in TEMPLATES.iterdir()} == {*NAMES, "index.html"}
    for name in NAMES:
        assert dispatch(["init", "--appdir", str(tmp_path / name), "--template", name]) == 0
    assert dispatch(["init", "--appdir", str(tmp_path / "none")]) == 0
    written = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*") if path.is_file()}
    every = {".crossbar/config.yaml", ".crossbar/key.priv", ".crossbar/key.pub", "web/index.html"}
    more = {"default": set(), "none": set(), "components": {"timeservice.py", "tickservice.py"}}
    assert written == {f"{name}/{path}" for name, others in more.items() for path in every | others}


def test_a_template_leaves_programs_as_they_are(tmp_path: Path) -> None:
    """Whoever has a timeservice.py keeps it."""
    (tmp_path / "timeservice.py").write_text("mine")
    dispatch(["init", "--cbdir", str(tmp_path), "--template", "components"])
    assert (tmp_path / "timeservice.py").read_text() == "mine"
    assert "class TickService" in (tmp_path / "tickservice.py").read_text()


def test_the_command_to_start_is_one_that_can_be_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Called by its path, as from a virtual environment, it is to be called so again."""
    monkeypatch.setattr("sys.argv", [".venv/bin/edge-router", "init"])
    monkeypatch.setenv("PATH", str(tmp_path))
    dispatch(["init", "--appdir", str(tmp_path / "a")])
    assert f"\n  .venv/bin/edge-router start --cbdir {tmp_path}/a/.crossbar\n" in capsys.readouterr().out
    monkeypatch.setattr("sys.argv", ["/usr/lib/python3/edge_router/__main__.py", "init"])
    dispatch(["init", "--appdir", str(tmp_path / "a")])
    assert "\n  edge-router start --cbdir" in capsys.readouterr().out
