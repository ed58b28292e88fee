"""The `router` worker: a router with its realms, and the transports that clients come in by, in the node's process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, DeferredList
from twisted.logger import Logger

from edge_router import registry
from edge_router.config.schema import Auth, Limits
from edge_router.config.schema import RouterWorker as RouterConfig
from edge_router.router.interfaces import Authenticator, Clock, Peer
from edge_router.router.router import Router
from edge_router.router.session import RouterSession
from edge_router.transports.host import Host, Transport
from edge_router.transports.outbox import Outbox
from edge_router.wamp.errors import CLOSE_SYSTEM_SHUTDOWN
