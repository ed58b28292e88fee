"""The other end of a session over a Twisted stream transport: bytes out, bounded.

What is sent while one read is handled collects in `_frames` and leaves in one write (`flush`, by the `Outbox`). When
the transport says that its own buffer is full, frames wait here instead, in a bounded queue; over the bound the oldest
events go first (`drop_oldest`) or the session ends (`close`), and what belongs to a call is never dropped: the session
ends instead. So the memory a peer can take is the transport's buffer, one read's worth of frames, and the bound.

Nothing here knows WAMP rules or framings; `websocket` and `rawsocket` make the frames.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Final

from twisted.logger import Logger

from edge_router.config.schema import Limits
from edge_router.router.interfaces import Counts, ReceivingSession, TransportDetails
from edge_router.transports.outbox import Outbox
from edge_router.wamp.codecs import Codec
from edge_router.wamp.errors import (
    CLOSE_SLOW_READER,
    INVALID_PAYLOAD,
    PAYLOAD_SIZE_EXCEEDED,
    UNAVAILABLE,
    ProtocolViolation,
    TranscodeError,
    WampError,
)
from edge_router.wamp.messages import Error, Message
from edge_router.wamp.outgoing import Outgoing, Wire
from edge_router.wamp.payload import transcode

#: seconds the last frames of a session have to leave before the connection is cut
LINGER: Final = 5.0
#: octets handed to the transport at a time when it takes frames again
CHUNK: Final = 65_536


#: the backlog of a peer that reads; a deque of its own would cost every peer 760 octets
_NOTHING: Final[deque[tuple[bytes, bool]]] = deque(maxlen=0)


class StreamPeer:
    """One connected peer.

    transport: Twisted's. wire: encoding and framing. outbox: collects peers to flush. limits: `send_queue` and
    `slow_reader` count here. details: how it is connected. clock: for the time the last frames have. max_frame: octets
    of the longest frame the peer takes. finish: begins the end of the connection once everything has left; it closes
    the transport unless given.
    """

    __slots__ = (
        "_admitted",
        "_backlog",
        "_closing",
        "_deadline",
        "_finish",
        "_frames",
        "_gone",
        "_held",
        "_held_events",
        "_limits",
        "_misfit",
        "_outbox",
        "_overflowing",
        "_paused",
        "_touched",
        "_transport",
        "_write",
        "avoided",
        "clock",
        "codec",
        "counts",
        "details",
        "dropped",
        "max_frame",
        "session",
        "wire",
    )

    log = Logger(namespace="edge_router.transport")

    def __init__(
        self,
        transport: Any,
        wire: Wire,
        outbox: Outbox,
        limits: Limits,
        details: TransportDetails,
        clock: Any,
        max_frame: int = 2**31,
        finish: Callable[[], object] | None = None,
    ) -> None:
        self.wire = wire
        self.codec = wire.codec
        self.details = details
        self.dropped = 0
        #: messages and octets; the transport counts what comes, this what leaves
        self.counts = Counts()
        self.clock = clock
        self.max_frame = max_frame
        #: whether it is not read from just now
        self.avoided = False
        #: octets of the longest frame that goes the short way: `max_frame`, and none while the peer does not read
        self._admitted = max_frame
        #: set by the transport right after it has opened the session
        self.session: ReceivingSession | None = None
        self._transport = transport
        self._write: Callable[[bytes], None] = transport.write
        self._outbox = outbox
        self._limits = limits
        self._frames: list[bytes] = []
        self._touched = False
        self._paused = False
        self._closing = False
        self._gone = False
        self._deadline: Any = None
        self._finish: Callable[[], object] = finish or transport.loseConnection
        self._overflowing = False
        self._misfit: ProtocolViolation | None = None
        self._backlog = _NOTHING
        #: octets that wait, and those among them that may be dropped
        self._held = self._held_events = 0
        transport.registerProducer(self, True)

    # --- what the session calls --------------------------------------------------------------------------------

    def send(self, outgoing: Outgoing) -> None:
        """Hand over an EVENT; see `router.interfaces.Peer`."""
        try:
            data = outgoing.data if outgoing.wire is self.wire else outgoing.frame(self.wire)
        except TranscodeError:
            self._drop(1)
            return
        if len(data) > self._admitted:
            self._send_slowly(data)
            return
        self._frames.append(data)
        if not self._touched:  # `_flush_soon`, without the call: this is done for every event
            self._touched = True
            self._outbox.touch(self)

    def _send_slowly(self, data: bytes) -> None:
        """An event that is longer than the peer takes, or comes while it does not read."""
        if len(data) > self.max_frame or self._closing:
            self._drop(1)
        else:
            self._hold(data, True)

    def deliver(self, message: Message, source: Codec, refusable: bool = False) -> None:
        """Hand over a message of a call; see `router.interfaces.Peer`. Raises WampError."""
        codec = self.codec
        try:
            data = self.wire.framing(
                codec.encode(message if source is codec else transcode(message, source, codec))
            )
        except TranscodeError as problem:
            raise WampError(INVALID_PAYLOAD, str(problem)) from None
        if len(data) > self.max_frame:
            raise WampError(
                PAYLOAD_SIZE_EXCEEDED, f"a message of {len(data)} octets; the receiver takes {self.max_frame}"
            )
        if refusable and self._paused and self._held + len(data) > self._limits.send_queue:
            raise WampError(UNAVAILABLE, "the callee does not read what it is sent")
        if self._paused or not self._touched:
            self.send_data(data)
        else:
            self._frames.append(data)

    def send_message(self, message: Message) -> None:
        """Hand over a message for this peer alone."""
        data = self.wire.framing(self.codec.encode(message))
        if len(data) > self.max_frame:
            self._send_shortened(message, len(data))
        else:
            self.send_data(data)

    def _send_shortened(self, message: Message, size: int) -> None:
        """An ERROR counts without its payload; without any other message there can be no session."""
        if isinstance(message, Error) and (message.args or message.kwargs):
            self.send_message(Error(message.kind, message.request, message.details, message.uri))
        elif self._misfit is None:
            kind = type(message).__name__.upper()
            text = f"a {kind} of {size} octets; this client takes {self.max_frame}, too little for a session"
            self._misfit = ProtocolViolation(text)
            self._end_soon()

    def send_data(self, data: bytes) -> None:
        """Hand over a frame that must not be dropped."""
        if self._paused:
            self._hold(data, False)
            return
        self._frames.append(data)
        self._flush_soon()

    def _flush_soon(self) -> None:
        if not self._touched:
            self._touched = True
            self._outbox.touch(self)

    def close(self) -> None:
        """End the connection once everything has left, or `LINGER` seconds later whatever has not."""
        if not self._closing:
            self._closing = True
            self._flush_soon()

    def send_control(self, data: bytes) -> None:
        """Hand over a frame of the transport's own, which is no message."""
        self.counts.messages_sent -= 1
        self.counts.bytes_sent -= len(data)
        self.send_data(data)

    @property
    def waiting(self) -> int:
        """Octets that wait until it reads."""
        return self._held

    def counted(self) -> Counts:
        """See `router.statistics.Counted`."""
        counts, frames = self.counts, self._frames
        return Counts(
            counts.messages_received,
            counts.bytes_received,
            counts.messages_sent + len(frames),
            counts.bytes_sent + sum(map(len, frames)),
        )

    def stop_reading(self) -> None:
        """Take nothing more from it; see `router.interfaces.Throttled`."""
        self.avoided = True
        self._transport.pauseProducing()

    def read_on(self) -> None:
        """Take what it says again."""
        self.avoided = False
        if not self._gone:
            self._transport.resumeProducing()

    # --- what the outbox calls ---------------------------------------------------------------------------------

    def flush(self) -> None:
        """Write what was sent since the last flush, in one piece."""
        self._touched = False
        frames = self._frames
        if frames:
            data = frames[0] if len(frames) == 1 else b"".join(frames)
            counts = self.counts
            counts.messages_sent += len(frames)
            counts.bytes_sent += len(data)
            frames.clear()
            self._write(data)
        if self._overflowing:
            self._end_session()
        if self._closing:
            self._end()

    def _end(self) -> None:
        """Close the connection when nothing waits any more; whatever waits for `LINGER` is given up."""
        if self._gone:
            return
        if self._deadline is None:
            self._deadline = self.clock.callLater(LINGER, self._cut)
        if not self._backlog:
            self._transport.unregisterProducer()
            self._finish()

    def _cut(self) -> None:
        self._transport.abortConnection()

    def gone(self) -> None:
        """The connection is lost (told by the transport): nothing can leave any more."""
        self._gone = self._closing = True
        self._pause()
        self._forget_backlog()
        deadline, self._deadline = self._deadline, None
        if deadline is not None and deadline.active():
            deadline.cancel()

    # --- slow readers ------------------------------------------------------------------------------------------

    def pauseProducing(self) -> None:
        """The transport's buffer is full: hold frames here from now on."""
        self._pause()

    def _pause(self) -> None:
        self._paused = True
        self._admitted = 0

    def resumeProducing(self) -> None:
        """The transport's buffer is empty: hand over what waits, a chunk at a time."""
        self._paused = False
        self._admitted = self.max_frame
        backlog = self._backlog
        while backlog and not self._paused:
            chunk, size = [], 0
            while backlog and size < CHUNK:
                data, droppable = backlog.popleft()
                chunk.append(data)
                size += len(data)
                if droppable:
                    self._held_events -= len(data)
            self._held -= size
            self.counts.messages_sent += len(chunk)
            self.counts.bytes_sent += size
            self._write(b"".join(chunk))
        if not backlog:
            self._backlog = _NOTHING
        if self._closing and not backlog:
            self._flush_soon()

    def stopProducing(self) -> None:
        """The transport is done for; `gone` follows."""
        self._pause()

    def _hold(self, data: bytes, droppable: bool) -> None:
        bound = self._limits.send_queue
        if self._overflowing or (self._closing and (droppable or self._held > bound)):
            return  # the session is over; what else there is (PONGs) must not outgrow the bound
        drops = self._limits.slow_reader == "drop_oldest"
        if drops and droppable and self._held + len(data) > bound and self._held_events < bound // 4:
            self._drop(1)  # answers fill the queue: to look through them all for each event would cost everybody time
            return
        if self._backlog is _NOTHING:
            self._backlog = deque()
        self._backlog.append((data, droppable))
        self._held += len(data)
        if droppable:
            self._held_events += len(data)
        if self._held > bound:
            if drops and self._held_events:
                self._drop_oldest()
            if self._held > bound and not self._closing:
                self._end_soon()

    def _end_soon(self) -> None:
        """Not here and now: the sender may be in the middle of a loop over sessions."""
        self._overflowing = True
        self._flush_soon()

    def _drop_oldest(self) -> None:
        """Drop events from the oldest until a quarter of the bound is free, so that this is rarely done."""
        excess = self._held - self._limits.send_queue * 3 // 4
        kept: deque[tuple[bytes, bool]] = deque()
        dropped = 0
        for data, droppable in self._backlog:
            if droppable and excess > 0:
                excess -= len(data)
                self._held -= len(data)
                self._held_events -= len(data)
                dropped += 1
            else:
                kept.append((data, droppable))
        self._backlog = kept
        self._drop(dropped)

    def _forget_backlog(self) -> None:
        self._backlog = _NOTHING
        self._held = self._held_events = 0

    @property
    def _who(self) -> dict[str, Any]:
        """For the log."""
        return {"peer": self.details.peer, "session": self.session.id if self.session is not None else 0}

    def _drop(self, count: int) -> None:
        if not self.dropped:
            self.log.warn("{peer}: reads too slowly, or cannot take an event: dropping", **self._who)
        self.dropped += count
        self._outbox.dropped += count

    def _end_session(self) -> None:
        """It cannot go on: the peer reads too slowly, or takes too little."""
        self._overflowing = False
        if self._misfit is not None:
            self.log.warn("{peer}: {problem}: closing", problem=self._misfit.message, **self._who)
            if self.session is not None:
                self.session.violated(self._misfit)
            return
        self._forget_backlog()
        self.log.warn("{peer}: does not read what it is sent: closing", **self._who)
        if self.session is not None:
            self.session.goodbye(CLOSE_SLOW_READER, "this session did not read what it was sent")
        self._closing = True
