"""What the codecs take for the messages of the hot path: to read a PUBLISH or CALL and to write an EVENT or RESULT."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any

from edge_router.wamp.codecs import CODECS
from edge_router.wamp.messages import (
    Call,
    CallOptions,
    Event,
    EventDetails,
    Publish,
    PublishOptions,
    Result,
    ResultDetails,
)

from .results import Results

ROUNDS = 5
CALLS = 20_000
ARGS = ["x" * 32]
PUBLICATION = 2**52 + 1
"""An id of global scope: a random number of up to 53 bits, so nearly always a long one."""


def microseconds(function: Callable[[Any], object], argument: object) -> float:
    """The best of several rounds, for one call; the cost of the loop included."""
    times = []
    for _ in range(ROUNDS):
        began = perf_counter()
        for _ in range(CALLS):
            function(argument)
        times.append(perf_counter() - began)
    return min(times) / CALLS * 1e6


def measure(results: Results) -> None:
    """One row an encoding, in us."""
    table = [["encoding", "read PUBLISH", "read PUBLISH, acknowledged", "read CALL", "write EVENT", "write RESULT"]]
    for codec in CODECS.values():
        args = codec.dumps(ARGS)
        plain = codec.encode(Publish(1_000, PublishOptions(), "com.example.load", args))
        acknowledged = codec.encode(Publish(1_000, PublishOptions(acknowledge=True), "com.example.load", args))
        call = codec.encode(Call(1_000, CallOptions(), "com.example.echo", args))
        event = Event(7, PUBLICATION, EventDetails(), args)
        result = Result(1_000, ResultDetails(), args)
        row = [microseconds(codec.decode, frame) for frame in (plain, acknowledged, call)]
        row += [microseconds(codec.encode, message) for message in (event, result)]
        table.append([codec.name, *(f"{value:.2f}" for value in row)])
    results.texts["Codecs, us a message"] = table
