"""The opening handshake of WebSocket, as far as this router has a say: origins and subprotocols.

`websockets` checks everything that RFC 6455 section 4.2.1 demands; what is decided here is who may connect (with
`origins`) and which encoding is spoken. No I/O.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, Final

from websockets.datastructures import Headers
from websockets.exceptions import InvalidHeader, InvalidOrigin, NegotiationError
from websockets.frames import Close, CloseCode, Frame, Opcode
from websockets.server import ServerProtocol
from websockets.typing import Origin, Subprotocol

from edge_router.config.schema import WebSocketOptions
from edge_router.transports.origins import OriginPolicy

_ASSUMED: Final = "wamp.2.json"
_NORMAL: Final = Close(CloseCode.NORMAL_CLOSURE, "").serialize()

#: `websockets` writes lines of its own about each connection; the router's log says what an operator needs
_SILENT: Final = logging.getLogger("edge_router.websocket")
_SILENT.setLevel(logging.CRITICAL)


class WampServerProtocol(ServerProtocol):
    """The server's end of one WebSocket, sans I/O.

    offered: the subprotocols that are spoken. origins: who may connect. options: of the transport. extensions: those
    offered (see `deflate`). Attribute `local`: the client runs on this machine.
    """

    local = False

    def __init__(
        self, offered: Sequence[str], origins: OriginPolicy, options: WebSocketOptions, extensions: Sequence[Any]
    ) -> None:
        super().__init__(
            extensions=extensions,
            max_size=options.max_message_size,
            logger=_SILENT,
        )
        self._offered = offered
        self._policy = origins
        # without a name it can only be the encoding that everybody speaks
        self._required = options.require_websocket_subprotocol or _ASSUMED not in offered

    def process_origin(self, headers: Headers) -> Origin | None:
        """Refuse (403) pages of other origins. Raises InvalidOrigin, InvalidHeader."""
        origins, hosts = headers.get_all("Origin"), headers.get_all("Host")
        if len(origins) > 1:
            raise InvalidHeader("Origin", "multiple values")
        if len(hosts) != 1:
            raise InvalidHeader("Host", "multiple values" if hosts else None)
        origin = origins[0] if origins else None
        if not self._policy.allows(origin, hosts[0], self.local):
            option = "allow_null_origin" if origin == "null" else "allowed_origins"
            raise InvalidOrigin(f"{origin}; `{option}` in the transport's options says which pages may connect")
        return None if origin is None else Origin(origin)

    def select_subprotocol(self, subprotocols: Sequence[Subprotocol]) -> Subprotocol | None:
        """The client's first that is spoken here; None if it names none and need not. Raises NegotiationError."""
        for subprotocol in subprotocols:
            if subprotocol in self._offered:
                return subprotocol
        spoken = ", ".join(self._offered)
        if subprotocols:
            named = ", ".join(subprotocols)[:80]
            raise NegotiationError(f"none of the subprotocols {named} is spoken here, but {spoken}")
        if self._required:
            raise NegotiationError(f"no subprotocol is named; here {spoken} can be spoken (Sec-WebSocket-Protocol)")
        return None

    def send_frame(self, frame: Frame) -> None:
        """A frame of the protocol's own. A close frame without a code, echoed, would be no clean end to autobahn-js in
        Node, which takes only 1000 for one; RFC 6455 section 5.5.1 leaves the code of an answer to us."""
        if frame.opcode is Opcode.CLOSE and not frame.data:
            frame = Frame(Opcode.CLOSE, _NORMAL)
        super().send_frame(frame)

    def dispose(self) -> None:
        """The connection is gone: leave no cycle behind. The parser refers to this; what went wrong, to frames that do,
        and the request to what was wrong with it."""
        self.parser.close()
        wrong: BaseException | None
        wrong, self.handshake_exc, self.parser_exc = self.handshake_exc, None, None
        while wrong is not None:
            wrong.__traceback__, wrong = None, wrong.__context__
