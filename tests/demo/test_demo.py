"""`edge-router demo`: its configuration, ports and addresses; and all of it as a process, seen by a browser."""

from __future__ import annotations

import argparse
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge_router.cli import demo
from edge_router.config.load import load
from tests.cli.running import run
from tests.page.browser import Browser, Page

TIMEOUT = 30
TEMPERATURE = (
    "[...document.querySelectorAll('.card')].find((card) => card.querySelector('h3').textContent === 'Temperature')"
)
VALUE = f"{TEMPERATURE}.querySelector('.value').textContent"


def options(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    demo.add_arguments(parser)
    return parser.parse_args(list(words))


def written(tmp_path: Path, *words: str, device: str = "/dev/ttyAMA0") -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(demo.configuration(options("--port", "0", *words), device), encoding="utf-8")
    return path


# --- the configuration -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [[], ["--lan"], ["--host", "::1"], ["--host", "127.0.0.2"]])
def test_configuration_is_right(tmp_path: Path, words: list[str]) -> None:
    """What is written is loaded without a problem or a notice."""
    loaded = load(written(tmp_path, *words), tmp_path)
    assert loaded.notices == []
    assert len(demo.page_urls(loaded)) >= 1


def test_a_real_device_changes_nothing_but_its_path(tmp_path: Path) -> None:
    """The bridge of the demo is the one that a real device gets."""
    simulated = demo.configuration(options("--port", "0"), demo.SENSOR).splitlines()
    real = demo.configuration(options("--port", "0"), "/dev/serial/by-id/usb-1").splitlines()
    pairs = zip(simulated, real, strict=True)
    different = [(one, other) for one, other in pairs if one != other and "port:" not in one]
    assert different == [('    device: "sim:room"', '    device: "/dev/serial/by-id/usb-1"')]


def test_a_device_with_a_strange_path(tmp_path: Path) -> None:
    """A path may have characters that mean something in YAML."""
    [bridge] = load(written(tmp_path, device='/dev/a: "b" #c'), tmp_path).config.bridges
    assert getattr(bridge, "device", None) == '/dev/a: "b" #c'


def test_the_network_may_only_look(tmp_path: Path) -> None:
    """A browser on the LAN subscribes and asks for the status; it does not publish, register or call anything else."""
    [worker] = load(written(tmp_path), tmp_path).config.workers
    [realm] = worker.realms
    anonymous = next(role for role in realm.roles if role.name == "anonymous")
    assert not any(permission.allow.publish or permission.allow.register for permission in anonymous.permissions)
    callable_ = [permission.uri for permission in anonymous.permissions if permission.allow.call]
    assert callable_ == ["com.example.demo.get_status"]


# --- ports and addresses ---------------------------------------------------------------------------------------------


def test_a_taken_port_gives_the_next_free_one(capsys: pytest.CaptureFixture[str]) -> None:
    """Who asks for a port that is taken gets a higher one, and is told."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        text = demo.configuration(options("--port", str(number)), "/dev/x")
        found = re.search(r"port: (\d+)", text)
        assert found is not None
        assert int(found[1]) > number
        assert capsys.readouterr().out == f"port {number} is taken, so it is {found[1]}\n"


def test_an_address_that_is_not_here() -> None:
    """The error says place and reason."""
    with pytest.raises(OSError, match=r"cannot listen on 192\.0\.2\.1, port 8080: "):
        demo.free_port("192.0.2.1", 8080)


@pytest.mark.parametrize("text", ["-1", "65536", "http"])
def test_ports_that_are_none(text: str) -> None:
    """A port is a number up to 65535."""
    with pytest.raises(SystemExit) as ended:
        options("--port", text)
    assert ended.value.code == 2


def test_addresses_of_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """One address for one interface, this machine's own and its one on the network for all."""
    monkeypatch.setattr(demo, "own_address", lambda: "192.168.0.7")
    assert demo.hosts("127.0.0.1") == ["127.0.0.1"]
    assert demo.hosts("::1") == ["[::1]"]
    assert demo.hosts(None) == ["127.0.0.1", "192.168.0.7"]
    monkeypatch.setattr(demo, "own_address", lambda: None)
    assert demo.hosts("0.0.0.0") == ["127.0.0.1"]


def test_a_wrong_configuration_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A configuration that is there is used as it is; what is wrong with it is said, and nothing is started."""
    (tmp_path / "config.yaml").write_text("version: 2\nworkerz: []\n")
    assert demo.run(options("--dir", str(tmp_path))) == 1
    said = capsys.readouterr()
    assert "is used as it is" in said.out
    assert "workerz" in said.err


# --- the process -----------------------------------------------------------------------------------------------------


@contextmanager
def running(*words: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A demo that listens, and the address of its page."""
    command = [sys.executable, "-m", "edge_router", "demo", "--loglevel", "info", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            url = next(found[0] for line in process.stdout if (found := re.search(r"http://\S+", line)))
            assert any("ready: " in line for line in process.stderr)
            yield process, url
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.communicate(timeout=TIMEOUT)
            except subprocess.TimeoutExpired:
                process.kill()
                raise


def see_values_change(page: Page) -> None:
    """The temperature is a number and becomes another one."""
    page.wait_for(f"/^-?[0-9.,]+$/.test({VALUE})")
    first = page.evaluate(VALUE)
    page.wait_for(f"{VALUE} !== {first!r}")


@pytest.mark.slow
def test_page_shows_the_sensor_and_the_router_go_and_come_back(browser: Browser, tmp_path: Path) -> None:
    """Values change; without the router the page says so; with it they change again, and nobody had to reload."""
    with running("--dir", str(tmp_path), "--port", "0") as (process, url):
        page = browser.open(url)
        page.wait_for("document.getElementById('connection').textContent === 'Live'")
        see_values_change(page)
        page.wait_for("document.querySelector('.group .pill').textContent === 'connected'")
        assert page.evaluate(f"{TEMPERATURE}.querySelector('.unit').textContent") == "°C"
        names = page.evaluate("[...document.querySelectorAll('.card h3')].map((name) => name.textContent)")
        assert names == ["Temperature", "Humidity", "Light", "Led"]
        assert page.complaints() == []
        process.send_signal(signal.SIGINT)
        page.wait_for("!document.getElementById('away').hidden")
        page.wait_for("document.getElementById('away-title').textContent.length > 0")
    with running("--dir", str(tmp_path)) as (_, again):
        assert again == url
        page.wait_for("document.getElementById('away').hidden")
        see_values_change(page)
        page.close()


@pytest.mark.slow
def test_page_shows_that_the_sensor_is_unplugged(browser: Browser, tmp_path: Path) -> None:
    """The cable out: the page says so. The cable in: values change again."""
    with running("--dir", str(tmp_path), "--port", "0") as (_, url):
        page = browser.open(url)
        see_values_change(page)
        assert run("call", "--cbdir", tmp_path, "com.example.demo.simulate", "unplug", "2").returncode == 0
        page.wait_for("document.querySelector('.group .pill').textContent === 'device away'")
        page.wait_for(f"{TEMPERATURE}.classList.contains('old')")
        page.wait_for("document.querySelector('.group .pill').textContent === 'connected'")
        see_values_change(page)
        page.close()


@pytest.mark.slow
def test_ctrl_c_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C ends it with status 0; the temporary directory and the sensor's place are gone."""
    with tempfile.TemporaryDirectory() as name:  # a test's own path may be too long for a socket
        place = Path(name)
        monkeypatch.setenv("TMPDIR", name)
        with running("--port", "0") as (process, _):
            (directory,) = place.glob("edge-router-demo-*")
            assert (directory / "config.yaml").exists()
            end = time.monotonic() + TIMEOUT
            while not list(place.glob("edge-router-sim-*/room")):
                assert time.monotonic() < end, "the sensor was not plugged in"
                select.select([], [], [], 0.02)
        assert process.returncode == 0
        assert not list(place.iterdir())
