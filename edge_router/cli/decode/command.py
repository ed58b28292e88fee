"""`edge-router decode`: what a serial bridge would make of bytes, live, without a router."""

from __future__ import annotations

import argparse
import sys
from contextlib import closing, suppress

from bridges.serial.config import SerialConfig
from bridges.serial.recording import BadRecording
from edge_router.cli.decode.intake import Intake
from edge_router.cli.decode.section import NoSuchBridge, bridge_of
from edge_router.cli.decode.show import Show
from edge_router.cli.decode.sources import Source, source_of
from edge_router.cli.decode.timers import Timers
from edge_router.cli.ending import ended_in_order
from edge_router.cli.fitting import positive
from edge_router.cli.serialline import CannotOpen
from edge_router.cli.words import in_words
from edge_router.config.problems import ConfigErrors

EPILOG = """\
BRIDGE is a file with the section of one bridge, a configuration of a node (FILE#ID if it has several serial bridges),
or the id of a bridge of the node. Its framing, checksum, decoder and fields are the bridge's own, so what is shown is
what would be published. FILE may be a recording (`edge-router record`), with its timing, or plain bytes; - is stdin;
without any, the bridge's own device is opened. Exit status: 0 if there was a good frame, else 1.

examples:
  edge-router decode --config kitchen                                the bridge `kitchen` of the node, its device
  edge-router decode --config kitchen.yaml sensor.rec
  edge-router decode -o decode=keyvalue -o baudrate=115200 /dev/ttyUSB0
  edge-router decode -o framing=cobs -o decode=raw -o encoding=binary --raw frames.bin
  edge-router decode --config kitchen --json sensor.rec | jq 'select(.bad)'
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which bridge, which bytes, how it is shown."""
    parser.add_argument("source", metavar="FILE|DEVICE|-", nargs="?", help="the bytes (default: the bridge's device)")
    parser.add_argument("--config", metavar="BRIDGE", help="the bridge: a file, FILE#ID, or an id")
    parser.add_argument(
        "-o", "--option", action="append", default=[], metavar="NAME=VALUE", help="an option of the bridge, in YAML"
    )
    parser.add_argument("--cbdir", "--cbdata", metavar="DIR", help="the node directory, for an id")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--raw", action="store_true", help="show the bytes of each frame, too")
    parser.add_argument("--count", type=int, metavar="N", help="end after so many frames, good or bad")
    parser.add_argument("--seconds", type=positive, metavar="N", help="end after so long")
    parser.epilog = EPILOG


def run(args: argparse.Namespace) -> int:
    """Decode to the end, or until told to end. Result: the exit status."""
    try:
        config = bridge_of(args)
        source = source_of(args.source, config)
    except ConfigErrors as errors:
        print(errors, file=sys.stderr)
        return 1
    except (NoSuchBridge, CannotOpen, OSError) as error:
        print(f"edge-router: {in_words(error)}", file=sys.stderr)
        return 1
    if not source.timed and config.framing == "gap":
        print(
            f"edge-router: {source.name} has no times, so there are no gaps; record with `edge-router record`",
            file=sys.stderr,
        )
        return 1
    return decode(args, config, source)


def decode(args: argparse.Namespace, config: SerialConfig, source: Source) -> int:
    """Result: the exit status."""
    timers = Timers()
    show = Show(timers.seconds, args.json, args.raw, source.live)
    intake = Intake(config, show, timers)
    size = 0
    problem: Exception | None = None
    try:
        with suppress(KeyboardInterrupt), ended_in_order(), closing(source.open(intake.next_due)) as arrivals:
            for seconds, data in arrivals:
                intake.advance(seconds)
                if data:
                    size += len(data)
                    intake.feed(data)
                if args.seconds and seconds >= args.seconds:
                    break
                if args.count and intake.good + intake.refused >= args.count:
                    break
    except (CannotOpen, BadRecording, OSError) as error:
        problem = error
    intake.end()
    show.end(intake.counts(), size)
    if problem is not None:
        print(f"edge-router: {in_words(problem)}", file=sys.stderr)
        return 1
    return 0 if intake.good else 1
