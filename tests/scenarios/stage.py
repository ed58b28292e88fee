"""Plays a scenario: on the bare core here, through sockets in `sockets`.

A stage gives players connections; a player is driven by the lines of the transcript. Everything is strictly in turn:
what a player sends has been handled when `send` returns.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import msgspec
from twisted.internet.task import Clock

from edge_router.config.schema import (
    Allow,
    AnonymousAuth,
    Auth,
    Limits,
    MemoryStore,
    Permission,
    Realm,
    RealmOptions,
    Role,
)
from edge_router.node.logins import authenticators
from edge_router.router.interfaces import Authenticator, Counts, TransportDetails
from edge_router.router.router import Router
from edge_router.wamp.codecs import CODECS, Codec
from edge_router.wamp.errors import INVALID_PAYLOAD, ProtocolViolation, TranscodeError, WampError
from edge_router.wamp.messages import Message
from edge_router.wamp.outgoing import Outgoing, Wire
from edge_router.wamp.payload import transcode
from tests.scenarios.language import Scenario, Step, matches, show, substitute
from tests.scenarios.spoken import SPOKEN, Spoken

EVERY_FEATURE = {
    "publisher": {
        "features": {
            "payload_passthru_mode": True,
            "publisher_exclusion": True,
            "publisher_identification": True,
            "subscriber_blackwhite_listing": True,
        }
    },
    "subscriber": {
        "features": {
            "pattern_based_subscription": True,
            "payload_passthru_mode": True,
            "publisher_identification": True,
            "subscription_revocation": True,
        }
    },
    "caller": {
        "features": {
            "call_canceling": True,
            "call_timeout": True,
            "caller_identification": True,
            "payload_passthru_mode": True,
            "progressive_call_invocations": True,
            "progressive_call_results": True,
        }
    },
    "callee": {
        "features": {
            "call_canceling": True,
            "call_reroute": True,
            "call_timeout": True,
            "caller_identification": True,
            "pattern_based_registration": True,
            "payload_passthru_mode": True,
            "progressive_call_invocations": True,
            "progressive_call_results": True,
            "registration_revocation": True,
            "shared_registration": True,
        }
    },
}


class Connection(Protocol):
    """A player's connection. `inbox`: messages that came, decoded; `closed`: whether the router ended it."""

    inbox: deque[Any]

    @property
    def closed(self) -> bool: ...

    def send(self, message: list[Any]) -> None: ...

    def wait(self) -> None:
        """Until something is in the inbox, or the connection is closed, or nothing can come any more."""

    def hang_up(self) -> None: ...


class Stage(Protocol):
    """Where a scenario is played."""

    def connect(self, player: str) -> Connection: ...

    def pass_time(self, milliseconds: int) -> None: ...

    def settle(self) -> None:
        """Until everything that was sent has been handled and has arrived."""

    def end(self) -> None:
        """The router ends."""


def realm_of(scenario: Scenario) -> Realm:
    """The realm that the scenario's preamble declares; roles that it does not declare may do everything."""
    options = msgspec.convert(scenario.setting.get("options", {}), RealmOptions)
    roles = msgspec.convert(scenario.setting.get("roles", []), list[Role])
    everything = Permission(uri="", match="prefix", allow=Allow(call=True, register=True, publish=True, subscribe=True))
    declared = {role.name for role in roles} | set(scenario.setting.get("no_roles", ()))
    missing = [name for name in dict.fromkeys(scenario.players.values()) if name not in declared]
    roles += [Role(name=name, permissions=[everything]) for name in missing]
    store = msgspec.convert(scenario.setting.get("store", {}), MemoryStore)
    return Realm(name="realm1", options=options, roles=roles, store=store)


def auth_of(scenario: Scenario, player: str) -> Auth:
    """How a player may log in: as the preamble says, or without credentials, by its own name and in its role."""
    if "auth" in scenario.setting:
        return msgspec.convert(scenario.setting["auth"], Auth)
    return Auth(anonymous=AnonymousAuth(role=scenario.players[player], authid=player))


def limits_of(scenario: Scenario) -> Limits:
    """What one session may hold in the scenario."""
    return msgspec.convert(scenario.setting.get("limits", {}), Limits)


# --- the bare core -----------------------------------------------------------------------------------------------


class MemoryPeer:
    """A peer in memory: what it is sent is decoded at once, by a decoder that is not the router's."""

    def __init__(self, spoken: Spoken, wire: Wire) -> None:
        self.codec = wire.codec
        self.details = TransportDetails("memory", "memory")
        self.dropped = 0
        self.inbox: deque[Any] = deque()
        self.closed = False
        self._wire = wire
        self._spoken = spoken

    def send(self, outgoing: Outgoing) -> None:
        try:
            self._take(outgoing.frame(self._wire))
        except TranscodeError:
            self.dropped += 1

    def deliver(self, message: Message, source: Codec, refusable: bool = False) -> None:
        try:
            self._take(self.codec.encode(transcode(message, source, self.codec)))
        except TranscodeError as problem:
            raise WampError(INVALID_PAYLOAD, str(problem)) from None

    def send_message(self, message: Message) -> None:
        self._take(self.codec.encode(message))

    def close(self) -> None:
        self.closed = True

    def counted(self) -> Counts:
        """As transports have it, where the figures are of interest."""
        return Counts()

    def _take(self, data: bytes) -> None:
        assert not self.closed, "something was sent after the connection was closed"
        self.inbox.append(self._spoken.loads(data))


