"""Cookies of WebSocket transports, and where it is kept who has logged in with which."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, field

from edge_router.config.schema.section import Count, Section


class MemoryCookies(Section, tag="memory"):
    """Logins are remembered while the router runs."""


class FileCookies(Section, tag="file"):
    """Logins are remembered in a file, a line each; what has ended is taken out, so that it stays short.

    filename: relative to the node directory. purge_on_startup: forget all logins when the node starts.
    """

    filename: Annotated[str, Meta(min_length=1)]
    purge_on_startup: bool = False

    @property
    def path(self) -> str:
        """As the other stores call it."""
        return self.filename


class SqliteCookies(Section, tag="sqlite"):
    """Logins are remembered in an SQLite file.

    path: relative to the node directory. purge_on_startup: forget all logins when the node starts.
    """

    path: Annotated[str, Meta(min_length=1)]
    purge_on_startup: bool = False


CookieStore = MemoryCookies | FileCookies | SqliteCookies


class Cookie(Section):
    """A cookie for each browser. With `cookie` among the transport's `auth`, a browser that has logged in by another
    method is known by it from then on; without, it only gives anonymous clients the same authid each time.

    A client leaves for good with the GOODBYE reason `wamp.close.logout`. Only digests of cookies are kept. A login is
    forgotten when its user, secret included, is changed in or taken out of the configuration; users whom an
    authenticator knows are not asked for again until it ends. name: of the cookie. length: of its value,
    in characters. max_age: seconds that a browser keeps it, and a login lasts. secure: whether it is for TLS alone;
    left out, where it was given over TLS. http_strict: whether scripts of pages cannot read it (HttpOnly). same_site:
    for which pages browsers send it; `None` is for pages of other sites, and they take it over TLS alone. max_cookies:
    at one time; the oldest go. store: where logins are kept; transports with the same file share them.
    """

    name: Annotated[str, Meta(pattern="^[a-z][a-z0-9_]+$")] = "cbtid"
    length: Annotated[int, Meta(ge=6, le=64)] = 24
    max_age: Annotated[int, Meta(ge=1, le=315_360_000)] = 604_800
    secure: bool | None = None
    http_strict: bool = True
    same_site: Literal["Strict", "Lax", "None"] = "Strict"
    max_cookies: Count = 10_000
    store: CookieStore = field(default_factory=MemoryCookies)
