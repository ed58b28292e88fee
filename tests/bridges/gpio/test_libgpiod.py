"""The bridge on libgpiod: the same as on the kernel, by a module of the library's API on a simulated chip."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bridges.gpio import backends, libgpiod
from bridges.gpio.bridge import GpioBridge
from bridges.gpio.chardev import CharacterDevices
from bridges.gpio.lines import LineError, Settings
from bridges.gpio.simoptions import ChipOptions
from bridges.gpio.simulator import SimulatedKernel
from bridges.simulated import Faults
from tests.bridges.gpio import fake_gpiod
from tests.bridges.gpio.conftest import Board, Router, configured
from tests.bridges.harness import PtyReactor


class Chip:
    """A simulated chip, as the library sees it."""

    def __init__(self, reactor: PtyReactor) -> None:
        self.faults = Faults(reactor, ChipOptions(), lambda fault: self.kernel.fault_changed(fault))
        self.kernel = SimulatedKernel(ChipOptions(), reactor, faults=self.faults)
        self.library = libgpiod.Libgpiod(fake_gpiod.module(self.kernel), self.kernel.chips)


class LibraryBoard(Board):
    chip: Chip

    @property
    def kernel(self) -> SimulatedKernel:
        return self.chip.kernel


@pytest.fixture
def on_library(reactor: PtyReactor, session: Router, tmp_path: Path) -> Iterator[Callable[..., LibraryBoard]]:
    made: list[GpioBridge] = []

    def make(**options: Any) -> LibraryBoard:
        chip = Chip(reactor)
        bridge = GpioBridge(configured(chip="sim", **options), reactor, random=lambda: 0.5, backend=chip.library)
        bridge.directory = tmp_path
        made.append(bridge)
        bridge.start(session)  # type: ignore[arg-type]
        board = LibraryBoard(bridge, reactor, session)
        board.chip = chip
        return board

    yield make
    for bridge in made:
        bridge.stop()
    assert not reactor.getReaders()


def test_inputs_and_outputs(on_library: Callable[..., LibraryBoard]) -> None:
    io = on_library(
        inputs={
            "door": {"line": "GPIO17", "debounce": 0, "active_low": True, "bias": "pull-up"},
            "water": {"line": 5, "measure": "count"},
        },
        outputs={"lamp": {"line": 4, "on_start": "keep", "on_stop": "off", "active_low": True}},
    )
    assert io.status()["state"] == "open"
    assert io.values("lamp") == [True]
    io.drive(17, False, True)
    io.drive(5, True, False, True)
    io.advance(1.1)
    assert io.values("door") == [False, True, False]
    assert io.values("water") == [0, 2]
    io.call("lamp.toggle")
    assert io.pin(4) is True
    io.call("lamp.set", True)
    assert io.pin(4) is False
    io.bridge.stop()
    assert io.pin(4) is True


def test_a_storm(on_library: Callable[..., LibraryBoard]) -> None:
    io = on_library(inputs={"noisy": {"line": 4, "debounce": 0, "max_edges": 5}, "door": {"line": 17, "debounce": 0}})
    io.drive(4, *[True, False] * 10)
    assert io.status()["stormy"] == ["noisy"]
    io.drive(17, True)
    io.advance(2.1)
    assert io.values("door") == [False, True]
    assert io.status()["stormy"] == []
    io.drive(4, True)
    assert io.values("noisy")[-1] is True


def test_a_chip_that_goes(on_library: Callable[..., LibraryBoard]) -> None:
    io = on_library(inputs={"door": {"line": 17}}, outputs={"lamp": {"line": 4}})
    io.chip.faults.set("unplug")
    io.reactor.pump()
    assert io.status()["state"] == "away"
    io.chip.faults.set("ok")
    io.advance(2)
    assert io.status()["state"] == "open"


def test_what_is_in_use(reactor: PtyReactor) -> None:
    chip = Chip(reactor)
    held = CharacterDevices(chip.kernel).open("sim:").request([4], Settings(direction="input"), {}, "somebody")
    opened = chip.library.open("sim:")
    with pytest.raises(LineError, match=r"line 4 \(GPIO4\) is in use by somebody"):
        opened.request([4], Settings(direction="input"), {}, "me")
    held.close()
    opened.close()


def test_settings_are_said_in_the_library_s_words(reactor: PtyReactor) -> None:
    chip = Chip(reactor).library.open("sim:")
    settings = Settings(direction="input", bias="none", edges="rising", debounce=20_000)
    made = libgpiod.LibraryRequest(fake_gpiod.module(SimulatedKernel(ChipOptions(), None)), [4, 5], settings)
    four, five = made.config(settings, {}, [5]).values()
    assert four == fake_gpiod.LineSettings(
        direction=fake_gpiod.Direction.INPUT,
        edge_detection=fake_gpiod.EdgeDetection.RISING,
        bias=fake_gpiod.Bias.DISABLED,
        debounce_period=timedelta(milliseconds=20),
    )
    assert five.edge_detection is fake_gpiod.EdgeDetection.NONE
    chip.close()


@pytest.mark.parametrize(
    ("backend", "installed", "kind"),
    [
        ("auto", None, CharacterDevices),
        ("auto", "v1", CharacterDevices),
        ("auto", "v2", libgpiod.Libgpiod),
        ("kernel", "v2", CharacterDevices),
        ("libgpiod", "v2", libgpiod.Libgpiod),
        ("libgpiod", "v1", backends.Missing),
        ("libgpiod", None, backends.Missing),
    ],
)
def test_which_backend(monkeypatch: pytest.MonkeyPatch, backend: str, installed: str | None, kind: type) -> None:
    """Version 1 of the library has the same name: Debian 12's is one."""

    def import_module(name: str) -> Any:
        assert backend != "kernel", "it is not even looked for"
        if installed is None:
            raise ImportError(name)
        return SimpleNamespace(**({"LineSettings": object} if installed == "v2" else {}))

    monkeypatch.setattr(libgpiod, "import_module", import_module)
    config = configured(chip="pinctrl-rp1", backend=backend, inputs={"door": {"line": 17}})
    assert type(backends.backend_of(config, None)) is kind


def test_a_library_that_is_not_there(board: Callable[..., Board], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libgpiod, "library", lambda: None)
    monkeypatch.setattr(backends, "library", lambda: None)
    io = board(chip="pinctrl-rp1", backend="libgpiod", inputs={"door": {"line": 17}})
    assert "libgpiod 2 is not installed; pip install 'edge-router[gpio]'" in io.status()["last_error"]


def test_the_real_library_takes_what_is_said() -> None:
    """Where it is installed; there is no chip to ask for lines."""
    gpiod = pytest.importorskip("gpiod", minversion="2")
    for settings in (
        Settings(direction="as-is", active_low=True),
        Settings(direction="input", bias="pull-up", edges="both", debounce=20_000),
        Settings(direction="output", drive="open-drain"),
    ):
        made = libgpiod.LibraryRequest(gpiod, [4], settings).config(settings, {4: True})
        assert made[4].direction.name.lower().replace("_", "-") == settings.direction
    with pytest.raises(LineError, match="is not there"):
        libgpiod.Libgpiod(gpiod, list).open("/dev/gpiochip99")
