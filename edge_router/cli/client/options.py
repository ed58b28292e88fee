"""Which router is meant, and who one is there: the options that all client commands have."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from pathlib import Path
from typing import Any, NamedTuple

from edge_router import registry
from edge_router.cli.client.where import NotFound, find_door
from edge_router.cli.directory import add_config
from edge_router.config.find import node_directory
from edge_router.config.schema.connecting import ClientTransport
from edge_router.node.lean import hold_back

URL = "EDGE_ROUTER_URL"
REALM = "EDGE_ROUTER_REALM"

EPILOG = f"""\
Without --url the node of this machine is meant: the first Unix socket in the configuration of --cbdir, else of
$CROSSBAR_DIR, ./.crossbar, the current directory, or of the service. ${URL} and ${REALM} stand for the two options.
A SECRET is the text itself (others see it in the list of processes), env:NAME, file:PATH, or - to be asked for it.
"""


class WrongUsage(Exception):
    """The options do not fit together. The text says how."""


class Target(NamedTuple):
    """What a command talks to.

    transport: how to reach it. realm: to join. auth: how to log in, as plain values of `ClientAuth`. directory: paths
    are relative to it.
    """

    transport: ClientTransport
    realm: str
    auth: dict[str, Any]
    directory: Path


def add_reach(parser: argparse.ArgumentParser, examples: str) -> None:
    """Add the options. examples: lines for the end of the help."""
    add_config(parser)
    where = parser.add_argument_group("where the router is")
    where.add_argument("--url", help="ws://HOST:PORT/PATH, wss://..., rs://HOST:PORT, rss://..., or unix:PATH")
    where.add_argument("--realm", help="the realm (default: the node's first)")
    where.add_argument("--serializer", choices=("json", "msgpack", "cbor"), help="the encoding (default: the fastest)")
    where.add_argument("--connect-timeout", type=float, default=10.0, metavar="SEC", help="(default: 10)")
    where.add_argument("--ca", action="append", metavar="FILE", help="an authority to trust, in place of the system's")
    where.add_argument("--hostname", metavar="NAME", help="the name that the router's certificate must have")
    who = parser.add_argument_group("who one is there (default: anonymous)")
    who.add_argument("--authid", metavar="NAME", help="the user")
    who.add_argument("--ticket", metavar="SECRET", help="log in by ticket")
    who.add_argument("--secret", metavar="SECRET", help="log in by WAMP-CRA")
    who.add_argument("--password", metavar="SECRET", help="log in by SCRAM")
    who.add_argument("--key", metavar="FILE", help="log in by cryptosign, with this Ed25519 private key")
    who.add_argument("--certificate", nargs=2, metavar=("CRT", "KEY"), help="log in by TLS, with this certificate")
    parser.epilog = f"{EPILOG}\nExamples:\n{examples}"


def target_of(args: argparse.Namespace) -> Target:
    """What the options mean. Loads Twisted, without what it is not needed for. Raises WrongUsage, NotFound."""
    url, realm = args.url or os.environ.get(URL), args.realm or os.environ.get(REALM)
    directory = Path.cwd()
    if url is None:
        door = find_door(args)
        url, realm, directory = door.url, realm or door.realm, node_directory(args.cbdir)
    if realm is None:
        raise WrongUsage(f"say which realm by --realm or ${REALM}")
    scheme = url.partition(":")[0]
    hold_back(tls=scheme in ("wss", "rss"), parts={"websocket"} if scheme in ("ws", "wss") else ())
    address = registry.load("edge_router.client.address:transport_for")
    schema = "edge_router.config.schema.connecting:ClientTls"
    tls: dict[str, Any] = {"hostname": args.hostname}
    if args.ca:
        tls["ca_certificates"] = [str(Path(name).absolute()) for name in args.ca]
    if args.certificate:
        tls["certificate"], tls["key"] = (str(Path(name).absolute()) for name in args.certificate)
    try:
        transport: ClientTransport = address(url, registry.load(schema)(**tls), args.serializer)
    except ValueError as problem:
        raise WrongUsage(f"--url: {problem}") from None
    endpoint: Any = transport.endpoint
    endpoint.timeout = args.connect_timeout
    transport.options.open_handshake_timeout = max(100, int(args.connect_timeout * 1000))
    return Target(transport, realm, auth_of(args), directory)


def auth_of(args: argparse.Namespace) -> dict[str, Any]:
    """How to log in. Raises WrongUsage."""
    auth: dict[str, Any] = {}
    for option, method, key in (("password", "scram", "password"), ("secret", "wampcra", "secret"),
                                ("ticket", "ticket", "ticket")):  # fmt: skip
        given = getattr(args, option)
        if given is not None:
            if args.authid is None:
                raise WrongUsage(f"--{option} needs --authid: whose it is")
            auth[method] = {"authid": args.authid, key: secret_of(given, option)}
    if args.key is not None:
        auth["cryptosign"] = {"authid": args.authid, "privkey": {"file": str(Path(args.key).absolute())}}
    if args.certificate:
        auth["tls"] = {"authid": args.authid}
    if not auth and args.authid is not None:
        auth["anonymous"] = {"authid": args.authid}
    return auth


def secret_of(text: str, option: str) -> Any:
    """A secret from the command line, as a configuration would have it. Raises WrongUsage."""
    kind, _, rest = text.partition(":")
    if kind in ("env", "file") and rest:
        return {"env": rest} if kind == "env" else {"file": str(Path(rest).absolute())}
    if text != "-":
        return text
    asked = getpass.getpass(f"{option}: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")
    if not asked:
        raise WrongUsage(f"--{option}: nothing was given")
    return asked


def talk(args: argparse.Namespace, main: Any) -> int:
    """Join the router that the options mean, and do `main` there (see `talk.Talk`). Result: the exit status."""
    try:
        target = target_of(args)
    except (WrongUsage, NotFound) as problem:
        print(f"edge-router: {problem}", file=sys.stderr)
        return 2 if isinstance(problem, WrongUsage) else 1
    status: int = registry.load("edge_router.cli.client.talk:Talk")(target, main).run()
    return status
