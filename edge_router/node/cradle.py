"""The process that containers are born from: Python with Twisted and autobahn loaded, which forks when it is asked to.

A container shares the memory of what is loaded here with all others (copy on write; `gc.freeze` keeps the collector
from touching it), and is there in a moment. The node asks by a datagram with four descriptors: a file with the
configuration, and where stdout, stderr and reports go. The answers are lines of JSON: `["begun", REQUEST, PID]`,
`["exited", REQUEST, STATUS]`. When the node is gone, so are all containers.

    python -m edge_router.node.cradle DESCRIPTOR

There is no reactor here, and no thread, so that forking is safe.
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import socket
import sys
import traceback
from importlib import import_module
from typing import Any, Final

#: what every container needs
PRELOADED: Final = (
    "twisted.internet.asyncioreactor",
    "twisted.internet.endpoints",
    "autobahn.twisted.wamp",
    "edge_router.node.hosting",
    "edge_router.node.remote",
)
#: it ends when the node does, however that is told
_IGNORED: Final = (signal.SIGINT, signal.SIGHUP, signal.SIGTERM)
_MAX_REQUEST: Final = 65_536
_CRASHED: Final = 70  # EX_SOFTWARE


class Cradle:
    """Forks containers. node: the socket to the node."""

    def __init__(self, node: socket.socket) -> None:
        self._node = node
        #: pidfd_open(2) -> request and process id
        self._children: dict[int, tuple[int, int]] = {}
        self._poll = select.poll()
        self._poll.register(node, select.POLLIN)

    def run(self) -> None:
        """Until the node is gone."""
        while True:
            for descriptor, _ in self._poll.poll():
                if descriptor in self._children:
                    self._reap(descriptor)
                elif not self._take():
                    return

    def end(self) -> None:
        """Kill all containers and what they have started."""
        for _, pid in self._children.values():
            for kill in (os.killpg, os.kill):
                try:
                    kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass

    def _take(self) -> bool:
        """Take a request. Result: False if there will be no more."""
        data, descriptors, _, _ = socket.recv_fds(self._node, _MAX_REQUEST, 4)
        if not data:
            return False
        request = int(data)
        try:
            self._fork(request, descriptors)
        except OSError as problem:
            self._say("refused", request, problem.errno)
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        return True

    def _fork(self, request: int, descriptors: list[int]) -> None:
        pid = os.fork()
        if pid == 0:
            _be_born(descriptors)
        child = os.pidfd_open(pid)
        self._children[child] = request, pid
        self._poll.register(child, select.POLLIN)
        self._say("begun", request, pid)

    def _reap(self, child: int) -> None:
        request, pid = self._children.pop(child)
        self._poll.unregister(child)
        os.close(child)
        _, status = os.waitpid(pid, 0)
        self._say("exited", request, os.waitstatus_to_exitcode(status))

    def _say(self, *what: Any) -> None:
        try:
            self._node.send(json.dumps(what).encode())
        except OSError:
            pass  # the node is gone; `run` sees that too


def _be_born(descriptors: list[int]) -> None:
    """The child's part. Never returns."""
    status = _CRASHED
    try:
        os.setsid()
        for number in _IGNORED:
            signal.signal(number, signal.SIG_DFL)
        config, stdout, stderr, reports = (os.dup(each) for each in descriptors)
        spec = os.pread(config, os.fstat(config).st_size, 0)
        nothing = os.open(os.devnull, os.O_RDWR)
        # all of these are above 3, since dup takes the lowest number that is free and 0 to 3 are in use
        for place, source in enumerate((nothing, stdout, stderr, reports)):
            os.dup2(source, place)
        os.closerange(4, os.sysconf("SC_OPEN_MAX"))
        sys.stdin = open(0, encoding="utf-8")  # noqa: SIM115
        sys.stdout = open(1, "w", encoding="utf-8", errors="backslashreplace", buffering=1)  # noqa: SIM115
        sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", buffering=1)  # noqa: SIM115
        status = import_module("edge_router.node.hosting").run(spec)
    except BaseException:  # noqa: BLE001 - whatever it is, this process must not go on as the cradle
        traceback.print_exc()
    finally:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(status)


def preload() -> None:
    """Load what containers need, and have them free to choose between Twisted and asyncio."""
    import_module("edge_router.node.lean").hold_back(tls=True, parts=("websocket",))
    for name in PRELOADED:
        import_module(name)
    import_module("edge_router.node.hosting").choose_nothing()
    gc.collect()
    gc.freeze()


def main(descriptor: int) -> None:
    """The process. descriptor: of the socket to the node."""
    for number in _IGNORED:
        signal.signal(number, signal.SIG_IGN)
    preload()
    cradle = Cradle(socket.socket(fileno=descriptor))
    try:
        cradle.run()
    finally:
        cradle.end()


if __name__ == "__main__":
    main(int(sys.argv[1]))
