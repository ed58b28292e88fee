"""The language of scenarios: transcripts of who sends what and who gets what, in text.

    Basic Profile, "Publish and Subscribe"          <- the first line names the section of the spec

    == what must hold, in a sentence
    | limits: {subscriptions: 1}                    <- YAML: the realm's options and roles, a session's limits, `auth`
    speaks alice cbor, bob json                     <- optional: who speaks what; else all combinations are played
    alice joins                                     <- HELLO and WELCOME; binds $alice to the session id
    bob joins as operator {"roles": {"callee": {}}} <- in a role, with other details
    carol connects                                  <- no HELLO yet
    alice -> SUBSCRIBE 1 {} com.x                   <- alice sends
    alice <- SUBSCRIBED 1 $sub                      <- the next message alice gets; $sub is bound, or compared
    alice <- WELCOME * {"realm": realm1, ...}       <- * is anything, ... in a dict: and maybe more
    bob gets nothing
    -- 500 ms                                       <- time passes
    bob hangs up                                    <- the connection is lost without a word
    bob is disconnected                             <- the router closed the connection
    the router ends                                 <- as on SIGTERM

A player gets exactly what is listed: what is left over at the end fails the scenario. Values are JSON, and bare words
for strings, and h'0aff' for binary. Only the language lives here; `stage` plays it.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from edge_router.wamp.messages import MESSAGES

CODES = {kind.__name__.upper(): code for code, kind in MESSAGES.items()}
NAMES = {code: name for name, code in CODES.items()}

_TOKEN = re.compile(r"""\s*("(?:\\.|[^"\\])*"|h'[0-9a-f]*'|\.\.\.|[{}\[\],:]|[^\s{}\[\],:"]+)""")
_SPEECH = re.compile(r"(\w+) (->|<-) (\S+)\s*(.*)")
_JOINS = re.compile(r"(\w+) (joins|connects)(?: as (\w+))?\s*(\{.*\})?$")
_OTHERS = (
    (re.compile(r"(\w+) gets (nothing)$"), "nothing"),
    (re.compile(r"(\w+) is (disconnected)$"), "disconnected"),
    (re.compile(r"(\w+) (hangs up)$"), "hangs up"),
    (re.compile(r"--() (\d+) ms$"), "time"),
    (re.compile(r"(the router) (ends)$"), "ends"),
)

ANYTHING = object()
AND_MORE = object()


class Variable(NamedTuple):
    """`$name`: bound where it is first met, compared afterwards."""

    name: str


class Step(NamedTuple):
    """One line. kind: `->`, `<-`, `joins`, ... . message: the array to send or expect."""

    line: int
    text: str
    player: str
    kind: str
    message: list[Any]


class Scenario(NamedTuple):
    """One transcript. players: name -> role. setting: the YAML preamble. speaks: name -> encoding."""

    path: Path
    section: str
    title: str
    steps: list[Step]
    players: dict[str, str]
    setting: dict[str, Any]
    speaks: dict[str, str]


def parse_values(text: str) -> list[Any]:
    """The values that stand in a line, one after another."""
    tokens, at = [], 0
    while at < len(text.rstrip()):
        found = _TOKEN.match(text, at)
        if found is None:
            raise ValueError(f"cannot read {text[at:]!r}")
        tokens.append(found.group(1))
        at = found.end()
    tokens.reverse()
    values = []
    while tokens:
        values.append(_value(tokens))
    return values


def _value(tokens: list[str]) -> Any:
    token = tokens.pop()
    if token == "[":
        items = []
        while tokens[-1] != "]":
            items.append(_value(tokens))
            if tokens[-1] == ",":
                tokens.pop()
        tokens.pop()
        return items
    if token == "{":
        return _dict(tokens)
    if token.startswith("$"):
        return Variable(token[1:])
    if token.startswith("h'"):
        return bytes.fromhex(token[2:-1])
    if token == "*":
        return ANYTHING
    try:
        return _CONSTANTS[token] if token in _CONSTANTS else _json(token)
    except ValueError:
        return token


def _dict(tokens: list[str]) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    while tokens[-1] != "}":
        key = tokens.pop()
        if key == "...":
            found[AND_MORE] = None
        else:
            assert tokens.pop() == ":", f"a colon after {key}"
            found[_json(key) if key.startswith('"') else key] = _value(tokens)
        if tokens[-1] == ",":
            tokens.pop()
    tokens.pop()
    return found


_CONSTANTS = {"true": True, "false": False, "null": None}


def _json(token: str) -> Any:
    return json.loads(token)


def read(path: Path) -> list[Scenario]:
    """All scenarios of a file. Raises ValueError with file and line for a line that cannot be read."""
    lines = path.read_text("utf-8").splitlines()
    section = lines[0].strip()
    scenarios: list[Scenario] = []
    preamble: list[str] = []
    for number, line in enumerate(lines[1:], 2):
        text = re.sub(r"(^|\s)#.*", "", line).strip()
        if text.startswith("=="):
            preamble = []
            scenarios.append(Scenario(path, section, text[2:].strip(), [], {}, {}, {}))
        elif text.startswith("|"):
            preamble.append(text[1:])
            scenarios[-1].setting.update(yaml.safe_load("\n".join(preamble)))
        elif text.startswith("speaks "):
            scenarios[-1].speaks.update(dict(pair.split() for pair in text[7:].split(",")))
        elif text:
            try:
                step = _step(number, text)
            except (ValueError, KeyError, IndexError, AssertionError) as problem:
                raise ValueError(f"{path.name}:{number}: {text!r}: {problem}") from problem
            scenarios[-1].steps.append(step)
            if step.kind in ("joins", "connects"):
                scenarios[-1].players.setdefault(step.player, step.message[0])
    return scenarios


def _step(number: int, text: str) -> Step:
    if found := _SPEECH.match(text):
        player, kind, name, rest = found.groups()
        code = CODES[name] if name in CODES else int(name)
        return Step(number, text, player, kind, [code, *parse_values(rest)])
    if found := _JOINS.match(text):
        player, kind, role, details = found.groups()
        return Step(number, text, player, kind, [role or "anonymous", *parse_values(details or "")])
    for pattern, kind in _OTHERS:
        if found := pattern.match(text):
            return Step(number, text, found.group(1), kind, [found.group(2)])
    raise ValueError("this is no line of a scenario")


def substitute(value: Any, known: dict[str, Any]) -> Any:
    """The value with its variables filled in. Raises KeyError for one that is not bound."""
    if isinstance(value, Variable):
        return known[value.name]
    if isinstance(value, list):
        return [substitute(item, known) for item in value]
    if isinstance(value, dict):
        return {key: substitute(item, known) for key, item in value.items()}
    return value


def matches(expected: Any, found: Any, known: dict[str, Any]) -> bool:
    """Whether what was found is what the transcript says; binds variables that are new."""
    if expected is ANYTHING:
        return True
    if isinstance(expected, Variable):
        if expected.name not in known:
            known[expected.name] = found
        return bool(known[expected.name] == found)
    if isinstance(expected, list):
        return (
            isinstance(found, list)
            and len(found) == len(expected)
            and all(matches(mine, its, known) for mine, its in zip(expected, found, strict=True))
        )
    if isinstance(expected, dict):
        if not isinstance(found, dict):
            return False
        keys = expected.keys() - {AND_MORE}
        if not (keys <= found.keys() if AND_MORE in expected else keys == found.keys()):
            return False
        return all(matches(expected[key], found[key], known) for key in keys)
    return type(expected) is type(found) and bool(expected == found)


def show(message: Any) -> str:
    """A message as a transcript would have it."""
    def shown(value: Any) -> str:
        return json.dumps(value, ensure_ascii=False, default=lambda other: f"h'{bytes(other).hex()}'")

    if isinstance(message, list) and message and message[0] in NAMES:
        return " ".join([NAMES[message[0]], *map(shown, message[1:])])
    return repr(message)
