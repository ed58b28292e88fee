"""A component on asyncio, for a container: listens to TimeService, and asks it once."""

import asyncio

from autobahn.asyncio.wamp import ApplicationSession


class Listener(ApplicationSession):
    """Prints what it hears; the node's log has it."""

    async def onJoin(self, details):
        await asyncio.sleep(1)
        print("it is", await self.call("com.timeservice.now"))
        await self.subscribe(lambda now: print("tick", now), "com.timeservice.tick")
