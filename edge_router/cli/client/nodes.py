"""`edge-router nodes`: the nodes that log in here with their own key: who they are, who is there, who is invited.

The list is a file of the node directory (`enrolment` of a transport's `auth.cryptosign`), which the router reads at
each login; so this works whether the node runs or not.
"""

from __future__ import annotations

import argparse
import re
import sys
from datetime import UTC, datetime
from time import time
from typing import TYPE_CHECKING, Any, Final

from edge_router.auth.roster import Content, Full, Roster, Unreadable
from edge_router.cli.client.listing import each
from edge_router.cli.client.options import add_reach, talk
from edge_router.cli.client.values import as_json, table
from edge_router.cli.configuration import Read, read_config
from edge_router.cli.words import in_words
from edge_router.config.schema import Enrolment
from edge_router.config.sections import all_of
from edge_router.node.pidfile import find_running

if TYPE_CHECKING:
    from edge_router.cli.client.talk import Talk
    from edge_router.client import Session

EXAMPLES = """\
  edge-router nodes
  edge-router nodes invite board-17          prints a code; on the board: edge-router enroll CODE
  edge-router nodes remove board-17
"""
HEADS: Final = ("NODE", "STATE", "SINCE", "KEY", "PEER")
#: hours that a code is good
VALID: Final = 24.0
NO_ENROLMENT: Final = """\
edge-router: no transport in {path} lets nodes enrol; below a transport's `auth`, write
  cryptosign:
    enrolment: {{role: ROLE}}      # a role with `forwards: true`"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to do, with whom, and where the node is."""
    parser.add_argument(
        "action", nargs="?", choices=("list", "invite", "remove"), default="list", help="(default: list)"
    )
    parser.add_argument("name", nargs="?", help="the node; its authid here")
    parser.add_argument("--valid", type=float, default=VALID, metavar="HOURS", help=f"of a code (default: {VALID:g})")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    add_reach(parser, EXAMPLES)


def run(args: argparse.Namespace) -> int:
    """Do it. Result: 0; 1 if it cannot be done; 2 if it is not clear what."""
    if (args.action == "list") is not (args.name is None):
        print(f"edge-router: nodes {args.action}: " + ("say which node" if not args.name else "takes no name"),
              file=sys.stderr)  # fmt: skip
        return 2
    read = read_config(args)
    if read is None:
        return 1
    enrolment = _enrolment(read)
    if enrolment is None:
        print(NO_ENROLMENT.format(path=read.path), file=sys.stderr)
        return 1
    roster = Roster(read.directory / enrolment.path, enrolment.limit)
    try:
        return {"list": _list, "invite": _invite, "remove": _remove}[args.action](args, roster, read)
    except (OSError, Unreadable, Full) as problem:
        print(f"edge-router: {in_words(problem) if isinstance(problem, OSError) else problem}", file=sys.stderr)
        return 1


def _invite(args: argparse.Namespace, roster: Roster, _read: Read) -> int:
    if not re.fullmatch(r"[^\s.#,]{1,255}", args.name):
        print(f"edge-router: {args.name!r}: a name without spaces, dots, commas and # would be right", file=sys.stderr)
        return 2
    if not 0 < args.valid <= 24 * 365:
        print(f"edge-router: --valid {args.valid:g}: hours, more than 0 and at most a year", file=sys.stderr)
        return 2
    known = args.name in roster.read().nodes
    print(roster.invite(args.name, args.valid * 3600))
    more = "; its key of now is replaced then" if known else ""
    print(f"good for {args.valid:g} h and one node{more}; on {args.name}: edge-router enroll CODE", file=sys.stderr)
    return 0


def _remove(args: argparse.Namespace, roster: Roster, _read: Read) -> int:
    if not roster.remove(args.name):
        print(f"edge-router: there is no node {args.name!r}; `edge-router nodes` lists them", file=sys.stderr)
        return 1
    return _end_sessions(args) if _runs(_read) else 0


def _end_sessions(args: argparse.Namespace) -> int:
    """A node that is forgotten is not to stay for as long as it likes."""

    async def main(talk: Talk, session: Session) -> int:
        ended = (await session.call("wamp.session.kill_by_authid", [args.name])).value
        if ended:
            talk.say(f"ended its {len(ended) if isinstance(ended, list) else ended} session(s)")
        return 0

    return talk(args, main)


def _list(args: argparse.Namespace, roster: Roster, read: Read) -> int:
    content = roster.read()
    if not content.nodes or not _runs(read):
        _show(args, content, None, print)
        return 0

    async def main(talk: Talk, session: Session) -> int:
        ids = (await session.call("wamp.session.list")).value
        there = await each(session, "wamp.session.get", ids)
        _show(args, content, {details["authid"]: details for details in there.values()}, talk.say)
        return 0

    return talk(args, main)


def _show(args: argparse.Namespace, content: Content, there: dict[str, Any] | None, say: Any) -> None:
    rows = [*_rows(content, there)]
    if args.json:
        for row in rows:
            say(as_json(dict(zip(("node", "state", "since", "key", "peer"), row, strict=True))))
    elif rows:
        for line in table(rows, HEADS):
            say(line)


def _rows(content: Content, there: dict[str, Any] | None) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    for name, node in content.nodes.items():
        details = (there or {}).get(name)
        state = "unknown: the router does not run" if there is None else "there" if details else "away"
        peer = details["transport"].get("peer") if details else None
        rows.append((name, state, _time(node.since), node.key, peer))
    now = time()
    for name, invitation in content.invitations.items():
        state = f"invited until {_time(invitation.until)}" if invitation.until > now else "its code is too old"
        rows.append((name, state, None, None, None))
    return sorted(rows)


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _runs(read: Read) -> bool:
    return find_running(read.directory) is not None


def _enrolment(read: Read) -> Enrolment | None:
    """The first of the configuration."""
    return next(all_of(Enrolment, read.loaded.config.workers), None)
