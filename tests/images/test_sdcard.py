"""The image of an SD card: what is in it, and what a board makes of it at its first start and at later ones."""

from __future__ import annotations

import hashlib
import json
import lzma
import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from edge_router.config.load import load
from images import boards, bootpart, imager, sdcard
from images.initrd import in_order
from images.steps import run
from images.version import ROOT
from tests.images import devicetree
from tests.images.board import Board

CARD = ROOT / "images" / "card"
FIRSTBOOT = CARD / "usr/libexec/edge-router/firstboot"
#: the schema of os lists, as rpi-imager's os-list-schema.json demands it of an entry: name -> type
DEMANDED = {
    **dict.fromkeys(("name", "description", "icon", "url", "extract_sha256", "release_date"), str),
    **dict.fromkeys(("extract_size", "image_download_size"), int),
    "devices": list,
}


def options(file: Path) -> dict[str, str]:
    """What is set in a config.txt, without what is for some boards only."""
    lines = re.sub(r"(?ms)^\[.*?^\[all\]$", "", file.read_text()).splitlines()
    return dict(re.split("[= ]", line, maxsplit=1) for line in lines if line and line[0] not in "#[")


@pytest.mark.anywhere
@pytest.mark.parametrize("arch", ["arm64", "armhf"])
def test_the_firmware_finds_what_it_is_told_to_start(arch: str) -> None:
    """Kernel and initrd under the names that they have on the partition; a 64-bit kernel is started as one."""
    told = options(bootpart.FILES / arch / "config.txt")
    assert (told["kernel"], told["initramfs"]) == ("vmlinuz", "initrd.img followkernel")
    assert told["upstream_kernel"] == "1" and ("arm_64bit" in told) is (arch == "arm64")


@pytest.mark.anywhere
def test_the_header_has_no_console() -> None:
    """A sensor on it would be asked for a password, and could type."""
    words = shlex.split((bootpart.FILES / "all/cmdline.txt").read_text())
    assert [word for word in words if word.startswith("console=")] == ["console=tty1"]
    assert {"root=slots", "panic=10", "cgroup_enable=memory"} <= set(words)


@pytest.mark.anywhere
def test_overlays_that_are_named_are_there() -> None:
    """Also those that wait behind a `#`."""
    text = "".join(file.read_text() for file in bootpart.FILES.glob("arm*/config.txt"))
    named = set(re.findall(r"^#?dtoverlay=(\S+)$", text, re.M))
    assert named == {file.stem for file in (bootpart.FILES / "overlays").glob("*.dts")}


@pytest.mark.anywhere
def test_what_people_are_to_fill_in_is_valid_as_it_is() -> None:
    """And names nobody: a card as it is flashed lets nobody in."""
    files = {name: (bootpart.FILES / "all" / name).read_text() for name in ("user-data", "network-config", "meta-data")}
    assert files["user-data"].startswith("#cloud-config\n") and yaml.safe_load(files["user-data"]) is None
    assert yaml.safe_load(files["network-config"])["ethernets"]["wired"]["dhcp4"] is True
    assert yaml.safe_load(files["meta-data"]) == {"instance-id": "edge-router"}
    uncommented = re.sub(r"(?m)^#(?=[a-z]| )(?! )", "", files["user-data"].split("\n", 5)[5])
    assert {"hostname", "ssh_authorized_keys"} <= set(yaml.safe_load(uncommented))


@pytest.mark.anywhere
def test_the_example_of_a_configuration_is_one() -> None:
    """As it is put on the partition."""
    assert load(bootpart.FILES / "all/edge-router.yaml.example")


