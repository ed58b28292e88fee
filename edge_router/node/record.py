"""What a reload has done, for the log and for `edge-router reload`: a line for each change, and for each failure."""

from __future__ import annotations

from twisted.logger import Logger


class Record:
    """The lines of one reload. failures: how many of them tell of something that could not be done."""

    log = Logger(namespace="edge_router.node.reload")

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.failures = 0

    def done(self, line: str) -> None:
        """Something was changed, or read again."""
        self.lines.append(line)
        self.log.info("{line}", line=line)

    def failed(self, line: str) -> None:
        """Something could not be done."""
        self.lines.append(f"error: {line}")
        self.failures += 1
        self.log.error("{line}", line=line)

    def told(self, line: str) -> None:
        """Something is not done while the node runs."""
        self.lines.append(f"warning: {line}")
        self.log.warn("{line}", line=line)
