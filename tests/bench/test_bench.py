"""The benchmarks themselves: every mode of the generator runs, failures are told, verdicts follow from the figures."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.images import weights

from . import __main__ as command
from . import boards, bridges, codecs, memory, patterns, report, servers, uplinks
from .generator import CFLAGS, SOURCE, Generator, Load, LoadFailed
from .results import Results, span
from .targets import BRIDGES, TARGETS, Target, topic_cost
from .workloads import CASES, ENCODINGS, subjects_of

SECS, WARM = 0.2, 0.05


def load(rate: float = 1.0, p50_us: float = 1.0) -> Load:
    """A load that was never measured, for arithmetic."""
    return Load(rate, p50_us, p50_us, p50_us, 1, 1, 1, 0, 0.1)


@pytest.fixture(scope="module")
def workdir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short directory: the path of a Unix socket has to fit into 107 bytes."""
    return tmp_path_factory.mktemp("b")


@pytest.fixture(scope="module")
def generator(workdir: Path) -> Generator:
    """The compiled generator."""
    return Generator(workdir)


@pytest.fixture(scope="module")
def node(workdir: Path) -> Iterator[servers.Server]:
    """A running node with RawSocket and WebSocket."""
    with servers.node(workdir, web=True) as running:
        yield running


# --- arithmetic ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lower", "value", "verdict"),
    [
        (False, 2.5, "goal"), (False, 1.5, "must"), (False, 0.9, "MISSED by 10%"),
        (True, 0.5, "goal"), (True, 0.9, "must"), (True, 1.5, "MISSED by 50%"),
    ],
)  # fmt: skip
def test_a_verdict_follows_from_the_median(lower: bool, value: float, verdict: str) -> None:
    """One stray round decides nothing."""
    target = Target("x", lambda _: [], must=1, goal=0.7 if lower else 2, lower=lower)
    assert target.verdict([value, value, 1000 * value]) == verdict


def test_a_row_that_was_not_measured_says_so() -> None:
    """No figure is no success."""
    assert all(target.verdict(target.measured(Results())) == "not measured" for target in TARGETS)


def test_ratios_are_taken_round_by_round() -> None:
    """A machine that slows down slows both of a pair."""
    results = Results()
    for rate in (10.0, 5.0):
        results.add("1:1", "a", load(rate=3 * rate), 1.0)
        results.add("1:1", "b", load(rate=rate), 1.0)
    assert results.ratio(("1:1", "a"), ("1:1", "b")) == [3.0, 3.0]
    assert results.ratio(("1:1", "a"), ("1:1", "nobody")) == []


def test_the_cost_of_topics_is_cpu_time() -> None:
    """It is the CPU a publication takes that must not grow, whatever else the machine does."""
    results = Results()
    results.add("topics", "no other topics", load(rate=10), 2.0)
    results.add("topics", "100,000 other topics", load(rate=1), 2.2)
    assert topic_cost(results) == [pytest.approx(1.1)]


def test_every_target_of_a_case_names_a_subject_that_is_measured() -> None:
    """A misspelt subject would be a row that is never printed."""
    results = Results()
    ways = {"tcp": ("--tcp",), "unix": ("--unix",), "websocket": ("--path",)}
    everybody = {
        name: servers.Server(name, (), ways, 1, Path()) for name in ("relay", "mosquitto", "edge-router", "other")
    }
    for case in CASES:
        for label, _, _ in subjects_of(case, everybody):
            results.add(case.name, label, load(), 1.0)
    wanted = [t for t in TARGETS if " to " in t.what and "cost" not in t.what and "start" not in t.what]
    assert len(wanted) == 8
    assert all(target.measured(results) for target in wanted)


def test_the_report_shows_what_was_measured_and_what_was_not() -> None:
    """The same tables as text and as Markdown."""
    results = Results()
    for subject, rate in (("mosquitto", 100.0), ("edge-router msgpack", 250.0)):
        results.add("1:1", subject, load(rate=rate), 1.0)
    results.figure("RSS per session, KiB", 5.0)
    results.skipped.append("relay: away")
    results.failed.append("edge-router: it broke")
    for text in (report.as_text(results, ["a machine"]), report.as_markdown(results, ["a machine"])):
        assert "2.50 x" in text
        assert "5.0 KiB" in text
        assert "relay: away" in text
        assert "edge-router: it broke" in text
        assert "1:10" not in text


def test_a_span_is_the_median_with_least_and_greatest() -> None:
    """What the tables print."""
    assert span([3, 1, 2000]) == "3 (1 - 2,000)"
    assert span([]) == "-"


def test_patterns_match_what_they_should() -> None:
    """A map that found nothing would be fast too."""
    ordinary, uris = patterns.ordinary()
    assert len(ordinary) == 2 * patterns.PATTERNS
    assert {len(ordinary.matches(uri)) for uri in uris} == {2}
    adverse, uris = patterns.adverse()
    assert len(adverse) == 2 * patterns.PATTERNS
    assert {len(adverse.matches(uri)) for uri in uris} >= {patterns.PATTERNS}


