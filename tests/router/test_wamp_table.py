"""docs/wamp.md says what of WAMP is here and what proves it; here the page and the code are kept in step."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from twisted.internet.task import Clock

from edge_router import registry
from edge_router.config.crossbar import LATER, LATER_KEYS, LATER_TYPES
from edge_router.config.schema import Realm
from edge_router.router.meta_listing import REGISTRATIONS, SUBSCRIPTIONS, Kind
from edge_router.router.router import Router
from edge_router.wamp.features import announced

ROOT: Final = Path(__file__).parents[2]
SCENARIOS: Final = ROOT / "tests" / "scenarios"
PAGE: Final = (ROOT / "docs" / "wamp.md").read_text("utf-8")

#: every feature that the specification lets a router announce, by the names it gives them
# fmt: off
SPECIFIED: Final = frozenset({
    "call_canceling", "call_reroute", "call_timeout", "call_trustlevels", "caller_identification", "event_history",
    "event_retention", "pattern_based_registration", "pattern_based_subscription", "payload_passthru_mode",
    "progressive_call_invocations", "progressive_call_results", "publication_trustlevels", "publisher_exclusion",
    "publisher_identification", "registration_meta_api", "registration_revocation", "session_meta_api",
    "sharded_registration", "sharded_subscription", "shared_registration", "subscriber_blackwhite_listing",
    "subscription_meta_api", "subscription_revocation", "testament_meta_api",
})
# fmt: on
META: Final = re.compile(r"wamp\.(session|registration|subscription)\.\w+")
_NO: Final = re.compile(r"no: \w.{5,}")


def rows() -> Iterator[list[str]]:
    """The cells of each row of the page's tables, heads left out."""
    lines = PAGE.splitlines()
    for line, following in itertools.pairwise([*lines, ""]):
        if line.startswith("| ") and not following.startswith("|---"):
            yield [cell.strip() for cell in line.strip("|").split(" |")]


ROWS: Final = list(rows())


def here(row: list[str]) -> str:
    """What the row says of being here: every row but those of error URIs, which all are."""
    return row[-2] if len(row) > 2 else "yes"


def names(row: list[str]) -> list[str]:
    """What a row is about, by names on the wire."""
    return [name for cell in row[:-2] or row[:1] for name in re.findall(r"`([^`]+)`", cell)]


def proofs(row: list[str]) -> list[str]:
    """What a row names as proofs."""
    return re.findall(r"`([^`]+)`", row[-1])


def file_of(proof: str) -> Path:
    """Where a proof is."""
    return ROOT / proof if proof.startswith("tests/") else SCENARIOS / f"{proof}.scenario"


def by_name() -> dict[str, list[str]]:
    """The row of each name on the wire."""
    return {name: row for row in ROWS for name in names(row)}


@pytest.mark.parametrize("row", ROWS, ids=[f"{at} {row[0]}" for at, row in enumerate(ROWS)])
def test_what_is_here_has_proofs_and_what_is_not_has_a_reason(row: list[str]) -> None:
    """No row without one of both, and no proof that does not exist."""
    if here(row).startswith("yes"):
        assert proofs(row)
        assert [proof for proof in proofs(row) if not file_of(proof).is_file()] == []
    else:
        assert _NO.match(here(row)), f"'yes', or 'no: ' and why; found {here(row)!r}"
        assert not here(row).startswith("no: not yet") or proofs(row) == []


def test_the_page_has_every_feature_of_the_specification() -> None:
    """Announced or not."""
    assert by_name().keys() >= SPECIFIED


def test_what_is_announced_has_a_scenario() -> None:
    """And what the page calls announced is."""
    features = {name for details in announced(meta_api=True, history=True).values() for name in details["features"]}
    assert features <= SPECIFIED
    table = {name: row for name, row in by_name().items() if name in SPECIFIED}
    assert {name for name, row in table.items() if here(row).startswith("yes")} == features
    for name in features:
        assert any(proof.startswith(("basic/", "advanced/")) for proof in proofs(table[name])), name


def test_every_meta_procedure_and_event_has_a_scenario_that_uses_it() -> None:
    """All that the meta API answers or tells, and nothing else."""
    meta = Router(Clock()).add_realm(Realm(name="realm1")).meta
    assert meta is not None
    events = {getattr(kind, field) for kind in (SUBSCRIPTIONS, REGISTRATIONS) for field in Kind._fields[:-1]}
    events |= {"wamp.session.on_join", "wamp.session.on_leave"}
    table = {name: row for name, row in by_name().items() if META.fullmatch(name)}
    assert set(table) == set(meta.procedures) | events
    for name, row in table.items():
        assert any(re.search(rf"{re.escape(name)}\b", file_of(proof).read_text("utf-8")) for proof in proofs(row)), name


def test_error_uris_are_in_their_proofs() -> None:
    """A proof of an error has the error in it, or its name in the code."""
    for name, row in by_name().items():
        if name.startswith(("wamp.error.", "wamp.close.")):
            assert any(name in file_of(proof).read_text("utf-8") for proof in proofs(row)), name


def test_every_method_of_logging_in_has_a_row() -> None:
    """What a configuration can name is told of."""
    assert by_name().keys() >= set(registry.PARTS["auth"])


def test_what_is_not_there_yet_cannot_be_configured() -> None:
    """Neither is it announced: a row has to change in the commit that makes it untrue."""
    later = {key for keys in LATER_KEYS.values() for key, why in keys.items() if why.startswith(LATER)}
    later |= {name for kinds in LATER_TYPES.values() for name, why in kinds.items() if why.startswith(LATER)}
    for row in ROWS:
        if here(row).startswith("no: not yet"):
            assert set(names(row)) <= later | SPECIFIED, row


def test_every_scenario_is_named() -> None:
    """A scenario that the page does not name proves something that the page does not say."""
    named = {proof for row in ROWS for proof in proofs(row)} | set(re.findall(r"\(`(advanced/\w+)`\):", PAGE))
    assert {str(path.relative_to(SCENARIOS).with_suffix("")) for path in SCENARIOS.rglob("*.scenario")} == {
        proof for proof in named if proof.startswith(("basic/", "advanced/"))
    }


def test_the_readme_leads_here() -> None:
    """A page that nobody finds is none."""
    assert "(docs/wamp.md)" in (ROOT / "README.md").read_text("utf-8")
