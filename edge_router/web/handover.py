"""A request as the resources of twisted.web know it: for services that are such resources, or stand on one.

Only these load `twisted.web.server`, which costs 4 MB.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any

from twisted.python.failure import Failure
from twisted.web.resource import IResource, getChildForRequest
from twisted.web.server import Request, Site

from edge_router.web.request import WebRequest


class ResourceRequest(Request):
    """A request of twisted.web.server, made of one of ours and in its place."""

    ours: WebRequest
    site: Site

    def process(self) -> None:
        """Find the resource, and let it answer. Unlike Twisted's own, it does not tell the server's version."""
        rest = self.ours.rest
        parts = self.path.lstrip(b"/").split(b"/") if self.path.strip(b"/") or rest else []
        self.prepath = parts[: len(parts) - len(rest)]
        self.sitepath = list(self.prepath)
        self.postpath = [part.encode("utf-8", "surrogateescape") for part in rest]
        try:
            self.render(getChildForRequest(self.site.resource, self))
        except Exception:  # noqa: BLE001 - the resource's mistake must not take the connection's other requests along
            self.processingFailed(Failure())

    def finish(self) -> None:
        """The answer is complete."""
        self.ours.code, self.ours.sentLength = self.code, self.sentLength
        self.ours.ended()
        super().finish()

    def connectionLost(self, reason: Failure) -> None:
        """The client is gone."""
        self.ours.release()
        super().connectionLost(reason)


def hand_over(request: WebRequest, site: Site) -> None:
    """Let a resource answer. site: has it as its `resource`."""
    channel: Any = request.channel
    channel.site = site  # where Twisted's own channels have it
    other = ResourceRequest(channel)
    other.ours = request
    other.site = site
    other.requestHeaders = request.requestHeaders
    other.responseHeaders = request.responseHeaders
    other.received_cookies = request.received_cookies
    body = request.body
    other.content = BytesIO(body)
    other.content.seek(0, 2)
    channel.requests[channel.requests.index(request)] = other
    other.requestReceived(request.method, request.uri, request.clientproto)


def site_of(resource: Any, reactor: Any) -> Site:
    """What holds a resource. Raises TypeError if it is none."""
    if not IResource.providedBy(resource):
        raise TypeError(f"{resource!r} is no resource of twisted.web")
    site = Site(resource, reactor=reactor)
    site.displayTracebacks = False
    return site
