"""A puppet around autobahn-python, on Twisted or on asyncio: `autobahn_python.py twisted|asyncio`. See puppet.py."""

from __future__ import annotations

import json
import ssl
import sys
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import txaio

FRAMEWORK = sys.argv[1]
if FRAMEWORK == "twisted":
    txaio.use_twisted()
    from autobahn.twisted.component import Component
    from twisted.internet import reactor as loop
    from twisted.internet.defer import CancelledError, Deferred
    from twisted.internet.ssl import Certificate, PrivateCertificate, optionsForClientTLS

    in_loop = loop.callFromThread
    spawn = Deferred.fromCoroutine
else:
    txaio.use_asyncio()
    import asyncio
    from asyncio import CancelledError

    from autobahn.asyncio.component import Component

    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    txaio.config.loop = loop
    in_loop = loop.call_soon_threadsafe
    spawn = loop.create_task

from autobahn.wamp.exception import ApplicationError  # noqa: E402 - after the choice of a framework
from autobahn.wamp.types import (  # noqa: E402
    CallOptions,
    CallResult,
    PublishOptions,
    RegisterOptions,
    SubscribeOptions,
)
from logins import authenticate, authentication  # noqa: E402


def wrap(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"$octets": value.hex()}
    if isinstance(value, list | tuple):
        return [wrap(item) for item in value]
    if isinstance(value, dict):
        return {key: wrap(item) for key, item in value.items()}
    return value


def unwrap(found: dict[str, Any]) -> Any:
    return bytes.fromhex(found["$octets"]) if "$octets" in found else found


def say(**line: Any) -> None:
    print(json.dumps(wrap(line)), flush=True)


