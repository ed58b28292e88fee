"""Realms, their roles and permissions, and what a realm keeps."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, field

from edge_router.config.schema.section import Count, Section


class Allow(Section):
    """What a permission allows.

    call: call procedures. register: register procedures. publish: publish to topics. subscribe: subscribe to topics.
    """

    call: bool = False
    register: bool = False
    publish: bool = False
    subscribe: bool = False


class Disclose(Section):
    """Who is made known to the receiver.

    caller: callees learn who calls. publisher: subscribers learn who publishes. requested: whether clients may ask for
    it themselves, where it is not so anyway; with `refuse`, a call or publication with `disclose_me` fails with
    `wamp.error.option_disallowed.disclose_me`.
    """

    caller: bool = False
    publisher: bool = False
    requested: Literal["allow", "refuse"] = "allow"


class Permission(Section):
    """What a role may do with the URIs of a pattern.

    uri: the URI or pattern. match: how it is matched; left out, `a.b.*` is a prefix and `a.*.c` a wildcard.
    allow: the actions allowed. disclose: whose identity is passed on. cache: accepted as in Crossbar; static decisions
    are always cached here.
    """

    uri: str
    match: Literal["exact", "prefix", "wildcard"] | None = None
    allow: Allow = field(default_factory=Allow)
    disclose: Disclose = field(default_factory=Disclose)
    cache: bool = False


class Role(Section):
    """A role of a realm, and what its sessions may do. What no permission allows is denied.

    id: a name for management. name: the role. A login, bridge or component may have several, as `reader,operator`,
    which is its authrole then: what any of them allows is allowed, and who acts is made known if one that allows it
    says so, or lets clients ask for it; authorizers are asked where no permission allows. permissions: the best match
    decides: exact before the longest prefix before the most specific wildcard. allow-by-default: what happens where no
    permission matches. authorizer: instead of permissions, a procedure of the realm that decides. It is called with the
    session's details (`session`, `authid`, `authrole`, `authmethod`, `authprovider`, `authextra`, `transport`), the
    URI, the action (`call`, `register`, `publish`, `subscribe`) and its options (`match` among those of `register` and
    `subscribe`), and gives true or false, or `{allow, disclose, cache, requested}`: `disclose` has the caller or
    publisher made known, `requested` is as in a permission's `disclose`; with `cache` the decision holds for this
    session, action, URI and `match` until the session ends (the last 500 of a session are kept). Without an answer -
    nobody serves it yet, it fails, or takes too long - nothing is allowed, and clients get
    `wamp.error.authorization_failed`. What a session sends meanwhile waits in order. Whoever serves it needs a role
    with permissions. Events and calls for a pattern are not asked about again. authorizer_timeout: milliseconds it has
    for each answer. forwards: its sessions are links of other routers, which hand on what others send: they may say in
    `forward_for` for whom they publish and call, and that one is made known to receivers instead of them; do not give
    such a role to anybody else.
    """

    name: str
    id: str | None = None
    permissions: list[Permission] = []
    allow_by_default: bool = field(name="allow-by-default", default=False)
    authorizer: str | None = None
    authorizer_timeout: Count = 5_000
    forwards: bool = False


class RealmOptions(Section):
    """Options of a realm.

    uri_check: `strict` allows only lower-case letters, digits and _ in a URI's components, `loose` all but spaces
    and #.
    error_style: error URIs of refused logins as in the WAMP `spec` or as `crossbar` says them.
    max_sessions: sessions in the realm at one time.
    enable_meta_api: whether the realm tells of its sessions, subscriptions and registrations, and lets them be ended,
    by `wamp.` procedures and events; who may use which is up to the roles' permissions.
    """

    uri_check: Literal["strict", "loose"] = "loose"
    error_style: Literal["spec", "crossbar"] = "spec"
    max_sessions: Count = 10_000
    enable_meta_api: bool = True


class RetainedLimits(Section):
    """Bounds of a realm's retained events, one a topic. Over them, those published longest ago go.

    max_topics: events at one time. max_bytes: what they take together, with about 600 bytes for each besides its
    payload. expiry: seconds after which an event is forgotten; 0 keeps it for as long as the router runs.
    """

    max_topics: Count = 10_000
    max_bytes: Annotated[int, Meta(ge=4096)] = 4_194_304
    expiry: Annotated[int, Meta(ge=0)] = 0


class EventHistory(Section):
    """A pattern whose publications are kept, to be read with `wamp.subscription.get_events`.

    uri: the topic or pattern. match: how it is matched. limit: events kept; left out, the store's. max_bytes: what they
    take together, with about 600 bytes for each besides its payload. max_age: seconds after which an event is
    forgotten; 0: never. Over each bound the oldest go.
    """

    uri: str
    match: Literal["exact", "prefix", "wildcard"] = "exact"
    limit: Count | None = None
    max_bytes: Annotated[int, Meta(ge=4096)] = 4_194_304
    max_age: Annotated[int, Meta(ge=0)] = 0


class CallQueue(Section):
    """A pattern of procedures whose calls wait while all callees are busy (`concurrency` at REGISTER).

    uri: the procedure or pattern. match: how it is matched. limit: calls that wait at one time for one registration;
    left out, the store's. max_bytes: what they take together, with about 600 bytes for each besides its payload. A call
    that has no room is refused with `wamp.error.no_available_callee`, as without a queue; its timeout counts while it
    waits.
    """

    uri: str
    match: Literal["exact", "prefix", "wildcard"] = "exact"
    limit: Count | None = None
    max_bytes: Annotated[int, Meta(ge=4096)] = 4_194_304


class MemoryStore(Section, tag="memory"):
    """What a realm remembers of its events, while the router runs.

    retained: bounds of the retained events. limit: events kept, or calls waiting, for a pattern that says nothing else.
    event-history: the patterns whose publications are kept. call-queue: the procedures whose calls wait for a callee
    that has room. max-origins: topics of nodes behind uplinks of which the last event is known, so that none is
    published twice; over it, the one longest unheard is forgotten.
    """

    limit: Count = 100
    event_history: list[EventHistory] = field(name="event-history", default_factory=list)
    call_queue: list[CallQueue] = field(name="call-queue", default_factory=list)
    retained: RetainedLimits = field(default_factory=RetainedLimits)
    max_origins: Count = field(name="max-origins", default=20_000)


class SqliteStore(MemoryStore, tag="sqlite", kw_only=True):
    """What a realm remembers of its events, in a file too, so that it survives a restart or a power cut.

    retained: bounds of the retained events. limit: events kept, or calls waiting, for a pattern that says nothing else.
    event-history: the patterns whose publications are kept. call-queue: the procedures whose calls wait for a callee
    that has room; they are not in the file. max-origins: topics of nodes behind uplinks of which the last event is
    known, so that none is published twice; over it, the one longest unheard is forgotten. path: the file, relative to
    the node directory. max-buffer: changes that wait to be written. buffer-flush: milliseconds they wait at most. sync:
    have each write reach the disk (fsync), where else some of what was written in the last seconds may be lost in a
    power cut; costs wear on SD cards.
    """

    path: str
    max_buffer: Count = field(name="max-buffer", default=1_000)
    buffer_flush: Annotated[int, Meta(ge=10)] = field(name="buffer-flush", default=1_000)
    sync: bool = False


Store = MemoryStore | SqliteStore


class Stats(Section):
    """When the realm tells how much a session has sent and been sent, by the event `wamp.session.on_stats`.

    trigger_on_join: when it joins. trigger_after_duration: every so many milliseconds; 0: not. trigger_on_leave: when
    it leaves.
    """

    trigger_on_join: bool = False
    trigger_after_duration: Annotated[int, Meta(ge=0)] = 0
    trigger_on_leave: bool = True


class Realm(Section):
    """A realm: a separate space of topics, procedures and sessions.

    id: a name for management. name: the realm, as clients ask for it. options: its options. roles: who may do what.
    store: what is remembered of its events. stats: when `wamp.session.on_stats` is published.
    """

    name: str
    id: str | None = None
    options: RealmOptions = field(default_factory=RealmOptions)
    roles: list[Role] = []
    store: Store = field(default_factory=MemoryStore)
    stats: Stats = field(default_factory=Stats)
