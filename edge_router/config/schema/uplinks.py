"""Uplinks: what of a realm is handed on to a central router, and what comes from there."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from msgspec import Meta, field

from edge_router.config.schema.connecting import ClientAuth, ClientTransport
from edge_router.config.schema.section import Section

Waiting = Annotated[float, Meta(ge=0, le=86_400)]
Positive = Annotated[float, Meta(gt=0)]

_ONE_OF_EVENTS: Final = ("buffer", "priority", "retain", "filter")


class UplinkFilter(Section):
    """Which events need not be carried. All that is given has to let an event pass.

    deadband: a number has to differ by more than this from the last that was sent of its topic. field: which: a key of
    the event's keywords, or of its first argument if that is a mapping; left out, the first argument itself.
    min_interval: seconds between two events of a topic; the last one that was held back is sent when they are over.
    max_rate: events a second of the whole rule; what is over it is dropped, and counted.
    """

    deadband: Annotated[float, Meta(ge=0)] | None = None
    field: str | None = None
    min_interval: Waiting | None = None
    max_rate: Positive | None = None

    def __post_init__(self) -> None:
        if self.field is not None and self.deadband is None:
            raise ValueError("`field` says whose `deadband` is meant; give that too")


class UplinkRule(Section):
    """What is handed on, in which direction.

    uri, match: the names, as they are locally. kind: events or procedures. direction: `up` hands local events on to the
    central router, and offers local procedures there; `down` does the same the other way; `both` does both. prefix:
    stands before each name at the central router, and is taken off on the way down; `{node}` in it is the name of this
    node. strip: what the names begin with locally only. mirror: follow what subscribers and callees at the other end
    have really subscribed to and registered, by its meta API; false hands on the whole pattern. Left out: true for
    procedures on the way up, else false. buffer: events on the way up while the link is down: `none` are lost, of
    `last` the last of each topic is kept, of `all` all are. priority: 9 is sent first, and dropped last. retain:
    publish so that it is kept for subscribers to come, and begin with what the sending end has kept. filter: events
    that need not be carried. when_down: what a call comes to while the link is down: `fail` at once, or `wait`. wait:
    seconds that such a call waits at most.
    """

    uri: str
    match: Literal["exact", "prefix", "wildcard"] = "exact"
    kind: Literal["events", "procedures"] = "events"
    direction: Literal["up", "down", "both"] = "up"
    prefix: str = ""
    strip: str = ""
    mirror: bool | None = None
    buffer: Literal["none", "last", "all"] = "none"
    priority: Annotated[int, Meta(ge=0, le=9)] = 5
    retain: bool = False
    filter: UplinkFilter | None = None
    when_down: Literal["fail", "wait"] = "fail"
    wait: Annotated[float, Meta(gt=0, le=3600)] = 10

    def __post_init__(self) -> None:
        if not self.uri.startswith(self.strip):
            raise ValueError(f"`strip` is what the names begin with, and `uri` does not begin with {self.strip!r}")
        if self.kind == "procedures":
            for name in _ONE_OF_EVENTS:
                if getattr(self, name) != _DEFAULTS[name]:
                    raise ValueError(f"`{name}` is for events; a procedure is called or is not")
        elif self.when_down != "fail":
            raise ValueError("`when_down` is for procedures; `buffer` is for events")
        if self.buffer != "none" and self.direction == "down":
            raise ValueError("`buffer` is for the way up; the central router keeps what goes down")
        if self.buffer != "none" and self.mirror:
            raise ValueError("`mirror` follows nobody while the link is down, and `buffer` keeps events then")


_DEFAULTS: Final[dict[str, Any]] = {"buffer": "none", "priority": 5, "retain": False, "filter": None}


class UplinkStore(Section):
    """Where events wait for the link (rules with `buffer`): an SQLite file.

    path: the file, relative to the node directory; left out, `uplink-ID.sqlite`. max_bytes: of the file, beside some MB
    of SQLite's log; over it the oldest events of the lowest priority are dropped, and counted. max_age: seconds after
    which a waiting event is of no use any more; null: none is. max_memory: bytes of events that are not written yet;
    what a card that is too slow, or full, leaves over is dropped, and counted. commit_rows, commit_seconds: events, and
    the time, after which they are written at the latest. What is acknowledged before is never written; what is neither
    written nor acknowledged is lost when the node is killed. replay_rate: by how many events a second a backlog
    shrinks once the link is up again. window: events that may be under way without an answer. sync: have each write
    reach the disk (fsync), where a power cut takes what was written in the last half a minute otherwise; costs wear on
    SD cards.
    """

    path: str | None = None
    max_bytes: Annotated[int, Meta(ge=262_144)] = 67_108_864
    max_age: Positive | None = 604_800
    max_memory: Annotated[int, Meta(ge=65_536)] = 2_097_152
    commit_rows: Annotated[int, Meta(ge=1, le=10_000)] = 200
    commit_seconds: Annotated[float, Meta(ge=0.1, le=60)] = 1
    replay_rate: Annotated[float, Meta(gt=0, le=100_000)] = 200
    window: Annotated[int, Meta(ge=1, le=10_000)] = 256
    sync: bool = False


class Uplink(Section):
    """A link to a central router.

    id: its name, in logs and in the topic `edge.uplink.ID.status`. realm: the local one. rules: what is handed on.
    role: whose permissions apply
    locally. remote_realm: the central one; left out, of the same name. node: what `{node}` in a rule's `prefix` stands
    for, and what events come from; left out, the node's `id`, else the name of this machine. transport: how to reach
    the central router. transports: several ways, tried in turn. auth: how to log in there. store:
    where events wait for the link. announce: a central topic where this
    node says `up`, retained, and the central router `down` for it; `{node}` as above. keepalive: seconds between two
    questions whether the router lives; 0: it is not
    asked. keepalive_timeout: seconds that it has to answer. max_retry_delay: seconds between two attempts to connect,
    at most; they grow from 1, at random, and begin anew when the link has been up for half a minute.
    """

    id: Annotated[str, Meta(pattern="^[a-z0-9_-]+$", extra={"words": "small letters, digits, `_` and `-`"})]
    realm: str
    rules: Annotated[list[UplinkRule], Meta(min_length=1)]
    role: str = "trusted"
    remote_realm: str | None = None
    node: str | None = None
    transport: ClientTransport | None = None
    transports: list[ClientTransport] = []
    auth: ClientAuth = field(default_factory=ClientAuth)
    store: UplinkStore = field(default_factory=UplinkStore)
    announce: str | None = None
    keepalive: Annotated[float, Meta(ge=0, le=3600)] = 30
    keepalive_timeout: Annotated[float, Meta(gt=0, le=600)] = 10
    max_retry_delay: Annotated[float, Meta(ge=0.1, le=3600)] = 60

    def __post_init__(self) -> None:
        if bool(self.transport) is bool(self.transports):
            raise ValueError("give either `transport`, or several in `transports`")
