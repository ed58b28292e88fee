"""A realm whose role `asks` has an authorizer, the session that serves it, and players."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock

from edge_router.config.schema import Limits, Permission, Role
from edge_router.router.router import Router
from edge_router.wamp.messages import (
    CODES,
    Error,
    Invocation,
    Passthru,
    Register,
    RegisterOptions,
    Yield,
    YieldOptions,
)
from tests.router.players import EVERYTHING, Player, args, open_realm

AUTHORIZER = "com.example.authorize"
OPEN = Role(name="open", permissions=[Permission(uri="", match="prefix", allow=EVERYTHING)])
ASKS = Role(name="asks", authorizer=AUTHORIZER)


class Asked:
    """A realm with the roles `open` and `asks`, or those given. complaints: what the operator was told."""

    def __init__(self, *roles: Role) -> None:
        self.clock = Clock()
        self.complaints: list[str] = []
        self.router = Router(self.clock, on_complaint=self.complaints.append)
        self.realm = self.router.add_realm(open_realm(roles=[OPEN, *(roles or (ASKS,))]))
        self.authorizer = Player(self.router, "open").joins()

    def serves(self, procedure: str = AUTHORIZER) -> Asked:
        """Somebody serves the authorizer."""
        self.authorizer.sends(Register(1, RegisterOptions(), procedure))
        self.authorizer.next()
        return self

    def joins(self, role: str = "asks", limits: Limits | None = None) -> Player:
        return Player(self.router, role, limits).joins()

    def question(self) -> Any:
        """The invocation of the authorizer that waits."""
        invocation = self.authorizer.next()
        assert type(invocation) is Invocation
        return invocation

    def asked(self) -> tuple[str, str, dict[str, Any]]:
        """URI, action and options of the question that waits; it goes on waiting."""
        _details, uri, action, options = self.authorizer.loads(self.authorizer.inbox[0].args)
        return uri, action, options

    def says(self, *values: Any) -> None:
        """The authorizer answers the question that waits."""
        self.authorizer.sends(Yield(self.question().request, YieldOptions(), args(*values)))
        self.turn()

    def fails(self, uri: str, *values: Any) -> None:
        """The authorizer raises an error."""
        self.authorizer.sends(Error(CODES[Invocation], self.question().request, Passthru(), uri, args(*values)))
        self.turn()

    def turn(self, seconds: float = 0) -> None:
        self.clock.advance(seconds)
