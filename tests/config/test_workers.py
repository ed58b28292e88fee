"""What the checks say about workers and their components."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_router.config import check_workers
from tests.config.texts import complaints, load_text, notices

ROUTER = "workers: [{type: router, realms: [{name: a, roles: [{name: b}]}], components: [%s]}]"
COMPONENTS = {
    "realm": (
        "{type: class, classname: m.C, realm: ab, role: b}",
        "1: workers.0.components.0.realm: this worker has no realm 'ab'; there are: a",
    ),
    "role": (
        "{type: class, classname: m.C, realm: a}",
        "1: workers.0.components.0.role: realm 'a' has no role 'anonymous'; there are: b, trusted",
    ),
    "class name": (
        "{type: class, classname: C, realm: a, role: b}",
        "1: workers.0.components.0.classname: found 'C' (text); expected a module and a name in it: mymodule.Name",
    ),
    "nothing to call": (
        "{type: function, realm: a, role: b}",
        "1: workers.0.components.0.callbacks: nothing is called; give at least one of join, leave, connect, ready, "
        "disconnect, main",
    ),
    "wamplet": (
        "{type: wamplet, realm: a}",
        "1: workers.0.components.0.type: type 'wamplet': edge-router does not have it; Crossbar gave it up too, "
        "`type: class` does the same",
    ),
}


@pytest.mark.parametrize("case", COMPONENTS)
def test_components(case: str, tmp_path: Path) -> None:
    """A component names a realm of its own worker, a role of that, and code as a module and a name."""
    component, complaint = COMPONENTS[case]
    assert complaints(ROUTER % component, tmp_path) == [complaint]


def test_trusted_components(tmp_path: Path) -> None:
    """`trusted` is for parts of the node itself, as these are."""
    text = ROUTER % "{type: class, classname: m.C, realm: a, role: trusted, references: []}"
    assert notices(text, tmp_path) == [
        "1: workers.0.components.0.references: no effect here: there are no connections to refer to"
    ]


def test_without_autobahn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who uses no components need not have it."""
    monkeypatch.setattr(check_workers, "find_spec", lambda name: None)
    text = ROUTER % "{type: class, classname: m.C, realm: a, role: b}"
    assert complaints(text, tmp_path) == [f"1: workers.0.components: {check_workers.NO_AUTOBAHN}"]
    assert load_text(ROUTER % "", tmp_path).notices == []


def test_disabled_workers_are_left_out(tmp_path: Path) -> None:
    """What they would need is not asked for, and their realms are not there."""
    text = (
        "workers: [{type: router, options: {disabled: true}, realms: [{name: a}], "
        "components: [{type: class, classname: m.C, realm: x}]}]"
    )
    assert load_text(text, tmp_path).notices == []
    complaint = "1: bridges.0.realm: there is no realm 'a'; there are: none"
    assert complaints(text + "\nbridges: [{type: serial, id: x, realm: a, device: /dev/ttyUSB0}]", tmp_path) == [
        complaint.replace("1:", "2:")
    ]


def test_pythonpath(tmp_path: Path) -> None:
    """A directory that is not there is told."""
    component = "{type: class, classname: m.C, realm: a, role: b}"
    text = (ROUTER % component).replace("type: router,", "type: router, options: {pythonpath: [., nowhere]},")
    assert notices(text, tmp_path) == [
        f"1: workers.0.options.pythonpath.1: there is no directory '{tmp_path}/nowhere'"
    ]
