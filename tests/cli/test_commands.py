"""The words after `edge-router`: help, mistakes, exit statuses, and what they load."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from edge_router.__main__ import COMMANDS, dispatch
from tests.cli.running import configuration, write


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["help"]])
def test_help_names_every_command(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """And what to type first."""
    assert dispatch(words) == 0
    text = capsys.readouterr().out
    assert all(f"\n  {name} " in text for name in COMMANDS)
    assert "edge-router demo" in text


def test_nothing_typed_is_wrong_usage_and_answered_with_help(capsys: pytest.CaptureFixture[str]) -> None:
    """Help goes to stderr then, since nobody asked for it."""
    assert dispatch([]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "usage: edge-router COMMAND" in said.err


@pytest.mark.parametrize(("word", "hint"), [("strat", "did you mean 'start'?"), ("xyz", "there are: init, start")])
def test_a_misspelt_command(word: str, hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Status 2, and what was probably meant."""
    assert dispatch([word]) == 2
    assert hint in capsys.readouterr().err


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Also as `help COMMAND`. The module has what `edge_router.cli` says."""
    for words in ([name, "--help"], ["help", name]):
        with pytest.raises(SystemExit) as end:
            dispatch(words)
        assert end.value.code == 0
        assert f"usage: edge-router {name}" in capsys.readouterr().out
    module = import_module(COMMANDS[name][0])
    assert callable(module.run)


def test_version_names_the_program_and_its_packages(capsys: pytest.CaptureFixture[str]) -> None:
    """For bug reports; the old spellings work."""
    for words in (["version"], ["--version"], ["-V"]):
        assert dispatch(words) == 0
        lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
        assert {"edge-router", "python", "platform", "twisted", "msgspec"} <= set(lines)


def test_check_of_a_good_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Crossbar's words, and which file was meant."""
    write(tmp_path, configuration())
    assert dispatch(["check", "--cbdir", str(tmp_path)]) == 0
    said = capsys.readouterr()
    assert said.out == f"Ok, node configuration looks good! ({tmp_path / 'config.json'})\n"
    assert said.err == ""


def test_check_of_a_bad_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every problem on stderr with file, line and path, nothing on stdout, status 1."""
    (tmp_path / "own.yaml").write_text("version: 2\nworkers:\n  - type: router\n    realms: 5\n    transport: []\n")
    assert dispatch(["check", "--cbdir", str(tmp_path), "--config", "own.yaml"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    lines = said.err.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith(f"{tmp_path / 'own.yaml'}:4: workers.0.realms: ")
    assert lines[1].startswith(f"{tmp_path / 'own.yaml'}:5: workers.0")
    assert "transports" in lines[1]


def test_the_schema_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    """So that it can be written to a file and given to an editor."""
    assert dispatch(["schema"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "edge-router configuration"


@pytest.mark.parametrize("option", ["nan", "-1", "0", "inf", "soon"])
def test_a_duration_must_be_one(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    """--shutdownafter takes seconds above 0; anything else is wrong usage."""
    with pytest.raises(SystemExit) as end:
        dispatch(["start", "--shutdownafter", option])
    assert end.value.code == 2
    assert "--shutdownafter" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [["--help"], ["version"], ["check", "--cbdir", "@"], ["status", "--cbdir", "@"], ["stop", "--cbdir", "@"]]
)
def test_small_commands_do_not_load_twisted(words: list[str], tmp_path: Path) -> None:
    """They answer at once, on a Pi Zero too."""
    write(tmp_path, configuration())
    words = [word.replace("@", str(tmp_path)) for word in words]
    program = (
        "import sys; from edge_router.__main__ import dispatch\n"
        "dispatch(sys.argv[1:])\n"
        "loaded = {name.partition('.')[0] for name in sys.modules}\n"
        "assert not loaded & {'twisted', 'asyncio', 'cbor2', 'websockets', 'serial'}, loaded"
    )
    done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_a_reader_that_has_gone_is_no_error(tmp_path: Path) -> None:
    """`edge-router schema | head -1` ends quietly."""
    command = f"'{sys.executable}' -m edge_router schema | head -1"
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert (done.stdout, done.stderr) == ("{\n", "")
