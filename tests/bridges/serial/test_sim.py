"""`device: sim:KIND`: a device that is not there, through the same port as all others."""

from __future__ import annotations

import math
import os
import struct
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml
from msgspec import ValidationError

from bridges.serial.bridge import SerialBridge
from bridges.serial.checksums import checksum
from bridges.serial.config import SerialConfig
from bridges.serial.portconfig import PortConfig
from bridges.serial.simdevices import COBS_LAYOUT, MACHINES
from bridges.serial.simkinds import SIM_KINDS, Replay, Scpi
from bridges.serial.simscpi import Instrument
from bridges.simulated import parse
from edge_router.client import CallError
from edge_router.config.load import from_tree
from tests.bridges.harness import FakeSession, PtyReactor

Open = Callable[..., SerialBridge]


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the links of simulated devices are; nothing is left there, and no descriptor open."""
    place = tmp_path / "tmp"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    before = set(Path("/proc/self/fd").iterdir())
    yield place
    assert not list(place.iterdir())
    assert len(set(Path("/proc/self/fd").iterdir()) - before) <= 1, "but for the one that lists them"


@pytest.fixture
def sim(make_bridge: Open, reactor: PtyReactor, session: FakeSession) -> Iterator[Open]:
    """Starts the bridge `kitchen` with a simulated device, and waits until it is open."""
    made: list[SerialBridge] = []

    def start(device: str, **options: Any) -> SerialBridge:
        bridge = make_bridge(device=device, **options)
        made.append(bridge)
        bridge.start(session)
        reactor.until(lambda: session.values("kitchen.status") == ["open"])
        return bridge

    yield start
    for bridge in made:
        bridge.stop()


def said(kind: str, count: int) -> list[tuple[float, bytes]]:
    """The first messages of a machine."""
    options = parse(f"sim:{kind}", SIM_KINDS).options
    messages = MACHINES[type(options)](options, Random(1)).messages()
    return [message for message, _ in zip(messages, range(count), strict=False)]


def test_a_thermometer(sim: Open, reactor: PtyReactor, session: FakeSession) -> None:
    """A line each period, as of a real device."""
    sim("sim:thermometer?period=2", fields={"temperature": {}, "humidity": {}})
    begun = reactor.seconds()
    reactor.until(lambda: len(session.values("kitchen.temperature")) == 3)
    assert reactor.seconds() - begun == pytest.approx(6, abs=0.3)
    assert all(15 < value < 27 for value in session.values("kitchen.temperature"))
    assert all(30 < value < 70 for value in session.values("kitchen.humidity"))


def test_unplugged_and_back_under_another_name(
    sim: Open, reactor: PtyReactor, session: FakeSession, directory: Path
) -> None:
    """As a real device does that was busy when it was pulled out. What it says begins anew."""
    sim("sim:counter?period=0.5", decode="csv", columns=["n", "t"])
    reactor.until(lambda: len(session.values("kitchen")) == 3)
    (link,) = directory.glob("*/counter")
    before = link.readlink()
    assert session.procedures["kitchen.simulate"]("unplug", 3) == "unplug"
    reactor.until(lambda: session.values("kitchen.status")[-1] == "away")
    assert not list(directory.glob("*/counter"))
    with pytest.raises(CallError):
        session.procedures["kitchen.write"]("x")
    reactor.until(lambda: session.values("kitchen.status")[-1] == "open")
    assert link.readlink() != before
    count = len(session.values("kitchen"))
    reactor.until(lambda: len(session.values("kitchen")) == count + 2)
    assert [frame["n"] for frame in session.values("kitchen")[count:]] == [1, 2]


def test_unplugged_until_it_is_plugged_in(sim: Open, reactor: PtyReactor, session: FakeSession) -> None:
    sim("sim:counter?period=0.5", decode="csv", columns=["n", "t"])
    for again in ("ok", "garble"):
        session.procedures["kitchen.simulate"]("unplug")
        reactor.until(lambda: session.values("kitchen.status")[-1] == "away")
        reactor.advance(100)
        reactor.pump()
        assert session.values("kitchen.status")[-1] == "away"
        session.procedures["kitchen.simulate"](again)
        reactor.until(lambda: session.values("kitchen.status")[-1] == "open")


def test_stopped_while_it_is_unplugged(sim: Open, reactor: PtyReactor, session: FakeSession) -> None:
    """And started again: everything is as at first. What is left over, fixtures look for."""
    bridge = sim("sim:counter?period=0.5", decode="csv", columns=["n", "t"])
    session.procedures["kitchen.simulate"]("unplug")
    reactor.until(lambda: session.values("kitchen.status")[-1] == "away")
    bridge.stop()
    bridge.start(session)
    reactor.until(lambda: session.values("kitchen.status")[-1] == "open")
    reactor.until(lambda: session.values("kitchen"))


def test_hung(sim: Open, reactor: PtyReactor, session: FakeSession) -> None:
    """It is there, and neither speaks nor listens; afterwards it goes on."""
    sim("sim:counter?period=0.5", decode="csv", columns=["n", "t"])
    reactor.until(lambda: len(session.values("kitchen")) == 2)
    session.procedures["kitchen.simulate"]("hang", 5)
    for _ in range(9):
        reactor.advance(0.5)
        reactor.pump(0.001)
    assert len(session.values("kitchen")) == 2
    reactor.until(lambda: len(session.values("kitchen")) == 4)
    first, second = (frame["n"] for frame in session.values("kitchen")[2:])
    assert first > 9 and second == first + 1
    assert session.values("kitchen.status") == ["open"]


@pytest.mark.parametrize("fault", ["drop", "garble"])
def test_bytes_are_lost_and_garbled(sim: Open, reactor: PtyReactor, session: FakeSession, fault: str) -> None:
    """Frames are bad then, or gone, and later ones are whole again."""
    bridge = sim("sim:counter?period=0.1&seed=3", decode="csv", columns=["n", "t"])
    session.procedures["kitchen.simulate"](fault, 3)
    reactor.until(lambda: session.procedures["kitchen.simulate"]() == "ok", step=0.05)
    assert bridge.details()["bad"] > 0
    reactor.pump(0.001)
    count = len(session.values("kitchen"))
    assert count < 30
    reactor.until(lambda: len(session.values("kitchen")) == count + 4)
    numbers = [frame["n"] for frame in session.values("kitchen")[count + 1 :]]
    assert numbers == [numbers[0], numbers[0] + 1, numbers[0] + 2]


def test_a_checksum_lets_nothing_wrong_pass(sim: Open, reactor: PtyReactor, session: FakeSession) -> None:
    """Whatever happens on the line, what is published is what the device said."""
    faults = "drop=0.2&garble=0.2&unplug=0.01&hang=0.01&outage=0.5&seed=5"
    checksum_ = {"type": "crc-16/ibm-3740"}
    sim(f"sim:cobs?period=0.01&{faults}", framing="cobs", checksum=checksum_, decode="raw", encoding="binary")
    reactor.until(lambda: len(session.values("kitchen")) >= 300)
    for data in session.values("kitchen"):
        number, temperature, humidity, pressure = COBS_LAYOUT.unpack(data)
        assert humidity == 5_000 - round(900 * math.sin(number * 0.01 / 100))
        assert 1_700 < temperature < 2_500 and 101_000 < pressure < 101_700
    about = session.procedures["kitchen.get_status"]().kwargs
    assert about["bad"] > 50
    assert session.values("kitchen.status").count("away") > 0


def test_the_configuration_of_the_page(sim: Open, reactor: PtyReactor, session: FakeSession) -> None:
    """docs/bridges/simulators.md says how binary frames are read."""
    page = (Path(__file__).parents[3] / "docs" / "bridges" / "simulators.md").read_text()
    section = yaml.safe_load(page[page.index("    device: sim:cobs\n    framing") :].split("\n\n")[0])
    sim(section.pop("device") + "?period=0.5", **section)
    reactor.until(lambda: len(session.values("kitchen.temperature")) == 2)
    frame = session.values("kitchen")[0]
    assert set(frame) == {"number", "temperature", "humidity", "pressure"}
    assert 17 < frame["temperature"] < 25 and 101_000 < frame["pressure"] < 101_700


def test_faults_by_chance(sim: Open, reactor: PtyReactor, session: FakeSession) -> None:
    """In the configuration; a device that is unplugged by chance comes back by itself."""
    sim("sim:counter?period=0.2&unplug=0.1&outage=1&seed=1", decode="csv", columns=["n", "t"])
    reactor.until(lambda: session.values("kitchen.status").count("open") == 3, step=0.05)


def test_echo_hears_what_is_written(sim: Open, reactor: PtyReactor, session: FakeSession) -> None:
    sim("sim:echo", decode="raw")
    session.procedures["kitchen.write"]("hello")
    reactor.until(lambda: session.values("kitchen"))
    assert session.values("kitchen") == ["hello"]


def test_an_instrument_answers(sim: Open, reactor: PtyReactor, session: FakeSession) -> None:
    sim("sim:scpi?noise=0", decode="raw")
    for question, answer in (
        ("*IDN?", "edge-router,Simulated supply,0,1.0"),
        ("VOLT 12.5;OUTP ON;:MEAS:VOLT?;CURR?", "12.5000;0.6250"),
    ):
        count = len(session.values("kitchen"))
        session.procedures["kitchen.write"](question.replace("CURR?", "MEAS:CURR?"))
        reactor.until(lambda count=count: len(session.values("kitchen")) > count)  # type: ignore[misc]
        assert session.values("kitchen")[-1] == answer


@pytest.mark.parametrize(
    ("line", "answer", "error"),
    [
        ("measure:voltage:dc?", "0.0000", 0),
        ("Meas:Volt?", "0.0000", 0),
        ("SOUR:VOLT 7;SOUR:VOLT?", "7.000", 0),
        ("VOLT 31", "", -222),
        ("VOLT much", "", -104),
        ("VOLT nan", "", -222),
        ("VOLT", "", -109),
        ("OUTP MAYBE", "", -104),
        ("OUTP", "", -109),
        ("MEA:VOLT?", "", -113),
        ("FROB?;*OPC?", "1", -113),
        ("VOLT 9;*RST;VOLT?", "5.000", 0),
        ("\r", "", 0),
    ],
)
def test_the_language_of_instruments(line: str, answer: str, error: int) -> None:
    """SCPI-99; what is wrong waits in the queue of errors."""
    instrument = Instrument(Scpi(noise=0), Random(1))
    assert instrument.hear(line.encode() + b"\r\n") == (answer + "\n" if answer else "").encode()
    assert instrument.hear(b"SYST:ERR?\n").startswith(b'%d,"' % error)


def test_an_instrument_is_bounded() -> None:
    """Errors that nobody asks for, and lines without an end."""
    instrument = Instrument(Scpi(), Random(1))
    for _ in range(100):
        instrument.hear(b"FROB\n")
    errors = [instrument.hear(b"SYSTem:ERRor:NEXT?\n")[:4] for _ in range(11)]
    assert errors == [b"-113"] * 9 + [b"-350", b'0,"N']
    for _ in range(100):
        instrument.hear(b"x" * 1_000)
    assert instrument.hear(b"\n*OPC?\n") == b"1\n"


def test_a_receiver_goes_around_its_place() -> None:
    """Each sentence has a checksum, and the circle is round."""
    _, xor = checksum("xor")
    lines = [line for _, data in said("gps?lat=-10.5&lon=179.9999&radius=1000&speed=100", 64) for line in data.split()]
    assert len(lines) == 128
    places = []
    for line in lines:
        body, _, check = line[1:].partition(b"*")
        assert xor(body) == int(check, 16)
        cells = body.decode().split(",")
        at = 2 if cells[0] == "GPGGA" else 3
        lat = int(cells[at][:2]) + float(cells[at][2:]) / 60
        lon = int(cells[at + 2][:3]) + float(cells[at + 2][3:]) / 60
        assert cells[at + 1] == "S"
        places.append((lat, lon if cells[at + 3] == "E" else 360 - lon))
    distances = [((lat - 10.5) ** 2 + ((lon - 179.9999) * 0.9833) ** 2) ** 0.5 * 111_120 for lat, lon in places]
    assert distances == pytest.approx([1_000.0] * 128, rel=0.01)
    assert len(set(places)) > 60


def test_binary_frames() -> None:
    """COBS: no zero but at the end; a CRC over the numbers."""
    _, crc = checksum("crc-16/ibm-3740")
    for number, (_, frame) in enumerate(said("cobs", 300)):
        assert frame.index(0) == len(frame) - 1
        body, at = bytearray(), 0
        while at < len(frame) - 1:
            body += frame[at + 1 : at + frame[at]] + b"\0"
            at += frame[at]
        data, check = bytes(body[:-3]), int.from_bytes(body[-3:-1], "big")
        assert crc(data) == check
        seq, temperature, humidity, pressure = COBS_LAYOUT.unpack(data)
        assert seq == number
        assert 1_700 < temperature < 2_500 and 4_000 < humidity < 6_000 and 101_000 < pressure < 101_700


def test_a_recording_is_a_device(sim: Open, reactor: PtyReactor, session: FakeSession, tmp_path: Path) -> None:
    """With its timing; at its end it begins anew."""
    file = tmp_path / "a b.rec"
    file.write_text("edge-router recording 1\n# x\n0.5 < 1\\n\n1.0 > led on\\n\n2.5 < 2\\n\n")
    begun = reactor.seconds()
    sim(f"sim:replay?file={tmp_path}/a%20b.rec&speed=2", decode="raw")
    times = []
    for count in range(1, 5):
        reactor.until(lambda count=count: len(session.values("kitchen")) == count)  # type: ignore[misc]
        times.append(reactor.seconds() - begun)
    assert session.values("kitchen") == ["1", "2", "1", "2"]
    assert times == pytest.approx([0.25, 1.25, 2.5, 3.5], abs=0.1)


@pytest.mark.parametrize(
    "text", ["", "something else\n", "edge-router recording 1\n", "edge-router recording 1\n0.1 > x\n0.0 < y\n"]
)
def test_a_recording_that_is_none_is_told(
    sim: Open, reactor: PtyReactor, tmp_path: Path, text: str, logged: list[str]
) -> None:
    """The device is there, and silent."""
    (tmp_path / "rec").write_text(text)
    sim(f"sim:replay?file={tmp_path}/rec", decode="raw")
    reactor.advance(10)
    told = [line for line in logged if "no more to say" in line]
    assert len(told) == (text != "edge-router recording 1\n")


def test_an_empty_recording_is_no_endless_loop() -> None:
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / "rec").write_text("edge-router recording 1\n0.0 < x\n")
        messages = MACHINES[Replay](Replay(file=f"{place}/rec"), Random(1)).messages()
        assert [next(messages) for _ in range(3)] == [(0.0, b"x"), (1.0, b"x"), (1.0, b"x")]


def test_no_terminal_is_left(make_bridge: Open, session: FakeSession, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then the bridge cannot be started, and the node tries again later."""

    def refuse() -> tuple[int, int]:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "openpty", refuse)
    failures: list[Any] = []
    make_bridge(device="sim:echo", decode="raw").start(session).addErrback(failures.append)
    assert failures[0].check(OSError)


