"""A board under emulation, from power on to a reading in a browser: what people flash is what is tried here."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import pytest

from tests.images import plug, weights
from tests.images.board import MACHINES, Board
from tests.images.client import joined
from tests.images.setup import CONFIG, TTY
from tests.page.browser import Browser, find_chromium

pytestmark = pytest.mark.board

KILLS = int(os.environ.get("KILLS", "2"))
NEEDED = ("arch-test", "depmod", "debugfs", "e2fsck", "mcopy", "qemu-aarch64-static")
#: only what is on the screen is painted, and a board has much to tell
FILTER = """
const filter = document.querySelector("input");
filter.value = "com.example.sensor";
filter.dispatchEvent(new Event("input", { bubbles: true }));
"""
CARD = "[...document.querySelectorAll('.card')].find((card) => card.querySelector('h3').textContent === 'Temperature')"
#: what was measured, printed at the end
FIGURES: dict[str, str] = {}


@pytest.fixture(scope="module", params=MACHINES)
def board(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    """A board that has booted."""
    missing = [name for name in (*NEEDED, MACHINES[request.param][0]) if not shutil.which(name)]
    if missing:
        pytest.skip(f"not installed here: {', '.join(missing)}")
    place: Path = tmp_path_factory.mktemp("board")
    board = Board(request.param, place, CONFIG)
    try:
        FIGURES[f"{board.arch}: first power on to serving, s"] = f"{board.start():.0f}"
        yield board
    finally:
        board.pull_the_plug()
        shutil.rmtree(place)
    print("\n" + "\n".join(f"{name}: {value}" for name, value in FIGURES.items()))
    FIGURES.clear()


@contextmanager
def sensor(board: Board, temperature: float) -> Iterator[None]:
    """A program on this machine plays a sensor, until the end: a line every fifth of a second."""
    stop = threading.Event()

    def send() -> None:
        with board.sensor() as line:
            line.sendall(b"\n")  # ends what the one before has left of a line
            while not stop.wait(0.2):
                line.sendall(b'{"temperature": %.2f}\n' % temperature)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def test_a_reading_of_the_serial_line_is_in_a_client(board: Board) -> None:
    """From the sensor's line to an event."""
    with joined(board.port) as client:
        client.subscribe("com.example.sensor")
        with sensor(board, 21.5):
            assert client.event() == [{"temperature": 21.5}]


def test_a_reading_is_on_the_page_in_a_browser(board: Board, tmp_path: Path) -> None:
    """And the next one replaces it."""
    if find_chromium() is None:
        pytest.skip("chromium is not installed")
    with Browser(tmp_path / "profile", timeout=150) as browser:
        page = browser.open(f"http://127.0.0.1:{board.port}/")
        page.wait_for("document.getElementById('connection').textContent === 'Live'", 120)
        page.evaluate(FILTER)
        for temperature in (22.5, 23.75):
            with sensor(board, temperature):
                page.wait_for(f"Number({CARD}.querySelector('.value').textContent) === {temperature}", 120)
        page.screenshot(Path(os.environ.get("SCREENSHOTS", tmp_path)) / f"page-{board.arch}.png")
        assert page.complaints() == []


def test_an_edge_of_a_pin_is_an_event(board: Board) -> None:
    """By the kernel's own GPIO."""
    with joined(board.port) as client:
        client.subscribe("com.example.pins.button")
        assert client.event() == [False]
        board.presses_the_power_button()
        assert client.event() == [True]


def test_it_fits_on_a_small_board(board: Board) -> None:
    """Half a gigabyte is plenty. The bounds are those of the design, section 7."""
    board.pull_the_plug()
    board.start(weights.script(TTY))
    found = weights.told(board)
    assert found.keys() == {weights.WHOLE, weights.SOCKETS, weights.LAN}
    for shape, weight in found.items():
        FIGURES[f"{board.arch}: {shape}"] = (
            f"RSS {weight.rss:.1f} MB, PSS {weight.pss:.1f} MB; {weight.available:.0f} of {weight.total:.0f} MB "
            f"available; process to ready {weight.start:.1f} s"
        )
    FIGURES[f"{board.arch}: kernel to ready, s"] = f"{found[weights.WHOLE].uptime:.0f}"
    assert found[weights.LAN].rss < {"arm64": 42, "armhf": 32}[board.arch]
    assert found[weights.WHOLE].available > 300


def test_the_plug_may_be_pulled_while_it_writes(board: Board, tmp_path: Path) -> None:
    """It boots and serves each time, its file system and stores are whole, and what was written is there."""
    readings, seconds = [], []
    for pull in range(KILLS):
        readings.append(plug.write_and_pull(board, pull))
        place = tmp_path / str(pull)
        place.mkdir()
        plug.check_stores(board, place, readings)
        seconds.append(board.start())
        assert plug.newest(board) == pull
        shutil.rmtree(place)
    boots = f"{min(seconds):.0f} / {median(seconds):.0f} / {max(seconds):.0f}"
    FIGURES[f"{board.arch}: power cuts"] = (
        f"{KILLS}; to serving in {boots} s (least, median, most); {sum(each.sent for each in readings)} readings sent, "
        f"{sum(len(each.kept) for each in readings)} had to be on the disk and were"
    )
