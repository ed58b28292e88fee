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
from edge_router.web.channel import Service, WebRequest

ROOT = "/"


class NestedService:
    """Paths below a path (`type: path`), and those of a `web` transport itself.

    config: its `paths`, each with the configuration of a web service. host: the node.
    """

    def __init__(self, config: NestedPath, host: Host) -> None:
        self.services: dict[str, Service] = build(config.paths, host)

    def answer(self, request: WebRequest, rest: tuple[str, ...]) -> None:
        """Let the service at the path answer; 404 if there is none."""
        service = self.services.get(rest[0]) if rest and rest[0] else None
        if service is not None:
            service.answer(request, rest[1:])
        elif ROOT in self.services:
            self.services[ROOT].answer(request, rest)
        else:
            request.page(HTTPStatus.NOT_FOUND, "There is nothing at this path.")


def build(paths: dict[str, Any], host: Host) -> dict[str, Service]:
    """The services that `paths` names, by path."""
    return {path: registry.part_class("webservice", config)(config, host) for path, config in paths.items()}
