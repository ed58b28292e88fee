"""The permissions of a session whose role asks an authorizer.

A message is tried. Where broker or dealer ask for a grant that is not decided, the trial ends by `_Undecided` before
anything has happened; the authorizer is asked, and the message tried again with its answer. What the session sends
meanwhile waits (`backlog`). So sessions of other roles pay nothing for this.

What is subscribed to or registered was decided as a whole; events and calls are not asked about.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec

from edge_router.router.authorizer import NO, Authorizer, Decision, Question, Unanswered
from edge_router.router.backlog import Backlog
from edge_router.router.grants import Action, Grant, Permissions, is_reserved, refusal, refuse_invalid
from edge_router.router.permissions import meets_reserved
from edge_router.router.session import Handler, RouterSession
from edge_router.wamp.errors import WampError
from edge_router.wamp.messages import Call, Match, Message, Publish, Register, Subscribe

if TYPE_CHECKING:
    from edge_router.router.realm import Realm

#: decisions that a session remembers because the authorizer says so; the oldest go
MOST_CACHED: Final = 500

_ACTIONS: Final[dict[type[Message], Action]] = {
    Publish: "publish", Subscribe: "subscribe", Call: "call", Register: "register",
}  # fmt: skip

#: who was asked, and what
_Key: TypeAlias = tuple[Authorizer, Action, str, Match]


class _Undecided(Exception):
    """Somebody has to be asked first. Never leaves this module."""

    def __init__(self, key: _Key) -> None:
        super().__init__(key)
        self.key = key


class AskingRole:
    """A role, or several together, of which at least one asks an authorizer.

    authorizers: asked in this order. static: what is given without asking. forwards: its sessions may hand on what
    others send.
    """

    __slots__ = ("authorizers", "forwards", "name", "realm", "roles", "static", "trying")

    def __init__(
        self,
        realm: Realm,
        name: str,
        roles: tuple[str, ...],
        authorizers: tuple[Authorizer, ...],
        static: Permissions | None = None,
        forwards: bool = False,
    ) -> None:
        self.realm = realm
        self.name = name
        self.roles = roles
        self.authorizers = authorizers
        self.static = static
        self.forwards = forwards
        #: the state ESTABLISHED of its sessions: what needs a grant is tried
        self.trying: dict[type[Message], Handler] = {**realm.handlers, **dict.fromkeys(_ACTIONS, _try)}

    def joined(self, session: RouterSession) -> AskedPermissions:
        """See `grants.RoleInRealm`."""
        session.switch(self.trying)
        return AskedPermissions(session, self)


class AskedPermissions:
    """What one session may do; see `grants.Permissions`.

    session: whose. role: what it joined in.
    """

    __slots__ = (
        "_backlog",
        "_cached",
        "_found",
        "_given_up",
        "_message",
        "_over",
        "_role",
        "_session",
        "_testaments",
    )

    #: nothing is decided beforehand
    remembered: Mapping[str, Grant] = {}

    def __init__(self, session: RouterSession, role: AskingRole) -> None:
        self._session = session
        self._role = role
        #: that which is tried just now, and what was decided for it
        self._message: Message | None = None
        self._found: dict[_Key, Decision | WampError] = {}
        self._cached: dict[_Key, Decision] = {}
        #: what may be published when the session has ended
        self._testaments: dict[str, Decision] = {}
        #: authorizers that did not answer while what waits was waiting
        self._given_up: dict[Authorizer, Unanswered] = {}
        self._backlog = Backlog(session)
        self._over = False

    @property
    def name(self) -> str:
        """The authrole."""
        return self._role.name

    @property
    def roles(self) -> tuple[str, ...]:
        """What that consists of."""
        return self._role.roles

    @property
    def forwards(self) -> bool:
        """Whether the session may hand on what others send."""
        return self._role.forwards

    # --- what broker and dealer ask ----------------------------------------------------------------------------

    def grant(self, uri: str) -> _Use:
        """What may be done with this URI. Raises WampError `invalid_uri`."""
        refuse_invalid(uri, "exact", self._role.realm.config.options.uri_check)
        return _Use(self, uri, "exact")

    def grant_pattern(self, uri: str, match: Match) -> _Claim:
        """What may be done with a pattern. Raises WampError `invalid_uri`."""
        refuse_invalid(uri, match, self._role.realm.config.options.uri_check)
        return _Claim(self, uri, match)

    def is_uniform(self, uri: str, match: Match, action: Action) -> bool:
        """True but for procedures of the protocol, which nobody else serves."""
        return match == "exact" or action != "register" or not meets_reserved(uri, match)

    def refuse(self, action: Action, uri: str) -> WampError:
        """The error for an action that is not granted. It says nothing about what exists."""
        return refusal(self.name, action, uri)

    def find(self, action: Action, uri: str, match: Match) -> Decision:
        """The decision about an action. Raises WampError if there can be none, `_Undecided` if there is none yet."""
        decision = self._look_up(action, uri, match, self._found, self._message is not None)
        if action == "publish" and type(self._message) is Call and decision.allow:
            self._remember(self._testaments, uri, decision)
        return decision

    def _look_up(
        self, action: Action, uri: str, match: Match, found: Mapping[_Key, Decision | WampError], may_ask: bool
    ) -> Decision:
        static = self._given(action, uri, match)
        if static is not None:
            return static
        if action in ("register", "publish") and is_reserved(uri):
            return NO
        if not may_ask:  # a testament: the session has ended
            return self._testaments.get(uri, NO) if action == "publish" else NO
        failure: WampError | None = None
        for authorizer in self._role.authorizers:
            key = (authorizer, action, uri, match)
            decision = self._cached.get(key) or found.get(key) or authorizer.refuses(self._session, action, uri)
            decision = decision or self._given_up.get(authorizer)
            if decision is None:
                raise _Undecided(key)
            if isinstance(decision, WampError):
                failure = decision
            elif decision.allow:
                return decision
        if failure is not None:
            raise failure
        return NO

    def _given(self, action: Action, uri: str, match: Match) -> Decision | None:
        """What is granted without asking, as far as that is so for all that the pattern matches."""
        static = self._role.static
        if static is None:
            return None
        grant = static.grant_pattern(uri, match)
        if not getattr(grant, action) or not static.is_uniform(uri, match, action):
            return None
        if action == "publish":
            disclose, may_disclose = grant.disclose_publisher, grant.may_disclose_publisher
        else:
            disclose, may_disclose = grant.disclose_caller, grant.may_disclose_caller
        return Decision(True, disclose, requested="allow" if may_disclose else "refuse")

    def _remember(self, where: dict[Any, Decision], key: Any, decision: Decision) -> None:
        where[key] = decision
        if len(where) > MOST_CACHED:
            del where[next(iter(where))]

    # --- trying ------------------------------------------------------------------------------------------------

    def attempt(self, message: Message) -> None:
        """Have a message handled, or have it wait for a decision. Raises as its handler does."""
        self._message = message
        try:
            self._role.realm.handlers[type(message)](self._session, message)
        except _Undecided as undecided:
            self._backlog.hold(message)
            self._ask(undecided.key, _options(message, undecided.key), self._decided)
        finally:
            self._message = None
            if not self._backlog.holding:
                self._found.clear()

    def _ask(self, key: _Key, options: dict[str, Any], told: Callable[[_Key, Decision | WampError], None]) -> None:
        authorizer, action, uri, match = key
        authorizer.ask(self._session, Question(action, uri, match, options), partial(self._told, key, told))

    def _told(
        self, key: _Key, told: Callable[[_Key, Decision | WampError], None], decision: Decision | WampError
    ) -> None:
        if self._over:
            return
        if isinstance(decision, Decision) and decision.cache:
            self._remember(self._cached, key, decision)
        told(key, decision)

    def _decided(self, key: _Key, decision: Decision | WampError) -> None:
        """What waits for this goes on; if it was not decided in time, what waited too shall not wait as long again."""
        if isinstance(decision, Unanswered):
            self._given_up[key[0]] = decision
        self._found[key] = decision
        self._session.switch(self._role.trying)
        if self._backlog.go_on():
            self._given_up.clear()

    def left(self) -> None:
        """The session has left the realm: nothing of what waits for a decision counts any more."""
        self._over = True
        self._backlog.forget()

    def replaced(self) -> None:
        """The session has got other permissions: what waits is for those to decide."""
        self._over = True
        self._backlog.go_on()

    # --- later -------------------------------------------------------------------------------------------------

    def decide(self, action: Action, uri: str, match: Match, told: Callable[[bool], None]) -> bool | None:
        """Whether what the session has is still granted: a pattern, a testament's topic. None: `told` is told later."""
        known: dict[_Key, Decision | WampError] = {}

        def look_up() -> bool | None:
            try:
                decision = self._look_up(action, uri, match, known, may_ask=True)
                if action == "publish":
                    self._remember(self._testaments, uri, decision)
                return decision.allow
            except _Undecided as undecided:
                self._ask(undecided.key, {} if action == "publish" else {"match": match}, decided)
                return None
            except WampError:
                return False

        def decided(key: _Key, decision: Decision | WampError) -> None:
            known[key] = decision
            granted = look_up()
            if granted is not None:
                told(granted)

        return look_up()


