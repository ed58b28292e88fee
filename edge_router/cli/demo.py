"""`edge-router demo`: a node with a simulated sensor, its bridge and a page with live values.

All it does is to write a configuration and run `edge-router start` on it.
"""

from __future__ import annotations

import argparse
import errno
import json
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge_router.cli import start
from edge_router.cli.fitting import fitting
from edge_router.config.load import Loaded, load
from edge_router.config.problems import ConfigErrors
from edge_router.config.schema import RouterWorker, TcpEndpoint, Web

TEMPLATE = Path(__file__).with_suffix(".yaml")
SENSOR = "sim:room"
LOOPBACK = "127.0.0.1"
PORT = 8080
PORTS_TO_TRY = 100
BAUDRATE = 115_200
#: an address of RFC 5737 that is nobody's; to "connect" a datagram socket to it sends nothing
ELSEWHERE = ("192.0.2.1", 9)

WELCOME = """
  The demo starts. Its page:

{urls}

  What is in it:     {directory}/config.yaml
  For your programs: {directory}/router.sock (WAMP over RawSocket, realm1)
"""
PLUG = """\
  Pull its plug:     {program} call --cbdir {directory} com.example.demo.simulate unplug 5
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where it runs, who may see it, and whose sensor it shows."""
    parser.add_argument("--dir", type=Path, metavar="DIR", help="keep the node there (default: a temporary directory)")
    parser.add_argument(
        "--port",
        type=fitting(int, lambda port: 0 <= port <= 65_535, "a port from 0 to 65535"),
        default=PORT,
        help=f"the page's port; if it is taken, the next free one (default: {PORT})",
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--host", default=LOOPBACK, metavar="ADDRESS", help=f"the address to bind (default: {LOOPBACK})")
    where.add_argument("--lan", action="store_true", help="let the whole network see it")
    parser.add_argument("--device", metavar="PATH", help="show this serial device instead of a simulated sensor")
    parser.add_argument(
        "--baudrate", type=int, default=BAUDRATE, metavar="N", help=f"bits per second of it (default: {BAUDRATE})"
    )
    parser.add_argument("--loglevel", choices=start.LEVELS, default="warn", help="how much is logged (default: warn)")
    parser.epilog = "A configuration that is in DIR already is used as it is."


def run(args: argparse.Namespace) -> int:
    """Run the demo until it is stopped. Result: the exit status."""
    try:
        with node_directory(args.dir) as directory:
            return run_in(directory, args)
    except OSError as error:
        print(f"edge-router: {error}", file=sys.stderr)
        return 1


def run_in(directory: Path, args: argparse.Namespace) -> int:
    """Run the demo in a directory. Result: the exit status. Raises OSError if it cannot be prepared."""
    config = directory / "config.yaml"
    if config.exists():
        print(f"{config} is there already and is used as it is")
    else:
        config.write_text(configuration(args, args.device or SENSOR), encoding="utf-8")
    try:
        loaded = load(config, directory)
    except ConfigErrors as errors:
        print(errors, file=sys.stderr)
        return 1
    addresses = "\n".join(f"    {url}" for url in page_urls(loaded))
    print(WELCOME.format(urls=addresses, directory=directory), end="")
    if any(getattr(bridge, "device", None) == SENSOR for bridge in loaded.config.bridges):
        program = sys.argv[0] if sys.argv[0].endswith("/edge-router") else "edge-router"
        print(PLUG.format(program=program, directory=directory), end="")
    print("  Ctrl-C ends it.\n", flush=True)
    return start.run(start_arguments(directory, args.loglevel))


def start_arguments(directory: Path, loglevel: str) -> argparse.Namespace:
    """The arguments of `edge-router start` for this node."""
    parser = argparse.ArgumentParser()
    start.add_arguments(parser)
    return parser.parse_args(["--cbdir", str(directory), "--config", "config.yaml", "--loglevel", loglevel])


@contextmanager
def node_directory(wanted: Path | None) -> Iterator[Path]:
    """The directory that is wanted, or a temporary one that is gone afterwards. Raises OSError."""
    if wanted is not None:
        wanted.mkdir(parents=True, exist_ok=True)
        yield wanted.absolute()
        return
    directory = Path(tempfile.mkdtemp(prefix="edge-router-demo-"))
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def configuration(args: argparse.Namespace, device: str) -> str:
    """The text of the configuration. Raises OSError if no port is free."""
    host = None if args.lan else args.host
    free = free_port(host, args.port)
    if args.port and free != args.port:
        print(f"port {args.port} is taken, so it is {free}")
    interface = "" if host is None else f"interface: {json.dumps(host)}, "
    version = "version: 6, " if host is not None and ":" in host else ""
    text = TEMPLATE.read_text(encoding="utf-8")
    for name, value in {
        "@INTERFACE@": interface + version,
        "@PORT@": str(free),
        "@DEVICE@": json.dumps(device),
        "@BAUDRATE@": str(args.baudrate),
    }.items():
        text = text.replace(name, value)
    return text


def free_port(host: str | None, first: int) -> int:
    """The first port from `first` on that nobody listens on; 0: any.

    host: the address to bind; None: all. Raises OSError if there is none, or the address is not one of this machine.
    """
    family = socket.AF_INET6 if host is not None and ":" in host else socket.AF_INET
    for number in range(first, min(first + PORTS_TO_TRY, 65_536)):
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host or "", number))
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    continue
                place = f"{host or 'all addresses'}, port {number}"
                raise OSError(f"cannot listen on {place}: {error.strerror}") from None
            found: int = probe.getsockname()[1]
            return found
    raise OSError(f"no port is free from {first} on; try another --port")


def page_urls(loaded: Loaded) -> list[str]:
    """Where the pages of a configuration are: one URL a web transport, two if the network may come in."""
    routers = [worker for worker in loaded.config.workers if isinstance(worker, RouterWorker)]
    webs = [transport for router in routers for transport in router.transports if isinstance(transport, Web)]
    endpoints = [web.endpoint for web in webs if isinstance(web.endpoint, TcpEndpoint)]
    return [f"http://{host}:{endpoint.port}/" for endpoint in endpoints for host in hosts(endpoint.interface)]


def hosts(interface: str | None) -> list[str]:
    """The names a browser may use for what is bound to an address; None: to all of them."""
    if interface not in (None, "", "0.0.0.0", "::"):
        return [f"[{interface}]" if ":" in interface else interface]
    own = own_address()
    return [LOOPBACK, *([own] if own else [])]


def own_address() -> str | None:
    """This machine's address on the network, None without a network. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(ELSEWHERE)
        except OSError:
            return None
        address: str = probe.getsockname()[0]
        return address
