"""Which directory a node lives in, and which file configures it; Crossbar's rules."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

FILES = ("config.yaml", "config.json")


def node_directory(cbdir: str | Path | None = None, environ: Mapping[str, str] = os.environ) -> Path:
    """The node directory: `--cbdir`, else `$CROSSBAR_DIR`, else `./.crossbar` if it exists, else `.`.

    cbdir: as given on the command line; if it names a file, the file's directory is taken. Result: absolute; it need
    not exist.
    """
    named = cbdir or environ.get("CROSSBAR_DIR")
    if named:
        path = Path(named).expanduser()
        return (path.parent if path.is_file() else path).absolute()
    hidden = Path(".crossbar")
    return (hidden if hidden.is_dir() else Path()).absolute()


def config_file(
    directory: Path, config: str | Path | None = None, environ: Mapping[str, str] = os.environ
) -> Path:
    """The configuration file: `--config`, else `$CROSSBAR_CONFIG`, else config.yaml, else config.json.

    The first two are relative to the node directory. Result: the path; if there is none, that of config.yaml, so that
    opening it says what is missing.
    """
    named = config or environ.get("CROSSBAR_CONFIG")
    if named:
        return directory / Path(named).expanduser()
    return next((directory / name for name in FILES if (directory / name).is_file()), directory / FILES[0])
