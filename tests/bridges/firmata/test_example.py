"""examples/firmata runs as it is: the board is simulated."""

from __future__ import annotations

from pathlib import Path

from msgspec import structs

from bridges.firmata.bridge import FirmataBridge
from bridges.firmata.config import FirmataConfig
from bridges.stamps import Stamps
from edge_router.config.load import load
from tests.bridges.firmata.bench import BenchSession
from tests.bridges.harness import PtyReactor

EXAMPLE = Path(__file__).parents[3] / "examples" / "firmata" / "config.yaml"


def test_the_example(reactor: PtyReactor, tmp_path: Path) -> None:
    """Its inputs are heard of, with nothing changed but the time that a real board needs to start."""
    (section,) = load(EXAMPLE).config.bridges
    assert isinstance(section, FirmataConfig)
    session = BenchSession()
    bridge = FirmataBridge(structs.replace(section, settle=0), reactor, Stamps(reactor))
    bridge.directory = tmp_path
    bridge.start(session)
    try:
        topics = ("door", "light", "temperature", "lamp", "pump")
        reactor.until(lambda: all(session.values(f"com.example.board.{topic}") for topic in topics))
    finally:
        bridge.stop()
    assert session.values("com.example.board.door") == ["open"]
    assert session.last("com.example.board.light")[0] == 50
    assert session.last("com.example.board.temperature")[0] in (21.4, 21.5, 21.6)
