"""What a device of a board needs before its driver starts, by the board's device tree.

A driver waits until everything that its node points to is there: clocks, regulators, pins. (Devicetree Specification
0.4, chapter 5, the flattened format; Linux, "Documentation/devicetree/bindings", modules.alias(5).)
"""

from __future__ import annotations

import fnmatch
import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

_NODE, _END, _PROPERTY, _DONE = 1, 2, 3, 9
#: properties that name others -> what says there how many cells follow
_SUPPLIERS = {
    "clocks": "#clock-cells",
    "dmas": "#dma-cells",
    "interrupts-extended": "#interrupt-cells",
    "mboxes": "#mbox-cells",
    "phys": "#phy-cells",
    "power-domains": "#power-domain-cells",
    "resets": "#reset-cells",
}
#: properties that have nothing but names of others
_PLAIN = re.compile(r".*-supply|interrupt-parent|mmc-pwrseq|pinctrl-\d")


@dataclass(eq=False)
class Node:
    """A device. above: the one it is a part of."""

    name: str
    above: Node | None
    properties: dict[str, bytes] = field(default_factory=dict)
    parts: list[Node] = field(default_factory=list)

    def all(self) -> Iterator[Node]:
        """It and its parts."""
        yield self
        for part in self.parts:
            yield from part.all()

    def cells(self, name: str) -> list[int]:
        """A property as numbers; none if it is something else."""
        octets = self.properties.get(name, b"")
        return [number for (number,) in struct.iter_unpack(">I", octets)] if len(octets) % 4 == 0 else []

    @property
    def compatible(self) -> list[str]:
        """What it is, as drivers know it."""
        return [word for word in self.properties.get("compatible", b"").decode().split("\0") if word]

    @property
    def is_on(self) -> bool:
        """Whether it is to be used."""
        return self.properties.get("status", b"okay\0") in (b"okay\0", b"ok\0")


def read(file: Path) -> Node:
    """A device tree, as it is given to a kernel."""
    octets = file.read_bytes()
    here, names = struct.unpack(">II", octets[8:16])
    node: Node | None = None
    while True:
        (token,) = struct.unpack_from(">I", octets, here)
        here += 4
        if token == _NODE:
            end = octets.index(b"\0", here)
            node = Node(octets[here:end].decode(), node)
            if node.above is not None:
                node.above.parts.append(node)
            here = end + 4 & ~3
        elif token == _PROPERTY:
            size, name = struct.unpack_from(">II", octets, here)
            end = octets.index(b"\0", names + name)
            assert node is not None
            node.properties[octets[names + name : end].decode()] = octets[here + 8 : here + 8 + size]
            here = here + 8 + size + 3 & ~3
        elif token == _END and node is not None and node.above is not None:
            node = node.above
        elif token == _DONE:
            assert node is not None
            return node


def needed(tree: Node, devices: Iterable[Node]) -> list[Node]:
    """Devices, and all that they need."""
    known = {node.cells("phandle")[0]: node for node in tree.all() if node.cells("phandle")}
    waiting = list(devices)
    found: list[Node] = []
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.append(node)
            waiting += _suppliers(node, known)
    return found


def _suppliers(node: Node, known: dict[int, Node]) -> Iterator[Node]:
    if node.above is not None:
        yield node.above
    for name in node.properties:
        cells = node.cells(name)
        counted = "#gpio-cells" if re.fullmatch(r"(.*-)?gpios?", name) else _SUPPLIERS.get(name)
        if _PLAIN.fullmatch(name):
            yield from (known[cell] for cell in cells if cell in known)
        elif counted is not None:
            while cells and cells[0] in known:
                supplier = known[cells[0]]
                yield supplier
                cells = cells[1 + sum(supplier.cells(counted)) :]


def modules(nodes: list[Node], aliases: Path) -> set[str]:
    """The modules that drive devices. aliases: the file modules.alias. What is built into the kernel is not in it."""
    driven = {word for node in nodes for word in node.compatible}
    found = set()
    for line in aliases.read_text().splitlines():
        _, _, rest = line.partition(" of:N*T*C")
        pattern, _, module = rest.partition(" ")
        if module and any(fnmatch.fnmatchcase(word, pattern) for word in driven):
            found.add(module)
    return found
