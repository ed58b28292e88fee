"""The `publisher` service: `{"topic": ..., "args": [...], "kwargs": {...}, "options": {...}}` is published."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from twisted.internet.defer import Deferred

from edge_router.client.session import Session
from edge_router.config.schema.webrealm import PublisherPath
from edge_router.transports.host import Host
from edge_router.wamp.messages import PublishOptions
from edge_router.web.bridge import BridgeService, Malformed, Payload, payload_of


class _Publication(Payload, kw_only=True):
    topic: str
    options: PublishOptions = PublishOptions()


_DECODER: Final = msgspec.json.Decoder(_Publication)


class PublisherService(BridgeService):
    """Requests that are events (`type: publisher`). The answer is `{"id": publication}`, once the router has it."""

    def __init__(self, config: PublisherPath, host: Host) -> None:
        super().__init__(config, host, "publisher")

    def act(self, session: Session, body: bytes) -> Deferred[Any]:
        """See `BridgeService`."""
        try:
            wanted = _DECODER.decode(body)
        except (msgspec.DecodeError, RecursionError) as problem:
            raise Malformed(f"the body is no publication in JSON: {problem}") from None
        args, kwargs = payload_of(wanted)
        options = {**msgspec.structs.asdict(wanted.options), "acknowledge": True}
        published = session.publish(wanted.topic, args, kwargs, **options)
        assert published is not None
        return published.addCallback(lambda publication: {"id": publication})
