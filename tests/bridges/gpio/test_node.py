"""Outputs of a real node: commands, a session that is cut off, a reload, SIGKILL, the stop helper, SIGTERM.

The simulated chip keeps what its outputs drive in the file `pins`: what a meter at the pins would show.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.running import PATIENCE, Client, RunningNode, configuration, run, write

pytestmark = pytest.mark.slow

OUTPUTS = {
    "kept": {"line": 1},
    "off": {"line": 2, "on_start": "keep", "on_stop": "off"},
    "on": {"line": 3, "active_low": True, "on_stop": "on"},
    "safe": {"line": 4, "on_loss": "off"},
}
ALL_OFF = {"1": False, "2": False, "3": True, "4": False}


def configured(realms: int = 1, **more: Any) -> dict[str, Any]:
    """realms: how many; the bridge is in the first. more: options of the bridge."""
    bridge = {"type": "gpio", "id": "io", "realm": "realm1", "chip": "sim:?file=pins", "outputs": OUTPUTS, **more}
    config = configuration(bridges=[bridge])
    found = config["workers"][0]["realms"]
    permission = found[0]["roles"][0]["permissions"][0]
    found[0]["roles"][0]["permissions"] = [{**permission, "disclose": {"caller": True}}]
    found += [{"name": f"realm{number}", "roles": []} for number in range(2, realms + 1)]
    return config


class Panel(Client):
    """A session that switches outputs."""

    def __init__(self, where: int | Path) -> None:
        super().__init__(where)
        self.join()
        self._requests = 0

    def call(self, procedure: str, *args: Any) -> list[Any]:
        self._requests += 1
        self.send(48, self._requests, {}, f"io.{procedure}", list(args))
        answer: list[Any] = self.receive()
        return answer

    def set(self, **levels: bool) -> None:
        for name, level in levels.items():
            assert self.call(f"{name}.set", level)[3] == [level]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    write(tmp_path, configured())
    (tmp_path / "pins").write_text(json.dumps(ALL_OFF))
    return tmp_path


class House:
    """Nodes of a directory, one after the other, and the sessions with them; all are ended after the test."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.nodes: list[RunningNode] = []
        self.panels: list[Panel] = []

    def start(self) -> Panel:
        """A node, and a session with it once its bridge is there."""
        self.nodes.append(RunningNode(self.directory))
        self.nodes[-1].wait_until_ready()
        panel = self.panel()
        end = time.monotonic() + PATIENCE
        while panel.call("get_status")[0] != 50:
            assert time.monotonic() < end, "the bridge did not start"
            time.sleep(0.02)
        return panel

    def panel(self) -> Panel:
        self.panels.append(Panel(self.directory / "router.sock"))
        return self.panels[-1]

    def end(self, number: signal.Signals) -> int:
        self.nodes[-1].process.send_signal(number)
        return self.nodes[-1].ended()


@pytest.fixture
def house(directory: Path) -> Iterator[House]:
    house = House(directory)
    yield house
    for part in (*house.panels, *house.nodes):
        part.close()


def pins(directory: Path) -> dict[str, bool]:
    found: dict[str, bool] = json.loads((directory / "pins").read_text())
    return found


def until(directory: Path, wanted: dict[str, bool]) -> None:
    end = time.monotonic() + PATIENCE
    while pins(directory) != wanted:
        assert time.monotonic() < end, pins(directory)
        time.sleep(0.02)


def test_no_output_changes_but_as_configured(directory: Path, house: House) -> None:
    """From the first start to the last stop, with a crash in between."""
    panel = house.start()
    assert pins(directory) == ALL_OFF, "the start moved something"
    panel.set(kept=True, off=True, on=True)
    other = house.panel()
    other.set(safe=True)
    assert pins(directory) == {"1": True, "2": True, "3": False, "4": True}
    other.close()
    until(directory, {"1": True, "2": True, "3": False, "4": False})

    panel.set(on=False, safe=True)
    before = {"1": True, "2": True, "3": True, "4": True}
    write(directory, configured(realms=2))
    reloaded = run("reload", "--cbdir", directory)
    assert reloaded.returncode == 0, reloaded.stderr
    assert pins(directory) == before, "the reload moved something"
    refused = run("outputs", "--on-stop", "--cbdir", directory)
    assert refused.returncode == 1
    assert "it does it itself" in refused.stderr
    house.end(signal.SIGKILL)
    assert pins(directory) == before, "the crash moved something"
    (directory / "config.json").write_text("{")  # whatever has become of it

    started = time.monotonic()
    stopped = run("outputs", "--on-stop", "--cbdir", directory)
    assert time.monotonic() - started < 5, "well under a second on a machine with nothing else to do"
    assert (stopped.returncode, stopped.stderr) == (0, "")
    assert stopped.stdout == "io.off: off\nio.on: on\n"
    after = {"1": True, "2": False, "3": False, "4": True}
    assert pins(directory) == after

    write(directory, configured(realms=2))
    panel = house.start()
    assert pins(directory) == after, "the start after a crash moved something"
    panel.set(off=True, on=False, safe=False)
    assert house.end(signal.SIGTERM) == 0, house.nodes[-1].stderr
    assert pins(directory) == {"1": True, "2": False, "3": False, "4": False}
    assert not (directory / "node.outputs").exists(), "nothing is left to be done"


def test_a_reload_of_the_bridge_itself(directory: Path, house: House) -> None:
    """Outputs that stay are left alone, and who has set them is known still; those that go are left as on_stop says."""
    panel = house.start()
    other = house.panel()
    panel.set(kept=True, off=True, on=False)
    other.set(safe=True)
    outputs = {**OUTPUTS, "new": {"line": 5, "on_start": "on"}}
    del outputs["on"]
    write(directory, configured(outputs=outputs))
    assert run("reload", "--cbdir", directory).returncode == 0
    until(directory, {"1": True, "2": True, "3": False, "4": True, "5": True})
    other.close()
    until(directory, {"1": True, "2": True, "3": False, "4": False, "5": True})


def test_what_there_is(directory: Path) -> None:
    """Without --on-stop nothing is touched."""
    said = run("outputs", "--cbdir", directory)
    assert said.returncode == 0, said.stderr
    lines = said.stdout.splitlines()
    assert lines[1] == "io.off: line 2 (GPIO2) of sim, an output; on_start keep, on_stop off, on_loss keep"
    assert pins(directory) == ALL_OFF


def test_without_twisted(directory: Path) -> None:
    """It has to be quick, on a board too."""
    code = "import sys; from edge_router.__main__ import run_command; run_command('outputs', ['--on-stop', '--cbdir', "
    code += f"{str(directory)!r}]); sys.exit('twisted' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, stdout=subprocess.DEVNULL).returncode == 0
