"""The frame of the pages that the router makes itself: one style, dark and light, everything escaped.

No scripts and nothing from elsewhere, so that a strict Content-Security-Policy holds.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Final

_STYLE: Final = (
    ":root{color-scheme:light dark}"
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}h3{font-size:1rem;margin:1.5rem 0 .5rem}"
    "table{border-collapse:collapse;width:100%}"
    "th,td{text-align:left;padding:.25rem 1rem .25rem 0;border-bottom:1px solid #8884;vertical-align:top;"
    "overflow-wrap:anywhere}"
    "th{font-weight:600;width:14rem}thead th{width:auto}"
    "td.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}"
)


def page(title: str, body: str) -> str:
    """A page. title: text. body: HTML."""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<link rel="icon" href="data:,">'  # or browsers ask for /favicon.ico
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n"
        f"<body><h1>{escape(title)}</h1>\n{body}\n</body></html>\n"
    )


def message_page(title: str, text: str) -> str:
    """A page with one sentence."""
    return page(title, f"<p>{escape(text)}</p>")


def table(rows: Iterable[tuple[str, str]]) -> str:
    """A table of names and values. Both are text."""
    cells = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in rows)
    return f"<table>{cells}</table>"


def columns_table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table with a name above each column. All are text."""
    head = "".join(f"<th>{escape(name)}</th>" for name in columns)
    body = "".join("<tr>" + "".join(f"<td>{escape(value)}</td>" for value in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
