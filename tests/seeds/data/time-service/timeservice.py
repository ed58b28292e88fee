import datetime
from twisted.internet.defer import inlineCallbacks

from autobahn.twisted.wamp import ApplicationSession
from autobahn.wamp.exception import ApplicationError

class TimeService(ApplicationSession):

    # @inlineCallbacks
    # def onJoin(self, details):

    #     ## REGISTER a procedure for remote calling
    #     ##
    #     def add2(x, y):
    #         print("add2() called with {} and {}".format(x, y))
    #         return x + y

    #     reg = yield self.register(add2, 'com.example.add2')
    #     print("procedure add2() registered")

    @inlineCallbacks
    def onJoin(self, details):

        def utcnow():
            print("I am being called;)")
            now = datetime.datetime.utcnow()
            return now.strftime("%Y-%m-%dT%H:%M:%SZ")

        try:
            reg = yield self.register(utcnow, 'com.timeservice.now')
            print("Ok, registered procedure for WAMP RPC ({})".format(reg.id))
        except Exception as e:
            print("Failed to register procedure: {}".format(e))