class _Use:
    """A grant for a URI that is called or published to."""

    __slots__ = ("_match", "_permissions", "_uri")

    def __init__(self, permissions: AskedPermissions, uri: str, match: Match) -> None:
        self._permissions = permissions
        self._uri = uri
        self._match: Match = match

    @property
    def call(self) -> bool:
        """Whether it may be called."""
        return self._found("call").allow

    @property
    def publish(self) -> bool:
        """Whether it may be published to."""
        return self._found("publish").allow

    @property
    def register(self) -> bool:
        """Whether a pattern that the session has registered may serve it."""
        return not is_reserved(self._uri)

    @property
    def subscribe(self) -> bool:
        """Whether a pattern that the session subscribes to may bring its events."""
        return True

    @property
    def disclose_caller(self) -> bool:
        """Whether the callee learns who calls."""
        return is_reserved(self._uri) or self._found("call").disclose

    @property
    def disclose_publisher(self) -> bool:
        """Whether subscribers learn who publishes."""
        return self._found("publish").disclose

    @property
    def may_disclose_caller(self) -> bool:
        """Whether the callee learns who calls if the caller asks for that."""
        return is_reserved(self._uri) or self._found("call").may_disclose

    @property
    def may_disclose_publisher(self) -> bool:
        """Whether subscribers learn who publishes if the publisher asks for that."""
        return self._found("publish").may_disclose

    def _found(self, action: Action) -> Decision:
        return self._permissions.find(action, self._uri, self._match)


class _Claim(_Use):
    """A grant for a pattern that is registered or subscribed to."""

    __slots__ = ()

    @property
    def register(self) -> bool:
        """Whether it may be registered."""
        return self._found("register").allow

    @property
    def subscribe(self) -> bool:
        """Whether it may be subscribed to."""
        return self._found("subscribe").allow


def _options(message: Message, key: _Key) -> dict[str, Any]:
    """What the authorizer gets as options: those of the message, if it asks for just this action."""
    _authorizer, action, _uri, match = key
    options = msgspec.to_builtins(message.options) if _ACTIONS.get(type(message)) == action else {}  # type: ignore[attr-defined]
    return {**options, "match": match} if action in ("subscribe", "register") else dict(options)


def _try(session: RouterSession, message: Message) -> None:
    """The handler of what needs a grant, for sessions with such permissions."""
    permissions = session.permissions
    assert isinstance(permissions, AskedPermissions)
    permissions.attempt(message)
