"""The messages of the WAMP v2 Basic and Advanced Profile, as typed structs.

Each class is one message, its fields in the order of the wire, tagged by its message code; a decoder checks them
while it decodes. Options and details are typed too, with every attribute of the spec that a router or an edge client
acts on; attributes nobody knows are ignored, as the spec demands. Payloads (args, kwargs) stay as the bytes they
arrived in (`msgspec.Raw` in the encoding of the message; empty where absent) - see `payload`.

Nothing but declarations may live here. (Spec: "Basic Profile: Messages", "Advanced Profile".)
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypeAlias

from msgspec import Meta, Raw, Struct, field

from edge_router.wamp.ids import MAX_ID

Id: TypeAlias = Annotated[int, Meta(ge=1, le=MAX_ID)]
RequestOrRevoked: TypeAlias = Annotated[int, Meta(ge=0, le=MAX_ID)]  # 0: the router revoked it, nobody asked
Milliseconds: TypeAlias = Annotated[int, Meta(ge=0, le=MAX_ID)]
Match: TypeAlias = Literal["exact", "prefix", "wildcard"]
Invoke: TypeAlias = Literal["single", "first", "last", "roundrobin", "random"]
CancelMode: TypeAlias = Literal["skip", "kill", "killnowait"]
Dict: TypeAlias = dict[str, Any]
Ids: TypeAlias = tuple[int, ...]
Names: TypeAlias = tuple[str, ...]

EMPTY: Final = Raw()


class Message(Struct, array_like=True, gc=False):
    """What all messages have in common: they are arrays that begin with their code."""


class Attributes(Struct, omit_defaults=True, frozen=True, gc=False):
    """Options or details: a dict on the wire, of which only what differs from the default is sent."""


class Passthru(Attributes, frozen=True):
    """Payload passthru: how a payload that the router does not look into is encoded (spec "Payload Passthru Mode")."""

    ppt_scheme: str | None = None
    ppt_serializer: str | None = None
    ppt_cipher: str | None = None
    ppt_keyid: str | None = None


class Hop(Attributes, frozen=True):
    """A session that a message came through, at whatever router: the one that it began with, or a link."""

    session: Id
    authid: str | None = None
    authrole: str | None = None


Hops: TypeAlias = tuple[Hop, ...]


class Origin(Struct, array_like=True, frozen=True, gc=False):
    """Where an event that an uplink hands on comes from; a custom attribute of ours, `_origin`.

    node: its name. boot: a name for the time since its start. sequence: rises with each event of a boot. time: when it
    was published there, milliseconds since 1970. quality: whether the node's clock was right then.
    """

    node: Annotated[str, Meta(min_length=1, max_length=255)]
    boot: Annotated[str, Meta(min_length=1, max_length=64)]
    sequence: Annotated[int, Meta(ge=0, le=MAX_ID)]
    time: int
    quality: Literal["synced", "unsynced"] = "synced"


# --- session -----------------------------------------------------------------------------------------------------


class HelloDetails(Attributes, frozen=True):
    roles: dict[str, Dict] = {}
    authmethods: Names | None = None
    authid: str | None = None
    authrole: str | None = None
    authextra: Dict | None = None
    agent: str | None = None


class Hello(Message, tag=1):
    realm: str | None
    details: HelloDetails = HelloDetails()


class WelcomeDetails(Attributes, frozen=True):
    roles: dict[str, Dict] = {}
    realm: str | None = None
    authid: str | None = None
    authrole: str | None = None
    authmethod: str | None = None
    authprovider: str | None = None
    authextra: Dict | None = None
    agent: str | None = None


class Welcome(Message, tag=2):
    session: Id
    details: WelcomeDetails = WelcomeDetails()


class CloseDetails(Attributes, frozen=True):
    message: str | None = None


class Abort(Message, tag=3):
    details: CloseDetails
    reason: str


class Challenge(Message, tag=4):
    method: str
    extra: Dict = {}


class Authenticate(Message, tag=5):
    signature: str
    extra: Dict = {}


class Goodbye(Message, tag=6):
    details: CloseDetails
    reason: str


class Error(Message, tag=8):
    """ERROR answers a request of any kind; `kind` is the message code of that request."""

    kind: int
    request: Id
    details: Passthru
    uri: str
    args: Raw = EMPTY
    kwargs: Raw = EMPTY


# --- publish and subscribe ---------------------------------------------------------------------------------------


class PublishOptions(Passthru, frozen=True):
    acknowledge: bool = False
    exclude_me: bool = True
    exclude: Ids | None = None
    exclude_authid: Names | None = None
    exclude_authrole: Names | None = None
    eligible: Ids | None = None
    eligible_authid: Names | None = None
    eligible_authrole: Names | None = None
    disclose_me: bool = False
    retain: bool = False
    forward_for: Hops | None = None
    origin: Origin | None = field(default=None, name="_origin")
    replayed: bool = field(default=False, name="_replayed")


class Publish(Message, tag=16):
    request: Id
    options: PublishOptions
    topic: str
    args: Raw = EMPTY
    kwargs: Raw = EMPTY


class Published(Message, tag=17):
    request: Id
    publication: Id


class SubscribeOptions(Attributes, frozen=True):
    match: Match = "exact"
    get_retained: bool = False


class Subscribe(Message, tag=32):
    request: Id
    options: SubscribeOptions
    topic: str


class Subscribed(Message, tag=33):
    request: Id
    subscription: Id


class Unsubscribe(Message, tag=34):
    request: Id
    subscription: Id


class RevokedSubscription(Attributes, frozen=True):
    subscription: int | None = None
    reason: str | None = None


class Unsubscribed(Message, tag=35):
    request: RequestOrRevoked
    details: RevokedSubscription = RevokedSubscription()


class EventDetails(Passthru, frozen=True):
    publisher: int | None = None
    publisher_authid: str | None = None
    publisher_authrole: str | None = None
    topic: str | None = None
    retained: bool = False
    forward_for: Hops | None = None
    origin: Origin | None = field(default=None, name="_origin")
    replayed: bool = field(default=False, name="_replayed")


class Event(Message, tag=36):
    subscription: Id
    publication: Id
    details: EventDetails
    args: Raw = EMPTY
    kwargs: Raw = EMPTY


# --- remote procedure calls --------------------------------------------------------------------------------------


class CallOptions(Passthru, frozen=True):
    receive_progress: bool = False
    timeout: Milliseconds = 0
    disclose_me: bool = False
    progress: bool = False
    forward_for: Hops | None = None


class Call(Message, tag=48):
    request: Id
    options: CallOptions
    procedure: str
    args: Raw = EMPTY
    kwargs: Raw = EMPTY


class CancelOptions(Attributes, frozen=True):
    mode: CancelMode = "killnowait"  # the spec names no default; this is Crossbar's


class Cancel(Message, tag=49):
    request: Id
    options: CancelOptions = CancelOptions()


class ResultDetails(Passthru, frozen=True):
    progress: bool = False


class Result(Message, tag=50):
    request: Id
    details: ResultDetails
    args: Raw = EMPTY
    kwargs: Raw = EMPTY


class RegisterOptions(Attributes, frozen=True):
    match: Match = "exact"
    invoke: Invoke = "single"
    concurrency: Annotated[int, Meta(ge=0)] | None = None
    disclose_caller: bool = False
    force_reregister: bool = False
    forward_timeout: bool = False


class Register(Message, tag=64):
    request: Id
    options: RegisterOptions
    procedure: str


class Registered(Message, tag=65):
    request: Id
    registration: Id


class Unregister(Message, tag=66):
    request: Id
    registration: Id


class RevokedRegistration(Attributes, frozen=True):
    registration: int | None = None
    reason: str | None = None


class Unregistered(Message, tag=67):
    request: RequestOrRevoked
    details: RevokedRegistration = RevokedRegistration()


class InvocationDetails(Passthru, frozen=True):
    receive_progress: bool = False
    timeout: int = 0
    caller: int | None = None
    caller_authid: str | None = None
    caller_authrole: str | None = None
    procedure: str | None = None
    progress: bool = False
    forward_for: Hops | None = None


class Invocation(Message, tag=68):
    request: Id
    registration: Id
    details: InvocationDetails
    args: Raw = EMPTY
    kwargs: Raw = EMPTY


class InterruptOptions(Attributes, frozen=True):
    mode: CancelMode | None = None
    reason: str | None = None


class Interrupt(Message, tag=69):
    request: Id
    options: InterruptOptions = InterruptOptions()


class YieldOptions(Passthru, frozen=True):
    progress: bool = False


class Yield(Message, tag=70):
    request: Id
    options: YieldOptions
    args: Raw = EMPTY
    kwargs: Raw = EMPTY


#: every message there is, by its code
MESSAGES: Final[dict[int, type[Message]]] = {
    int(kind.__struct_config__.tag or 0): kind
    for kind in (
        Hello, Welcome, Abort, Challenge, Authenticate, Goodbye, Error,
        Publish, Published, Subscribe, Subscribed, Unsubscribe, Unsubscribed, Event,
        Call, Cancel, Result, Register, Registered, Unregister, Unregistered, Invocation, Interrupt, Yield,
    )
}  # fmt: skip

#: the code of each message class
CODES: Final[dict[type[Message], int]] = {kind: code for code, kind in MESSAGES.items()}

#: messages that carry a payload in their last two fields
WITH_PAYLOAD: Final = frozenset({Error, Publish, Event, Call, Result, Invocation, Yield})