@pytest.mark.anywhere
def test_every_service_of_the_card_is_started() -> None:
    """And runs a part of the script that there is."""
    units = {file.stem: file.read_text() for file in (CARD / "usr/lib/systemd/system").glob("*.service")}
    assert {name for name, text in units.items() if "[Install]" in text} == set(sdcard._ENABLED)
    parts = {re.search(r"ExecStart=(?:\S*/firstboot )?(\S+)", text)[1] for text in units.values()}  # type: ignore[index]
    programs = {part for part in parts if part.startswith("/usr/")}
    assert parts - programs == {"begin", "take", "end", "look"}
    assert all((CARD / program[1:]).is_file() for program in programs)
    done = subprocess.run([FIRSTBOOT, "nonsense"], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "begin|take|end|look" in done.stderr


@pytest.mark.anywhere
def test_what_is_kept_is_mounted() -> None:
    """From the data partition, where it is, and nothing else."""
    lines = [line.split() for line in (CARD / "etc/fstab").read_text().splitlines() if line.startswith("/data/")]
    assert {line[1] for line in lines} == {f"/{name}" for name in sdcard.KEPT}
    assert all(line[0] == f"/data{line[1]}" and line[3] == "bind" for line in lines)


@pytest.mark.anywhere
def test_the_manifest_is_what_imager_demands(tmp_path: Path) -> None:
    """The sums are of the image and of its file; without an `init_format` Imager asks for nothing."""
    image = bytes(3_000_000) + b"image"
    packed = {}
    for arch in ("arm64", "armhf"):
        packed[arch] = sdcard.packed(arch, tmp_path)
        packed[arch].write_bytes(lzma.compress(image))
    entries: list[dict[str, Any]] = json.loads(imager.manifest(packed))["os_list"]
    for entry, file in zip(entries, packed.values(), strict=True):
        assert {name: type(entry[name]) for name in DEMANDED} == DEMANDED
        assert (entry["extract_size"], entry["extract_sha256"]) == (len(image), hashlib.sha256(image).hexdigest())
        assert entry["image_download_sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
        assert entry["url"] == file.as_uri() and entry["init_format"] == "cloudinit"
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", entry["release_date"])
    assert "pi5-64bit" in entries[0]["devices"] and "pi2-32bit" in entries[1]["devices"]


@pytest.mark.anywhere
def test_the_manifest_names_where_the_images_will_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a release that is downloaded."""
    monkeypatch.setenv("EDGE_ROUTER_URL", "https://example.com/releases/")
    packed = sdcard.packed("arm64", tmp_path)
    packed.write_bytes(lzma.compress(b""))
    (entry,) = json.loads(imager.manifest({"arm64": packed}))["os_list"]
    assert entry["url"] == f"https://example.com/releases/{packed.name}"


NOTHING_FILLED_IN = """\
status: done
extended_status: degraded done
errors: []
recoverable_errors:
WARNING:
\t- Failed at merging in cloud config part from part-001: empty cloud config
DEPRECATED:
\t- a key is deprecated in 22.2
"""


@pytest.mark.anywhere
@pytest.mark.parametrize(
    ("said", "told"),
    [
        (NOTHING_FILLED_IN, False),
        ("status: done\nerrors: []\nrecoverable_errors: {}\n", False),
        (NOTHING_FILLED_IN + "WARNING:\n\t- Could not find timezone\n", True),
        ("status: done\nerrors:\n\t- ('timezone', OSError())\nrecoverable_errors: {}\n", True),
        ("status: error\n", True),
    ],
)
def test_what_cloud_init_could_not_use_is_told(tmp_path: Path, said: str, told: bool) -> None:
    """All of what it says, but not on a card whose files are as they were flashed."""
    (tmp_path / "cloud-init").write_text(f"#!/bin/sh\ncat <<'END'\n{said}END\nexit 2\n")
    (tmp_path / "cloud-init").chmod(0o755)
    function = run(["sed", "-n", "/^unused()/,/^}/p", FIRSTBOOT])
    done = run(["sh", "-euc", f"{function}\nunused"], env={"PATH": f"{tmp_path}:{os.environ['PATH']}"})
    assert done == (said if told else "")


@pytest.fixture(scope="module", params=["arm64", "armhf"])
def arch(request: pytest.FixtureRequest) -> str:
    """Of the boards that an image is for."""
    return str(request.param)


@pytest.mark.board
def test_a_card_reader_has_all_it_waits_for(arch: str) -> None:
    """On every board: its clock, its regulators and their pins are driven in the initrd, or by the kernel itself.

    Without one of them the kernel waits for its root for ever.
    """
    tree = boards.installed(arch)
    (aliases,) = tree.glob("usr/lib/modules/*/modules.alias")
    there = {file.name.partition(".ko")[0].replace("-", "_") for file in in_order(tree, boards.MODULES)}
    for file in bootpart.trees(arch, tree):
        board = devicetree.read(file)
        readers = [node for node in board.all() if node.name.startswith("mmc@") and node.is_on and not has_wifi(node)]
        wanted = devicetree.modules(devicetree.needed(board, readers), aliases)
        assert wanted and wanted <= there, f"{file.name} needs {wanted - there}"


def has_wifi(node: devicetree.Node) -> bool:
    """Whether a radio is what it reads."""
    return any(part.name.startswith("wifi@") for part in node.parts)


@pytest.mark.board
def test_its_file_systems_are_whole(arch: str, tmp_path: Path) -> None:
    """As their own checkers find them; and nothing of the machine that made it is in it."""
    start = sdcard.GAP
    for name, size in sdcard.SIZES.items():
        part = tmp_path / name
        run(["dd", f"if={sdcard.made(arch)}", f"of={part}", "bs=1M", f"skip={start}", f"count={size}", "conv=sparse"])
        start += size
    run(["fsck.vfat", "-n", tmp_path / "boot"])
    for name in ("edge-a", "edge-data"):
        run(["e2fsck", "-fn", tmp_path / name])
    assert not any((tmp_path / "edge-b").read_bytes()[: 1 << 20])
    root = run(["debugfs", "-R", "ls -p /etc/ssh", tmp_path / "edge-a"])
    assert "sshd_config" in root and "ssh_host" not in root
    assert run(["debugfs", "-R", "cat /etc/machine-id", tmp_path / "edge-a"]) == ""
    for name in ("edge-a", "edge-data"):
        assert "partial" not in run(["debugfs", "-R", "ls -p /var/lib/apt/lists", tmp_path / name])
    kept = run(["debugfs", "-R", "ls -p /etc/edge-router", tmp_path / "edge-data"])
    assert "config.yaml" in kept


BAD = """\
version: 2
workers:
  - type: router
    realms: [{name: realm1, roles: [{name: anonymous, permissions: []}]}]
    transports:
      - {type: web, endpoint: {type: tcp, prot: 8080}, paths: {/: {type: nodeinfo}, info: {type: nodeinfo}}}
"""
USER = """\
#cloud-config
users:
  - name: joe
    groups: [dialout, edge-router]
    ssh_authorized_keys: [ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBLv0P6kC0zJmJ6Yw1Yw1Yw1Yw1Yw1Yw1Yw1Yw1Yw1Yw joe@pc]
timezone: Europe/Berlin
"""
#: said on the console once a start has ended; a fact a line
SCRIPT = """\
until systemctl is-active edge-router && [ -e /data/provisioned ] && findmnt -O ro /; do sleep 1; done > /dev/null
exec > /dev/ttyAMA0 2>&1
fact() { printf '\\n=== %s: %s\\n' "$1" "$(shift; "$@" 2>&1 | tr '\\n' ' ')"; }
fact name hostname
fact user id -nG joe
fact keys cat /home/joe/.ssh/authorized_keys
fact zone readlink /etc/localtime
fact failed systemctl --failed --plain --no-legend
fact root findmnt -no OPTIONS /
fact kept findmnt -no SOURCE /var/lib/edge-router
fact size sh -c 'df --output=size /data | tail -1'
fact machine cat /etc/machine-id
fact host cat /etc/ssh/ssh_host_ed25519_key.pub
fact node cat /var/lib/edge-router/key.pub
fact config sha256sum < /etc/edge-router/config.yaml
fact init cat /etc/cloud/cloud-init.disabled
fact took systemd-analyze
echo "=== end"
"""


def start(board: Board) -> dict[str, str]:
    """Power on. Result: the facts."""
    board.start(SCRIPT)
    board.until(lambda: "=== end" in board.said())
    facts = dict(re.findall(r"^=== (\w+): (.*?) *$", board.said(), re.M))
    print(facts["took"])
    board.pull_the_plug()
    return facts


def put(board: Board, name: str, text: str) -> None:
    """A file onto the boot partition, as from any PC."""
    (board._place / name).write_text(text)
    run(["mcopy", "-o", "-i", board._boot, board._place / name, "::"])


@pytest.mark.board
def test_a_card_is_set_up_once_and_stays_as_it_is(tmp_path: Path) -> None:
    """User, keys and room at the first start; a configuration that is not valid is told about on the partition, and the
    card goes on with its own. At the second start the plug had been pulled, and the configuration is put right.
    """
    board = Board("arm64", tmp_path, BAD)
    put(board, "user-data", USER)
    try:
        first = start(board)
        assert first["name"] == "edge-router" and first["zone"].endswith("Europe/Berlin")
        assert {"joe", "dialout", "edge-router"} <= set(first["user"].split()) and "joe@pc" in first["keys"]
        assert first["failed"] == "" and first["init"] == ""
        assert "/dev/vda4" in first["kept"] and int(first["size"]) > 600_000
        assert first["host"].startswith("ssh-ed25519 ") and "public" in first["node"] and len(first["machine"]) == 32
        error = run(["mtype", "-i", board._boot, "::edge-router-error.txt"])
        assert "edge-router.yaml:6: " in error and "did you mean 'port'?" in error
        put(board, "edge-router.yaml", BAD.replace("prot", "port"))
        second = start(board)
        same = ("name", "user", "keys", "machine", "host", "node", "size", "failed")
        assert {name: second[name] for name in same} == {name: first[name] for name in same}
        assert second["root"].split(",")[0] == "ro" and second["config"] != first["config"]
        assert "edge-router-error.txt" not in run(["mdir", "-b", "-i", board._boot, "::"])
    finally:
        board.pull_the_plug()
