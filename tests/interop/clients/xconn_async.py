"""A puppet around xconn (on asyncio). See puppet.py. What xconn cannot is not there: progress, canceling, kwargs of
errors that its callees raise."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections.abc import Awaitable, Callable
from typing import Any

from wampproto import auth, serializers
from wampproto.exception import ApplicationError as JoinError
from xconn.async_client import connect
from xconn.exception import ApplicationError
from xconn.types import Event, Invocation, Result

SERIALIZERS = {
    "json": serializers.JSONSerializer,
    "msgpack": serializers.MsgPackSerializer,
    "cbor": serializers.CBORSerializer,
}
LOGINS = {
    "ticket": auth.TicketAuthenticator,
    "wampcra": auth.WAMPCRAAuthenticator,
    "cryptosign": auth.CryptoSignAuthenticator,
}


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
    """One session, and what it has."""

    def __init__(self, name: str, session: Any) -> None:
        self.name = name
        self.session = session
        self.subscriptions: dict[str, Any] = {}
        self.registrations: dict[str, Any] = {}
        self.hanging: list[asyncio.Future[str]] = []

    def note(self, note: str, **more: Any) -> None:
        say(note=note, session=self.name, **more)


SEATS: dict[str, Seat] = {}


def endpoints(seat: Seat, tag: str) -> dict[str, Callable[[Invocation], Awaitable[Result]]]:
    async def echo(call: Invocation) -> Result:
        return Result(call.args, call.kwargs)

    async def fail(call: Invocation) -> Result:
        raise ApplicationError("com.example.error.broken", *(call.args or []))

    async def hang(call: Invocation) -> Result:
        seat.hanging.append(future := asyncio.get_running_loop().create_future())
        seat.note("hangs")
        return Result([await future])

    async def who(call: Invocation) -> Result:
        names = {"caller": "caller", "authrole": "caller_authrole", "procedure": "procedure"}
        return Result([{key: (call.details or {}).get(name) for key, name in names.items()}])

    async def name(call: Invocation) -> Result:
        return Result([tag])

    return {"echo": echo, "fail": fail, "hang": hang, "who": who, "name": name}


async def join(command: dict[str, Any]) -> dict[str, Any]:
    way, login = command["transport"], command.get("login")
    url = f"unix://{way['path']}" if "path" in way else way["url"]
    known = LOGINS[login["method"]](login["authid"], login["secret"]) if login else auth.AnonymousAuthenticator("")
    session = await connect(url, command["realm"], known, SERIALIZERS[command["serializer"]]())
    SEATS[command["session"]] = Seat(command["session"], session)
    found = session._base_session.session_details
    return {"session": found.session_id, "authid": found.authid, "authrole": found.authrole}


async def leave(command: dict[str, Any]) -> None:
    await SEATS.pop(command["session"]).session.leave()


async def subscribe(command: dict[str, Any]) -> None:
    seat, handle = SEATS[command["session"]], command["handle"]

    async def on_event(event: Event) -> None:
        details = event.details or {}
        seen = {
            "topic": details.get("topic"),
            "publisher": details.get("publisher"),
            "authrole": details.get("publisher_authrole"),
        }
        seat.note("event", handle=handle, args=event.args or [], kwargs=event.kwargs or {}, details=seen)

    found = await seat.session.subscribe(command["topic"], on_event, {"match": command["match"]})
    seat.subscriptions[handle] = found


async def unsubscribe(command: dict[str, Any]) -> None:
    await SEATS[command["session"]].subscriptions.pop(command["handle"]).unsubscribe()


async def publish(command: dict[str, Any]) -> None:
    options = {"acknowledge": True, **command["options"]}
    await SEATS[command["session"]].session.publish(command["topic"], command["args"], command["kwargs"], options)


async def register(command: dict[str, Any]) -> None:
    seat, procedure = SEATS[command["session"]], command["procedure"]
    does = endpoints(seat, command["tag"])[command["does"]]
    seat.registrations[procedure] = await seat.session.register(procedure, does, command["options"])


async def unregister(command: dict[str, Any]) -> None:
    await SEATS[command["session"]].registrations.pop(command["procedure"]).unregister()


async def call(command: dict[str, Any]) -> dict[str, Any]:
    session = SEATS[command["session"]].session
    found = await session.call(command["procedure"], command["args"], command["kwargs"], command["options"])
    return {"args": found.args or [], "kwargs": found.kwargs or {}}


async def finish(command: dict[str, Any]) -> None:
    seat = SEATS[command["session"]]
    hanging, seat.hanging = seat.hanging, []
    for future in hanging:
        future.set_result("late")


COMMANDS: dict[str, Callable[[dict[str, Any]], Awaitable[dict[str, Any] | None]]] = {
    each.__name__: each for each in (join, leave, subscribe, unsubscribe, publish, register, unregister, call, finish)
}


async def obey(command: dict[str, Any]) -> None:
    number = command["id"]
    try:
        say(id=number, ok=await COMMANDS[command["do"]](command) or {})
    except (ApplicationError, JoinError) as problem:
        say(id=number, error=problem.message, args=list(problem.args), kwargs=problem.kwargs or {})
    except Exception as problem:  # noqa: BLE001 - whatever it is, the test wants to see it
        say(id=number, error="puppet.fault", args=[repr(problem)], kwargs={})


def read() -> None:
    for line in sys.stdin:
        command = json.loads(line, object_hook=unwrap)
        asyncio.run_coroutine_threadsafe(obey(command), loop)
    loop.call_soon_threadsafe(loop.stop)


loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)
threading.Thread(target=read, daemon=True).start()
loop.run_forever()
