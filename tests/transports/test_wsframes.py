"""Frames: what is cut out by hand is what `websockets` would have made of it, in the same order."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from edge_router.transports.wsframes import binary_frame, text_frame, whole_messages
from edge_router.wamp.codecs import CODECS
from edge_router.wamp.messages import Hello, HelloDetails
from tests.transports.test_websocket import Port, frame, head

SIZES = [0, 1, 125, 126, 65_535, 65_536, 70_000]


@pytest.mark.parametrize("size", SIZES)
def test_frames_are_those_of_websockets(size: int) -> None:
    """Octet for octet, in all three lengths."""
    payload = b"x" * size
    assert text_frame(payload) == Frame(Opcode.TEXT, payload).serialize(mask=False)
    assert binary_frame(payload) == Frame(Opcode.BINARY, payload).serialize(mask=False)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("binary", [True, False])
def test_a_whole_message_is_cut_off_and_unmasked(size: int, binary: bool) -> None:
    """Up to 64 KiB; longer ones, and those too short to be worth it, are left to the parser."""
    payload = bytes(range(256)) * (size // 256 + 1)
    sent = Frame(Opcode.BINARY if binary else Opcode.TEXT, payload[:size]).serialize(mask=True)
    messages, rest = whole_messages(sent, binary, 100_000)
    assert (messages, rest) == (([payload[:size]], b"") if 1 < size < 65_536 else ([], sent))


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"\x81",
        frame(0x81, b"hello")[:-1],
        frame(0x01, b"hello"),
        frame(0x82, b"hello"),
        frame(0xC1, b"hello"),
        frame(0x89, b"hello"),
        b"\x81\x05hello..",
        frame(0x81, b"x" * 1001),
        b"\x81\xff" + bytes(8),
    ],
)
def test_whatever_is_out_of_the_ordinary_is_left(sent: bytes) -> None:
    """Incomplete, fragmented, of the other kind, compressed, a ping, not masked, too long."""
    good = frame(0x81, b"good")
    assert whole_messages(good + good + sent, False, 1000) == ([b"good", b"good"], sent)


HELLOS = [Hello(f"realm{i}", HelloDetails(roles={"caller": {}}, authid="x" * (i * 40))) for i in range(8)]


@st.composite
def conversations(draw: st.DrawFn) -> tuple[str, list[Hello], list[bytes]]:
    """Messages whole, fragmented and with pings in between, and the pieces they arrive in."""
    codec = CODECS[draw(st.sampled_from(["json", "msgpack", "cbor"]))]
    first = 0x82 if codec.binary else 0x81
    messages = draw(st.lists(st.sampled_from(HELLOS), max_size=8))
    data = b""
    for message in messages:
        payload = codec.encode(message)
        cut = draw(st.none() | st.integers(0, len(payload)))
        if cut is None:
            data += frame(first, payload)
        else:
            data += frame(first & 0x0F, payload[:cut]) + frame(0x89, b"ping") + frame(0x80, payload[cut:])
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=8)))
    pieces = [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    return codec.subprotocol, messages, pieces


@given(conversations())
def test_messages_arrive_in_order_however_they_are_cut(conversation: tuple[str, list[Any], list[bytes]]) -> None:
    """Whether by the short way or by the parser's: each once, none twice, none lost."""
    subprotocol, messages, pieces = conversation
    port = Port()
    transport = port.connect()
    transport.protocol.dataReceived(head(Sec_WebSocket_Protocol=subprotocol))
    for piece in pieces:
        if piece:
            transport.protocol.dataReceived(piece)
    assert port.node.sessions[0].messages == messages
    assert port.node.sessions[0].violations == []
