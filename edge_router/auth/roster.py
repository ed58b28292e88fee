"""The nodes that may log in with their key, and the invitations of those that may become such: one small file.

The router and the commands `edge-router nodes` both write it: under a lock, and in one step, so that whoever reads it
finds it whole. The router looks whether it is another file at each login. (flock(2), rename(2).)
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hmac import compare_digest
from pathlib import Path
from time import time
from typing import Final

import msgspec
from msgspec import Struct

from edge_router.config.schema import Hex32
from edge_router.wamp.enrolment import key_of, new_code, proof

#: invitations that are open at one time
MOST_INVITATIONS: Final = 1_000


class Unreadable(Exception):
    """The file is not what this program writes. The text says which, and what is wrong."""


class Full(Exception):
    """There are as many nodes or invitations as there may be. The text says how many."""


class Node(Struct, frozen=True):
    """A node that may log in. key: its public key. since: when it was let in, seconds since 1970."""

    key: Hex32
    since: int


class Invitation(Struct, frozen=True):
    """A node that is awaited. code: what its code stands for. until: seconds since 1970."""

    code: Hex32
    until: int


class Content(Struct):
    """What is in the file, by the nodes' names."""

    nodes: dict[str, Node] = {}
    invitations: dict[str, Invitation] = {}


class Roster:
    """The file. limit: nodes that it may have. now: seconds since 1970."""

    def __init__(self, path: Path, limit: int, now: Callable[[], float] = time) -> None:
        self.path = path
        self._limit = limit
        self._now = now
        self._seen: tuple[int, ...] | None = None
        self._content = Content()

    def read(self) -> Content:
        """What is in the file now; nothing if there is none. Raises OSError, Unreadable."""
        try:
            status = self.path.stat()
        except FileNotFoundError:
            self._seen, self._content = None, Content()
            return self._content
        seen = (status.st_ino, status.st_mtime_ns, status.st_size)
        if seen != self._seen:
            try:
                self._content = msgspec.json.decode(self.path.read_bytes(), type=Content)
            except (msgspec.DecodeError, UnicodeDecodeError) as problem:
                raise Unreadable(f"{self.path}: {problem}") from None
            self._seen = seen
        return self._content

    def named(self, pubkey: bytes) -> str | None:
        """The node that has this key. Raises OSError, Unreadable."""
        wanted = pubkey.hex()
        return next((name for name, node in self.read().nodes.items() if node.key == wanted), None)

    def invited(self, pubkey: bytes, given: str) -> str | None:
        """The name of the invitation whose code vouches for this key. Raises OSError, Unreadable."""
        now = self._now()
        for name, invitation in self.read().invitations.items():
            if invitation.until > now and compare_digest(proof(bytes.fromhex(invitation.code), pubkey), given):
                return name
        return None

    def invite(self, name: str, seconds: float) -> str:
        """Await a node; a node of this name that is there already stays until the new one has come.

        seconds: how long the code is good. Result: the code. Raises OSError, Unreadable, Full.
        """
        code = new_code()
        with self._changing() as content:
            now = self._now()
            content.invitations = {each: one for each, one in content.invitations.items() if one.until > now}
            if len(content.invitations.keys() - {name}) >= MOST_INVITATIONS:
                raise Full(f"{MOST_INVITATIONS} nodes are awaited already; `nodes remove` takes one back")
            self._room(content, name)
            content.invitations[name] = Invitation(key_of(code).hex(), int(now + seconds))
        return code

    def enrol(self, name: str, pubkey: bytes) -> bool:
        """Let a node in that was invited; its invitation is used up by it. Result: False if it has been meanwhile.

        Raises OSError, Unreadable, Full.
        """
        with self._changing() as content:
            invitation = content.invitations.pop(name, None)
            if invitation is None or invitation.until <= self._now():
                return False
            self._room(content, name)
            content.nodes[name] = Node(pubkey.hex(), int(self._now()))
        return True

    def remove(self, name: str) -> bool:
        """Forget a node and its invitation. Result: whether there was one. Raises OSError, Unreadable."""
        with self._changing() as content:
            was = content.nodes.pop(name, None), content.invitations.pop(name, None)
        return was != (None, None)

    def _room(self, content: Content, name: str) -> None:
        if len(content.nodes.keys() - {name}) >= self._limit:
            raise Full(f"there are {self._limit} nodes already (enrolment.limit)")

    @contextmanager
    def _changing(self) -> Iterator[Content]:
        """What is in the file, to be changed. It is written if nothing is raised."""
        directory = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(directory, fcntl.LOCK_EX)
            content = msgspec.convert(msgspec.to_builtins(self.read()), Content)
            yield content
            self._write(content, os.fstat(directory))
            os.fsync(directory)
        finally:
            os.close(directory)

    def _write(self, content: Content, directory: os.stat_result) -> None:
        """A file that root makes belongs to whom the directory does: the router has to read it."""
        beside = self.path.with_name(f".{self.path.name}.new")
        beside.unlink(missing_ok=True)
        try:
            descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                with suppress(PermissionError):
                    os.fchown(descriptor, directory.st_uid, directory.st_gid)
                file.write(msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n")
                file.flush()
                os.fsync(descriptor)
            beside.replace(self.path)
        finally:
            beside.unlink(missing_ok=True)
