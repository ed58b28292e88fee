"""How the router itself asks a procedure in a realm: authorizers and authenticators are such.

The question is a CALL by a session that is in nobody's list, with the trusted role. Whoever asks is told of the answer
in a turn of its own, never while the router is in the middle of a message: so it may go on with what it was doing, and
nothing overtakes anything. Only this may live here; what is asked, and what an answer means, is the asker's business.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from edge_router.config.schema import Limits
from edge_router.router.interfaces import Answered, Failed, TransportDetails
from edge_router.router.session import RouterSession
from edge_router.wamp.codecs import MSGPACK, Codec
from edge_router.wamp.errors import INVALID_ARGUMENT, INVALID_PAYLOAD, TranscodeError, WampError
from edge_router.wamp.messages import EMPTY, Call, CallOptions, Error, Message, Result
from edge_router.wamp.outgoing import Outgoing
from edge_router.wamp.payload import transcode

if TYPE_CHECKING:
    from edge_router.router.realm import Realm
    from edge_router.router.router import Router

#: questions under way in one realm; each ends by its timeout at the latest
MOST_QUESTIONS: Final = 10_000


class Inquiries:
    """The questions under way in one realm.

    router: whose. realm: where the procedures are.
    """

    __slots__ = ("_answers", "_clock", "_questions", "_realm", "_requests", "session")

    def __init__(self, router: Router, realm: Realm) -> None:
        self._clock = router.clock
        self._realm = realm
        self._requests = 0
        self._questions: dict[int, tuple[Answered, Failed]] = {}
        #: what is to be told in the next turn
        self._answers: deque[Callable[[], None]] = deque()
        self.session = session = RouterSession(router, _Asker(self), {}, Limits(calls=MOST_QUESTIONS))
        session.permissions = realm.trusted
        session.calls, session.streamed = {}, 0
        session.id, session.authid = next(router.global_ids), "router"

    def ask(
        self,
        procedure: str,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        answered: Answered,
        failed: Failed,
        timeout: int,
    ) -> None:
        """Call a procedure; see `interfaces.Inquirer`."""
        self._requests += 1
        request = self._requests
        self._questions[request] = (answered, failed)
        try:
            raw = _payload(args), _payload(kwargs)
            self._realm.dealer.call(
                self.session, Call(request, CallOptions(timeout=max(timeout, 1)), procedure, *raw)
            )
        except WampError as error:
            self.fail(request, error)

    # --- what the asker's peer gets ----------------------------------------------------------------------------

    def answer(self, result: Result) -> None:
        """A procedure has given something."""
        self._tell(result.request, 0, _loads(result.args) or [], _loads(result.kwargs) or {})

    def fail(self, request: int, error: WampError) -> None:
        """There is no answer."""
        self._tell(request, 1, error)

    def _tell(self, request: int, which: int, *told: Any) -> None:
        if not self._answers:
            self._clock.callLater(0, self._tell_all)
        self._answers.append(partial(self._questions.pop(request)[which], *told))

    def _tell_all(self) -> None:
        """Tell everybody whose answer has come. One who fails keeps the others waiting for a turn, no longer."""
        answers, self._answers = self._answers, deque()
        try:
            while answers:
                answers.popleft()()
        finally:
            if answers:
                if not self._answers:
                    self._clock.callLater(0, self._tell_all)
                self._answers.extendleft(reversed(answers))


class _Asker:
    """The peer of the session that asks."""

    codec: Codec = MSGPACK
    details = TransportDetails("local", "router")
    dropped = 0

    def __init__(self, inquiries: Inquiries) -> None:
        self._inquiries = inquiries

    def send(self, outgoing: Outgoing) -> None:
        """Nothing is subscribed."""

    def deliver(self, message: Message, source: Codec, refusable: bool = False) -> None:  # noqa: ARG002 - it reads
        """What a procedure says. Raises WampError if it has no form in MsgPack."""
        try:
            self.send_message(transcode(message, source, MSGPACK))
        except TranscodeError as problem:
            raise WampError(INVALID_PAYLOAD, str(problem)) from None

    def send_message(self, message: Message) -> None:
        """RESULT, or an ERROR of the procedure's or the router's own; progressive results are never asked for."""
        if isinstance(message, Result):
            self._inquiries.answer(message)
        elif isinstance(message, Error):
            error = WampError(message.uri)
            # not by way of the constructor: keywords are the other side's
            error.error_args, error.error_kwargs = _loads(message.args) or [], _loads(message.kwargs) or {}
            self._inquiries.fail(message.request, error)

    def close(self) -> None:
        """Nothing is open."""


def _payload(values: Sequence[Any] | Mapping[str, Any]) -> Any:
    try:
        return MSGPACK.dumps(values) if values else EMPTY
    except TranscodeError as problem:
        raise WampError(INVALID_ARGUMENT, str(problem)) from None


def _loads(raw: Any) -> Any:
    return MSGPACK.loads(raw) if raw else None
