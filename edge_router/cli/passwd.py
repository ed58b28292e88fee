"""`edge-router passwd`: what a configuration needs to check a password, so that the password itself stands nowhere."""

from __future__ import annotations

import argparse
import getpass
import json
import secrets
import sys
from base64 import b64encode

from edge_router import registry
from edge_router.wamp.derive import keys_of, prepared, scram_keys, wampcra_key

#: RFC 7677 section 4 asks for 4096 at least; browsers derive the key in JavaScript at each login
ITERATIONS = 10_000
FEWEST = 4096
#: of Argon2id: passes, and KiB (OWASP, "Password Storage": 19 MiB and 2); each login costs the client as much
PASSES, MEMORY = 2, 19_456

EPILOG = """\
The password is asked for without showing it, or read from the first line of stdin. What is printed goes below
`auth: {scram: {principals: ...}}` (or `wampcra: {users: ...}`) of a transport.
For example: edge-router passwd --role operator joe
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Who, in which role, and which of the two forms."""
    parser.add_argument("authid", help="the name to log in with")
    parser.add_argument("--role", default="ROLE", help="the role to write down (default: a place to fill in)")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--scram", action="store_true", help="for the method scram (the default; the best there is)")
    form.add_argument("--argon2", action="store_true", help="for scram, with Argon2id; clients need a library for it")
    form.add_argument("--wampcra", action="store_true", help="for the method wampcra, which more client libraries have")
    parser.add_argument(
        "--iterations", type=int, default=ITERATIONS, metavar="N", help=f"how hard guessing is (default: {ITERATIONS})"
    )
    parser.epilog = EPILOG


def run(args: argparse.Namespace) -> int:
    """Ask for the password and print the section. Result: 0, or 1 if there is no usable password."""
    make = wampcra_section if args.wampcra else argon2_section if args.argon2 else scram_section
    try:
        if not args.argon2 and not FEWEST <= args.iterations <= 10_000_000:
            raise ValueError(f"--iterations {args.iterations}: {FEWEST} to 10000000 would be right")
        section = make(asked(), args.iterations)
    except ValueError as problem:
        print(f"edge-router: {problem}", file=sys.stderr)
        return 1
    print(f"{json.dumps(args.authid)}:")
    for key, value in {"role": args.role, **section}.items():
        print(f"  {key}: {json.dumps(value)}")
    return 0


def asked() -> str:
    """The password, from the terminal (twice) or from stdin. Raises ValueError if there is none or they differ."""
    if sys.stdin.isatty():
        password = getpass.getpass("Password: ")
        if getpass.getpass("Once more: ") != password:
            raise ValueError("these are two different passwords; try again")
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise ValueError("no password; an empty one would let everybody in")
    return password


def scram_section(password: str, iterations: int) -> dict[str, object]:
    """The keys of a `scram` principal. Raises ValueError for a password that SASLprep does not allow."""
    salt = secrets.token_bytes(16)
    keys = scram_keys(password, salt, iterations)
    return {
        "kdf": "pbkdf2",
        "iterations": iterations,
        "salt": salt.hex(),
        "stored-key": keys.stored.hex(),
        "server-key": keys.server.hex(),
    }


def argon2_section(password: str, _iterations: int) -> dict[str, object]:
    """The keys of a `scram` principal with Argon2id, at the cost that OWASP asks for. Raises ValueError."""
    salt = secrets.token_bytes(16)
    octets = prepared(password).encode()
    try:
        salted = registry.load("edge_router.client.argon2:argon2id")(octets, salt, PASSES, MEMORY)
    except registry.load("edge_router.client.argon2:NoArgon2") as problem:
        raise ValueError(problem) from None
    keys = keys_of(salted)
    return {
        "kdf": "argon2id-13",
        "iterations": PASSES,
        "memory": MEMORY,
        "salt": salt.hex(),
        "stored-key": keys.stored.hex(),
        "server-key": keys.server.hex(),
    }


def wampcra_section(password: str, iterations: int) -> dict[str, object]:
    """The keys of a salted `wampcra` user."""
    salt = b64encode(secrets.token_bytes(18)).decode()
    key = wampcra_key(password, salt, iterations, 32)
    return {"derived-key": key, "salt": salt, "iterations": iterations, "keylen": 32}
