"""Two root file systems and a data partition on this machine, and programs of the first one run as if it had started.

Without an emulator, and without a boot: what `edge-router-update` makes is looked at.
(losetup(8), unshare(1), mknod(1); open(2) with O_EXCL of a block device.)
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from images import sdcard
from images.packages import DEPENDS, RECOMMENDS
from images.roots import copy, root
from images.steps import run
from tests.images.versions import index

SIZES = {2: 512, 3: 512, 4: 512}
#: what is mounted on a card, before the command of $3; the disk is $1, the place for the root $2
MOUNTS = """
mount -o ro "$1"2 "$2"
mount "$1"4 "$2/data"
awk '$4 == "bind" { print $1, $2 }' "$2/etc/fstab" |
    while read -r what where; do mount --bind "$2$what" "$2$where"; done
mount -t proc proc "$2/proc"; mount --rbind /dev "$2/dev"; mount -t tmpfs tmpfs "$2/tmp"; mount -t tmpfs tmpfs "$2/run"
mkdir "$2/run/slots"; echo a > "$2/run/slots/running"
exec chroot "$2" sh -c "/usr/libexec/edge-router/root locks
$3"
"""


class Slots:
    """A card's partitions. place: for their files. package: the router's, that is installed in slot a."""

    def __init__(self, place: Path, package: Path) -> None:
        self._place = place
        self._disk = f"/dev/edge-router-test-{os.getpid()}p"
        (place / "root").mkdir()
        tree, data = place / "tree", place / "data"
        names = [name.split()[0] for name in (*DEPENDS, *RECOMMENDS)]
        copy(root("amd64", ("systemd-sysv", "e2fsprogs", "kmod", "python3-msgspec", *names)), tree)
        shutil.copy(package, tree / "root/edge-router.deb")
        run(["chroot", tree, "dpkg", "--install", "/root/edge-router.deb"])
        sdcard.prepare(tree)
        (tree / "etc/apt/sources.list.d/debian.sources").unlink()
        (tree / "usr/lib/modules" / os.uname().release).mkdir(parents=True)
        for name in (*sdcard.KEPT, *sdcard.LOCKS):
            sdcard.move(tree / name, data / name)
        for directory in (tree / "srv/repository", data / "packages"):
            directory.mkdir()
        (tree / "etc/apt/sources.list").write_text("deb [trusted=yes] copy:/srv/repository ./\n")
        (data / "provisioned").touch()
        self._trees = {2: tree, 4: data}

    @contextmanager
    def there(self) -> Iterator[Slots]:
        """The partitions, as devices."""
        with ExitStack() as stack:
            for number, size in SIZES.items():
                image = self._place / f"{number}.img"
                label = {2: "edge-a", 3: "nothing", 4: "edge-data"}[number]
                files = ["-d", self._trees[number]] if number in self._trees else []
                run(["mke2fs", "-q", "-t", "ext4", "-L", label, *files, image, f"{size}M"])
                loop = run(["losetup", "--find", "--show", image]).strip()
                stack.callback(run, ["losetup", "--detach", loop])
                device = Path(loop).stat().st_rdev
                os.mknod(self._disk + str(number), 0o60600, device)
                stack.callback(os.unlink, self._disk + str(number))
            yield self

    def put(self, package: Path) -> str:
        """A package onto the data partition. Result: its path there."""
        shutil.copy(package, self._trees[4] / "packages")
        return f"/data/packages/{package.name}"

    def offer(self, *packages: Path) -> None:
        """Packages in the repository of slot a, before it is made."""
        place = self._trees[2] / "srv/repository"
        for package in packages:
            shutil.copy(package, place)
        (place / "Packages").write_text(index(*packages))

    def asks(self, url: str) -> None:
        """Another repository that slot a asks, before it is made."""
        with (self._trees[2] / "etc/apt/sources.list").open("a") as sources:
            sources.write(f"deb [trusted=yes] {url} ./\n")

    def begins(self, command: str) -> subprocess.Popen[str]:
        """Run a shell command in slot a, as if it had started from it."""
        alone = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
        words = [*alone, "sh", "-e", "-c", MOUNTS, "sh", self._disk, str(self._place / "root"), command]
        pipes: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        return subprocess.Popen(words, text=True, start_new_session=True, **pipes)

    def does(self, command: str, status: int = 0) -> str:
        """The same. status: that it has to end with. Result: what it said."""
        process = self.begins(command)
        said: str = process.communicate(timeout=300)[0]
        self._is_left()
        assert process.returncode == status, said
        return said

    def is_cut_off(self, command: str, when: str) -> None:
        """Run a command, and end it and all that it has started when it says something."""
        said = ""
        with self.begins(command) as process:
            assert process.stdout is not None
            while when not in said:
                letter = process.stdout.read(1)
                assert letter, said
                said += letter
            os.killpg(process.pid, signal.SIGKILL)
        self._is_left()

    def _is_left(self, patience: float = 60) -> None:
        """Wait until no partition is mounted: the kernel lets go of them some time after what used them has ended."""
        last = time.monotonic() + patience
        for number in SIZES:
            while True:
                try:
                    os.close(os.open(f"{self._disk}{number}", os.O_RDONLY | os.O_EXCL))
                    break
                except OSError as error:
                    if error.errno != errno.EBUSY or time.monotonic() > last:
                        raise
                time.sleep(0.02)

    def label(self) -> str:
        """The name that slot b has."""
        with open(f"{self._disk}3", "rb") as device:  # noqa: PTH123
            device.seek(1144)
            return device.read(16).rstrip(b"\0").decode()

    def sum(self) -> str:
        """Of all octets of slot a."""
        with open(f"{self._disk}2", "rb") as device:  # noqa: PTH123
            return hashlib.file_digest(device, "sha256").hexdigest()

    def reads(self, path: str) -> str:
        """A file in slot b."""
        return run(["debugfs", "-R", f"cat {path}", f"{self._disk}3"])
