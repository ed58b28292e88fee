"""Web services that act in a realm: HTTP requests that become events and calls. Loaded when one of them is named."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_network
from typing import Annotated, Any, Literal

from msgspec import Meta, field

from edge_router.config.problems import Path, Problem
from edge_router.config.schema.logins import Auth, Secret
from edge_router.config.schema.section import Count, Millis, Section
from edge_router.config.schema.transports import Limits, Serializers, all_serializers
from edge_router.config.uris import uri_problem

BodyLimit = Annotated[int, Meta(ge=0, le=1_048_576)]
"""Bytes of a body; 0 stands for the most."""


class RequestKey(Section):
    """Who may sign requests. secret: known to both sides. role: that its requests have; left out, the service's."""

    secret: Secret
    role: str | None = None


class HttpBridgeOptions(Section):
    """Options of `publisher` and `caller`.

    key, secret: if given, requests must be signed with them (HMAC-SHA256). keys: further keys, by name, each with a
    role of its own. timestamp_delta_limit: seconds by which the time of a signed request may differ from this node's; a
    request is taken once within it. 0: neither its time nor whether it came before is looked at.
    post_body_limit: bytes of a request's body; 0: 1 MiB, the most. timeout: milliseconds that a call may take; 0: any
    time. require_ip: networks that requests may come from, such as `192.168.0.0/16`. require_tls: refuse requests that
    came without. allowed_origins: pages of other origins that may send requests, `*` as wildcard; left out, only pages
    from this very host and port, which a list has to name, too. error_style: `http` answers errors with a fitting
    status, `crossbar` with 200.
    """

    key: Annotated[str, Meta(min_length=1)] | None = None
    secret: Secret | None = None
    keys: dict[str, RequestKey] = {}
    timestamp_delta_limit: Annotated[int, Meta(ge=0, le=86_400)] = 300
    post_body_limit: BodyLimit = 0
    timeout: Millis = 30_000
    require_ip: list[str] = []
    require_tls: bool = False
    allowed_origins: list[str] | None = None
    error_style: Literal["http", "crossbar"] = "http"

    def judged(self, path: Path, _whole: Any) -> Iterator[Problem]:
        """See `check`."""
        if (self.key is None) != (self.secret is None):
            missing = "key" if self.key is None else "secret"
            yield Problem((*path, missing), "missing; requests are signed with `key` and `secret` together")
        if self.key in self.keys:
            yield Problem((*path, "keys", self.key), "the same name as `key`; give each its own")
        for place, network in enumerate(self.require_ip):
            try:
                ip_network(network, strict=False)
            except ValueError:
                yield Problem((*path, "require_ip", place), f"{network!r} is no network, such as 192.168.0.0/16")


def _acts(service: Any, path: Path, whole: Any) -> Iterator[Problem]:
    yield from whole.joins(service.realm, service.role, path)
    for name, key in service.options.keys.items():
        if key.role is not None:
            yield from whole.joins(service.realm, key.role, (*path, "options", "keys", name))


class PublisherPath(Section, tag="publisher"):
    """A POST with a topic and a payload in JSON becomes an event.

    realm, role: where it is published, and whose permissions apply. options: details.
    """

    realm: str
    role: str
    options: HttpBridgeOptions = field(default_factory=HttpBridgeOptions)

    judged = _acts


class CallerPath(Section, tag="caller"):
    """A POST with a procedure and a payload in JSON becomes a call; the answer is its result.

    realm, role: where it is called, and whose permissions apply. options: details.
    """

    realm: str
    role: str
    options: HttpBridgeOptions = field(default_factory=HttpBridgeOptions)

    judged = _acts


class WebhookOptions(Section):
    """Options of `webhook`.

    topic: where the requests are published. success_response: the body of the answer (202) to one that was.
    error_response: of the answer (500) to one that was not. github_secret: if given, requests must be signed with it,
    as GitHub does (`X-Hub-Signature-256`). github_sha1: take GitHub's older signature as well (`X-Hub-Signature`).
    post_body_limit: bytes of a request's body; 0: 1 MiB, the most. allowed_origins: pages of other origins that may
    send requests, `*` as wildcard; left out, only pages from this very host and port, which a list has
    to name, too.
    """

    topic: str
    success_response: str = "OK"
    error_response: str = "NOT OK"
    github_secret: Secret | None = None
    github_sha1: bool = False
    post_body_limit: BodyLimit = 0
    allowed_origins: list[str] | None = None

    def judged(self, path: Path, _whole: Any) -> Iterator[Problem]:
        """See `check`."""
        wrong = uri_problem(self.topic)
        if wrong:
            yield Problem((*path, "topic"), wrong)
        if self.github_sha1 and self.github_secret is None:
            yield Problem((*path, "github_sha1"), "no effect without `github_secret`; give that, too")


class WebhookPath(Section, tag="webhook"):
    """A POST of anything becomes an event whose one argument has its `headers` and its `body`.

    realm, role: where it is published, and whose permissions apply. options: details.
    """

    realm: str
    role: str
    options: WebhookOptions

    def judged(self, path: Path, whole: Any) -> Iterator[Problem]:
        """See `check`."""
        yield from whole.joins(self.realm, self.role, path)


class LongPollOptions(Section):
    """Options of `longpoll`.

    request_timeout: seconds a request for messages is kept waiting. session_timeout: seconds without a request after
    which a session is over; 0: never. queue_limit_bytes: bytes that wait for a client; over it `slow_reader` of the
    limits says what happens. max_sessions: at one time. max_message_size: bytes of a request's body.
    allowed_origins: pages of other origins that may connect, `*` as wildcard; left out, only pages from this very host
    and port, which a list has to name, too.
    """

    request_timeout: Annotated[int, Meta(ge=1, le=86_400)] = 10
    session_timeout: Annotated[int, Meta(ge=0, le=86_400)] = 30
    queue_limit_bytes: Annotated[int, Meta(ge=4096)] = 131_072
    max_sessions: Count = 100
    max_message_size: Annotated[int, Meta(ge=512, le=16_777_216)] = 1_048_576
    allowed_origins: list[str] | None = None


class LongPollPath(Section, tag="longpoll"):
    """WAMP over HTTP long-polling, for clients that get no WebSocket through.

    serializers: the encodings offered. options: details. auth: how clients log in. limits: what one session may hold.
    """

    serializers: Serializers = field(default_factory=all_serializers)
    options: LongPollOptions = field(default_factory=LongPollOptions)
    auth: Auth | None = None
    limits: Limits = field(default_factory=Limits)
