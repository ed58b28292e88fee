"""Puppets: programs around real client libraries that do what a test tells them.

A puppet is a process that holds any number of sessions of one library. It reads one JSON object a line, and answers
with lines of its own:

    -> {"id": 7, "do": "call", "session": "a", "procedure": "com.x", "args": [1], "kwargs": {}}
    <- {"id": 7, "ok": {"args": [1], "kwargs": {}}}            or  {"id": 7, "error": URI, "args": [], "kwargs": {}}
    <- {"note": "event", "session": "a", "handle": "h1", "args": [], "kwargs": {}, "details": {}}

Octets travel as {"$octets": HEX}. The commands are the methods of `Session`; the notes are `event`, `progress` (with
the id of the call), `interrupted` (a callee was told to stop), `joined` and `left`.
"""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import queue
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

PATIENCE = 20.0


class PuppetFailed(Exception):
    """A puppet ended, or did not answer in time."""


class Refused(Exception):
    """The client library reported an error. uri: its error URI. args, kwargs: its payload."""

    def __init__(self, uri: str, args: list[Any], kwargs: dict[str, Any]) -> None:
        super().__init__(uri, args, kwargs)
        self.uri = uri
        self.payload = args
        self.kwargs = kwargs


def _wrap(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"$octets": value.hex()}
    if isinstance(value, list | tuple):
        return [_wrap(item) for item in value]
    if isinstance(value, dict):
        return {key: _wrap(item) for key, item in value.items()}
    return value


def _unwrap(found: dict[str, Any]) -> Any:
    return bytes.fromhex(found["$octets"]) if "$octets" in found else found


class Puppet:
    """A running puppet.

    argv: its command. log: file that its stderr goes to.
    """

    def __init__(self, argv: Sequence[str], log: Path) -> None:
        self.log = log
        self._ids = itertools.count(1)
        self._answers: dict[int, queue.SimpleQueue[dict[str, Any]]] = {}
        self._notes: list[dict[str, Any]] = []
        self._changed = threading.Condition()
        with log.open("wb") as errors:
            self._process = subprocess.Popen(
                argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True, encoding="utf-8"
            )
        self._reader = threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def _read(self, lines: TextIO) -> None:
        for line in lines:
            found = json.loads(line, object_hook=_unwrap)
            if "note" in found:
                with self._changed:
                    self._notes.append(found)
                    self._changed.notify_all()
            else:
                self._answers.pop(found["id"]).put(found)
        for waiting in list(self._answers.values()):
            waiting.put({"error": "puppet.ended", "args": [self._complaint()], "kwargs": {}})

    def _complaint(self) -> str:
        return self.log.read_text(errors="replace")[-2000:]

    def begin(self, do: str, **command: Any) -> tuple[int, queue.SimpleQueue[dict[str, Any]]]:
        """Give a command without waiting. Result: its id, and where the answer will be."""
        number = next(self._ids)
        self._answers[number] = answer = queue.SimpleQueue()
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"id": number, "do": do, **_wrap(command)}) + "\n")
        self._process.stdin.flush()
        return number, answer

    def answer(self, waiting: queue.SimpleQueue[dict[str, Any]], patience: float = PATIENCE) -> dict[str, Any]:
        """Wait for an answer. Raises Refused for an error the library reports, PuppetFailed if none comes."""
        try:
            found = waiting.get(timeout=patience)
        except queue.Empty:
            raise PuppetFailed(f"no answer within {patience} s\n{self._complaint()}") from None
        if "error" in found:
            raise Refused(found["error"], found["args"], found["kwargs"])
        result: dict[str, Any] = found["ok"]
        return result

    def wait(self, patience: float = PATIENCE, /, **wanted: Any) -> dict[str, Any]:
        """The first note that has these values, taken out of the notes. Raises PuppetFailed if none comes."""
        deadline = time.monotonic() + patience
        with self._changed:
            while True:
                for note in self._notes:
                    if all(note.get(key) == value for key, value in wanted.items()):
                        self._notes.remove(note)
                        return note
                if not self._changed.wait(max(0.0, deadline - time.monotonic())):
                    raise PuppetFailed(f"no note {wanted} within {patience} s; {self._notes[-5:]}\n{self._complaint()}")

    def notes(self, **wanted: Any) -> list[dict[str, Any]]:
        """The notes so far that have these values; they stay."""
        with self._changed:
            return [note for note in self._notes if all(note.get(key) == value for key, value in wanted.items())]

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()
        self._process.stdout.close()


