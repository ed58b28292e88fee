"""The load generator `wampload.c` as an object: compiled once a run, run once a figure."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).with_name("wampload.c")
CFLAGS = ("-std=gnu11", "-O2", "-Wall", "-Wextra")


class LoadFailed(Exception):
    """The generator could not do its work; the text is what it said."""


@dataclass(frozen=True)
class Load:
    """What one run of the generator found.

    rate: messages delivered (calls answered) per second. p50_us, p99_us, max_us: from sending to receiving.
    samples: latencies measured. delivered, published: messages, with the warm-up. errors: ERROR messages.
    generator_cpu: share of a CPU the generator itself took; near 1 it is the limit and not the router.
    """

    rate: float
    p50_us: float
    p99_us: float
    max_us: float
    samples: int
    delivered: int
    published: int
    errors: int
    generator_cpu: float


class Generator:
    """The compiled generator.

    build: directory the binary is put into. Raises LoadFailed where there is no C compiler or it refuses.
    """

    def __init__(self, build: Path) -> None:
        compiler = shutil.which("cc")
        if compiler is None:
            raise LoadFailed("no C compiler: install gcc (on Debian: apt install gcc libc6-dev)")
        self.path = build / "wampload"
        made = subprocess.run(
            [compiler, *CFLAGS, "-o", str(self.path), str(SOURCE)], capture_output=True, text=True, check=False
        )
        if made.returncode:
            raise LoadFailed(f"wampload.c does not compile: {made.stderr}")

    def run(self, mode: str, arguments: Sequence[str], secs: float, warm: float) -> Load:
        """Put load on a server for `warm` and then `secs` seconds. mode: pubsub or rpc. Raises LoadFailed."""
        argv = [str(self.path), mode, *arguments, "--secs", str(secs), "--warm", str(warm)]
        try:
            ran = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=secs + warm + 60)
        except subprocess.TimeoutExpired:
            raise LoadFailed(f"{' '.join(argv[1:])}: did not end") from None
        if ran.returncode:
            raise LoadFailed(f"{' '.join(argv[1:])}: {ran.stderr.strip() or ran.returncode}")
        return Load(**json.loads(ran.stdout))

    @contextmanager
    def hold(self, arguments: Sequence[str]) -> Iterator[float]:
        """Sessions with subscriptions that stay open inside the `with`; gives the seconds it took to open them."""
        argv = [str(self.path), "hold", *arguments]
        pipe = subprocess.PIPE
        with subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as held:
            assert held.stdin is not None
            assert held.stdout is not None
            assert held.stderr is not None
            line = held.stdout.readline()
            if not line:
                raise LoadFailed(f"{' '.join(argv[1:])}: {held.stderr.read().strip()}")
            try:
                yield json.loads(line)["seconds"]
                if held.poll() is not None:
                    raise LoadFailed(f"the held sessions ended early: {held.stderr.read().strip()}")
            finally:
                held.stdin.close()
