"""The `resource` service: a resource of twisted.web that somebody has written."""

from __future__ import annotations

import inspect
from typing import Any

from edge_router import registry
from edge_router.config.schema.webcode import ResourcePath
from edge_router.transports.host import Host
from edge_router.transports.listen import CannotListen
from edge_router.web.handover import hand_over, site_of
from edge_router.web.request import WebRequest


class ResourceService:
    """A resource, and its children (`type: resource`). Raises CannotListen if it cannot be made."""

    methods = None

    def __init__(self, config: ResourcePath, host: Host) -> None:
        self.max_body = config.post_body_limit
        try:
            module, _, name = config.classname.rpartition(".")
            resource = _made(registry.load(f"{module}:{name}"), config.extra)
            self._site = site_of(resource, host.reactor)
        except Exception as problem:  # other people's code may raise anything
            raise CannotListen(f"web: the resource {config.classname}: {problem!r}") from problem

    def answer(self, request: WebRequest, rest: tuple[str, ...]) -> None:  # noqa: ARG002 - the request has it
        """Let the resource answer."""
        hand_over(request, self._site)


def _made(cls: Any, extra: Any) -> Any:
    """An instance, with `extra` as its constructor takes it; without one, Crossbar's `{}` for those that want any."""
    if extra is None:
        return cls() if _takes(cls) else cls({})
    if _takes(cls, extra):
        return cls(extra)
    made = cls()
    made.extra = extra
    return made


def _takes(cls: Any, *arguments: Any) -> bool:
    try:
        inspect.signature(cls).bind(*arguments)
    except TypeError:
        return False
    return True