def test_every_codec_has_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a positive time in each column."""
    monkeypatch.setattr(codecs, "CALLS", 10)
    results = Results()
    codecs.measure(results)
    head, *rows = results.texts["Codecs, us a message"]
    assert {row[0] for row in rows} == set(ENCODINGS)
    assert all(len(row) == len(head) and min(map(float, row[1:])) > 0 for row in rows)


def test_boards_that_were_not_built_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nobody who wants figures waits for a build of ten minutes."""
    results = Results()
    monkeypatch.setattr(shutil, "which", lambda name: None if name.endswith("aarch64") else name)
    monkeypatch.setattr(boards, "missing", lambda step: "board-armhf")
    boards.measure(results, tmp_path, lambda text: pytest.fail(text))
    arm64, armhf = results.skipped
    assert arm64.startswith("arm64 board: qemu-system-aarch64 is not installed")
    assert armhf.startswith("armhf board: board-armhf is not built")


def test_what_a_board_weighs_is_read_from_its_console() -> None:
    """Between whatever else is written there."""
    line = "[ 1.0] noise\nweights: LAN router: 30332 28667 477640 389788 213646645 228569915\nweights: that is all\n"

    class Told:
        until = staticmethod(lambda wanted: wanted())
        said = staticmethod(lambda: line)

    (weight,) = weights.told(Told()).values()  # type: ignore[arg-type]
    assert (round(weight.rss, 1), round(weight.pss, 1), round(weight.available)) == (31.1, 29.4, 399)
    assert (round(weight.start, 1), round(weight.uptime)) == (14.9, 229)
    results = Results()
    results.figure("RSS LAN router, arm64 board, MB", weight.rss)
    assert [target.verdict(target.measured(results)) for target in TARGETS if "arm64 board" in target.what] == ["goal"]


