"""What is built is tried here, by systemd in a container, as people use it. `make test-images` runs it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.images.machine import Machine, container

NEEDED = ("systemd-nspawn", "mmdebstrap", "nsenter", "dpkg-deb", "lintian", "runc", "umoci", "skopeo")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """These take minutes, root, and what only a Debian machine has; but for those that are marked `anywhere`."""
    missing = [name for name in NEEDED if not shutil.which(name)]
    reason = ""
    if not os.environ.get("EDGE_ROUTER_IMAGES"):
        reason = "takes minutes; `make test-images` runs it"
    elif os.geteuid():
        reason = "only root may make and boot root file systems"
    elif missing:
        reason = f"not installed here: {', '.join(missing)}"
    elif not may_contain():
        reason = "this machine makes no containers: no namespaces, or nothing to write to in /sys/fs/cgroup"
    for item in items:
        if reason and Path(__file__).parent in item.path.parents and not item.get_closest_marker("anywhere"):
            item.add_marker(pytest.mark.skip(reason=reason))


def may_contain() -> bool:
    """Whether a systemd could boot in a container here."""
    done = subprocess.run(["unshare", "--mount", "--pid", "--net", "--fork", "true"], capture_output=True, check=False)
    return done.returncode == 0 and os.access("/sys/fs/cgroup", os.W_OK)


@pytest.fixture(scope="package")
def deb() -> Path:
    """The package for this machine."""
    from images import deb as package

    return package.build("amd64")


@pytest.fixture(scope="module")
def machine(deb: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A Debian with systemd that has booted, and the package in /root."""
    with container(tmp_path_factory.mktemp("machine") / "root") as booted:
        shutil.copy(deb, booted.root / "root" / "edge-router.deb")
        yield booted
