"""Asking the meta API for many things of a kind: the ids, then what is known of each; and showing them.

(Spec, "Session Meta API", "Subscription Meta API", "Registration Meta API".)
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from edge_router.cli.client.options import talk
from edge_router.cli.client.values import as_json, table
from edge_router.wamp.errors import WampError

if TYPE_CHECKING:
    from edge_router.cli.client.talk import Talk
    from edge_router.client import Session

#: calls under way at a time; a session may have a thousand
AT_ONCE: Final = 100


async def each(session: Session, procedure: str, ids: Iterable[int]) -> dict[int, Any]:
    """What a meta procedure says of each id, without those that are gone by now. Raises CallError."""
    found: dict[int, Any] = {}
    waiting = list(ids)
    for start in range(0, len(waiting), AT_ONCE):
        batch = waiting[start : start + AT_ONCE]
        answers = [session.call(procedure, [number]) for number in batch]
        for number, answer in zip(batch, answers, strict=True):
            try:
                found[number] = (await answer).value
            except WampError as error:
                if not error.uri.startswith("wamp.error.no_such_"):
                    raise
    return found


async def by_policy(session: Session, kind: str) -> list[dict[str, Any]]:
    """All subscriptions or registrations of a realm. kind: `subscription` or `registration`. Result: in order of URI;
    `count` says how many sessions have each. Raises CallError.
    """
    member = "subscribers" if kind == "subscription" else "callees"
    lists: dict[str, Sequence[int]] = (await session.call(f"wamp.{kind}.list")).value or {}
    ids = [number for policy in lists.values() for number in policy]
    details = await each(session, f"wamp.{kind}.get", ids)
    counts = await each(session, f"wamp.{kind}.count_{member}", details)
    rows = [{**entry, "count": counts.get(number)} for number, entry in details.items()]
    return sorted(rows, key=lambda row: (row["uri"], row["match"]))


def show_all(args: argparse.Namespace, kind: str, columns: Mapping[str, str]) -> int:
    """Print all subscriptions or registrations of a realm. kind: as in `by_policy`. columns: key of a row -> heading.

    Result: 0; 1 if they cannot be had.
    """

    async def main(talk: Talk, session: Session) -> int:
        rows = await by_policy(session, kind)
        if args.json:
            for row in rows:
                talk.say(as_json(row))
        elif rows:
            for line in table([tuple(row.get(key) for key in columns) for row in rows], tuple(columns.values())):
                talk.say(line)
        return 0

    return talk(args, main)
