"""What a section's rules mean: which names are handed on, which way, and under which other name.

A name is local or central. The central one is the local one without what the rule strips, behind the rule's prefix.
Of several rules that fit, the first counts. (Spec, "Pattern-based Subscriptions", "Pattern-based Registrations".)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

from msgspec import Struct

from edge_router.config.schema.uplinks import UplinkRule
from edge_router.wamp.messages import Match

#: names whose rule is remembered
MOST_REMEMBERED: Final = 4_096

#: a URI, and how it matches
Pattern: TypeAlias = tuple[str, Match]


class Rule(Struct, frozen=True, eq=False):
    """One rule. section: as configured. prefix: with the node's name. local, central: its pattern at both ends."""

    section: UplinkRule
    prefix: str
    local: Pattern
    central: Pattern

    @property
    def mirrors(self) -> dict[str, bool]:
        """By direction, whether the other end is followed."""
        mirror, events = self.section.mirror, self.section.kind == "events"
        return {"up": not events if mirror is None else mirror, "down": bool(mirror)}

    def goes(self, kind: str, direction: str) -> bool:
        """Whether this rule is about that."""
        return self.section.kind == kind and self.section.direction in (direction, "both")

    def to_central(self, name: str) -> str:
        """The central name, or pattern, for a local one."""
        return self.prefix + name[len(self.section.strip) :]

    def to_local(self, name: str) -> str:
        """The local name, or pattern, for a central one."""
        return self.section.strip + name[len(self.prefix) :]


def compiled(sections: Sequence[UplinkRule], node: str) -> list[Rule]:
    """The rules of an uplink. node: the name that `{node}` stands for."""
    rules = []
    for section in sections:
        prefix = section.prefix.replace("{node}", node)
        central = prefix + section.uri[len(section.strip) :]
        rules.append(Rule(section, prefix, (section.uri, section.match), (central, section.match)))
    return rules


class Side:
    """The rules of a kind and direction, as seen from the end where names come from.

    rules: all of the uplink. kind: `events` or `procedures`. direction: `up`: names are local; `down`: central.
    """

    def __init__(self, rules: Sequence[Rule], kind: str, direction: str) -> None:
        self.direction = direction
        self.rules = [rule for rule in rules if rule.goes(kind, direction)]
        self._remembered: dict[str, Rule | None] = {}

    def pattern(self, rule: Rule) -> Pattern:
        """A rule's pattern at this end."""
        return rule.local if self.direction == "up" else rule.central

    def far(self, rule: Rule) -> Pattern:
        """A rule's pattern at the other end."""
        return rule.central if self.direction == "up" else rule.local

    def shared(self, rule: Rule, pattern: Pattern) -> Pattern | None:
        """What of a pattern at the other end a rule is about, as a pattern of this end; None if that is nothing."""
        both = common(self.far(rule), pattern)
        if both is None or _is_foreign(self.far(rule), both[0]):
            return None
        return self.here(rule, both[0]), both[1]

    def other(self, rule: Rule, name: str) -> str:
        """What a name, or a pattern, of this end is called at the other."""
        return rule.to_central(name) if self.direction == "up" else rule.to_local(name)

    def here(self, rule: Rule, name: str) -> str:
        """What a name, or a pattern, of the other end is called at this one."""
        return rule.to_local(name) if self.direction == "up" else rule.to_central(name)

    def find(self, name: str) -> Rule | None:
        """The first rule for a name. The router's own names (`wamp.`) are handed on only by rules that name them."""
        try:
            return self._remembered[name]
        except KeyError:
            found = self._first(name)
            if len(self._remembered) >= MOST_REMEMBERED:
                self._remembered.clear()
            self._remembered[name] = found
            return found

    def covering(self, pattern: Pattern) -> tuple[Rule, Pattern] | None:
        """The first rule that mirrors and has something in common with a pattern of this end, and what that is."""
        for rule in self.rules:
            both = common(self.pattern(rule), pattern) if rule.mirrors[self.direction] else None
            if both is not None and not _is_foreign(self.pattern(rule), both[0]):
                return rule, both
        return None

    def _first(self, name: str) -> Rule | None:
        for rule in self.rules:
            pattern = self.pattern(rule)
            if matches(pattern, name) and not _is_foreign(pattern, name):
                return rule
        return None


def _is_foreign(pattern: Pattern, name: str) -> bool:
    return name.startswith("wamp.") and not pattern[0].startswith("wamp.")


def matches(pattern: Pattern, name: str) -> bool:
    """Whether a pattern matches a name."""
    uri, match = pattern
    if match == "exact":
        return uri == name
    if match == "prefix":
        return name.startswith(uri)
    parts, names = uri.split("."), name.split(".")
    return len(parts) == len(names) and all(part in ("", found) for part, found in zip(parts, names, strict=True))


def common(rule: Pattern, other: Pattern) -> Pattern | None:
    """What a rule's pattern and another one both match, as a pattern; None if that is nothing, or cannot be said."""
    uri, match = other
    if match == "exact":
        return other if matches(rule, uri) else None
    if rule[1] == "exact":
        return rule if matches(other, rule[0]) else None
    if match == "prefix" and rule[1] == "prefix":
        longer, shorter = (uri, rule[0]) if len(uri) > len(rule[0]) else (rule[0], uri)
        return (longer, "prefix") if longer.startswith(shorter) else None
    if match == "wildcard" and rule[1] == "wildcard":
        return _both_wild(rule[0], uri)
    return _wild_in_prefix(*((uri, rule[0]) if match == "wildcard" else (rule[0], uri)))


def _wild_in_prefix(wild: str, prefix: str) -> Pattern | None:
    """A wildcard pattern with what the prefix says filled in. A prefix within a component fits only what is written."""
    *whole, last = prefix.split(".")
    parts = wild.split(".")
    if len(parts) <= len(whole) or any(part not in ("", name) for part, name in zip(parts, whole, strict=False)):
        return None
    if not parts[len(whole)].startswith(last):
        return None
    filled = [*whole, *parts[len(whole) :]]
    return ".".join(filled), "exact" if all(filled) else "wildcard"


def _both_wild(one: str, other: str) -> Pattern | None:
    parts, others = one.split("."), other.split(".")
    if len(parts) != len(others) or any(a and b and a != b for a, b in zip(parts, others, strict=True)):
        return None
    return ".".join(a or b for a, b in zip(parts, others, strict=True)), "wildcard"
