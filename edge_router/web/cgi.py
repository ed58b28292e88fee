"""The `cgi` service: scripts of a directory, each request a process (RFC 3875).

Unlike Twisted's, the scripts do not get the node's environment, nothing of the query becomes an argument, and how many
run, for how long, and what they say before and besides their answer is bounded.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from shutil import which
from typing import Any, Final

from twisted.internet.error import ProcessExitedAlready
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from edge_router.config.schema.webcode import CgiPath
from edge_router.router.interfaces import Delayed
from edge_router.transports.host import Host
from edge_router.web.request import WebRequest

#: bytes of the headers of an answer, and of what a script says to the log
MAX_HEAD, MAX_ERRORS = 16_384, 4_096

#: headers that are not the script's to say, and those of a request that it does not get
_OURS: Final = frozenset((b"date", b"server", b"connection", b"transfer-encoding"))
_WITHHELD: Final = frozenset((b"proxy", b"content-type", b"content-length"))
_SEARCH_PATH: Final = "/usr/local/bin:/usr/bin:/bin"


class CgiService:
    """Scripts (`type: cgi`). Raises FileNotFoundError if the directory or the program is not there."""

    methods = (b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE")
    log = Logger(namespace="edge_router.web")

    def __init__(self, config: CgiPath, host: Host) -> None:
        self.config = config
        self.reactor = host.reactor
        self.max_body = config.post_body_limit
        self.running: set[Script] = set()
        self._directory = (host.directory / config.directory).resolve(strict=True)
        processor = which(config.processor)
        if processor is None:
            raise FileNotFoundError(f"there is no program {config.processor!r} for scripts")
        # in a session and process group of its own (setsid(1), util-linux): what a script has started ends with it
        setsid = which("setsid")
        self.grouped = setsid is not None
        self._command = [processor] if setsid is None else [setsid, processor]

    def answer(self, request: WebRequest, rest: tuple[str, ...]) -> None:
        """Run the script that the path names; what of the path is left is for the script."""
        script, below = self._find(rest)
        if script is None:
            request.page(HTTPStatus.NOT_FOUND, "There is no such script.")
        elif len(self.running) >= self.config.max_processes:
            request.setHeader(b"Retry-After", b"1")
            request.page(HTTPStatus.SERVICE_UNAVAILABLE, "There are as many scripts running as there may be.")
        else:
            running = Script(self, request)
            environment = environment_of(request, script, below)
            self.reactor.spawnProcess(
                running, self._command[0], [*self._command, str(script)], environment, str(script.parent)
            )

    def _find(self, rest: tuple[str, ...]) -> tuple[Path | None, tuple[str, ...]]:
        """The script, and the parts of the path below it."""
        path = self._directory
        for place, name in enumerate(rest):
            if not name or name.startswith("."):
                break
            try:
                path = (path / name).resolve(strict=True)
            except (OSError, RuntimeError, ValueError):
                break
            if not path.is_relative_to(self._directory):
                break
            if path.is_file():
                return path, rest[place + 1 :]
        return None, ()

    def stop(self) -> None:
        """End all scripts."""
        for script in list(self.running):
            script.kill()


def environment_of(request: WebRequest, script: Path, below: tuple[str, ...]) -> dict[str, str]:
    """What a script is told (RFC 3875 section 4.1). below: parts of the path below it."""
    channel = request.channel.transport
    prefix = request.path.decode("latin-1").split("/")
    host, _, port = request.header("Host").rpartition(":")
    secure = request.isSecure()
    environment = {
        "GATEWAY_INTERFACE": "CGI/1.1",
        "SERVER_SOFTWARE": "edge-router",
        "SERVER_PROTOCOL": request.clientproto.decode("latin-1"),
        "SERVER_NAME": host or port or "localhost",
        "SERVER_PORT": str(getattr(channel.getHost(), "port", 443 if secure else 80)),
        "REQUEST_METHOD": request.method.decode("latin-1"),
        "REQUEST_URI": request.uri.decode("latin-1"),
        "QUERY_STRING": request.uri.partition(b"?")[2].decode("latin-1"),
        "SCRIPT_NAME": "/".join(prefix[: len(prefix) - len(below)]),
        "SCRIPT_FILENAME": str(script),
        "PATH_INFO": "".join(f"/{part}" for part in below),
        "REMOTE_ADDR": str(getattr(request.client, "host", "")),
        "CONTENT_LENGTH": str(len(request.body)) if request.body else "",
        "CONTENT_TYPE": request.header("Content-Type"),
        "REDIRECT_STATUS": "200",  # php-cgi wants it
        "PATH": os.environ.get("PATH", _SEARCH_PATH),
    }
    if secure:
        environment["HTTPS"] = "on"
    for name, values in request.requestHeaders.getAllRawHeaders():
        if name.lower() not in _WITHHELD:
            joined = (b"; " if name.lower() == b"cookie" else b", ").join(values)
            environment[f"HTTP_{name.decode('latin-1').upper().replace('-', '_')}"] = joined.decode("latin-1")
    return environment


@implementer(IPushProducer)
class Script(ProcessProtocol):
    """One script that runs. service: whose. request: that it answers."""

    transport: Any

    def __init__(self, service: CgiService, request: WebRequest) -> None:
        self._service = service
        self._request = request
        self._head: bytes | None = b""
        self._errors = b""
        self._late = False
        self._deadline: Delayed | None = None

    def connectionMade(self) -> None:
        """It runs: it gets the body, and time."""
        service, request = self._service, self._request
        service.running.add(self)
        self._deadline = service.reactor.callLater(service.config.timeout, self._too_late)
        request.registerProducer(self, True)
        request.notifyFinish().addErrback(lambda _: self.kill())
        if request.body:
            self.transport.write(request.body)
        self.transport.closeStdin()

    def outReceived(self, data: bytes) -> None:
        """A piece of its answer."""
        if self._head is not None:
            self._head += data
            head, blank, data = _cut(self._head)
            if not blank:
                if len(self._head) > MAX_HEAD:
                    self.kill()
                return
            self._head = None
            self._begin(head)
        if data and not self._request.over:
            self._request.write(data)

    def errReceived(self, data: bytes) -> None:
        """A piece of what it says to the log."""
        self._errors = (self._errors + data)[:MAX_ERRORS]

    def _begin(self, head: bytes) -> None:
        """The headers of the answer (RFC 3875 section 6.3)."""
        request = self._request
        request.setResponseCode(HTTPStatus.OK)
        for line in head.replace(b"\r\n", b"\n").split(b"\n"):
            name, _, value = (part.strip() for part in line.partition(b":"))
            if name.lower() == b"status" and value[:3].isdigit() and 200 <= int(value[:3]) <= 599:
                request.setResponseCode(int(value[:3]), value[4:] or None)
            elif name.lower() == b"location":
                request.setHeader(name, value)
                if request.code == HTTPStatus.OK:
                    request.setResponseCode(HTTPStatus.FOUND)
            elif name and _is_token(name) and name.lower() not in _OURS | {b"status"}:
                if request.responseHeaders.hasHeader(name) and name.lower() != b"set-cookie":
                    request.responseHeaders.removeHeader(name)
                request.responseHeaders.addRawHeader(name, value)

    def processEnded(self, reason: Failure) -> None:
        """It has ended: so has the answer."""
        request, service = self._request, self._service
        service.running.discard(self)
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        code = getattr(reason.value, "exitCode", None)
        if code or self._errors:
            said = self._errors.decode("utf-8", "replace").strip()
            path = request.path.decode("ascii", "backslashreplace")
            service.log.warn("{path}: exit status {code}: {said}", path=path, code=code, said=said)
        if request.over:
            return
        request.unregisterProducer()
        if self._head is not None:
            status = HTTPStatus.GATEWAY_TIMEOUT if self._late else HTTPStatus.BAD_GATEWAY
            request.page(status, "The script behind this address does not answer as it should.")
        elif self._late:
            request.channel.abortConnection()
        else:
            request.finish()

    def _too_late(self) -> None:
        self._deadline = None
        self._late = True
        self.kill()

    def kill(self) -> None:
        """End it at once, and what it has started. Idempotent."""
        pid = self.transport.pid
        if self._service.grouped and pid is not None:
            with suppress(ProcessLookupError):  # it was only just begun, and has no group yet
                os.killpg(pid, signal.SIGKILL)
        with suppress(ProcessExitedAlready):
            self.transport.signalProcess("KILL")
        self.transport.loseConnection()

    def pauseProducing(self) -> None:
        """The client does not keep up."""
        self.transport.pauseProducing()

    def resumeProducing(self) -> None:
        """The client takes more."""
        self.transport.resumeProducing()

    def stopProducing(self) -> None:
        """The client is gone."""
        self.kill()


def _cut(data: bytes) -> tuple[bytes, bytes, bytes]:
    """Headers, the blank line behind them, and the rest."""
    found = [(at, end) for end in (b"\n\n", b"\r\n\r\n", b"\n\r\n") if (at := data.find(end)) >= 0]
    if not found:
        return data, b"", b""
    at, end = min(found)
    return data[:at], end, data[at + len(end) :]


def _is_token(name: bytes) -> bool:
    return all(octet in b"!#$%&'*+-.^_`|~" or chr(octet).isalnum() for octet in name) and name.isascii()
