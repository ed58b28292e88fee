"""A session from the other end: what bridges, uplinks, commands and programs inside the node use to publish and call.

`session` is the API; `local` joins a realm of this very process, through the same permissions as everybody else;
`connect` joins one of another router. How to reach it and how to log in there is declared in
`config.schema.connecting`; why it did not come about is one of `failures`.
"""

from edge_router.client.session import Session
from edge_router.client.values import CallError, Invoked, Received, Registration, Result, Subscription

__all__ = ["CallError", "Invoked", "Received", "Registration", "Result", "Session", "Subscription"]
