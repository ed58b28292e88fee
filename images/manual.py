"""The manual page edge-router(1), made from what the commands say of themselves. (man-pages(7), groff_man(7).)"""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from importlib import import_module
from typing import Final

from edge_router.__main__ import COMMANDS
from images.version import VERSION, epoch

HEAD: Final = r""".TH EDGE\-ROUTER 1 "{date}" "edge\-router {version}" "User Commands"
.SH NAME
edge\-router \- WAMP v2 router for a Raspberry Pi
.SH SYNOPSIS
.B edge\-router
.I COMMAND
.RI [ OPTIONS ]
.SH DESCRIPTION
Sensors on serial lines, pins and buses are topics, actuators are procedures, browsers in the network subscribe, and
programs on the board join through a Unix socket. A node is a directory with a configuration; what it may say is printed
as a JSON schema by
.BR "edge\-router schema" .
.PP
As a service it is
.BR "systemctl start edge\-router" .
Its configuration is
.IR /etc/edge\-router/config.yaml ;
.B systemctl reload edge\-router
takes over what was changed there. Whoever is in the group
.B edge\-router
may use the commands that talk to it.
.SH COMMANDS
"""
TAIL: Final = r""".SH FILES
.TP
.I /etc/edge\-router/config.yaml
the configuration of the service
.TP
.I /etc/edge\-router/NAME.yaml
that of
.B edge\-router@NAME.service
.TP
.I /var/lib/edge\-router
the node directory: keys, stores, the last crash
.TP
.I /run/edge\-router/router.sock
where programs on this machine join
.SH ENVIRONMENT
.TP
.B CROSSBAR_DIR
the node directory, if
.B \-\-cbdir
is not given
.TP
.B CROSSBAR_CONFIG
the configuration, if
.B \-\-config
is not given
.SH EXIT STATUS
0 done; 1 failed; 2 wrong usage; 69 there is no such node; 130 interrupted.
.SH SEE ALSO
.BR systemctl (1),
.BR journalctl (1)
"""


def manual() -> str:
    """The page, in roff."""
    date = datetime.fromtimestamp(epoch(), UTC).strftime("%Y-%m-%d")
    commands = "".join(_command(name, *entry) for name, entry in COMMANDS.items())
    return HEAD.format(date=date, version=VERSION) + commands + TAIL


def parser_of(name: str) -> argparse.ArgumentParser:
    """The options of a command. name: as in the table."""
    parser = argparse.ArgumentParser(prog=f"edge-router {name}", formatter_class=argparse.RawDescriptionHelpFormatter)
    import_module(COMMANDS[name][0]).add_arguments(parser)
    return parser


def _command(name: str, _module: str, summary: str) -> str:
    parser = parser_of(name)
    parts = [f".SS {_escaped(name)}", _escaped(summary[0].upper() + summary[1:] + ".")]
    for action in parser._actions:
        if action.help is not argparse.SUPPRESS and "--help" not in action.option_strings:
            parts += [".TP", _head(action), _escaped(_help(parser, action))]
    if parser.epilog:
        parts += [".PP", ".nf", *(_escaped(line) for line in parser.epilog.strip().splitlines()), ".fi"]
    return "\n".join(parts) + "\n"


def _head(action: argparse.Action) -> str:
    value = action.metavar or (None if action.nargs == 0 else action.dest.upper())
    text = " ".join(value) if isinstance(value, tuple) else value or ""
    if not action.option_strings:
        return f".I {_escaped(str(action.metavar or action.dest))}"
    names = ", ".join(rf"\fB{_escaped(option)}\fR" for option in action.option_strings)
    if action.choices is not None and action.metavar is None:
        text = "{" + ",".join(str(choice) for choice in action.choices) + "}"
    return rf"{names} \fI{_escaped(text)}\fR" if text else names


def _help(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    return parser._get_formatter()._expand_help(action) if action.help else ""


def _escaped(text: str) -> str:
    """As roff prints it: no line begins with a control character."""
    escaped = text.replace("\\", r"\e").replace("-", r"\-").replace("'", r"\(aq")
    return rf"\&{escaped}" if escaped.startswith((".", r"\(aq")) else escaped