@pytest.mark.parametrize(
    "argv", [["pubsup"], ["--rounds", "0"], ["--peer", "x=y"], ["--peer", "mosquitto=run {port}"], ["--secs", "0"]]
)
def test_a_wrong_command_line_is_refused(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """With status 2 and a sentence, before anything is started."""
    with pytest.raises(SystemExit) as ended:
        command.main(argv)
    assert ended.value.code == 2
    assert "error:" in capsys.readouterr().err


# --- the generator -------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_generator_compiles_without_a_warning(tmp_path: Path) -> None:
    """With what compilers know to warn of."""
    made = subprocess.run(
        ["cc", *CFLAGS, "-Wconversion", "-Wno-sign-conversion", "-Werror", "-o", str(tmp_path / "w"), str(SOURCE)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert made.stderr == ""
    assert made.returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize(("mode", "fan"), [("pubsub", 1), ("pubsub", 10), ("rpc", 1)])
def test_the_relay_hands_on_everything(generator: Generator, workdir: Path, mode: str, fan: int) -> None:
    """Closed loop: what was sent and did not arrive is less than a window."""
    with servers.relay(workdir) as relay:
        found = generator.run(mode, [*relay.ways["tcp"], "--subs", str(fan), "--window", "32"], SECS, WARM)
    assert found.rate > 0
    assert found.samples > 0
    assert 0 <= found.published * fan - found.delivered <= 32 * fan


@pytest.mark.slow
def test_mosquitto_is_spoken_to(generator: Generator, workdir: Path) -> None:
    """MQTT 3.1.1, QoS 0."""
    broker = servers.mosquitto(workdir)
    if broker is None:
        pytest.skip("mosquitto is not installed")
    with broker:
        found = generator.run("pubsub", [*broker.ways["tcp"], "--subs", "2", "--window", "16"], SECS, WARM)
    assert found.rate > 0
    assert 0 <= found.published * 2 - found.delivered <= 32


MODES = (
    ("pubsub", ["--ack"]), ("pubsub", ["--spread", "300"]), ("pubsub", ["--bytes", "300"]), ("rpc", ["--callers", "2"]),
)  # fmt: skip


@pytest.mark.slow
def test_without_mosquitto_the_rest_is_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is said what to install; it is no failure."""
    which = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name, **how: None if name == "mosquitto" else which(name, **how))
    status = command.main(["--quick", "--secs", "0.1", "latency"])
    out = capsys.readouterr().out
    assert status == 0
    assert "apt install mosquitto" in out
    assert "edge-router msgpack" in out


@pytest.mark.slow
def test_a_peer_that_does_not_start_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """With what it said, and exit status 1; the others are measured."""
    broken = "broken=sh -c 'echo no port {port}; exit 3'"
    status = command.main(["--quick", "--secs", "0.1", "ack", "--peer", broken])
    out = capsys.readouterr().out
    assert status == 1
    assert "broken ended with status 3: no port" in out
    assert "edge-router msgpack" in out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("way", "encoding", "mode", "arguments"),
    [
        *((way, encoding, "pubsub", ["--subs", "3"]) for way in ("tcp", "unix", "websocket") for encoding in ENCODINGS),
        *((way, encoding, *how) for way, encoding in (("tcp", "msgpack"), ("websocket", "json")) for how in MODES),
    ],
)
def test_every_mode_runs_against_a_node(
    generator: Generator, node: servers.Server, way: str, encoding: str, mode: str, arguments: list[str]
) -> None:
    """In every encoding and by every way in."""
    found = generator.run(mode, [*node.ways[way], "--encoding", encoding, "--window", "32", *arguments], SECS, WARM)
    assert found.rate > 0
    assert found.samples > 0
    assert found.errors == 0
    assert found.p50_us <= found.p99_us <= found.max_us < 10e6


@pytest.mark.slow
def test_held_sessions_stay_until_they_are_let_go(generator: Generator, node: servers.Server) -> None:
    """And the node is well after they have gone."""
    with generator.hold([*node.ways["tcp"], "--subs", "20", "--topics", "50"]) as seconds:
        assert seconds > 0
    assert generator.run("pubsub", node.ways["tcp"], SECS, WARM).rate > 0


@pytest.mark.slow
def test_what_the_router_refuses_is_told(generator: Generator, node: servers.Server) -> None:
    """In the router's words."""
    with pytest.raises(LoadFailed, match=r"refused a subscription.*invalid_uri"):
        generator.run("pubsub", [*node.ways["tcp"], "--encoding", "json", "--topic", "com..#"], SECS, WARM)


@pytest.mark.slow
def test_a_server_that_loses_messages_is_told(generator: Generator) -> None:
    """Nothing for three seconds ends the run; it must not hang, nor give a figure."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        kept = []

        def accept() -> None:
            for _ in range(2):
                end, _ = listening.accept()
                end.recv(1)
                end.sendall(b"k")
                kept.append(end)

        thread = threading.Thread(target=accept)
        thread.start()
        arguments = ["--tcp", f"127.0.0.1:{listening.getsockname()[1]}", "--relay"]
        with pytest.raises(LoadFailed, match="nothing came for 3 s; 256 sent, 0 received"):
            generator.run("pubsub", arguments, 6, 0)
        thread.join()
        for end in kept:
            end.close()


# --- the node's weight ---------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_node_tells_its_modules(workdir: Path) -> None:
    """Without knowing that it is asked; and sockets only means no web."""
    names = memory.loaded_modules(workdir, web=False)
    assert "twisted.internet.epollreactor" in names
    assert not {name.partition(".")[0] for name in names} & {"websockets", "serial", "autobahn"}
    assert "twisted.web.server" not in names


@pytest.mark.slow
def test_bridges_at_full_load_are_weighed(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In short. That no frame is lost is a part of it."""
    monkeypatch.setattr(bridges, "WARM", 0.3)
    monkeypatch.setattr(bridges, "SECONDS", 0.3)
    results = Results()
    bridges.measure(results, workdir, lambda _: None)
    cpu = [results.figures[f"CPU {what}, %"][0] for what in ("8 serial ports", "24 GPIO lines", BRIDGES)]
    assert 0 < min(cpu) < max(cpu) < 100
    assert [bool(target.measured(results)) for target in TARGETS if BRIDGES in target.what] == [True, True]


@pytest.mark.slow
def test_a_node_that_does_not_keep_up_gives_no_figure() -> None:
    """Nobody reads these ports: the writer ends, and says why."""
    slow = pytest.raises(servers.ServerFailed, match="takes the bytes more slowly")
    with bridges.ports(1) as (far, _), slow, bridges.kept_full(far, 10_000_000):
        time.sleep(0.5)


@pytest.mark.slow
def test_a_whole_run_reports(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command from end to end, in short."""
    found = workdir / "all.json"
    status = command.main(["--quick", "--secs", "0.1", "unix", "footprint", "--json", str(found)])
    assert status == 0, capsys.readouterr()
    figures = json.loads(found.read_text())["figures"]
    assert 5 < figures["RSS sockets only, MB"][0] < figures["RSS LAN router, MB"][0] < 200
    assert "RSS idle, LAN router" in capsys.readouterr().out


@pytest.mark.slow
def test_a_store_of_an_uplink_is_weighed(workdir: Path, node: servers.Server) -> None:
    """It keeps what it is given, sends it to a router, and says what that cost."""
    found = uplinks.spooling(workdir, 300, node.ways["tcp"][1].rpartition(":")[2])
    assert found.keys() == {"before", "few", "many", "stored", "bytes", "replayed", "replay_bytes"}
    assert min(found.values()) > 0
