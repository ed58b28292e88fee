"""What a session sends while it has to wait: kept in order, and bounded.

While it waits the session is in a state of its own, in which all that comes is put behind what waits already - but for
what it answers to the router's own questions, since that may be what everybody waits for. Over the bound its connection
is not read; one that cannot be kept from speaking is ended.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final

from edge_router.router.interfaces import Throttled
from edge_router.router.session import Handler, RouterSession
from edge_router.wamp.errors import LIMIT_EXCEEDED
from edge_router.wamp.messages import WITH_PAYLOAD, Abort, Error, Message, Yield

#: bytes that a waiting message takes besides its payload, about
MESSAGE: Final = 200
#: bytes of messages that one read may still bring when reading has been stopped
ONE_READ: Final = 2_097_152


class Backlog:
    """The messages of one session that wait. holding: whether it has to wait just now."""

    __slots__ = ("_bound", "_head", "_messages", "_session", "_size", "_state", "_stopped", "holding")

    def __init__(self, session: RouterSession) -> None:
        self._session = session
        self.holding = False
        #: the message that is the reason, those that came after it, and the bytes of these
        self._head: Message | None = None
        self._messages: deque[Message] = deque()
        self._size = 0
        self._bound = session.limits.authorizer_queue
        self._stopped = False
        listed: dict[type[Message], Handler] = {
            Abort: RouterSession.on_abort, Yield: self._answered, Error: self._answered,
        }  # fmt: skip
        self._state = _Waiting(listed, self._add)

    def hold(self, message: Message) -> None:
        """Have the session wait, from this message on."""
        self.holding = True
        self._head = message
        self._session.switch(self._state)

    def go_on(self) -> bool:
        """Let the session, in whatever state it is now, have what waits, until it has to wait again.

        Result: whether nothing waits any more.
        """
        self.holding = False
        session, messages = self._session, self._messages
        head, self._head = self._head, None
        if head is not None:
            session.receive(head)
        while messages and not self.holding:
            message = messages.popleft()
            self._size -= _size(message)
            session.receive(message)
        if not messages:
            self._read_on()
        return not messages

    def forget(self) -> None:
        """The session has ended while it waited: nothing of what it said counts any more."""
        if self.holding:
            self._head = None
            self._messages.clear()
            self._read_on()

    def _add(self, _session: RouterSession, message: Message) -> None:
        self._messages.append(message)
        self._size += _size(message)
        if self._size > self._bound:
            self._too_many()

    def _answered(self, session: RouterSession, message: Yield | Error) -> None:
        """What a callee says; who asks for the router itself is not kept waiting."""
        call, realm = session.invocations.get(message.request), session.realm
        if realm is not None and call is not None and call.caller is realm.inquiries.session:
            realm.handlers[type(message)](session, message)
        else:
            self._add(session, message)

    def _too_many(self) -> None:
        """Stop reading; that failing, end the session."""
        session, peer = self._session, self._session.peer
        if not self._stopped and isinstance(peer, Throttled):
            peer.stop_reading()
            self._stopped = True
            self._bound = self._size + ONE_READ
        else:
            most = session.limits.authorizer_queue
            session.abort(
                LIMIT_EXCEEDED,
                f"more than {most} bytes wait for a decision of this role's authorizer (limits.authorizer_queue)",
            )

    def _read_on(self) -> None:
        if self._stopped:
            self._stopped = False
            self._bound = self._session.limits.authorizer_queue
            self._session.peer.read_on()  # type: ignore[attr-defined]


class _Waiting(dict[type[Message], Handler]):
    """A state in which everything that it does not list waits."""

    def __init__(self, listed: Mapping[type[Message], Handler], add: Callable[[RouterSession, Message], None]) -> None:
        super().__init__(listed)
        self._add = add

    def get(self, key: Any, _default: Any = None) -> Any:
        return super().get(key, self._add)


def _size(message: Message) -> int:
    if type(message) not in WITH_PAYLOAD:
        return MESSAGE
    return MESSAGE + len(message.args) + len(message.kwargs)  # type: ignore[attr-defined]
