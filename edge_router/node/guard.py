"""What ends the node's processes when the node itself is killed: a shell that waits for its input to end.

A signal at the parent's death (PR_SET_PDEATHSIG of prctl(2)) reaches one process only, not what that has started, and
would have to be set in every child. The guard is told each process group when it begins and when it has ended; when
the node is gone, however that came, it reads the end of its input and kills the groups that are left. It costs 0.3 MB
(PSS), and there is one for all.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

SHELL = "/bin/sh"
SCRIPT = """\
trap '' INT TERM HUP
groups=$*
while read -r what group; do
  rest=
  for each in $groups; do [ "$each" = "$group" ] || rest="$rest $each"; done
  case $what in +) groups="$rest $group" ;; *) groups=$rest ;; esac
done
for each in $groups; do kill -9 "-$each" 2>/dev/null; done
"""


class Guard(ProcessProtocol):
    """The guard of one node. It is started with the first process that it has to know of.

    reactor: Twisted's.
    """

    log = Logger()

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._groups: set[int] = set()
        self._input: Any = None
        self._closed = False

    def begun(self, group: int) -> None:
        """A process group has begun. group: its id, which is the process id of its leader."""
        self._groups.add(group)
        if self._input is None:
            self._start()
        else:
            self._tell(f"+ {group}\n")

    def ended(self, group: int) -> None:
        """A process group has ended; its number may become another's now."""
        self._groups.discard(group)
        self._tell(f"- {group}\n")

    def close(self) -> None:
        """The node ends in order, and so does the guard; it kills what is left. Idempotent."""
        self._closed = True
        if self._input is not None:
            self._input.closeStdin()

    def _start(self) -> None:
        words = [SHELL, "-c", SCRIPT, "guard", *map(str, sorted(self._groups))]
        self._reactor.spawnProcess(self, SHELL, words, env={}, path="/", childFDs={0: "w", 1: 1, 2: 2})

    def _tell(self, line: str) -> None:
        if self._input is not None:
            self._input.write(line.encode())

    # --- what Twisted calls ------------------------------------------------------------------------------------

    def connectionMade(self) -> None:
        self._input = self.transport

    def processExited(self, reason: Failure) -> None:
        """Somebody has killed it: there has to be another one."""
        del reason
        self._input = None
        if not self._closed:
            self.log.warn("the guard of the node's processes was ended; there is a new one")
            self._start()
