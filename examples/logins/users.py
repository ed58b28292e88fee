"""Users in a JSON file that is read anew at each login, so that nobody has to restart the router for a new one.

    {"joe": {"role": "operator", "secret": "correct horse"}}

The router imports this module from its node directory and calls `create` when it starts. What `authenticate` raises
with an attribute `error` refuses the client (autobahn's ApplicationError is such); all else is a bug, and is logged.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any


class Refused(Exception):
    """Refuses a client. The text is what it is told."""

    error = "com.example.error.no_such_user"


def create(config: dict[str, Any], _controller: None) -> Callable[..., dict[str, Any]]:
    """The factory. config: as in config.yaml."""
    path = Path(__file__).parent / config["file"]

    def authenticate(realm: str | None, authid: str | None, details: dict[str, Any]) -> dict[str, Any]:
        users: dict[str, dict[str, Any]] = json.loads(path.read_text())
        if authid not in users:
            raise Refused("who is that?")
        return {**users[authid], "extra": {"greeting": f"hello {authid}"}}

    return authenticate
