"""Which patterns a URI matches: exact, prefix and wildcard, for subscriptions, registrations and permissions alike.

Exact patterns stand in a dict. Prefixes stand in a dict too and are looked up once per length that occurs. Wildcards
stand in a tree of components, walked literal branches first, so that they come out most specific first. What a URI
matched is remembered as long as no pattern changes, for a bounded number of URIs; exact patterns alone need no memory.

(Spec, "Pattern-based Subscriptions" and "Pattern-based Registrations" with their order of precedence.)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, Generic, TypeVar

from edge_router.wamp.messages import Match

#: URIs whose matches are remembered; all are forgotten when one more comes
REMEMBERED: Final = 4096

E = TypeVar("E")

_ENTRY: Final = object()  # the key of a tree node's own entry; no component is equal to it


class UriMap(Generic[E]):
    """Entries by the pattern they stand under; at most one per (match, uri)."""

    __slots__ = ("_best", "_exact", "_lengths", "_matches", "_prefixes", "_tree", "_wildcards")

    def __init__(self) -> None:
        self._exact: dict[str, tuple[E]] = {}
        self._prefixes: dict[str, E] = {}
        self._wildcards: dict[str, E] = {}
        self._tree: dict[Any, Any] = {}
        self._lengths: list[int] = []
        self._matches: dict[str, tuple[E, ...]] = {}
        self._best: dict[str, E | None] = {}

    def get(self, uri: str, match: Match) -> E | None:
        """The entry under exactly this pattern."""
        if match == "exact":
            found = self._exact.get(uri)
            return found[0] if found else None
        return (self._prefixes if match == "prefix" else self._wildcards).get(uri)

    def add(self, uri: str, match: Match, entry: E) -> None:
        """Put an entry under a pattern that has none yet."""
        if match == "exact":
            self._exact[uri] = (entry,)
            self._matches.pop(uri, None)
            self._best.pop(uri, None)
            return
        if match == "prefix":
            self._prefixes[uri] = entry
            self._lengths = sorted({*self._lengths, len(uri)})
        else:
            self._wildcards[uri] = entry
            node = self._tree
            for part in uri.split("."):
                node = node.setdefault(part, {})
            node[_ENTRY] = entry
        self._forget()

    def remove(self, uri: str, match: Match) -> None:
        """Take the entry under this pattern away."""
        if match == "exact":
            del self._exact[uri]
            self._matches.pop(uri, None)
            self._best.pop(uri, None)
            return
        if match == "prefix":
            del self._prefixes[uri]
            self._lengths = sorted(set(map(len, self._prefixes)))
        else:
            del self._wildcards[uri]
            self._prune(uri.split("."))
        self._forget()

    def matches(self, uri: str) -> tuple[E, ...]:
        """All entries whose pattern matches: the exact one, prefixes from the shortest, wildcards."""
        if not self._prefixes and not self._wildcards:
            return self._exact.get(uri, ())
        found = self._matches.get(uri)
        if found is None:
            found = (*self._exact.get(uri, ()), *self._prefixes_of(uri), *self._wildcards_of(uri))
            self._remember(self._matches, uri, found)
        return found

    def best(self, uri: str) -> E | None:
        """The entry that decides: exact before the longest prefix before the most specific wildcard."""
        exact = self._exact.get(uri)
        if exact is not None:
            return exact[0]
        if not self._prefixes and not self._wildcards:
            return None
        if uri in self._best:
            return self._best[uri]
        prefixes = list(self._prefixes_of(uri))
        best = prefixes[-1] if prefixes else next(self._wildcards_of(uri), None)
        self._remember(self._best, uri, best)
        return best

    def __iter__(self) -> Iterator[E]:
        for (entry,) in self._exact.values():
            yield entry
        yield from self._prefixes.values()
        yield from self._wildcards.values()

    def __len__(self) -> int:
        return len(self._exact) + len(self._prefixes) + len(self._wildcards)

    def _prefixes_of(self, uri: str) -> Iterator[E]:
        for length in self._lengths:
            if length > len(uri):
                return
            entry = self._prefixes.get(uri[:length])
            if entry is not None:
                yield entry

    def _wildcards_of(self, uri: str) -> Iterator[E]:
        if not self._wildcards:
            return
        parts = uri.split(".")
        waiting: list[tuple[dict[Any, Any], int]] = [(self._tree, 0)]
        while waiting:
            node, depth = waiting.pop()
            if depth == len(parts):
                if _ENTRY in node:
                    yield node[_ENTRY]
                continue
            part = parts[depth]
            if "" in node:
                waiting.append((node[""], depth + 1))
            if part and part in node:
                waiting.append((node[part], depth + 1))

    def _prune(self, parts: list[str]) -> None:
        nodes = [self._tree]
        for part in parts:
            nodes.append(nodes[-1][part])
        del nodes[-1][_ENTRY]
        for node, part in zip(reversed(nodes[:-1]), reversed(parts), strict=True):
            if node[part]:
                return
            del node[part]

    def _remember(self, memory: dict[str, Any], uri: str, found: Any) -> None:
        if len(memory) >= REMEMBERED:
            memory.clear()
        memory[uri] = found

    def _forget(self) -> None:
        self._matches.clear()
        self._best.clear()
