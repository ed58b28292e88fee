"""The first file system that a board's kernel sees: what it takes to find and mount the real one.

Debian's own tool would have to run under an emulator for minutes; this one is made of a static busybox and some
modules of the root file system, in seconds. It loads the modules, waits for the root's device (of a card with two roots
it chooses one), mounts it and starts its init: initramfs/init. (Linux, "ramfs, rootfs and initramfs"; cpio(5), newc;
modules.dep(5).)
"""

from __future__ import annotations

import gzip
import lzma
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from images.steps import BuildFailed

_HEADER: Final = "070701"
_DIRECTORIES: Final = ("bin", "data", "dev", "modules", "newroot", "proc", "run", "sys")
_HERE: Final = Path(__file__).parent
#: what runs there: the first program, and what it shares with the updates of a board
_SCRIPTS: Final = {
    "init": _HERE / "initramfs/init",
    "slots.sh": _HERE / "card/usr/libexec/edge-router/slots.sh",
}
#: what goes into it from here
SOURCES: Final = (Path(__file__), *_SCRIPTS.values())


def make(root: Path, modules: Sequence[str]) -> bytes:
    """The file, compressed. root: where busybox-static and a kernel are installed. modules: without those they need.

    Raises BuildFailed.
    """
    busybox = next((root / name for name in ("usr/bin/busybox", "bin/busybox") if (root / name).is_file()), None)
    if busybox is None:
        raise BuildFailed(f"{root} has no busybox (busybox-static)")
    files: dict[str, tuple[int, bytes]] = dict.fromkeys(_DIRECTORIES, (0o040755, b""))
    files["bin/busybox"] = (0o100755, busybox.read_bytes())
    for name, script in _SCRIPTS.items():
        files[name] = (0o100755, script.read_bytes())
    order = []
    for path in in_order(root, modules):
        name = path.name.partition(".ko")[0] + ".ko"
        order.append(name)
        files[f"modules/{name}"] = (0o100644, _plain(path))
    files["modules/order"] = (0o100644, "\n".join(order).encode() + b"\n")
    return gzip.compress(b"".join(_archive(files)), 9, mtime=0)


def in_order(root: Path, modules: Iterable[str]) -> Iterator[Path]:
    """The files of modules, each after those it needs. Those that are built into the kernel are left out."""
    (place,) = (root / "usr/lib/modules").iterdir()
    needs = {}
    for line in (place / "modules.dep").read_text().splitlines():
        file, _, others = line.partition(":")
        needs[_name(file)] = (place / file, [_name(other) for other in others.split()])
    seen: set[str] = set()

    def visit(name: str) -> Iterator[Path]:
        if name in needs and name not in seen:
            seen.add(name)
            for other in reversed(needs[name][1]):
                yield from visit(other)
            yield needs[name][0]

    for name in modules:
        yield from visit(name)


def _name(file: str) -> str:
    return Path(file).name.partition(".ko")[0].replace("-", "_")


def _plain(path: Path) -> bytes:
    octets = path.read_bytes()
    return lzma.decompress(octets) if path.suffix == ".xz" else octets


def _archive(files: dict[str, tuple[int, bytes]]) -> Iterator[bytes]:
    for number, (name, (mode, content)) in enumerate([*files.items(), ("TRAILER!!!", (0, b""))], 1):
        fields = (number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0)
        head = (_HEADER + "".join(f"{field:08x}" for field in fields)).encode() + name.encode() + b"\0"
        yield head + bytes(-len(head) % 4) + content + bytes(-len(content) % 4)
