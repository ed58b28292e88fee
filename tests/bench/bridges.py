"""What bridges cost at full load: 8 serial ports at 115200 baud and 24 GPIO lines with 100 edges a second each.

The ports are ptys, and a process of its own keeps them full, byte by byte as a UART would: cut anywhere. The GPIO chip
is the simulated one, whose own work is a part of the node's figures.
"""

from __future__ import annotations

import json
import os
import pty
import signal
import socket
import subprocess
import sys
import time
import tty
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from . import servers
from .results import Results

PORTS = 8
#: 8 data bits, start and stop
BYTES_PER_SECOND = 115_200 // 10
LINES, EDGES = 24, 100
#: seconds: until all is open and caches are warm, and of the measurement
WARM, SECONDS = 2.0, 5.0

#: writes to the descriptors in argv, each at argv[1] bytes a second, until it is ended; late ones are made up for
KEEP_FULL = """
import itertools, os, sys, time
rate, ports = int(sys.argv[1]), [int(fd) for fd in sys.argv[2:]]
lines = [b'{"temperature": %.2f, "humidity": %.1f}\\n' % (20 + n % 97 / 50, 40 + n % 31 / 10) for n in range(3007)]
stream = b"".join(lines)
for fd in ports: os.set_blocking(fd, False)
begun, sent, lost = time.monotonic(), 0, 0
for turn in itertools.count(1):
    time.sleep(max(0, begun + turn * 0.02 - time.monotonic()))
    due = int((time.monotonic() - begun) * rate)
    for number, fd in enumerate(ports):
        at = (sent + number * 1009) % len(stream)
        piece = (stream + stream)[at : at + due - sent]
        try:
            lost += len(piece) - os.write(fd, piece)
        except BlockingIOError:
            lost += len(piece)
    sent = due
    if lost: sys.exit("the node takes the bytes more slowly than they come")
"""


@contextmanager
def ports(count: int) -> Iterator[tuple[list[int], list[str]]]:
    """Ptys: the descriptors of their far ends, and the devices that bridges open."""
    pairs = [pty.openpty() for _ in range(count)]
    for _, near in pairs:
        tty.setraw(near)
    try:
        yield [far for far, _ in pairs], [os.ttyname(near) for _, near in pairs]
    finally:
        for pair in pairs:
            for fd in pair:
                os.close(fd)


def serial_bridges(devices: Sequence[str]) -> list[dict[str, Any]]:
    """One a device; two fields each, as of a usual sensor."""
    fields = {"temperature": {"unit": "C", "round": 1, "deadband": 0.1}, "humidity": {"unit": "%", "deadband": 0.5}}
    return [
        {
            "type": "serial", "id": f"com.example.port{number}", "realm": "realm1", "device": device,
            "baudrate": 115200, "settle": 0, "fields": fields,
        }
        for number, device in enumerate(devices)
    ]  # fmt: skip


def gpio_bridge() -> dict[str, Any]:
    """Each edge of each line an event."""
    inputs = {f"line{number}": {"line": number, "debounce": 0} for number in range(LINES)}
    return {"type": "gpio", "id": "com.example.pins", "realm": "realm1", "chip": f"sim:?rate={EDGES}", "inputs": inputs}


def measure(results: Results, workdir: Path, note: Callable[[str], None]) -> None:
    """Serial ports alone, GPIO lines alone, and both in one node. Raises servers.ServerFailed if frames get lost."""
    with ports(PORTS) as (far, devices):
        serial = serial_bridges(devices)
        for what, bridges in (
            (f"{PORTS} serial ports", serial),
            (f"{LINES} GPIO lines", [gpio_bridge()]),
            (f"{PORTS} serial ports and {LINES} GPIO lines", [*serial, gpio_bridge()]),
        ):
            note(f"bridges at full load: {what}")
            with servers.node(workdir, bridges=bridges) as node, kept_full(far if serial[0] in bridges else []):
                weigh(results, what, node, PORTS if serial[0] in bridges else 0)


@contextmanager
def kept_full(far: Sequence[int], rate: int = BYTES_PER_SECOND) -> Iterator[None]:
    """A process writes to the far ends, at so many bytes a second. Raises servers.ServerFailed if it could not."""
    if not far:
        yield
        return
    command = [sys.executable, "-c", KEEP_FULL, str(rate), *map(str, far)]
    with subprocess.Popen(command, pass_fds=far, stderr=subprocess.PIPE, text=True) as writer:
        try:
            yield
        finally:
            writer.send_signal(signal.SIGTERM)
            _, said = writer.communicate()
    if writer.returncode != -signal.SIGTERM:
        raise servers.ServerFailed(f"the writer of {len(far)} ports ended: {said.strip()}")


def weigh(results: Results, what: str, node: servers.Server, serial: int) -> None:
    """Keep the share of a CPU and the memory. serial: bridges that are looked at whether they lost anything."""
    time.sleep(WARM)
    before = frames_lost(node, serial)
    cpu, begun = node.cpu_seconds(), time.monotonic()
    time.sleep(SECONDS)
    results.figure(f"CPU {what}, %", (node.cpu_seconds() - cpu) / (time.monotonic() - begun) * 100)
    results.figure(f"RSS {what}, MB", node.memory()["rss"] / 1e6)
    lost = frames_lost(node, serial) - before
    if lost:
        raise servers.ServerFailed(f"{what}: {lost} frames were bad or dropped")


def frames_lost(node: servers.Server, serial: int) -> int:
    """Bad and dropped frames of so many serial bridges. Raises servers.ServerFailed for one that hears nothing."""
    with Asker(node.ways["unix"][1]) as asker:
        return sum(_lost(asker, f"com.example.port{number}") for number in range(serial))


def _lost(asker: Asker, bridge: str) -> int:
    about = asker.call(f"{bridge}.get_status")
    if not about["frames"]:
        raise servers.ServerFailed(f"{bridge} hears nothing: {about['last_error']}")
    return int(about["bad"] + about["dropped"])


class Asker:
    """A session that calls, in JSON over RawSocket, spoken by hand.

    path: of the node's Unix socket.
    """

    def __init__(self, path: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(10)
        self._socket.connect(path)

    def __enter__(self) -> Asker:
        self._socket.sendall(b"\x7f\xf1\0\0")
        self._read(4)
        self._say([1, "realm1", {"roles": {"caller": {}}}])
        return self

    def __exit__(self, *_exc: object) -> None:
        self._socket.close()

    def call(self, procedure: str) -> dict[str, Any]:
        """The result's kwargs. Raises servers.ServerFailed for an error."""
        answer = self._say([48, 1, {}, procedure])
        if answer[0] != 50:
            raise servers.ServerFailed(f"{procedure}: {answer[4]}")
        found: dict[str, Any] = answer[4]
        return found

    def _say(self, message: list[Any]) -> list[Any]:
        data = json.dumps(message).encode()
        self._socket.sendall(len(data).to_bytes(4) + data)
        answer: list[Any] = json.loads(self._read(int.from_bytes(self._read(4))))
        return answer

    def _read(self, length: int) -> bytes:
        data = b""
        while len(data) < length:
            piece = self._socket.recv(length - len(data))
            if not piece:
                raise servers.ServerFailed("the node closed the connection")
            data += piece
        return data
