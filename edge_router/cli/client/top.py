"""`edge-router top`: a realm as it lives: sessions, what comes and goes, who reads too slowly."""

from __future__ import annotations

import argparse
import os
import sys
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from edge_router.cli.client.listing import each
from edge_router.cli.client.options import add_reach, talk
from edge_router.cli.client.values import as_json, table
from edge_router.wamp.errors import WampError

if TYPE_CHECKING:
    from edge_router.cli.client.talk import Talk
    from edge_router.client import Received, Session

EXAMPLES = """\
  edge-router top
  edge-router top --once --json
"""
#: sessions that are asked about at each refresh; more of them than a screen has lines tell nobody more
MOST: Final = 200
HOME: Final = "\x1b[H\x1b[J"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """--once, --interval, --json, where."""
    parser.add_argument("--once", action="store_true", help="print it once, for scripts")
    parser.add_argument("--interval", type=float, default=2.0, metavar="SEC", help="how often (default: 2)")
    parser.add_argument("--json", action="store_true", help="one JSON object each time")
    add_reach(parser, EXAMPLES)


class View:
    """What is known of a realm, from one look to the next. session: of this command."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._came: dict[str, int] | None = dict.fromkeys(_COMINGS.values(), 0)
        self._own: list[int] = []
        self._figures: dict[int, dict[str, int]] = {}
        self._at: float | None = None
        self._uplinks: dict[str, dict[str, Any]] | None = None

    async def listen(self) -> None:
        """Count who joins and leaves, however short they stay; where that may not be heard, it is not shown."""
        try:
            for topic, name in _COMINGS.items():
                self._own.append((await self._session.subscribe(topic, partial(self._count, name))).id)
        except WampError:
            self._came = None

    async def _look_at_uplinks(self) -> None:
        """What links to central routers say about themselves; where that may not be heard, it is not shown."""
        if self._uplinks is None:
            self._uplinks = {}
            try:
                subscribed = self._session.subscribe("edge.uplink.", self._uplink, "prefix", get_retained=True)
                self._own.append((await subscribed).id)
            except WampError:
                pass

    def _uplink(self, event: Received) -> None:
        id_, _, what = event.topic.removeprefix("edge.uplink.").partition(".")
        if what == "status" and event.args and self._uplinks is not None:
            self._uplinks[id_] = {"id": id_, "link": event.args[0], **event.kwargs}

    def _count(self, name: str, _event: object) -> None:
        if self._came is not None:
            self._came[name] += 1

    async def look(self) -> dict[str, Any]:
        """How things are now, and what has changed since the last look. Raises CallError."""
        session = self._session
        await self._look_at_uplinks()
        listed: list[int] = (await session.call("wamp.session.list")).value
        ids = {number for number in listed if number != session.id}
        details = await each(session, "wamp.session.get", sorted(ids)[:MOST])
        counts = {name: _count((await session.call(f"wamp.{kind}.list")).value) for kind, name in _KINDS.items()}
        shared = await each(session, "wamp.subscription.count_subscribers", self._own)
        counts["topics"] -= sum(count == 1 for count in shared.values())
        now = time.monotonic()
        seconds = 0.0 if self._at is None else now - self._at
        facts: dict[str, Any] = {"realm": session.realm, "sessions": len(ids), **counts}
        if self._came is not None and seconds:
            facts |= {**self._came, "seconds": round(seconds, 1)}
            self._came = dict.fromkeys(self._came, 0)
        if self._uplinks:
            facts["uplinks"] = [self._uplinks[id_] for id_ in sorted(self._uplinks)]
        facts["list"] = [self._row(entry, seconds) for entry in details.values()]
        facts["list"].sort(
            key=lambda row: (-row["dropped_per_second"], -row["dropped"], -row["moved_per_second"], row["session"])
        )
        self._at = now
        self._figures = {row["session"]: {name: row[name] for name in _FIGURES.values()} for row in facts["list"]}
        return facts

    def _row(self, entry: dict[str, Any], seconds: float) -> dict[str, Any]:
        number = entry["session"]
        figures = {name: entry.get(key) or 0 for key, name in _FIGURES.items()}
        before = self._figures.get(number, figures) if seconds > 0 else figures
        rates = {name: round((figures[name] - before[name]) / (seconds or 1), 1) for name in figures}
        transport = entry.get("transport") or {}
        return {
            "session": number,
            "authid": entry.get("authid"),
            "authrole": entry.get("authrole"),
            "peer": transport.get("peer"),
            "protocol": transport.get("protocol"),
            **figures,
            **{f"{name}_per_second": rate for name, rate in rates.items()},
            "moved_per_second": round(rates["received"] + rates["sent"], 1),
        }


#: kinds of the meta API, and how people call them
_KINDS: Final = {"subscription": "topics", "registration": "procedures"}
#: figures of `wamp.session.get`, and how they are called here; `received` by the router, `sent` by it: messages
_FIGURES: Final = {
    "events_dropped": "dropped",
    "messages_received": "received",
    "messages_sent": "sent",
    "bytes_received": "bytes_received",
    "bytes_sent": "bytes_sent",
}
_COMINGS: Final = {"wamp.session.on_join": "joined", "wamp.session.on_leave": "left"}


def _count(lists: Any) -> int:
    return sum(len(ids) for ids in (lists or {}).values())


def as_lines(facts: dict[str, Any]) -> list[str]:
    """Facts for people."""
    came = f" (+{facts['joined']} -{facts['left']} in {facts['seconds']:g} s)" if "joined" in facts else ""
    counts = [f"sessions {facts['sessions']}{came}", *(f"{name} {facts[name]}" for name in _KINDS.values())]
    lines = ["   ".join([f"{facts['realm']}  {time.strftime('%H:%M:%S')}", *counts])]
    lines += [*map(_uplink_line, facts.get("uplinks", ())), ""]
    rows = [
        (
            row["session"],
            row["authid"],
            row["authrole"],
            row["peer"],
            row["protocol"],
            f"{row['received_per_second']:g}",
            f"{row['sent_per_second']:g}",
            f"{(row['bytes_received_per_second'] + row['bytes_sent_per_second']) / 1024:.1f}",
            row["dropped"],
            f"{row['dropped_per_second']:g}",
        )
        for row in facts["list"]
    ]
    heads = ("SESSION", "AUTHID", "ROLE", "PEER", "PROTOCOL", "IN/S", "OUT/S", "KIB/S", "DROPPED", "DROPPED/S")
    return lines + table(rows, heads)


def _uplink_line(uplink: dict[str, Any]) -> str:
    """A link in words. It says itself how it is, so nothing is taken for granted."""
    where = uplink.get("peer") or uplink.get("error") or ""
    rows = [f"{uplink[name]} {text}" for name, text in (("rows", "wait"), ("dropped", "dropped")) if uplink.get(name)]
    return f"uplink {uplink['id']}: " + ", ".join(str(part) for part in (uplink["link"], where, *rows) if part)


def run(args: argparse.Namespace) -> int:
    """Show it until a signal ends it. Result: 0; 1 if it cannot be had; 2 for wrong usage."""
    if args.interval <= 0:
        print("edge-router: --interval must be more than 0", file=sys.stderr)
        return 2
    screen = sys.stdout.isatty() and not args.once and not args.json

    async def main(talk: Talk, session: Session) -> int:
        view = View(session)
        if not args.once:
            await view.listen()
        while True:
            facts = await view.look()
            if args.json:
                talk.say(as_json(facts))
            else:
                lines = as_lines(facts)
                if screen:
                    width, height = os.get_terminal_size()
                    lines = [line[:width] for line in lines[: height - 1]]
                talk.say((HOME if screen else "") + "\n".join(lines))
            if args.once:
                return 0
            await talk.pause(args.interval)

    return talk(args, main)
