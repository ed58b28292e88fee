"""A function authenticator, as an operator puts it into the node directory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class ApplicationError(Exception):
    """As autobahn's, without autobahn."""

    def __init__(self, error: str, *args: Any) -> None:
        super().__init__(*args)
        self.error = error


def create(config: dict[str, Any], _controller: None) -> Callable[..., Any]:
    """The factory. config: `users`: authmethod -> authid -> what it gives."""

    async def authenticate(_realm: str | None, authid: str | None, details: dict[str, Any]) -> dict[str, Any]:
        known = config["users"][details["authmethod"]]
        user: dict[str, Any] | None = known.get("*") or known.get(authid)
        if user is None or user.get("ticket") != details.get("ticket"):
            raise ApplicationError("com.example.error.no_such_user")
        return user

    return authenticate
