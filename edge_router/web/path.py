"""Services by path: the tree that `paths` of the configuration describe.

The first part of the path names an entry; whatever is not named goes to `/`, if there is one. So the longest path
wins.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from edge_router import registry
from edge_router.config.schema import NestedPath
from edge_router.transports.host import Host
from edge_router.web.request import WebRequest

ROOT = "/"


class NestedService:
    """Paths below a path (`type: path`), and those of a `web` transport itself.

    config: its `paths`, each with the configuration of a web service. host: the node.
    """

    def __init__(self, config: NestedPath, host: Host) -> None:
        self.services: dict[str, Any] = {}
        try:
            for path, service in config.paths.items():
                self.services[path] = registry.part_class("webservice", service)(service, host)
        except BaseException:
            self.stop()
            raise

    def find(self, rest: tuple[str, ...]) -> tuple[Any, tuple[str, ...]]:
        """Who answers at a path, and what of the path is left; this itself if nobody does."""
        service = self.services.get(rest[0]) if rest and rest[0] else None
        if service is not None:
            rest = rest[1:]
        else:
            service = self.services.get(ROOT, self)
        return service.find(rest) if service is not self and hasattr(service, "find") else (service, rest)

    def answer(self, request: WebRequest, rest: tuple[str, ...]) -> None:  # noqa: ARG002 - as all services
        """There is nothing: 404."""
        request.page(HTTPStatus.NOT_FOUND, "There is nothing at this path.")

    def stop(self) -> None:
        """The transport ends."""
        for service in self.services.values():
            if hasattr(service, "stop"):
                service.stop()
