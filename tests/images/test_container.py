"""The container image: what runc makes of it, and that each architecture starts at all."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from images.oci import build
from images.version import VERSION

PATIENCE = 60.0
EMULATORS = {"arm64": "qemu-aarch64-static", "armhf": "qemu-arm-static"}
PAGE = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:8080/').read().decode())"


def does(*words: str | Path) -> str:
    """Run a program here. Result: what it said."""
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def layout() -> Path:
    """The index, with the image of this machine and those that can be emulated here."""
    return build("amd64", *(arch for arch, emulator in EMULATORS.items() if shutil.which(emulator)))


def unpacked(layout: Path, arch: str, place: Path) -> Path:
    """The bundle of one architecture."""
    image = f"oci:{place / 'image'}:one"
    does("skopeo", "--override-arch", arch, "copy", "-q", f"oci:{layout}:{VERSION}", image)
    does("umoci", "unpack", "--image", image.removeprefix("oci:"), place / "bundle")
    return place / "bundle"


class Container:
    """An image that runs, with its /node from here."""

    def __init__(self, bundle: Path, name: str, node: Path) -> None:
        self._name = name
        config = json.loads((bundle / "config.json").read_text())
        config["process"]["terminal"] = False
        config["mounts"] = [each for each in config["mounts"] if each["destination"] != "/node"]
        mount = {"destination": "/node", "type": "none", "source": str(node), "options": ["rbind", "rw"]}
        config["mounts"].append(mount)
        (bundle / "config.json").write_text(json.dumps(config))
        self.log = bundle / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(["runc", "run", "-b", str(bundle), name], stdout=log, stderr=log)

    def does(self, *words: str) -> str:
        """Run a program in there."""
        return does("runc", "exec", self._name, *words)

    def until_ready(self) -> str:
        """Result: what it has logged."""
        end = time.monotonic() + PATIENCE
        while "ready: listening" not in (said := self.log.read_text()):
            assert self.process.poll() is None and time.monotonic() < end, said
            time.sleep(0.1)
        return said

    def stop(self) -> int:
        """As `docker stop` does. Result: its exit status."""
        does("runc", "kill", self._name, "TERM")
        return self.process.wait(PATIENCE)


@pytest.fixture
def containers(layout: Path, tmp_path: Path) -> Iterator[list[Container]]:
    """What is still running at the end is ended."""
    started: list[Container] = []
    yield started
    for each in started:
        if each.process.poll() is None:
            subprocess.run(["runc", "delete", "--force", each._name], check=False)
            each.process.wait(PATIENCE)


def test_it_runs_as_it_is(layout: Path, tmp_path: Path, containers: list[Container]) -> None:
    """Without a configuration, as a user without rights; its health can be asked, and it ends as it is told to."""
    (tmp_path / "node").mkdir()
    container = Container(unpacked(layout, "amd64", tmp_path), "edge-router-test-1", tmp_path / "node")
    containers.append(container)
    container.until_ready()
    assert container.does("/usr/bin/edge-router", "status", "--assert", "running").startswith("running")
    assert "It works" in container.does("/usr/bin/python3", "-c", PAGE)
    assert "Uid:\t988" in container.does("/usr/bin/python3", "-c", "print(open('/proc/1/status').read())")
    assert container.stop() == 0 and "stopping: SIGTERM" in container.log.read_text()


def test_a_node_directory_of_crossbars(layout: Path, tmp_path: Path, containers: list[Container]) -> None:
    """`docker run -v $PWD:/node`, with `.crossbar/config.json` and pages in it."""
    node = tmp_path / "node"
    (node / ".crossbar").mkdir(parents=True)
    (node / "web").mkdir()
    (node / "web" / "index.html").write_text("mine")
    paths = {"/": {"type": "static", "directory": "../web"}, "ws": {"type": "websocket"}}
    transport = {"type": "web", "endpoint": {"type": "tcp", "port": 8080}, "paths": paths}
    realm = {"name": "realm1", "roles": [{"name": "anonymous", "permissions": []}]}
    worker = {"type": "router", "realms": [realm], "transports": [transport]}
    (node / ".crossbar" / "config.json").write_text(json.dumps({"version": 2, "workers": [worker]}))
    does("chown", "-R", "988:988", node)
    container = Container(unpacked(layout, "amd64", tmp_path), "edge-router-test-2", node)
    containers.append(container)
    assert "starts in /node/.crossbar" in container.until_ready()
    assert container.does("/usr/bin/python3", "-c", PAGE).strip() == "mine"
    assert container.stop() == 0


@pytest.mark.parametrize("arch", EMULATORS)
def test_other_architectures_start(layout: Path, tmp_path: Path, arch: str) -> None:
    """Under an emulator: Python, the dependencies and the program."""
    emulator = shutil.which(EMULATORS[arch])
    if emulator is None:
        pytest.skip(f"{EMULATORS[arch]} is not installed (qemu-user-static)")
    bundle = unpacked(layout, {"armhf": "arm"}.get(arch, arch), tmp_path)
    shutil.copy(emulator, bundle / "rootfs" / "emulator")
    said = does("chroot", bundle / "rootfs", "/emulator", "/usr/bin/python3", "-sP", "/usr/bin/edge-router", "version")
    assert VERSION in said and "msgspec" in said
    said = does(
        "chroot", bundle / "rootfs", "/emulator", "/usr/bin/python3", "-sP", "/usr/bin/edge-router", "check",
        "--config", "/etc/edge-router/config.yaml", "--cbdir", "/var/lib/edge-router",
    )  # fmt: skip
    assert "looks good" in said
