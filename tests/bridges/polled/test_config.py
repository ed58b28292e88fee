"""Sections of polled bridges are read before Twisted is imported."""

from __future__ import annotations

import subprocess
import sys

from edge_router import registry

POLLED = ("board", "onewire", "i2c", "spi", "camera")


def test_no_twisted() -> None:
    """Nor any bridge: only what they declare."""
    modules = {
        registry.find("bridge", name).config.partition(":")[0] for name in POLLED if name in registry.PARTS["bridge"]
    }
    drivers = {
        part.config.partition(":")[0]
        for kind in ("i2c_driver", "spi_driver")
        for part in registry.PARTS.get(kind, {}).values()
    }
    code = f"import sys, {', '.join(sorted(modules | drivers))}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert not {name for name in loaded if name.split(".")[0] in ("twisted", "serial")}
    assert not {name for name in loaded if name.startswith("bridges.") and name.endswith(".bridge")}
