"""`edge-router certificate`: a private authority and a certificate for the node, or for one of its clients.

Everything goes into the folder `tls` of the node directory. What is there is used again: a second run renews.
"""

from __future__ import annotations

import argparse
import ipaddress
import platform
import re
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

from edge_router import registry
from edge_router.cli.directory import add_cbdir
from edge_router.cli.fitting import fitting
from edge_router.cli.words import in_words
from edge_router.config.find import node_directory

#: days; Apple's systems take no certificate of a server for longer
DAYS = 825

_LABEL = "[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_HOST_NAME = re.compile(rf"(?=.{{1,253}}\Z)(\*\.)?({_LABEL}\.)*{_LABEL}\Z")
_CLIENT_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]{0,63}\Z")

FOR_NODE = """
{authority}
Certificate of the node, until {ends:%Y-%m-%d}, for
  {names}

In the configuration, at the `endpoint` of a transport:
  tls:
    key: {key}
    certificate: {certificate}

A running node takes new files at `edge-router reload`.

Import {ca} (never ca.key) where clients run:
  Linux     copy it to /usr/local/share/ca-certificates/, then: update-ca-certificates
  Firefox   Settings, Privacy & Security, View Certificates, Authorities, Import
  Chrome    Settings, Privacy and security, Security, Manage certificates, Authorities (Linux); else the system's
  Windows   open it, Install Certificate, Local Machine, Trusted Root Certification Authorities
  macOS     open it in Keychain Access, then Trust: Always
  Android   Settings, Security, Encryption & credentials, Install a certificate, CA certificate
  iOS       send it to the device, install the profile, then General, About, Certificate Trust Settings
  programs  as the file of authorities: Python ssl.create_default_context(cafile=...), curl --cacert, Node ca:
Whoever has ca.key can pretend to be anybody to those clients: keep it off the network if you can.
"""

FOR_CLIENT = """
{authority}
Certificate of the client {name!r}, until {ends:%Y-%m-%d}. Give it {key} and {certificate}.
  SHA-256  {sha256}
  SHA-1    {sha1}

To let in only clients with a certificate of this authority, beside `key` and `certificate` in the configuration:
    ca_certificates: [{ca}]
To let it log in by its certificate, in `auth` of that transport (ROLE is a role of the realm):
    tls: {{principals: {{{name}: {{role: ROLE, certificate-sha256: "{sha256}"}}}}}}
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Names, --cbdir, --client, --days."""
    parser.add_argument(
        "names",
        nargs="*",
        type=fitting(host, bool, "a host name as pi.local, or an IP address,"),
        metavar="NAME",
        help="a host name or IP address that clients reach the node by "
        "(default: this machine's name, with .local too, and its addresses)",
    )
    parser.add_argument(
        "--client",
        metavar="NAME",
        type=fitting(client, bool, "letters, digits, `.`, `_`, `-`"),
        help="a certificate for a client instead",
    )
    parser.add_argument(
        "--days",
        type=fitting(int, lambda days: 1 <= days <= 3650, "a whole number from 1 to 3650"),
        default=DAYS,
        help=f"how long it holds (default: {DAYS})",
    )
    add_cbdir(parser)


def host(text: str) -> str:
    """A host name or an IP address. Raises ValueError."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        if not _HOST_NAME.match(text):
            raise
    return text.lower()


def client(text: str) -> str:
    """The name of a client, which is a part of a file name. Raises ValueError."""
    if not _CLIENT_NAME.match(text):
        raise ValueError(text)
    return text


def run(args: argparse.Namespace) -> int:
    """Make what was asked for and say what to do with it. Result: 0, or 1 if it cannot be made."""
    if args.client and args.names:
        print("edge-router: names are the node's; a client is known by the one name after --client", file=sys.stderr)
        return 2
    try:
        authority_class = registry.load("edge_router.node.authority:Authority")
        cannot_sign = registry.load("edge_router.node.authority:CannotSign")
    except ImportError:
        print("edge-router: this needs pyOpenSSL: `pip install 'edge-router[tls]'`", file=sys.stderr)
        return 1
    directory = node_directory(args.cbdir)
    try:
        authority = authority_class(directory / "tls", f"edge-router authority of {platform.node() or 'a node'}")
        print(_made(authority, args, directory), end="")
    except (OSError, cannot_sign) as error:
        print(f"edge-router: {in_words(error)}", file=sys.stderr)
        return 1
    return 0


def _made(authority: Any, args: argparse.Namespace, directory: Path) -> str:
    """Sign what was asked for. Result: what to say of it."""
    names = args.names or own_names()
    if args.client:
        signed, form = authority.sign_client(args.client, args.days), FOR_CLIENT
    else:
        signed, form = authority.sign_node(list(dict.fromkeys(names)), args.days), FOR_NODE
    verb = "made" if authority.is_new else "used as it was"
    return form.format(
        authority=f"Authority, {verb}: {authority.certificate}",
        ca=authority.certificate.relative_to(directory) if args.client else authority.certificate,
        ends=signed.ends,
        names=", ".join(dict.fromkeys(names)),
        name=args.client,
        key=signed.key if args.client else signed.key.relative_to(directory),
        certificate=signed.certificate if args.client else signed.certificate.relative_to(directory),
        sha256=signed.sha256,
        sha1=signed.sha1,
    ).lstrip("\n")


def own_names() -> list[str]:
    """What this machine is probably reached by: its name, the name that mDNS gives it, localhost, its addresses."""
    full = platform.node().lower()
    short = full.partition(".")[0]
    names = [full, short, f"{short}.local"] if short else []
    return [name for name in names if _HOST_NAME.match(name)] + ["localhost"] + own_addresses()


def own_addresses() -> list[str]:
    """The addresses of this machine, as /proc has them: local ones, IPv4, then IPv6 that goes beyond one link."""
    found = ["127.0.0.1", "::1", *_ipv4(Path("/proc/net/fib_trie")), *_ipv6(Path("/proc/net/if_inet6"))]
    return list(dict.fromkeys(found))


def _ipv4(table: Path) -> list[str]:
    """Addresses of this machine in the kernel's tree of routes: a leaf, then what it is."""
    lines = _lines(table)
    leaves = [(leaf, kind) for leaf, kind in pairwise(lines) if "/32 host LOCAL" in kind]
    found = [ipaddress.ip_address(leaf.split()[-1]) for leaf, _ in leaves]
    return [str(address) for address in sorted(found) if not address.is_loopback]


def _ipv6(table: Path) -> list[str]:
    """Addresses in the kernel's table: 32 hexadecimal digits come first (proc_net(5))."""
    found = [ipaddress.IPv6Address(bytes.fromhex(line.split()[0])) for line in _lines(table) if line]
    return [str(address) for address in sorted(found) if not address.is_link_local and not address.is_loopback]


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("ascii").splitlines()
    except OSError:  # no IPv6, or no /proc
        return []