class Session:
    """A WAMP session of a puppet.

    puppet: whose. name: unique within it. serializer: its encoding. plain_json: whether the library leaves the JSON
    convention for octets (U+0000 and Base64) to its user. id: of the session it joined last.
    """

    def __init__(self, puppet: Puppet, name: str, serializer: str, plain_json: bool) -> None:
        self.puppet = puppet
        self.name = name
        self.serializer = serializer
        self.id = 0
        self._as_text = plain_json and serializer == "json"
        self._handles = itertools.count(1)

    def octets(self, value: bytes) -> bytes | str:
        """Octets as this library's user sees them."""
        return "\0" + base64.b64encode(value).decode() if self._as_text else value

    def ask(self, do: str, **command: Any) -> dict[str, Any]:
        """Give a command and wait for its answer."""
        _, waiting = self.puppet.begin(do, session=self.name, **command)
        return self.puppet.answer(waiting)

    def join(self, transport: dict[str, Any], realm: str = "realm1") -> None:
        """Join a realm. transport: `type`, `url`, and `host` and `port`, or `path`."""
        self.id = self.ask("join", transport=transport, serializer=self.serializer, realm=realm)["session"]

    def synchronize(self) -> None:
        """Wait until the router has handled all before, and what it sent this session is noted."""
        handle = self.subscribe(f"com.example.sync.{self.id}")
        self.unsubscribe(handle)

    def leave(self) -> None:
        """Say GOODBYE."""
        self.ask("leave")

    def subscribe(self, topic: str, match: str = "exact") -> str:
        """Subscribe. Result: the handle that its events bear."""
        handle = f"{self.name}-{next(self._handles)}"
        self.ask("subscribe", topic=topic, match=match, handle=handle)
        return handle

    def unsubscribe(self, handle: str) -> None:
        """End a subscription."""
        self.ask("unsubscribe", handle=handle)

    def publish(self, topic: str, *args: Any, options: dict[str, Any] | None = None, **kwargs: Any) -> None:
        """Publish with acknowledgement."""
        self.ask("publish", topic=topic, args=args, kwargs=kwargs, options=options or {})

    def event(self, handle: str) -> dict[str, Any]:
        """The next event of a subscription."""
        return self.puppet.wait(note="event", handle=handle)

    def register(self, procedure: str, does: str, tag: str = "", **options: Any) -> None:
        """Register. does: `echo`, `fail`, `count`, `hang`, `who` or `name`, see the puppets."""
        self.ask("register", procedure=procedure, does=does, tag=tag, options=options)

    def unregister(self, procedure: str) -> None:
        """End a registration."""
        self.ask("unregister", procedure=procedure)

    def call(self, procedure: str, *args: Any, **kwargs: Any) -> tuple[list[Any], dict[str, Any]]:
        """Call. Result: args and kwargs of the RESULT."""
        found = self.ask("call", procedure=procedure, args=args, kwargs=kwargs, progress=False, options={})
        return found["args"], found["kwargs"]

    def begin_call(
        self, procedure: str, *args: Any, progress: bool = False, options: dict[str, Any] | None = None
    ) -> tuple[int, queue.SimpleQueue[dict[str, Any]]]:
        """Call without waiting. Result: the id that progress bears and `cancel` takes, and where the answer will be."""
        return self.puppet.begin(
            "call",
            session=self.name,
            procedure=procedure,
            args=args,
            kwargs={},
            progress=progress,
            options=options or {},
        )

    def cancel(self, call: int, mode: str | None = None) -> None:
        """Cancel a call that was begun."""
        self.ask("cancel", call=call, mode=mode)

    def finish(self) -> None:
        """Let every `hang` of this session return."""
        self.ask("finish")