@pytest.mark.parametrize(
    ("where", "problem"),
    [
        ("sim:termometer", "sim:termometer is no simulator; there are sim:thermometer, sim:room, "),
        ("sim:counter?period=0", "period=0: expected a number >= 0.001"),
        ("sim:replay", "it needs file"),
        ("sim:replay?file=rec", "expected text matching regex"),
        ("tty", "regex"),
    ],
)
def test_what_is_wrong_is_said_at_check(configure: Callable[..., SerialConfig], where: str, problem: str) -> None:
    with pytest.raises(ValidationError) as said:
        configure(device=where)
    assert problem in str(said.value)


def test_a_simulator_is_noticed_and_nothing_that_can_be_taken() -> None:
    """Two bridges may have the same; a file that has one says so, so that it is not left there."""
    bridges = [{"type": "serial", "id": name, "realm": "r", "device": "sim:counter", "decode": "raw"} for name in "ab"]
    realm = {"name": "r", "roles": []}
    workers = [{"type": "router", "realms": [realm], "transports": []}]
    loaded = from_tree({"version": 2, "workers": workers, "bridges": bridges}, "config.yaml", Path("/"))
    assert [str(notice) for notice in loaded.notices] == [
        f"config.yaml: bridges.{number}.device: sim:counter is no device, but a simulated one: what it says is made up"
        for number in range(2)
    ]


def test_a_bridge_without_simulators() -> None:
    with pytest.raises(ValueError, match="there are none for this bridge"):
        PortConfig(id="x", realm="r", device="sim:thermometer")


def test_each_kind_has_its_machine() -> None:
    assert set(MACHINES) == set(SIM_KINDS.values())
    assert struct.calcsize(COBS_LAYOUT.format) == 12