class Seat:
    """One session, its component, and what it has."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.session: Any = None
        self.component: Any = None
        self.subscriptions: dict[str, Any] = {}
        self.registrations: dict[str, Any] = {}
        self.hanging: list[Any] = []

    def note(self, note: str, **more: Any) -> None:
        say(note=note, session=self.name, **more)


SEATS: dict[str, Seat] = {}
CALLS: dict[int, Any] = {}


# --- what a callee can do ------------------------------------------------------------------------------------------


def endpoints(seat: Seat, tag: str) -> dict[str, Callable[..., Any]]:
    def echo(*args: Any, details: Any, **kwargs: Any) -> Any:
        return CallResult(*args, **kwargs)

    def fail(*args: Any, details: Any, **kwargs: Any) -> Any:
        raise ApplicationError("com.example.error.broken", *args, **kwargs)

    def count(number: int, details: Any) -> Any:
        if details.progress is not None:
            for i in range(number):
                details.progress(i, of=number)
        return CallResult("done", of=number)

    async def hang(*args: Any, details: Any, **kwargs: Any) -> Any:
        future = txaio.create_future()
        seat.hanging.append(future)
        seat.note("hangs")
        try:
            return await future
        except CancelledError:
            seat.note("interrupted")
            raise ApplicationError("com.example.error.stopped", "in the middle") from None

    def who(*args: Any, details: Any, **kwargs: Any) -> Any:
        return {"caller": details.caller, "authrole": details.caller_authrole, "procedure": details.procedure}

    def name(*args: Any, details: Any, **kwargs: Any) -> str:
        return tag

    def decide(realm: str | None, authid: str | None, about: dict[str, Any], details: Any) -> dict[str, Any]:
        return authenticate(json.loads(tag), authid, about)

    return {"echo": echo, "fail": fail, "count": count, "hang": hang, "who": who, "name": name, "decide": decide}


def trust(tls: dict[str, str], host: str) -> Any:
    """What a connection over TLS needs. tls: files: `ca`, `cert`, `key`."""
    if FRAMEWORK == "asyncio":
        context = ssl.create_default_context(cafile=tls["ca"])
        context.load_cert_chain(tls["cert"], tls["key"])
        return context
    own = PrivateCertificate.loadPEM(Path(tls["cert"]).read_text() + Path(tls["key"]).read_text())
    authority = Certificate.loadPEM(Path(tls["ca"]).read_text())
    return optionsForClientTLS(host, trustRoot=authority, clientCertificate=own)


# --- commands ------------------------------------------------------------------------------------------------------


async def join(command: dict[str, Any]) -> dict[str, Any]:
    way, seat = command["transport"], Seat(command["session"])
    endpoint = (
        {"type": "unix", "path": way["path"]}
        if "path" in way
        else {"type": "tcp", "host": way["host"], "port": way["port"]}
    )
    if "tls" in way:
        endpoint["tls"] = trust(way["tls"], way["host"])
    transport: dict[str, Any] = {"type": way["type"], "url": way["url"], "endpoint": endpoint}
    if way["type"] == "rawsocket":
        transport["serializer"] = command["serializer"]
    else:
        transport["serializers"] = [command["serializer"]]
    transport.update(initial_retry_delay=0.2, max_retry_delay=0.5)
    known = authentication(command.get("login"))
    seat.component = component = Component(transports=[transport], realm=command["realm"], authentication=known)
    joined = txaio.create_future()

    @component.on_join
    async def on_join(session: Any, details: Any) -> None:
        seat.session = session
        if txaio.is_called(joined):
            seat.note("joined", id=details.session)
        else:
            who = {"authid": details.authid, "authrole": details.authrole, "authmethod": details.authmethod}
            txaio.resolve(joined, {"session": details.session, **who})

    @component.on_leave
    async def on_leave(session: Any, details: Any) -> None:
        seat.note("left", reason=details.reason)
        if not txaio.is_called(joined):
            component.stop()
            txaio.reject(joined, ApplicationError(details.reason, details.message))

    SEATS[seat.name] = seat
    component.start(loop)
    found: dict[str, Any] = await joined
    return found


async def leave(command: dict[str, Any]) -> None:
    seat = SEATS.pop(command["session"])
    await seat.component.stop()


async def subscribe(command: dict[str, Any]) -> None:
    seat, handle = SEATS[command["session"]], command["handle"]

    def on_event(*args: Any, details: Any, **kwargs: Any) -> None:
        seen = {"topic": details.topic, "publisher": details.publisher, "authrole": details.publisher_authrole}
        seat.note("event", handle=handle, args=args, kwargs=kwargs, details=seen)

    options = SubscribeOptions(match=command["match"], details=True)
    seat.subscriptions[handle] = await seat.session.subscribe(on_event, command["topic"], options)


async def unsubscribe(command: dict[str, Any]) -> None:
    await SEATS[command["session"]].subscriptions.pop(command["handle"]).unsubscribe()


async def publish(command: dict[str, Any]) -> None:
    options = PublishOptions(acknowledge=True, **command["options"])
    session = SEATS[command["session"]].session
    await session.publish(command["topic"], *command["args"], options=options, **command["kwargs"])


async def register(command: dict[str, Any]) -> None:
    seat, procedure = SEATS[command["session"]], command["procedure"]
    does = endpoints(seat, command["tag"])[command["does"]]
    options = RegisterOptions(details=True, **command["options"])
    seat.registrations[procedure] = await seat.session.register(does, procedure, options)


async def unregister(command: dict[str, Any]) -> None:
    await SEATS[command["session"]].registrations.pop(command["procedure"]).unregister()


async def call(command: dict[str, Any]) -> dict[str, Any]:
    def on_progress(found: CallResult) -> None:  # one object, since `details` is asked for below
        say(note="progress", id=command["id"], args=found.results or [], kwargs=found.kwresults or {})

    options = CallOptions(details=True, on_progress=on_progress if command["progress"] else None, **command["options"])
    session = SEATS[command["session"]].session
    pending = session.call(command["procedure"], *command["args"], options=options, **command["kwargs"])
    CALLS[command["id"]] = pending
    found = await pending
    return {"args": found.results or [], "kwargs": found.kwresults or {}}


async def cancel(command: dict[str, Any]) -> None:
    assert command["mode"] is None, "autobahn-python sends CANCEL without a mode"
    txaio.cancel(CALLS.pop(command["call"]))


async def finish(command: dict[str, Any]) -> None:
    seat = SEATS[command["session"]]
    hanging, seat.hanging = seat.hanging, []
    for future in hanging:
        if not txaio.is_called(future):
            txaio.resolve(future, "late")


COMMANDS: dict[str, Callable[[dict[str, Any]], Awaitable[dict[str, Any] | None]]] = {
    each.__name__: each
    for each in (join, leave, subscribe, unsubscribe, publish, register, unregister, call, cancel, finish)
}


async def obey(command: dict[str, Any]) -> None:
    number = command["id"]
    try:
        say(id=number, ok=await COMMANDS[command["do"]](command) or {})
    except ApplicationError as problem:
        say(id=number, error=problem.error, args=problem.args, kwargs=problem.kwargs or {})
    except CancelledError:
        say(id=number, error="canceled.by.caller", args=[], kwargs={})
    except Exception as problem:  # noqa: BLE001 - whatever it is, the test wants to see it
        say(id=number, error="puppet.fault", args=[repr(problem)], kwargs={})


def read() -> None:
    for line in sys.stdin:
        command = json.loads(line, object_hook=unwrap)
        in_loop(lambda command=command: spawn(obey(command)))
    in_loop(loop.stop)


threading.Thread(target=read, daemon=True).start()
if FRAMEWORK == "twisted":
    loop.run()
else:
    loop.run_forever()
