"""Reading the configuration in a child process, whose memory goes with it.

A YAML parser, the checks and their tables are used for some milliseconds and would stay for as long as the node runs:
1.7 MB of 27 (RSS, x86-64). So a child reads and checks, says what is wrong, and hands the plain values over. The fork
comes first thing, before there are threads or a reactor, and costs a millisecond.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

from msgspec import Struct, msgpack

from edge_router import registry
from edge_router.cli.alarm import alarm, leave_word
from edge_router.config.find import config_file, node_directory
from edge_router.config.parts import to_config
from edge_router.config.schema import Config

READ = "edge_router.cli.configuration:read_config"


class Parsed(Struct, frozen=True):
    """A configuration that can be used.

    directory: the node directory. path: the file. config: what it says. notices: what the operator should know.
    """

    directory: Path
    path: Path
    config: Config
    notices: list[str]


class _Answer(Struct, frozen=True):
    """What the child hands over. config: `Config` as plain values."""

    config: Any
    notices: list[str]


def read_apart(args: argparse.Namespace) -> Parsed | None:
    """What `configuration.read_config` does, in a child. Result: None if it cannot be used; stderr has the reasons."""
    receiving, sending = os.pipe()
    child = os.fork()
    if child == 0:
        _exit_with(read_and_send, args, sending)
    os.close(sending)
    with os.fdopen(receiving, "rb") as pipe:
        data = pipe.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status < 0:
        data = f"edge-router: reading the configuration was ended by signal {-status}".encode()
        alarm(data.decode())
    if status != 0:
        leave_word(data.decode())
        return None
    directory = node_directory(args.cbdir)
    config, notices = received(data)
    return Parsed(directory, config_file(directory, args.config), config, notices)


def received(data: bytes) -> tuple[Config, list[str]]:
    """What a child has sent. Result: the configuration, and notices."""
    answer = msgpack.decode(data, type=_Answer)
    return to_config(answer.config), answer.notices


def read_and_send(args: argparse.Namespace, sending: int) -> int:
    """The child's work. sending: a descriptor, closed at the end; for what was read, or for what is wrong with it.

    Result: the exit status.
    """
    said = io.StringIO()
    try:
        with redirect_stderr(said):
            read = registry.load(READ)(args)
    finally:
        alarm(said.getvalue())
    with os.fdopen(sending, "wb") as pipe:
        if read is None:
            pipe.write(said.getvalue().encode())
            return 1
        pipe.write(msgpack.encode(_Answer(read.loaded.config, [str(notice) for notice in read.loaded.notices])))
    return 0


def _exit_with(work: Any, *arguments: Any) -> None:
    """End this process when the work is done, and never return to what the parent does."""
    status = 1
    try:
        status = work(*arguments)
    except BaseException:  # noqa: BLE001 - a bug must not make a second node of the child
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stderr.flush()
        os._exit(status)
