"""Bridges: what is no WAMP client, such as a sensor on a serial line, becomes topics and procedures.

One folder a bridge; what several share stands beside them. A bridge knows `edge_router.config` and
`edge_router.client` and nothing else of the router, so it could as well run in a process of its own.
"""
