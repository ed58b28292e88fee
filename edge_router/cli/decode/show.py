"""What is told of frames, fields and rejects: for people, with colours on a terminal, or as JSON, one object a line."""

from __future__ import annotations

import json
import os
import re
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from bridges.serial.recording import Record, line
from edge_router.cli.client.values import as_json

COLOURS: Final = {"bad": "31", "log": "35", "field": "36", "note": "33", "time": "2"}
#: kinds of reasons that are counted; more are counted together
MOST_REASONS: Final = 50
OTHERS: Final = "other reasons"
#: what differs from one frame to the next in a reason: what is quoted, and numbers
_PARTICULAR: Final = re.compile(
    r"""b?(['"])(?:(?!\.\.\.|\1)(?:\\[^.]|[^\\]|\\(?=\.\.\.)))*(?:\.\.\.|\1)"""
    r"|(?<![\w-])(?:0x[0-9a-fA-F]+|-?[0-9][0-9a-fA-F.]*|[0-9A-F]{2,})\b"
)


class Show:
    """Tells, and counts. now: seconds of the bytes. as_objects: JSON. raw: tell the bytes of frames, too.

    live: whether somebody waits for each line.
    """

    def __init__(self, now: Callable[[], float], as_objects: bool, raw: bool, live: bool) -> None:
        self._now = now
        self._json = as_objects
        self._raw = raw
        self._live = live
        self._coloured = sys.stdout.isatty() and not as_objects and not os.environ.get("NO_COLOR")
        self.reasons: Counter[str] = Counter()

    def frame(self, value: Any, raw: bytes) -> None:
        """See intake.Teller."""
        if self._json:
            self._object({"frame": value, **({"raw": _text(raw)} if self._raw else {})})
        else:
            self._line("", f"{as_json(value)}{f'    {_text(raw)}' if self._raw else ''}")

    def field(self, topic: str, value: Any, unit: str | None, stale: bool) -> None:
        """See intake.Teller."""
        if self._json:
            more = {**({"unit": unit} if unit else {}), **({"stale": True} if stale else {})}
            self._object({"topic": topic, "value": value, **more})
        else:
            self._line("field", f"  {topic} {as_json(value)}{f' {unit}' if unit else ''}{' (stale)' if stale else ''}")

    def bad(self, reason: str, raw: bytes | None) -> None:
        """See intake.Teller."""
        kind = _PARTICULAR.sub("…", reason)
        self.reasons[kind if kind in self.reasons or len(self.reasons) < MOST_REASONS else OTHERS] += 1
        bytes_ = {} if raw is None or not self._raw else {"raw": _text(raw)}
        if self._json:
            self._object({"bad": reason, **bytes_})
        else:
            self._line("bad", f"BAD {reason}{f'    {_text(raw)}' if bytes_ and raw else ''}")

    def log(self, text: str) -> None:
        """See intake.Teller."""
        if self._json:
            self._object({"log": text})
        else:
            self._line("log", f"LOG {text}")

    def note(self, text: str) -> None:
        """See intake.Teller."""
        if self._json:
            self._object({"note": text})
        else:
            self._line("note", text)

    def end(self, counts: dict[str, Any], size: int) -> None:
        """The summary. counts: of the intake. size: bytes."""
        seconds = self._now()
        if self._json:
            summary = {"bytes": size, "seconds": round(seconds, 3), **counts, "reasons": dict(self.reasons)}
            print(as_json({"summary": summary}), flush=True)
            return
        told = "; ".join(f"{name}: {_listed(count)}" for name, count in counts.items() if name not in ("frames", "bad"))
        time = f"; seconds: {seconds:.1f}" if seconds else ""
        print(f"\ngood frames: {counts['frames']}; bad: {counts['bad']}; bytes: {size}{time}; {told}")
        for reason, count in self.reasons.most_common():
            print(self._colour("bad", f"{count:8}  {reason}"))
        sys.stdout.flush()

    def _line(self, kind: str, text: str) -> None:
        print(self._colour("time", f"{self._now():9.3f}  ") + self._colour(kind, text), flush=self._live)

    def _object(self, facts: dict[str, Any]) -> None:
        print(as_json({"time": round(self._now(), 6), **facts}), flush=self._live)

    def _colour(self, kind: str, text: str) -> str:
        return f"\x1b[{COLOURS[kind]}m{text}\x1b[m" if self._coloured and kind in COLOURS else text


def _text(raw: bytes) -> str:
    """Bytes as a recording shows them."""
    return line(Record(0.0, "<", raw)).split("< ", 1)[1].rstrip("\n")


def _listed(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else json.dumps(value)
