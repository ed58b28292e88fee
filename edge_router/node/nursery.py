"""The node's end of `cradle`, where containers come from: started with the first of them, and anew if it dies."""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Callable
from typing import Any, Final

from twisted.internet.main import CONNECTION_LOST
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from edge_router.node.environment import environment_of_ours

#: the descriptor of its socket, in the cradle
_SOCKET: Final = 3
_MAX_ANSWER: Final = 4_096


class Born:
    """A container that was asked for. begun, exited: called with its process id, and with how it ended."""

    def __init__(self, begun: Callable[[int], None], exited: Callable[[int], None]) -> None:
        self.begun = begun
        self.exited = exited


class _Process(ProcessProtocol):
    """The cradle's process. ended: called when it has."""

    transport: Any

    def __init__(self, ended: Callable[[_Process, str], None]) -> None:
        self._ended = ended

    def processExited(self, reason: Failure) -> None:
        self._ended(self, reason.getErrorMessage())


class Nursery:
    """Asks for containers, and hears what becomes of them.

    reactor: Twisted's.
    """

    log = Logger(namespace="edge_router.container")

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._socket: socket.socket | None = None
        self._process: _Process | None = None
        self._born: dict[int, Born] = {}
        self._requests = 0

    def ask(self, spec: bytes, outputs: tuple[int, int, int], born: Born) -> None:
        """Ask for a container.

        spec: its configuration. outputs: descriptors for its stdout, stderr and reports; closed by the caller. born:
        is told. Raises OSError.
        """
        channel = self._socket or self._start()
        config = os.memfd_create("container")
        try:
            os.write(config, spec)
            self._requests += 1
            socket.send_fds(channel, [str(self._requests).encode()], [config, *outputs])
        finally:
            os.close(config)
        self._born[self._requests] = born

    def close(self) -> None:
        """The node ends; all containers that are left end with it. Idempotent."""
        self._process = None
        self._hang_up()

    def _start(self) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            words = [sys.executable, "-P", "-m", "edge_router.node.cradle", str(_SOCKET)]
            process = self._process = _Process(self._has_ended)
            self._reactor.spawnProcess(
                process, sys.executable, words, env=environment_of_ours(os.environ),
                childFDs={0: 0, 1: 1, 2: 2, _SOCKET: theirs.fileno()},
            )  # fmt: skip
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        ours.setblocking(False)
        self._socket = ours
        self._reactor.addReader(self)
        return ours

    # --- what the reactor calls --------------------------------------------------------------------------------

    def fileno(self) -> int:
        """As IReadDescriptor."""
        return self._socket.fileno() if self._socket is not None else -1

    def logPrefix(self) -> str:
        """As IReadDescriptor."""
        return "nursery"

    def doRead(self) -> object:
        """There is an answer, or the end."""
        assert self._socket is not None
        try:
            data = self._socket.recv(_MAX_ANSWER)
        except BlockingIOError:
            return None
        except OSError:
            data = b""
        if not data:
            return CONNECTION_LOST
        what, request, value = json.loads(data)
        if what == "begun":
            self._born[request].begun(value)
            return None
        born = self._born.pop(request)
        if what == "refused":
            self.log.error("the container's process cannot be made: {why}", why=os.strerror(value))
            value = os.EX_OSERR
        born.exited(value)
        return None

    def connectionLost(self, reason: Failure) -> None:
        """As IReadDescriptor: the cradle is gone."""
        del reason
        self._hang_up()

    def _has_ended(self, process: _Process, why: str) -> None:
        if process is self._process:
            self.log.error("the process that containers come from has ended: {why}", why=why)
            self._process = None
            self._hang_up()

    def _hang_up(self) -> None:
        channel, self._socket = self._socket, None
        if channel is None:
            return
        self._reactor.removeReader(self)
        channel.close()
        lost, self._born = self._born, {}
        for born in lost.values():
            born.exited(-9)
