"""The program `edge-router`: finds the command that was typed and hands over to its module.

The table below is all that is loaded for `edge-router --help`; a command's module is imported when it is the
one typed, so that `version` or `check` never loads Twisted. What it offers is said in `edge_router.cli`.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from functools import partial
from importlib import import_module

from edge_router.node.lean import typing_held_back

# command -> (module, one line of help); shown in this order
COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("edge_router.cli.init", "make a node directory with a commented configuration that works"),
    "start": ("edge_router.cli.start", "run the node, in the foreground"),
    "stop": ("edge_router.cli.stop", "stop a running node"),
    "reload": ("edge_router.cli.reload", "have the running node take over its changed configuration"),
    "status": ("edge_router.cli.status", "say whether the node is running"),
    "check": ("edge_router.cli.check", "check the configuration and say all that is wrong with it"),
    "outputs": ("edge_router.cli.outputs", "list the outputs; --on-stop: leave them as the configuration says"),
    "convert": ("edge_router.cli.convert", "write the configuration as YAML if it is JSON, or the other way"),
    "upgrade": ("edge_router.cli.upgrade", "rewrite a configuration of an older form, keeping its comments"),
    "keys": ("edge_router.cli.keys", "print the node's public key, making it if there is none"),
    "keygen": ("edge_router.cli.keygen", "print a new key pair for a client"),
    "certificate": ("edge_router.cli.certificate", "make a private authority and a certificate for this node"),
    "schema": ("edge_router.cli.schema", "print the JSON schema of the configuration, for editors"),
    "passwd": ("edge_router.cli.passwd", "make of a password what the configuration needs to check it"),
    "demo": ("edge_router.cli.demo", "show it all: a simulated sensor, its bridge, a page with live values"),
    "devices": ("edge_router.cli.devices.command", "show serial ports, pins, buses and cameras, and who may use them"),
    "decode": ("edge_router.cli.decode.command", "show what a serial bridge would make of bytes, without a router"),
    "record": ("edge_router.cli.record", "write what a serial device says into a file, with its timing"),
    "replay": ("edge_router.cli.replay", "say again what was recorded, as a device that programs can open"),
    "publish": ("edge_router.cli.client.publish", "publish an event, or one for each line of stdin"),
    "subscribe": ("edge_router.cli.client.subscribe", "print events as they come, one JSON object a line"),
    "call": ("edge_router.cli.client.call", "call a procedure and print what it gives"),
    "register": ("edge_router.cli.client.register", "let a program answer the calls of a procedure"),
    "sessions": ("edge_router.cli.client.sessions", "list who is in a realm"),
    "topics": ("edge_router.cli.client.topics", "list what is subscribed to in a realm"),
    "procedures": ("edge_router.cli.client.procedures", "list what can be called in a realm"),
    "top": ("edge_router.cli.client.top", "watch a realm: sessions, what comes and goes, slow readers"),
    "nodes": ("edge_router.cli.client.nodes", "list, invite and remove nodes that log in with their own key"),
    "enroll": ("edge_router.cli.client.enroll", "have a central router know this node by its key"),
    "version": ("edge_router.cli.version", "print the versions of the program and of what it runs on"),
    "legal": ("edge_router.cli.legal", "print the licence, and those of the packages in use"),
}

INTRODUCTION = """\
usage: edge-router COMMAND [OPTIONS]

A WAMP router for a Raspberry Pi: sensors are topics, actuators are procedures, browsers subscribe.

commands:
{commands}

For a first look:             edge-router demo
For a node of your own:       edge-router init, then edge-router start
For the options of a command: edge-router COMMAND --help
"""

# argparse would load shutil, bz2 and lzma (0.6 MB, for as long as a node runs) to measure the terminal
HELP_WIDTH = 100

EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


def introduction() -> str:
    """The help of the program as a whole."""
    return INTRODUCTION.format(
        commands="\n".join(f"  {name:<11} {summary}" for name, (_, summary) in COMMANDS.items())
    )


def run_command(name: str, arguments: Sequence[str]) -> int:
    """Run one command of the table. Result: its exit status."""
    module_name, summary = COMMANDS[name]
    with typing_held_back():  # what msgspec is imported by
        module = import_module(module_name)
    parser = argparse.ArgumentParser(
        prog=f"edge-router {name}",
        description=summary[0].upper() + summary[1:] + ".",
        formatter_class=partial(argparse.RawDescriptionHelpFormatter, width=HELP_WIDTH),
    )
    module.add_arguments(parser)
    given = argparse.Namespace()
    if getattr(module, "PROGRAM", False):  # argparse would take a second `--` out of it
        end = list(arguments).index("--") if "--" in arguments else len(arguments)
        arguments, given.program = arguments[:end], arguments[end + 1 :]
    parse = parser.parse_intermixed_args if getattr(module, "INTERMIXED", False) else parser.parse_args
    status: int = module.run(parse(arguments, given))
    return status


def unknown(name: str) -> int:
    """Say that there is no such command, and which one was probably meant."""
    near = import_module("difflib").get_close_matches(name, COMMANDS, n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"there are: {', '.join(COMMANDS)}"
    print(f"edge-router: no command '{name}'; {hint}", file=sys.stderr)
    return EXIT_USAGE


def dispatch(arguments: Sequence[str]) -> int:
    """Run what the words after `edge-router` say. Result: the exit status."""
    first, *rest = arguments or [""]
    if not first:
        print(introduction(), end="", file=sys.stderr)
        return EXIT_USAGE
    if first == "help" and rest:
        first, rest = rest[0], ["--help"]
    if first == "standalone" and rest:  # Crossbar's name for what its commands mean by themselves
        first, *rest = rest
    if first in ("-h", "--help", "help"):
        print(introduction(), end="")
        return 0
    if first in ("-V", "--version"):
        first = "version"
    return run_command(first, rest) if first in COMMANDS else unknown(first)


def main() -> None:
    """The entry of the console script and of `python -m edge_router`."""
    try:
        status = dispatch(sys.argv[1:])
        sys.stdout.flush()
    except KeyboardInterrupt:
        status = EXIT_INTERRUPTED
    except BrokenPipeError:
        # whoever read our output has gone (`| head`): nothing left to say, no complaint at exit either
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 0
    sys.exit(status)


if __name__ == "__main__":
    main()
