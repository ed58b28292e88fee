"""Sending one file: conditions, a range, and a producer that never holds more than one piece of it.

Only what RFC 9110 calls a single byte range is served as one; for several the whole file is sent, which the RFC allows.
"""

from __future__ import annotations

import os
import re
from typing import Final

from twisted.internet.interfaces import IPushProducer
from twisted.web.http import CACHED, datetimeToString
from zope.interface import implementer

from edge_router.web.request import WebRequest

#: bytes read at a time; Twisted's own mark for a full write buffer
PIECE: Final = 65_536

_RANGE: Final = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


def send_file(request: WebRequest, fd: int, found: os.stat_result, content_type: str) -> None:
    """Answer with a file, or the part of it that is asked for, or that it has not changed.

    fd: the open file; closed here, now or at the end. found: its `fstat`. content_type: of it.
    """
    tag = f'"{found.st_mtime_ns:x}-{found.st_size:x}"'
    request.setHeader(b"Accept-Ranges", b"bytes")
    cached = request.setLastModified(found.st_mtime) is CACHED
    # An entity tag tells more than a date, so where the client names one the date does not count (RFC 9110 13.2.2).
    tagged = request.setETag(tag.encode()) is CACHED
    if tagged or (cached and not request.header("If-None-Match")):
        os.close(fd)
        request.finish()
        return
    request.setResponseCode(200)
    request.setHeader(b"Content-Type", content_type.encode())
    start, end = 0, found.st_size
    asked = _asked_range(request, tag, found.st_size)
    if asked is not None:
        start, end = asked
        if start >= end:
            os.close(fd)
            request.setResponseCode(416)
            request.setHeader(b"Content-Range", f"bytes */{found.st_size}".encode())
            request.setHeader(b"Content-Length", b"0")
            request.finish()
            return
        request.setResponseCode(206)
        request.setHeader(b"Content-Range", f"bytes {start}-{end - 1}/{found.st_size}".encode())
    request.setHeader(b"Content-Length", str(end - start).encode())
    if request.method == b"HEAD" or start == end:
        os.close(fd)
        request.finish()
        return
    FileSender(request, fd, start, end).resumeProducing()


def _asked_range(request: WebRequest, tag: str, size: int) -> tuple[int, int] | None:
    """The range of bytes that is asked for, [start, end); empty if it cannot be satisfied; None: the whole file."""
    match = _RANGE.fullmatch(request.header("Range").replace(" ", ""))
    if match is None or request.method != b"GET":
        return None
    condition = request.header("If-Range")
    if condition and condition not in (tag, datetimeToString(request.lastModified).decode()):
        return None
    first, last = match.groups()
    if first:
        if last and int(last) < int(first):
            return None
        return int(first), min(int(last) + 1, size) if last else size
    if not last:
        return None
    return max(0, size - int(last)) if int(last) else size, size


@implementer(IPushProducer)
class FileSender:
    """Writes a file to a request, piece by piece as the client takes it.

    request: written to, and finished. fd: the file; closed at the end. start, end: the bytes to send.
    """

    def __init__(self, request: WebRequest, fd: int, start: int, end: int) -> None:
        self._request = request
        self._fd = fd
        self._position = start
        self._end = end
        self._paused = True
        request.registerProducer(self, True)

    def resumeProducing(self) -> None:
        """The client takes more."""
        self._paused = False
        while not self._paused and self._fd >= 0:
            piece = os.pread(self._fd, min(PIECE, self._end - self._position), self._position)
            if not piece:
                # The file was cut short meanwhile; what was announced cannot be kept.
                self._close()
                self._request.channel.loseConnection()
                return
            self._position += len(piece)
            self._request.write(piece)
            if self._position >= self._end:
                self._close()
                self._request.finish()

    def pauseProducing(self) -> None:
        """The client does not keep up."""
        self._paused = True

    def stopProducing(self) -> None:
        """The client is gone."""
        self._paused = True
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _close(self) -> None:
        self.stopProducing()
        self._request.unregisterProducer()
