"""The process of a router that has one of its own (`process: own`): a node with this router and nothing else.

    python -m edge_router.node.routing

The node writes what is to run to its standard input, and reads its reports.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from msgspec import Struct, msgpack

from edge_router import registry
from edge_router.config.parts import to_config
from edge_router.node.lean import hold_back
from edge_router.node.needs import has_tls, part_types


class Order(Struct):
    """What the node asks for. directory: the node's. config: a whole configuration, with one router."""

    directory: str
    config: Any


def main() -> int:
    """Run the router until it is stopped. Result: the exit status."""
    os.setsid()
    order = msgpack.decode(sys.stdin.buffer.read(), type=Order)
    config = to_config(order.config)
    hold_back(tls=has_tls(config), parts=part_types(config))
    report = registry.load("edge_router.node.reports:Reports")(3)
    report.begin_log()

    def tell(node: Any) -> None:
        for info in node.info()["workers"]:
            report.facts({name: info[name] for name in ("transports", "components") if name in info})

    program = registry.load("edge_router.node.program:Program")
    status: int = program(config, [], Path(order.directory), False, lambda: None, tell).run(None)
    return status


if __name__ == "__main__":
    sys.exit(main())
