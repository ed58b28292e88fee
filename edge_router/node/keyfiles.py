"""The node's key in `key.priv` and `key.pub`: `tag: value` lines below a title, as Crossbar writes them.

Crossbar's tags for Ethereum are left out, and its machine-id too: machine-id(5) says to keep that one confidential.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from edge_router import __version__
from edge_router.node.ed25519 import SEED_SIZE, public_key

PRIVATE = "key.priv"
PUBLIC = "key.pub"
PRIVATE_TITLE = "edge-router node private key - KEEP THIS SAFE"
PUBLIC_TITLE = "edge-router node public key"
PRIVATE_TAG = "private-key-ed25519"
PUBLIC_TAG = "public-key-ed25519"


class KeyFileError(Exception):
    """The key files are there and cannot be used. The text says which, and why."""


def ensure_key(directory: Path, authid: str) -> list[Path]:
    """See to it that a node directory has its key: made if there is none, `key.pub` made anew if it is missing.

    directory: the node directory. authid: the node's name, written into a new key. Result: the files that were written.
    An existing `key.priv` keeps its content and gets mode 0600. Raises KeyFileError, OSError.
    """
    private, public = directory / PRIVATE, directory / PUBLIC
    if not public.exists() and private.exists() and not private.stat().st_size:
        private.unlink()  # what a power cut has left of making it
    if not private.exists():
        if public.exists():
            raise KeyFileError(f"{public}: there is no {PRIVATE} to it; put that back, or move {PUBLIC} away")
        tags = _new_key(authid)
        _write(private, PRIVATE_TITLE, tags, 0o600)
        _write(public, PUBLIC_TITLE, _without_secrets(tags), 0o644)
        return [private, public]
    private.chmod(0o600)
    tags = read_tags(private)
    if not public.exists():
        _write(public, PUBLIC_TITLE, _without_secrets(tags), 0o644)
        return [public]
    if read_tags(public).get(PUBLIC_TAG) != tags[PUBLIC_TAG]:
        raise KeyFileError(f"{public}: is not the public key of {PRIVATE}; remove it, and it is made anew")
    return []


def read_tags(path: Path) -> dict[str, str]:
    """The tags of a key file. Raises KeyFileError if it has no Ed25519 public key, or a private one not its own."""
    lines = (line.partition(":") for line in path.read_text().splitlines())
    tags = {tag.strip(): value.strip() for tag, colon, value in lines if colon}
    if PUBLIC_TAG not in tags:
        raise KeyFileError(f"{path}: has no line `{PUBLIC_TAG}: ...`")
    if PRIVATE_TAG in tags and _derived(tags[PRIVATE_TAG]) != tags[PUBLIC_TAG].lower():
        raise KeyFileError(f"{path}: `{PUBLIC_TAG}` does not belong to `{PRIVATE_TAG}`")
    return tags


def _derived(private: str) -> str:
    try:
        return public_key(bytes.fromhex(private)).hex()
    except ValueError:
        return ""


def _new_key(authid: str) -> dict[str, str]:
    seed = secrets.token_bytes(SEED_SIZE)
    return {
        "creator": f"edge-router {__version__}",
        "created-at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "node-authid": authid,
        PUBLIC_TAG: public_key(seed).hex(),
        PRIVATE_TAG: seed.hex(),
    }


def _without_secrets(tags: Mapping[str, str]) -> dict[str, str]:
    return {tag: value for tag, value in tags.items() if not tag.startswith("private-")}


def _write(path: Path, title: str, tags: Mapping[str, str], mode: int) -> None:
    """Write a file that has its mode from the first moment on. If root does, it is its directory's owner's."""
    text = f"{title}\n\n" + "".join(f"{tag}: {value}\n" for tag, value in tags.items())
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb", buffering=0) as file:
            file.write(text.encode())
            if os.geteuid() == 0:
                owner = path.parent.stat()
                os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
            os.fsync(file.fileno())
    except OSError as error:  # an empty key would be taken for a broken one from then on
        path.unlink()
        raise OSError(error.errno, error.strerror, str(path)) from None
