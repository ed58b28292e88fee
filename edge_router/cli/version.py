"""`edge-router version`: what runs here, for a bug report. Reads metadata, imports none of the packages."""

from __future__ import annotations

import argparse
import platform
from importlib.metadata import PackageNotFoundError, version

from edge_router import __version__

PACKAGES = ("twisted", "msgspec", "websockets", "cbor2", "ujson", "pyserial", "pyyaml")
EXTRAS = ("pyopenssl", "cryptography", "autobahn")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """No options."""
    del parser


def installed(package: str) -> str:
    """The version of an installed package, or that it is not there."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def run(args: argparse.Namespace) -> int:
    """Print the versions, one a line, name first."""
    del args
    lines = {
        "edge-router": __version__,
        "python": f"{platform.python_version()} ({platform.python_implementation()})",
        "platform": f"{platform.system()} {platform.release()} {platform.machine()}",
        **{package: installed(package) for package in PACKAGES + EXTRAS},
    }
    for name, value in lines.items():
        print(f"{name:<12} {value}")
    return 0
