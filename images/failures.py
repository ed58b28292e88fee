"""What a build lacked, from what programs said when they failed: which file, from where, and what would help.

Only sentences of these programs may be in the table. (apt 2.6, mmdebstrap 1.3, pip 23 and 26, dpkg, tar, e2fsprogs.)
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote

_MIRROR: Final = "Another mirror can be named: DEBIAN_MIRROR=http://HOST/debian"
_WITHOUT: Final = "or, for a build without what has been mended, DEBIAN_SUITES=trixie"
_KEPT: Final = "What is done is kept: the same command goes on from here."
_SPACE: Final = "Make room (`python -m images clean` removes what no build uses), or set EDGE_ROUTER_CACHE=DIRECTORY."
_URL: Final = r"(?P<base>https?://\S+?)/(?P<path>(?:pool|dists)/\S+)"
_INDEX: Final = r"Retry\(.*?((?:\[Errno -?\d+\] |certificate verify failed|Read timed out|Connection reset)[^'\"):]*)"

#: what was said -> what that means; the first that is found is told
_KNOWN: Final[tuple[tuple[str, str], ...]] = (
    (
        r"No space left on device|don't have enough free space in |Wrote only \d+ of \d+ bytes",
        f"There is no space left. {_SPACE} {_KEPT}",
    ),
    (
        r"ould not allocate (?:block|inode) in ext2 filesystem",
        "The files do not fit into their partition: it has to be larger (images/sdcard.py, SIZES).",
    ),
    (
        rf"E: Failed to fetch {_URL}  404 ",
        "{file} is not at {base} (404): the mirror's lists name what it has no more, or it is just being renewed. "
        f"Try again in an hour. {_MIRROR} . {_KEPT}",
    ),
    (
        rf"E: Failed to fetch {_URL}  (?P<reason>Hash Sum mismatch|File has unexpected size[^\n]*)",
        "{file} from {base} is not what its lists promise ({reason}): the mirror is being renewed, or something in "
        f"between changes files or keeps old ones. Try again in an hour. {_MIRROR} ; {_WITHOUT} . {_KEPT}",
    ),
    (
        rf"E: Failed to fetch {_URL}  (?P<reason>[^\n]+)",
        f"{{file}} could not be fetched from {{base}}: {{reason}}. Is the network there? {_MIRROR} . {_KEPT}",
    ),
    (
        r"The repository '(?P<base>https?://\S+) (?P<suite>\S+-security) Release' does not have a Release file",
        "There is no Debian {suite} at {base}. The mirror of the security team can be named: "
        f"DEBIAN_SECURITY_MIRROR=http://HOST/debian-security ; {_WITHOUT} .",
    ),
    (
        r"The repository '(?P<base>https?://\S+) (?P<suite>\S+) Release' does not have a Release file",
        f"There is no Debian {{suite}} at {{base}}. {_MIRROR} .",
    ),
    (
        r"(?:public key is not available: NO_PUBKEY|is not signed|No good signature)",
        "The mirror's lists are not signed by a key that this machine knows. `apt-get install debian-archive-keyring`, "
        f"or a mirror that is Debian's. {_MIRROR} .",
    ),
    (
        r"E: (?:Unable to locate package |Package ')(?P<file>[^\s']+)",
        "The mirror has no package {file} for this suite and architecture: is it a whole mirror, with main and "
        f"non-free-firmware? {_MIRROR} .",
    ),
    (r"(?s)Retry.*No matching distribution found for (?P<file>\S+)", "PIP"),
    (
        r"ERROR: HTTP error (?P<reason>\d+) while getting (?P<base>\S+)/(?P<file>[^/\s]+?)(?:#\S*)?(?: |$)",
        f"{{file}} could not be fetched from {{base}}: status {{reason}}. Try again, or name another index: "
        f"PIP_INDEX_URL. {_KEPT}",
    ),
    (
        r"No matching distribution found for (?P<file>\S+)",
        "The Python index has no {file}, or could not be asked (`pip index versions` tells). Another can be named: "
        f"PIP_INDEX_URL. {_KEPT}",
    ),
    (
        r"THESE PACKAGES DO NOT MATCH THE HASHES[^\n]*\n\s+(?P<file>[^\n]+?)(?: from (?P<base>\S+))?:?\n",
        "{file} is not what is pinned here: the index has another file by that name. Nothing was made of it.",
    ),
    (
        r"(?i)exec format error|can neither be executed natively nor via qemu user emulation",
        "Programs of that architecture do not run here: `apt-get install qemu-user-static binfmt-support` as root.",
    ),
)


def explain(said: str) -> str:
    """What was missing. said: all that a program wrote. Result: sentences for a person; empty if it is not known."""
    for pattern, text in _KNOWN:
        found = re.search(pattern, said, re.M)
        if found:
            if text == "PIP":
                return _index(found["file"], said)
            words = {name: value or "" for name, value in found.groupdict().items()}
            words.setdefault("file", unquote(words.get("path", "")).rpartition("/")[2])
            return text.format(**words)
    return ""


def _index(file: str, said: str) -> str:
    """pip says why before it says what."""
    reasons = re.findall(_INDEX, said)
    why = reasons[-1] if reasons else "it did not answer"
    return (
        f"{file} could not be fetched from the Python index: {why}. Is the network there? Another can be named: "
        f"PIP_INDEX_URL. {_KEPT}"
    )
