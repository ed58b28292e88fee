"""`edge-router schema`: the JSON schema of the configuration, for editors that complete and check with it."""

from __future__ import annotations

import argparse

from edge_router.config.document import schema_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """No options."""
    parser.epilog = "For example: edge-router schema > config.schema.json"


def run(args: argparse.Namespace) -> int:
    """Print the schema (JSON Schema 2020-12). Result: 0."""
    del args
    print(schema_json().decode())
    return 0
