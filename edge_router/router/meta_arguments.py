"""The arguments of a meta procedure: the only payloads that the router reads.

Each may come by position or by name, as callers are used to from functions; null is the same as left out. (Spec, "Meta
API".)
"""

from __future__ import annotations

from typing import Any, Final, TypeVar, cast, get_args

import msgspec

from edge_router.wamp.codecs import Codec
from edge_router.wamp.codecs.codec import whole
from edge_router.wamp.errors import INVALID_ARGUMENT, INVALID_URI, TranscodeError, WampError
from edge_router.wamp.messages import Call, Match
from edge_router.wamp.uris import is_valid

T = TypeVar("T")

#: characters of a text that the router passes on to other sessions, which may take short messages only
MAX_TEXT: Final = 1024


class Arguments:
    """What a caller gave.

    call: with its payload in the encoding `codec`. Raises WampError `invalid_argument` if that has no form here.
    """

    __slots__ = ("_args", "_kwargs", "size")

    def __init__(self, call: Call, codec: Codec) -> None:
        #: octets of the payload
        self.size = len(bytes(call.args)) + len(bytes(call.kwargs))
        try:
            self._args: list[Any] = codec.loads(call.args) if call.args else []
            self._kwargs: dict[Any, Any] = codec.loads(call.kwargs) if call.kwargs else {}
        except TranscodeError as problem:
            raise WampError(INVALID_ARGUMENT, str(problem)) from None

    def find(self, at: int, name: str, kind: type[T]) -> T | None:
        """An argument that may be left out. Raises WampError `invalid_argument` if it is of another kind."""
        value = self._args[at] if at < len(self._args) else self._kwargs.get(name)
        if value is None:
            return None
        try:
            return msgspec.convert(whole(value) if type(value) is float else value, kind)
        except msgspec.ValidationError as problem:
            raise WampError(INVALID_ARGUMENT, f"argument '{name}': {problem}") from None

    def need(self, at: int, name: str, kind: type[T]) -> T:
        """An argument that must be there. Raises WampError `invalid_argument`."""
        value = self.find(at, name, kind)
        if value is None:
            raise WampError(INVALID_ARGUMENT, f"argument '{name}' is missing (number {at + 1})")
        return value

    def match(self, at: int) -> Match:
        """The matching policy in `options`, as in SUBSCRIBE and REGISTER. Raises WampError `invalid_argument`."""
        found = (self.find(at, "options", dict) or {}).get("match", "exact")
        if found not in get_args(Match):
            raise WampError(INVALID_ARGUMENT, f"option 'match' must be one of {', '.join(get_args(Match))}")
        return cast(Match, found)

    def uri(self, at: int, name: str) -> str:
        """The URI of a topic or procedure. Raises WampError `invalid_argument` or `invalid_uri`."""
        uri = self.need(at, name, str)
        if not is_valid(uri):
            raise WampError(INVALID_URI, f"argument '{name}': {uri[:80]!r} is no URI")
        return uri

    def reason(self, at: int, default: str) -> str:
        """The URI `reason` for a farewell. Raises WampError `invalid_argument` or `invalid_uri`."""
        return default if self.find(at, "reason", str) is None else self.uri(at, "reason")

    def text(self, at: int, name: str) -> str | None:
        """A text for other sessions. Raises WampError `invalid_argument`."""
        text = self.find(at, name, str)
        if text is not None and len(text) > MAX_TEXT:
            raise WampError(INVALID_ARGUMENT, f"argument '{name}' has {len(text)} characters, at most {MAX_TEXT}")
        return text


