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


def test_a_module_with_a_hyphen(tmp_path: Path) -> None:
    """`import` cannot say it, Crossbar's examples have it."""
    assert notices(ROUTER % "{type: class, classname: caller-callee.MyCaller, realm: a, role: b}", tmp_path) == []


UNIX = "transport: {type: rawsocket, endpoint: {type: unix, path: router.sock}}"
CONTAINERS = {
    "nothing": (
        "{type: container}", "1: workers.0.components: nothing runs here; add a component, or take the container out"
    ),
    "no transport": (
        "{type: container, components: [{type: class, classname: a.B, realm: x}]}",
        "1: workers.0.components.0.transport: missing; expected a mapping with a `type`, one of rawsocket, websocket",
    ),
    "nothing to call": (
        "{type: container, components: [{type: function, realm: x, " + UNIX + "}]}",
        "1: workers.0.components.0.callbacks: nothing is called; give at least one of join, leave, connect, ready, "
        "disconnect, main",
    ),
    "a misspelled option": (
        "{type: container, components: [{type: class, classname: a.B, realm: x, " + UNIX + "}], "
        "options: {restart-on-failed: true}}",
        "1: workers.0.options.restart-on-failed: unknown key; known here: pythonpath, env, expose_shared, restart, "
        "max_restarts, shutdown, memory_limit, cpu_limit, nice, disabled",
    ),
}


@pytest.mark.parametrize("case", CONTAINERS)
def test_containers(case: str, tmp_path: Path) -> None:
    """A container has components, and each of them a connection."""
    text, complaint = CONTAINERS[case]
    assert complaints(f"workers: [{text}]", tmp_path) == [complaint]


def test_crossbars_options_of_containers(tmp_path: Path) -> None:
    """What has no place here is taken, with a notice each."""
    text = f"""
workers:
  - type: container
    id: box
    options:
      pythonpath: [.]
      title: mine
      cpu_affinity: [0]
      restart: restart-always
      shutdown: shutdown-on-last-component-stopped
      expose_shared: true
      env: {{inherit: false}}
    components:
      - {{type: class, classname: a.B, realm: x, references: [], extra: [1], {UNIX}}}
"""
    assert [note.partition(": no effect")[0] for note in notices(text, tmp_path)] == [
        "7: workers.0.options.title", "8: workers.0.options.cpu_affinity", "14: workers.0.components.0.references",
    ]  # fmt: skip


GUESTS = {
    "no program": ("{type: guest}", "1: workers.0.executable: missing; expected text, not empty"),
    "input": (
        "{type: guest, executable: a, options: {stdin: open}}",
        "1: workers.0.options.stdin: found 'open' (text); expected close or a mapping with type: json or null",
    ),
    "restart": (
        "{type: guest, executable: a, options: {restart: restart-allways}}",
        "1: workers.0.options.restart: found 'restart-allways' (text); expected one of restart-always, "
        "restart-never, restart-on-failed; did you mean 'restart-always'?",
    ),
    "memory": (
        "{type: guest, executable: a, options: {memory_limit: 64}}",
        "1: workers.0.options.memory_limit: found 64 (a whole number); expected a number with K, M or G "
        "(1024, 1024^2, 1024^3), as 64M",
    ),
    "nothing to watch": (
        "{type: guest, executable: a, options: {watch: {directories: []}}}",
        "1: workers.0.options.watch.directories: found an empty list; expected a list, not empty, each text",
    ),
    "same id": (
        "{type: guest, executable: a, id: x}, {type: guest, executable: b, id: x}",
        "1: workers.1.id: id 'x' given twice, first at workers.0.id; give each its own",
    ),
}


@pytest.mark.parametrize("case", GUESTS)
def test_guests(case: str, tmp_path: Path) -> None:
    """What a guest needs, and what its options take."""
    text, complaint = GUESTS[case]
    assert complaints(f"workers: [{text}]", tmp_path) == [complaint]


def test_guests_that_are_not_there_yet(tmp_path: Path) -> None:
    """What may be there when the node starts is told, and no reason to refuse."""
    guest = "{type: guest, executable: no-such-program, options: {workdir: nowhere, watch: {directories: [nowhere]}}}"
    assert notices(f"workers: [{guest}]", tmp_path) == [
        f"1: workers.0.options.workdir: there is no directory '{tmp_path}/nowhere'",
        f"1: workers.0.options.watch.directories.0: there is no directory '{tmp_path}/nowhere'",
    ]
    guest = "{type: guest, executable: no-such-program}"
    assert notices(f"workers: [{guest}]", tmp_path) == [
        f"1: workers.0.executable: there is no program 'no-such-program', neither in '{tmp_path}' nor on $PATH"
    ]


def test_crossbars_options_of_guests(tmp_path: Path) -> None:
    """All that Crossbar takes."""
    text = """
workers:
  - type: guest
    id: a1b
    executable: /bin/sh
    arguments: [-c, "true"]
    options:
      workdir: .
      env: {inherit: [PATH], vars: {A: b}}
      stdin: {type: json, value: {a: 1}, close: false}
      stdout: log
      stderr: drop
      watch: {directories: [.], action: restart, timeout: 2}
"""
    assert load_text(text, tmp_path).notices == []
