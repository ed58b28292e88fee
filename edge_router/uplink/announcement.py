"""The board's word at the central router that it is there: a retained topic that says `up`, and `down` when it is gone.

`down` is left with the central router as a testament, which it publishes when the session is over, however that came.
One of a session before this may come late, when the router has noticed at last that it is dead; it is set right then.
(Spec, "Testament Meta API", "Event Retention".)
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import succeed
from twisted.python.failure import Failure

from edge_router.client.values import CallError, Received
from edge_router.uplink.session import LinkSession
from edge_router.wamp.errors import NETWORK_FAILURE


class Announcement:
    """Of one uplink.

    topic: the central one. node: the name of the board. say: takes a sentence for the operator.
    """

    def __init__(self, topic: str, node: str, say: Callable[[str], object]) -> None:
        self._topic = topic
        self._node = node
        self._say = say
        self._session: LinkSession | None = None
        self._leaves_testament = False

    def up(self, session: LinkSession) -> None:
        """The link is up."""
        self._session = session
        self._leaves_testament = False
        session.subscribe(self._topic, self._heard).addErrback(self._failed, session)
        left = session.call(
            "wamp.session.add_testament",
            [self._topic, ["down"], {"node": self._node}],
            {"publish_options": {"retain": True}, "scope": "destroyed"},
        )
        left.addCallback(self._left).addErrback(self._failed, session)
        self._publish("up")

    def down(self) -> None:
        """The link is down."""
        self._session = None

    def leave(self) -> None:
        """The link is about to be closed in order."""
        if self._session is not None and not self._leaves_testament:
            self._publish("down")

    def _left(self, _result: object) -> None:
        self._leaves_testament = True

    def _heard(self, event: Received) -> None:
        if self._session is not None and event.args[:1] == ["down"]:
            self._publish("up")

    def _publish(self, state: str) -> None:
        session = self._session
        assert session is not None
        published = session.publish(self._topic, [state], {"node": self._node}, acknowledge=True, retain=True)
        (published or succeed(0)).addErrback(self._failed, session)

    def _failed(self, failure: Failure, session: LinkSession) -> None:
        problem = failure.value
        over = isinstance(problem, CallError) and problem.uri == NETWORK_FAILURE
        if self._session is session and not over:
            self._say(f"cannot announce all at {self._topic!r}: {failure.getErrorMessage()}")
