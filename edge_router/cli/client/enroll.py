"""`edge-router enroll`: have a central router know this node by its key, with a code that was made there."""

from __future__ import annotations

import argparse
import platform
import sys
from typing import TYPE_CHECKING

from edge_router import registry
from edge_router.cli.client.options import Target, WrongUsage, add_reach, secret_of, target_of
from edge_router.cli.client.where import NotFound
from edge_router.cli.configuration import read_config
from edge_router.cli.words import in_words
from edge_router.config.find import node_directory
from edge_router.node.keyfiles import PRIVATE, KeyFileError, ensure_key
from edge_router.node.lean import hold_back
from edge_router.wamp.enrolment import key_of

if TYPE_CHECKING:
    from edge_router.cli.client.talk import Talk
    from edge_router.client import Session

EXAMPLES = """\
  edge-router enroll K7QF-2M9D-0HXA-RT5W                      at the central router of the configuration's uplink
  edge-router enroll file:/boot/code --uplink hq
  edge-router enroll K7QF-... --url wss://hq.example/ws --realm central

On the central router, `edge-router nodes invite NAME` makes the code.
"""
DONE = """\
{authid} is known in realm {realm} by its key now (role {role}). An uplink logs in by
  auth: {{cryptosign: {{privkey: {{file: {path}}}}}}}"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The code, and where the central router is."""
    parser.add_argument("code", help="the code, or env:NAME, file:PATH, or - to be asked for it")
    parser.add_argument("--uplink", metavar="ID", help="which uplink of the configuration (default: the first)")
    add_reach(parser, EXAMPLES)


def run(args: argparse.Namespace) -> int:
    """Log in once with the code. Result: 0; 1 if the router does not take it; 2 if it is no code."""
    directory = node_directory(args.cbdir)
    try:
        code = secret_of(args.code, "code")
        if isinstance(code, str):
            key_of(code)
        made = ensure_key(directory, platform.node())
        target = _target(args)
    except (WrongUsage, ValueError) as problem:
        print(f"edge-router: {problem}", file=sys.stderr)
        return 2
    except (OSError, KeyFileError, NotFound) as problem:
        print(f"edge-router: {in_words(problem) if isinstance(problem, OSError) else problem}", file=sys.stderr)
        return 1
    for path in made:
        print(f"wrote {path}", file=sys.stderr)
    login = {"privkey": {"file": str((directory / PRIVATE).absolute())}, "code": code}
    status: int = registry.load("edge_router.cli.client.talk:Talk")(
        target._replace(auth={"cryptosign": login}), _told
    ).run()
    return status


async def _told(talk: Talk, session: Session) -> int:
    talk.say(DONE.format(authid=session.authid, realm=session.realm, role=session.authrole, path=PRIVATE))
    return 0


def _target(args: argparse.Namespace) -> Target:
    """Where the central router is. Raises WrongUsage, NotFound."""
    if args.url is not None:
        return target_of(args)
    read = read_config(args)
    if read is None:
        raise NotFound("the configuration cannot be used; say by --url and --realm where the central router is")
    uplinks = {uplink.id: uplink for uplink in read.loaded.config.uplinks}
    if not uplinks:
        raise NotFound(f"{read.path} has no `uplinks`; say by --url and --realm where the central router is")
    if args.uplink is not None and args.uplink not in uplinks:
        raise WrongUsage(f"--uplink {args.uplink}: there are {', '.join(uplinks)}")
    uplink = uplinks[args.uplink] if args.uplink else next(iter(uplinks.values()))
    transport = uplink.transport or uplink.transports[0]
    hold_back(tls=True, parts={"websocket"})
    return Target(transport, uplink.remote_realm or uplink.realm, {}, read.directory)
