"""The `nodeinfo` service: what the node says about itself, for people and for programs.

HTML, or JSON by `?format=json` or an `Accept` header that asks for it (RFC 9110 section 12.5.1).
"""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from http import HTTPStatus
from typing import Any

import msgspec

from edge_router.config.schema import NodeInfoPath
from edge_router.transports.host import Host
from edge_router.web.pages import columns_table, page, table
from edge_router.web.request import WebRequest


class NodeInfoService:
    """A page about the node (`type: nodeinfo`). What it says is the node's `info`."""

    def __init__(self, config: NodeInfoPath, host: Host) -> None:  # noqa: ARG002 - as all services
        self._info = host.info

    def answer(self, request: WebRequest, rest: tuple[str, ...]) -> None:
        """Answer with the node's facts as of now."""
        if rest not in ((), ("",)):
            request.page(HTTPStatus.NOT_FOUND, "There is nothing below the information page.")
        else:
            request.setHeader(b"Cache-Control", b"no-store")
            request.setHeader(b"Vary", b"Accept")
            info = self._info()
            if wants_json(request):
                request.respond(HTTPStatus.OK, msgspec.json.encode(info) + b"\n", "application/json")
            else:
                request.html(HTTPStatus.OK, page("edge-router", _section(info)))


def wants_json(request: WebRequest) -> bool:
    """Whether the answer should be JSON: `?format=` decides; else the type that `Accept` ranks higher."""
    chosen = request.args.get(b"format", [])
    if chosen:
        return bool(chosen[0] == b"json")
    accept = request.header("Accept")
    return accepted(accept, "application/json") > accepted(accept, "text/html")


def accepted(accept: str, media_type: str) -> float:
    """How much a client wants a type, 0 to 1: the weight that the most specific matching range gives it.

    accept: the header; empty: everything is welcome. media_type: such as `text/html`.
    """
    best, weight = -1, 0.0 if accept.strip() else 1.0
    for item in accept.split(","):
        kind, *parameters = (part.strip().lower() for part in item.split(";"))
        specific = {media_type: 2, media_type.partition("/")[0] + "/*": 1, "*/*": 0}.get(kind, -1)
        if specific > best:
            best, weight = specific, _weight(parameters)
    return weight


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name == "q":
            try:
                return min(1.0, max(0.0, float(value)))
            except ValueError:
                return 0.0
    return 1.0


def _section(info: dict[str, Any], level: int = 2) -> str:
    """A table of the plain facts, then a section for each that has parts. level: of the sections' headings."""
    plain = {name: value for name, value in info.items() if not _has_parts(value)}
    body = table((_words(name), _said(name, value)) for name, value in plain.items())
    for name, value in info.items():
        if name not in plain:
            body += _list(name, _parts(value), level)
    return body


def _list(name: str, parts: list[dict[str, Any]], level: int) -> str:
    """One table for parts that are plain and alike; else a section for each, with its `id` as the heading."""
    columns = list(parts[0])
    if all(list(part) == columns and not any(map(_has_parts, part.values())) for part in parts):
        rows = [[_said(column, part[column]) for column in columns] for part in parts]
        return _heading(name, level) + columns_table([_words(column) for column in columns], rows)
    body = ""
    for part in parts:
        rest = {key: value for key, value in part.items() if key != "id"}
        body += _heading(str(part.get("id") or name), level) + _section(rest, level + 1)
    return body


def _heading(name: str, level: int) -> str:
    return f"<h{level}>{escape(_words(name))}</h{level}>"


def _said(name: str, value: Any) -> str:
    return _FORMATS.get(name, _text)(value)


def _has_parts(value: Any) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and any(isinstance(item, dict) for item in value))


def _parts(value: Any) -> list[dict[str, Any]]:
    items = value if isinstance(value, list) else [value]
    return [item if isinstance(item, dict) else {"value": item} for item in items]


def _words(name: str) -> str:
    return name.replace("_", " ")


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return "-" if value is None else str(value)


def _duration(seconds: float) -> str:
    """`3 d 4 h 5 min 6 s`, from the first that is not 0."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "d"), (hours, "h"), (minutes, "min"), (rest, "s")]
    first = next((i for i, (count, _) in enumerate(parts) if count), 3)
    return " ".join(f"{count} {unit}" for count, unit in parts[first:])


#: facts that people want said otherwise than programs do
_FORMATS: dict[str, Callable[[Any], str]] = {"uptime": _duration}
