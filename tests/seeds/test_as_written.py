"""The examples are those of the documents, character for character; skipped where the documents are not."""

from __future__ import annotations

import re

import pytest

from tests.seeds.desk import DATA, ROOT

SEEDS = ROOT.parent / "shared" / "seeds"

pytestmark = pytest.mark.skipif(not SEEDS.is_dir(), reason="the documents are not there (shared/seeds)")


def seed(beginning: str) -> str:
    """The text of a document, by the beginning of its name."""
    (path,) = SEEDS.glob(beginning + "*.txt")
    return path.read_text("utf-8")


LISTINGS = [
    "config.json",
    "1.hello-world/client_component_publish.py",
    "2.pubsub-js/frontend.html",
    "2.pubsub-js/frontend.js",
    "3.rpc/rpc_callee.html",
    "3.rpc/rpc_callee.js",
    "3.rpc/client_component_rpc_caller.py",
]


@pytest.mark.parametrize("name", LISTINGS)
def test_getting_started(name: str) -> None:
    """The guide's listings have numbered lines, and its text has lost their indentation."""
    lines = (DATA / "getting-started" / name).read_text("utf-8").splitlines()
    listing = " ".join(f"{number}{line}" for number, line in enumerate(lines, 1))
    assert " ".join(listing.split()) in " ".join(seed("001").split())


@pytest.mark.parametrize("name", ["timeservice.py", "embedded.json", "container.json"])
def test_time_service(name: str) -> None:
    """The page has them as blocks."""
    blocks = re.findall(r"```\w+\n(.*?)```", seed("002"), re.DOTALL)
    assert (DATA / "time-service" / name).read_text("utf-8") in blocks


def test_what_is_typed() -> None:
    """The commands that the tests run, with another name."""
    for beginning, commands in {
        "000": ["crossbar init", "crossbar start"],
        "002": ["mkdir ~/test1\ncd test1\ncrossbar init", "crossbar start"],
        "003": ["crossbar init --cbdata ./test1", "crossbar start --cbdata ./test1"],
    }.items():
        assert [command for command in commands if command not in seed(beginning)] == []


def test_no_document_is_forgotten() -> None:
    """Four have examples; the fifth, the questions and answers, has none."""
    assert sorted(path.name[:3] for path in SEEDS.glob("*.txt")) == ["000", "001", "002", "003", "004"]
    assert "```" not in seed("004")
    assert "crossbar start" not in seed("004")