#: one wire per encoding, as transports have
WIRES = {name: Wire(codec, bytes) for name, codec in CODECS.items()}


class MemoryConnection:
    """A player on the bare core."""

    def __init__(
        self,
        router: Router,
        limits: Limits,
        methods: Mapping[str, Authenticator],
        spoken: Spoken,
        settle: Callable[[], None],
    ) -> None:
        self._spoken = spoken
        self._settle = settle
        self._peer = MemoryPeer(spoken, WIRES[spoken.name])
        self._session = router.attach(self._peer, methods, limits)
        self.inbox = self._peer.inbox

    @property
    def closed(self) -> bool:
        return self._peer.closed

    def send(self, message: list[Any]) -> None:
        try:
            self._session.receive(self._peer.codec.decode(self._spoken.dumps(message)))
        except ProtocolViolation as violation:
            self._session.violated(violation)
        self._settle()

    def wait(self) -> None:
        """Whatever comes is here already."""

    def hang_up(self) -> None:
        self._session.lost()
        self._settle()


class CoreStage:
    """The router alone: no sockets, no reactor."""

    def __init__(self, scenario: Scenario, spoken: Mapping[str, str]) -> None:
        self.clock = Clock()
        self.router = Router(self.clock)
        self.router.add_realm(realm_of(scenario))
        self._scenario = scenario
        self._spoken = spoken
        self._methods = {
            player: authenticators(auth_of(scenario, player), Path(), self.clock, self.router)
            for player in scenario.players
        }

    def connect(self, player: str) -> MemoryConnection:
        methods, spoken = self._methods[player], SPOKEN[self._spoken[player]]
        return MemoryConnection(self.router, limits_of(self._scenario), methods, spoken, self.settle)

    def pass_time(self, milliseconds: int) -> None:
        self.clock.advance(milliseconds / 1000)
        self.settle()

    def settle(self) -> None:
        """What the router has put off to its next turn happens."""
        self.clock.advance(0)

    def end(self) -> None:
        self.router.goodbye("wamp.close.system_shutdown")


# --- the play ----------------------------------------------------------------------------------------------------


class Play:
    """One performance of a scenario."""

    def __init__(self, scenario: Scenario, stage: Stage) -> None:
        self._scenario = scenario
        self._stage = stage
        self._connections: dict[str, Connection] = {}
        self._known: dict[str, Any] = {}
        self._said: list[str] = []

    def run(self) -> None:
        """Raises AssertionError with the transcript for the first line that does not hold."""
        for step in self._scenario.steps:
            self._said.append(f"{step.line:4}  {step.text}")
            _ACTIONS[step.kind](self, step)
        self._stage.settle()
        for player, connection in self._connections.items():
            if connection.inbox:
                self._fail(f"nothing more was listed for {player}, who got {show(connection.inbox[0])}")

    def _fail(self, reason: str) -> None:
        transcript = "\n".join(self._said)
        raise AssertionError(f"{self._scenario.path.name}: {self._scenario.title}\n{transcript}\n  !!  {reason}")

    def _connect(self, step: Step) -> None:
        self._connections[step.player] = self._stage.connect(step.player)

    def _join(self, step: Step) -> None:
        self._connect(step)
        connection = self._connections[step.player]
        details = {"roles": EVERY_FEATURE, **(step.message[1] if len(step.message) > 1 else {})}
        connection.send([1, "realm1", details])
        connection.wait()
        welcome = connection.inbox.popleft() if connection.inbox else None
        if not welcome or welcome[0] != 2:
            self._fail(f"{step.player} was not let in: {show(welcome)}")
        self._known[step.player] = welcome[1]

    def _send(self, step: Step) -> None:
        self._connections[step.player].send(substitute(step.message, self._known))

    def _expect(self, step: Step) -> None:
        connection = self._connections[step.player]
        connection.wait()
        if not connection.inbox:
            self._fail(f"{step.player} got nothing{', the connection is closed' if connection.closed else ''}")
        found = connection.inbox.popleft()
        if not matches(step.message, found, dict(self._known)):
            bound = ", ".join(f"${name} is {value}" for name, value in self._known.items())
            self._fail(f"{step.player} got {show(found)}   ({bound})")
        matches(step.message, found, self._known)

    def _nothing(self, step: Step) -> None:
        self._stage.settle()
        inbox = self._connections[step.player].inbox
        if inbox:
            self._fail(f"{step.player} got {show(inbox[0])}")

    def _disconnected(self, step: Step) -> None:
        self._stage.settle()
        connection = self._connections[step.player]
        if connection.inbox:
            self._fail(f"{step.player} first got {show(connection.inbox[0])}")
        if not connection.closed:
            self._fail(f"{step.player} is still connected")

    def _hang_up(self, step: Step) -> None:
        self._connections.pop(step.player).hang_up()

    def _pass_time(self, step: Step) -> None:
        self._stage.pass_time(int(step.message[0]))

    def _end(self, _step: Step) -> None:
        self._stage.end()


_ACTIONS = {
    "connects": Play._connect,
    "joins": Play._join,
    "->": Play._send,
    "<-": Play._expect,
    "nothing": Play._nothing,
    "disconnected": Play._disconnected,
    "hangs up": Play._hang_up,
    "time": Play._pass_time,
    "ends": Play._end,
}
