"""The layers of the house: which package may import what (DESIGN, section 4). Read from the sources.

`wamp` at the bottom knows nobody; parts that a configuration names are reached through `edge_router.registry` only.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent


class Layer(NamedTuple):
    """What a package may import: ours, by the beginning of the module's name, and others', by their top name."""

    ours: tuple[str, ...]
    others: frozenset[str]


def _layer(ours: str, others: str = "") -> Layer:
    return Layer(tuple(ours.split()), frozenset(others.split()))


#: by the package's beginning; the longest that fits a module counts
LAYERS = {
    "edge_router.wamp": _layer("", "msgspec cbor2"),
    "edge_router.config": _layer("edge_router.registry", "msgspec yaml"),
    "edge_router.router": _layer("edge_router.wamp edge_router.config", "msgspec"),
    "edge_router.router.router": _layer("edge_router.wamp edge_router.config edge_router", "msgspec"),
    "edge_router.auth": _layer(
        "edge_router.wamp edge_router.config edge_router.router.interfaces edge_router.router.pending",
        "msgspec cryptography",
    ),
    "edge_router.store": _layer(
        "edge_router.wamp edge_router.config edge_router.router.interfaces edge_router.router.kept "
        "edge_router.router.arrivals",
        "msgspec",
    ),
    "edge_router.client": _layer(
        "edge_router.wamp edge_router.config edge_router.router.interfaces edge_router.registry edge_router",
        "msgspec twisted websockets",
    ),
    "edge_router.client.cryptosign": _layer(
        "edge_router.config edge_router.client edge_router.wamp.enrolment", "cryptography"
    ),
    "edge_router.client.tls": _layer(
        "edge_router.config edge_router.tls edge_router.client", "OpenSSL service_identity twisted zope"
    ),
    "edge_router.transports": _layer(
        "edge_router.wamp edge_router.config edge_router.router.interfaces edge_router.registry",
        "msgspec twisted websockets",
    ),
    "edge_router.transports.tls": _layer(
        "edge_router.config edge_router.router.interfaces edge_router.tls edge_router.transports",
        "cryptography OpenSSL twisted zope",
    ),
    "edge_router.tls": _layer("edge_router.config", "cryptography OpenSSL"),
    "edge_router.web": _layer(
        "edge_router.wamp edge_router.config edge_router.client edge_router.transports edge_router.router.interfaces "
        "edge_router.registry",
        "msgspec twisted zope ujson websockets",
    ),
    "edge_router.uplink": _layer(
        "edge_router.wamp edge_router.config edge_router.client edge_router.router.interfaces edge_router.registry",
        "msgspec twisted",
    ),
    "edge_router.uplink.spoolfile": _layer(
        "edge_router.wamp edge_router.config edge_router.store.aside edge_router.uplink", "msgspec"
    ),
    "bridges": _layer("edge_router.config edge_router.client edge_router.registry", "msgspec twisted ujson"),
    "bridges.serial": _layer(
        "edge_router.config edge_router.client edge_router.registry", "msgspec twisted ujson serial"
    ),
    "bridges.serial.cbor": _layer("edge_router.config", "cbor2"),
}
#: may import everything of ours, but parts by the registry's names
TOP = ("edge_router.node", "edge_router.cli", "edge_router.__main__", "edge_router.registry")


class Import(NamedTuple):
    """One imported module, where it is imported, and whether that is inside a function."""

    importer: str
    place: str
    imported: str
    inside: bool


def _modules() -> Iterator[tuple[str, Path]]:
    for package in ("edge_router", "bridges"):
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def _imports(module: str, path: Path) -> Iterator[Import]:
    for node, inside in _walk(ast.parse(path.read_text("utf-8")), False):
        place = f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.Import):
            for name in node.names:
                yield Import(module, place, name.name, inside)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{place}: imports are absolute"
            for name in node.names:
                full = f"{node.module}.{name.name}"
                yield Import(module, place, full if full in MODULES else str(node.module), inside)


def _walk(tree: ast.AST, inside: bool) -> Iterator[tuple[ast.AST, bool]]:
    """All nodes, and whether they are in a function; what is for type checkers alone is passed over."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node, inside
        yield from _walk(node, inside or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda))


MODULES = {module for module, _ in _modules()}
IMPORTS = [found for module, path in _modules() for found in _imports(module, path)]


def _within(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


def _layer_of(module: str) -> str | None:
    return max((package for package in LAYERS if _within(module, package)), key=len, default=None)


def _may(found: Import) -> bool:
    package = _layer_of(found.importer)
    top = found.imported.partition(".")[0]
    if package is None or top in sys.stdlib_module_names or top == "__future__":
        return True
    layer = LAYERS[package]
    if top in ("edge_router", "bridges"):
        house = ".".join(package.split(".")[:2]) if top == "edge_router" else "bridges"
        return any(
            _within(found.imported, allowed) if allowed != "edge_router" else found.imported == allowed
            for allowed in (*layer.ours, house)
        )
    return top in layer.others


def test_every_module_stands_in_a_layer() -> None:
    """Whoever adds a package says here what it may import."""
    strangers = [m for m in MODULES if _layer_of(m) is None and not any(_within(m, top) for top in TOP)]
    assert sorted(strangers) == ["edge_router"]


def test_packages_import_only_what_their_layer_may() -> None:
    """The table above."""
    wrong = [f"{found.place}: {found.importer} imports {found.imported}" for found in IMPORTS if not _may(found)]
    assert not wrong, "\n".join(wrong)


def test_nothing_is_imported_inside_a_function() -> None:
    """What is loaded late is loaded by the registry, so that one place says what a configuration costs."""
    late = [f"{found.place}: {found.imported}" for found in IMPORTS if found.inside]
    assert not late, "\n".join(late)


@pytest.mark.parametrize("package", ["wamp", "wamp.codecs", "config.load", "router.router", "auth.anonymous"])
def test_the_core_loads_no_twisted(package: str) -> None:
    """It runs, and is fuzzed, without a reactor."""
    code = f"import sys, edge_router.{package}; sys.exit('twisted' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_no_module_imports_the_global_reactor() -> None:
    """Only `node` knows it; everybody else is given one."""
    wrong = [
        found.place
        for found in IMPORTS
        if found.imported.startswith("twisted.internet.reactor") and not _within(found.importer, "edge_router.node")
    ]
    texts = [
        str(path.relative_to(ROOT))
        for module, path in _modules()
        if "from twisted.internet import reactor" in path.read_text("utf-8") and not _within(module, "edge_router.node")
    ]
    assert not wrong
    assert not texts
