"""A component for an edge-router or Crossbar node: tells the time when asked, and every second without being asked."""

from datetime import UTC, datetime

from autobahn.twisted.wamp import ApplicationSession
from twisted.internet.defer import inlineCallbacks
from twisted.internet.task import LoopingCall


class TimeService(ApplicationSession):
    """Serves `com.timeservice.now`, publishes `com.timeservice.tick`."""

    def now(self):
        return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    @inlineCallbacks
    def onJoin(self, details):
        yield self.register(self.now, "com.timeservice.now")
        self.ticking = LoopingCall(lambda: self.publish("com.timeservice.tick", self.now()))
        self.ticking.start(self.config.extra.get("seconds", 1))

    def onLeave(self, details):
        self.ticking.stop()
        super().onLeave(details)
