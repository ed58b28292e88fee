"""`edge-router legal`: the licence of this program, and those of the packages that it runs on."""

from __future__ import annotations

import argparse
from importlib.metadata import PackageNotFoundError, distribution, metadata
from pathlib import Path

from edge_router.cli.version import EXTRAS, PACKAGES

_NAME = "LICENSE"
_SHORT = "edge-router is free software under the MIT licence; its text comes with the source."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """No options."""
    del parser


def run(args: argparse.Namespace) -> int:
    """Print the licence and a line a package. Result: 0."""
    del args
    print(own())
    print("Packages it uses, if they are installed, and their licences as they say themselves:")
    for package in PACKAGES + EXTRAS:
        print(f"  {package:<13} {of(package)}")
    return 0


def own() -> str:
    """The text of the licence, from the source tree or from what the installation kept of it."""
    beside = Path(__file__).parents[2] / _NAME
    if beside.is_file():
        return beside.read_text(encoding="utf-8")
    try:
        files = distribution("edge-router").files or []
    except PackageNotFoundError:
        files = []
    texts = (Path(str(file.locate())) for file in files if file.name == _NAME)
    return next((path.read_text(encoding="utf-8") for path in texts if path.is_file()), _SHORT)


def of(package: str) -> str:
    """The licence that a package names in its metadata (PEP 639, or as it was before)."""
    try:
        said = metadata(package)
    except PackageNotFoundError:
        return "not installed"
    short = [*(said.get_all("License-Expression") or []), *(said.get_all("License") or [])]
    if short and "\n" not in short[0]:
        return str(short[0])
    lines = [line for line in said.get_all("Classifier") or [] if line.startswith("License")]
    return ", ".join(line.rpartition(" :: ")[2] for line in lines) or "see its documentation"
