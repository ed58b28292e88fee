"""Components as users write them, for a router and for containers; what they do is told in `diary`."""

from __future__ import annotations

from typing import Any

from autobahn.twisted.wamp import ApplicationSession
from autobahn.wamp.exception import ApplicationError
from autobahn.wamp.types import CallOptions, PublishOptions, RegisterOptions, SubscribeOptions
from twisted.internet.defer import Deferred, inlineCallbacks

diary: list[Any] = []


class Adder(ApplicationSession):  # type: ignore[misc]
    """A callee with progress, errors and shared registration."""

    @inlineCallbacks
    def onJoin(self, details: Any) -> Any:
        diary.append(("joined", details.authid, details.authrole, self.config.extra))
        yield self.register(lambda x, y: x + y, "com.add")
        yield self.register(self.count, "com.count", RegisterOptions(details_arg="details"))
        yield self.register(self.fail, "com.fail")
        diary.append("registered")

    def count(self, most: int, details: Any = None) -> int:
        for number in range(most):
            details.progress(number)
        return most

    def fail(self) -> None:
        raise ApplicationError("com.example.broken", "a", 2, why="so")

    def onLeave(self, details: Any) -> None:
        diary.append(("left", details.reason))
        super().onLeave(details)

    def onDisconnect(self) -> None:
        diary.append("disconnected")
        super().onDisconnect()


class Caller(ApplicationSession):  # type: ignore[misc]
    """Uses what `Adder` has, and leaves by itself."""

    @inlineCallbacks
    def onJoin(self, details: Any) -> Any:
        diary.append((yield self.call("com.add", 2, 3)))
        progress: list[int] = []
        diary.append((yield self.call("com.count", 3, options=CallOptions(on_progress=progress.append))))
        diary.append(progress)
        try:
            yield self.call("com.fail")
        except ApplicationError as error:
            diary.append((error.error, error.args, error.kwargs))
        try:
            yield self.call("com.nobody")
        except ApplicationError as error:
            diary.append(error.error)
        self.leave()


class Chatter(ApplicationSession):  # type: ignore[misc]
    """Hears itself, in order, with every kind of value."""

    @inlineCallbacks
    def onJoin(self, details: Any) -> Any:
        yield self.subscribe(
            lambda *args, details=None, **kwargs: diary.append((details.topic, args, kwargs)),
            "com.talk", SubscribeOptions(match="prefix", details_arg="details"),
        )  # fmt: skip
        for number in range(3):
            self.publish("com.talk.a", number, options=PublishOptions(exclude_me=False))
        publication = yield self.publish(
            "com.talk.b", b"\0\xff", {"k": [None, 1.5, "ü"]}, word=True,
            options=PublishOptions(exclude_me=False, acknowledge=True),
        )  # fmt: skip
        diary.append(publication.id > 0)


class Broken(ApplicationSession):  # type: ignore[misc]
    """Raises when it joins."""

    def onJoin(self, details: Any) -> None:
        diary.append("tried")
        raise ValueError("broken as ever")


class Deaf(ApplicationSession):  # type: ignore[misc]
    """Never gets done with leaving."""

    def onLeave(self, details: Any) -> Any:
        diary.append("never")
        return Deferred()


class Unserializable(ApplicationSession):  # type: ignore[misc]
    """Publishes what has no form on the wire."""

    def onJoin(self, details: Any) -> None:
        try:
            self.publish("com.talk", object())
        except Exception as error:
            diary.append(type(error).__name__)
            raise


class Sharing(ApplicationSession):  # type: ignore[misc]
    """Writes into what all components of a worker share."""

    def onJoin(self, details: Any) -> None:
        shared = self.config.shared
        if shared is None:
            diary.append(None)
            return
        shared[details.authid] = True
        diary.append(sorted(shared))


class Elsewhere(ApplicationSession):  # type: ignore[misc]
    """Joins another realm than the configured one."""

    def onConnect(self) -> None:
        self.join("other")

    def onLeave(self, details: Any) -> None:
        diary.append(details.reason)
        super().onLeave(details)


class Rejoining(ApplicationSession):  # type: ignore[misc]
    """Leaves and joins again over the same connection."""

    times = 0

    def onJoin(self, details: Any) -> None:
        self.times += 1
        diary.append(("joined", details.session))
        if self.times < 3:
            self.leave()

    def onLeave(self, details: Any) -> None:
        if self.times < 3:
            self._session_id = None
            self._goodbye_sent = False
            self.join(self.config.realm)
        else:
            super().onLeave(details)


def on_join(session: Any, details: Any) -> None:
    diary.append(("on_join", details.authid))


def on_leave(session: Any, details: Any) -> None:
    diary.append(("on_leave", details.reason))


def on_disconnect(session: Any, was_clean: bool) -> None:
    diary.append(("on_disconnect", was_clean))


async def main(reactor: Any, session: Any) -> None:
    diary.append(await session.call("com.add", 20, 22))


def bad_join(session: Any, details: Any) -> None:
    raise ValueError("a bad function")
