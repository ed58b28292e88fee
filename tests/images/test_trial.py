"""A slot on trial that does not come up: the kernel panics, or nothing happens any more before systemd could be asked.

On an emulated board, with the card's kernel, initrd and command line, and two slots that have a first program only.
(Linux, "panic=", "The Linux Watchdog driver API"; QEMU's i6300esb; sfdisk(8), mke2fs(8).)
"""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from images import boards, bootpart
from images.steps import run
from tests.images.board import CMDLINE, MACHINES, PATIENCE

pytestmark = pytest.mark.board
#: megabytes, in the order of the card's partitions
SIZES = {"boot": 1, "edge-a": 32, "edge-b": 32, "edge-data": 16}
#: the first program of a slot
WORKS = "echo '<4>slot a is up' > /dev/kmsg; exec /bin/busybox sleep 100000"
NEEDED = ("mke2fs", "sfdisk", "qemu-aarch64-static", MACHINES["arm64"][0])


def card(place: Path, init: str) -> Path:
    """A card that has slot b on trial. place: for its files. init: the first program of that. Result: its image."""
    image = place / "card.img"
    busybox = boards.installed("arm64") / "usr/bin/busybox"
    table, start = ["label: dos", "unit: sectors"], 1
    for name, size in SIZES.items():
        tree = place / name
        for directory in ("bin", "dev", "proc", "run", "sbin", "slots", "sys"):
            (tree / directory).mkdir(parents=True)
        shutil.copy(busybox, tree / "bin")
        (tree / "sbin/init").write_text(f"#!/bin/busybox sh\n{init if name == 'edge-b' else WORKS}\n")
        (tree / "sbin/init").chmod(0o755)
        (tree / "slots/current").write_text("a\n")
        (tree / "slots/trial").write_text("b 2\n")
        (tree / "provisioned").touch()
        if name != "boot":
            run(["mke2fs", "-q", "-t", "ext4", "-L", name, "-d", tree, place / f"{name}.img", f"{size}M"])
            run(["dd", f"if={place / name}.img", f"of={image}", "bs=1M", f"seek={start}", "conv=notrunc,sparse"])
        table.append(f"start={start << 11}, size={size << 11}, type=83")
        start += size
    run(["truncate", f"--size={start}M", image])
    run(["sfdisk", "--quiet", "--no-reread", "--no-tell-kernel", image], input="\n".join(table))
    return image


@pytest.mark.parametrize(
    ("init", "devices", "last"),
    [
        ("exit 1", (), "Kernel panic"),
        ("exec /bin/busybox sleep 100000", ("-device", "i6300esb"), "watchdog did not stop"),
    ],
    ids=["panic", "hang"],
)
def test_one_that_does_not_come_up_is_given_up(tmp_path: Path, init: str, devices: tuple[str, ...], last: str) -> None:
    """The board starts anew by itself; it is tried twice, and then the old one is there again, and says why."""
    missing = [name for name in NEEDED if not shutil.which(name)]
    if missing:
        pytest.skip(f"not installed here: {', '.join(missing)}")
    console, tree = tmp_path / "console.log", boards.installed("arm64")
    (tmp_path / "initrd.img").write_bytes(boards.initrd(tree))
    words = [(bootpart.FILES / "all/cmdline.txt").read_text().strip(), CMDLINE]
    command = [
        *MACHINES["arm64"], "-smp", "2", "-m", "256", "-display", "none", "-nic", "none", *devices,
        "-kernel", boards.kernel(tree), "-initrd", tmp_path / "initrd.img", "-append", " ".join(words),
        "-drive", f"file={card(tmp_path, init)},if=virtio,format=raw", "-serial", f"file:{console}",
    ]  # fmt: skip
    with subprocess.Popen(command, stdin=subprocess.DEVNULL) as qemu:
        try:
            end = time.monotonic() + PATIENCE
            while "slot a is up" not in (said := console.read_text(errors="replace") if console.exists() else ""):
                assert qemu.poll() is None and time.monotonic() < end, said[-3000:]
                time.sleep(0.5)
        finally:
            qemu.kill()
    assert re.findall(r"initrd: (slot b .*?)\r?\n", said) == [
        "slot b is tried; it has 1 more",
        "slot b is tried; it has 0 more",
    ]
    assert said.count(last) == 2
    assert "initrd: slot b: the board did not stay up with it until its node was ready" in said
