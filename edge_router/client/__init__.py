"""A session from the other end: what bridges, uplinks and programs inside the node use to publish, call and serve.

`session` is the API; `local` joins a realm of this very process, through the same permissions as everybody else.
"""

from edge_router.client.session import Session
from edge_router.client.values import CallError, Invoked, Received, Registration, Result, Subscription

__all__ = ["CallError", "Invoked", "Received", "Registration", "Result", "Session", "Subscription"]
