"""What is in an artifact, for machines: a bill of materials (SBOM) in CycloneDX 1.6, one file for each artifact.

Images say which packages of Debian they are made of, with versions and licences, as far as Debian's copyright files
can be read by machines, else with the file to read; packages say what they demand and what they carry. The same
artifact gives the same bill.
(CycloneDX 1.6; package URLs; deb-control(5), dpkg's status; Debian's copyright-format 1.0; core metadata of Python.)
"""

from __future__ import annotations

import email
import hashlib
import json
import re
import uuid
import zipfile
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from images import wheel
from images.steps import BuildFailed, run
from images.version import VERSION, epoch

Component = dict[str, Any]

_DISTRIBUTION: Final = "debian-13"
#: what Debian calls a licence -> what SPDX calls it, if that is certain
_SPDX: Final = {
    **{
        name: name
        for name in ("Apache-2.0", "MPL-2.0", "MPL-1.1", "OFL-1.1", "ISC", "Zlib", "curl", "TCL", "OLDAP-2.8")
    },
    **{f"{kind}-{number}": f"{kind}-{number}.0-only" for kind in ("GPL", "LGPL", "AGPL") for number in ("2", "3")},
    **{f"{kind}-{number}+": f"{kind}-{number}.0-or-later" for kind in ("GPL", "LGPL", "AGPL") for number in ("2", "3")},
    **{"GPL-1": "GPL-1.0-only", "GPL-1+": "GPL-1.0-or-later"},
    **{"LGPL-2.1": "LGPL-2.1-only", "LGPL-2.1+": "LGPL-2.1-or-later"},
    **{"GFDL-1.3": "GFDL-1.3-only", "GFDL-1.3+": "GFDL-1.3-or-later"},
    **{"Expat": "MIT", "MIT": "MIT", "MIT-0": "MIT-0", "BSD-2-clause": "BSD-2-Clause", "BSD-2-Clause": "BSD-2-Clause"},
    **{"BSD-3-clause": "BSD-3-Clause", "BSD-3-Clause": "BSD-3-Clause", "BSL-1.0": "BSL-1.0", "CC0-1.0": "CC0-1.0"},
    **{"CC0": "CC0-1.0", "zlib": "Zlib", "Unlicense": "Unlicense", "0BSD": "0BSD", "PSF-2": "PSF-2.0"},
}
_NAME: Final = re.compile(r"^([A-Za-z0-9][A-Za-z0-9.+-]*)(?::\w+)?(?: \(([^)]*)\))?")


def bill(artifact: Path, kind: str, components: Iterable[Component]) -> dict[str, Any]:
    """The bill of one artifact. kind: `application` or `container` or `operating-system`. Result: as JSON has it."""
    digest = sha256(artifact)
    parts: dict[str, Component] = {}
    for each in components:
        before = parts.setdefault(each["bom-ref"], each)
        if before is not each and "properties" in each:  # two demands for one package
            before["properties"] += each["properties"]
    own = {
        "type": kind,
        "bom-ref": artifact.name,
        "name": "edge-router",
        "version": VERSION,
        "licenses": [{"license": {"id": "MIT"}}],
        "purl": f"pkg:generic/edge-router@{VERSION}?file_name={quote(artifact.name)}",
        "hashes": [{"alg": "SHA-256", "content": digest}],
    }
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'{artifact.name} {digest}')}",
        "version": 1,
        "metadata": {
            "timestamp": datetime.fromtimestamp(epoch(), UTC).isoformat().replace("+00:00", "Z"),
            "lifecycles": [{"phase": "build"}],
            "tools": {"components": [{"type": "application", "name": "edge-router images", "version": VERSION}]},
            "component": own,
        },
        "components": [parts[name] for name in sorted(parts)],
        "dependencies": [{"ref": artifact.name, "dependsOn": sorted(parts)}],
    }


def sha256(file: Path) -> str:
    """The digest of a file, in hexadecimal digits."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def write(artifact: Path, made: dict[str, Any]) -> Path:
    """Put a bill beside its artifact. Result: its file, which has the artifact's name and `.cdx.json`."""
    place = artifact.with_name(artifact.name + ".cdx.json")
    place.write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n")
    return place


def of_tree(tree: Path) -> Iterator[Component]:
    """The packages that a root file system has. tree: with dpkg's status and the copyright files.

    Raises BuildFailed if one of these is not there: who gives the image to others has to give them the licences.
    """
    packages = {package["Package"]: package for package in installed(tree)}
    bare = [name for name in packages if not (tree / copyright_of(name)).is_file()]
    if bare:
        some = f"{', '.join(bare[:5])}{' ...' if len(bare) > 5 else ''}"
        raise BuildFailed(
            f"{tree} has no licence of {len(bare)} of its {len(packages)} packages ({some}): what is made of it must "
            f"not be given to others. Remove the directory, and build again"
        )
    for name, package in packages.items():
        component = {**_debian(name, package["Version"], package["Architecture"]), "licenses": licences(tree, name)}
        if package.get("Maintainer"):
            component["supplier"] = {"name": package["Maintainer"]}
        yield component


def copyright_of(package: str) -> Path:
    """Where a package of Debian has its licences, below the root. Debian Policy 12.5"""
    return Path("usr/share/doc", package, "copyright")


def installed(tree: Path) -> Iterator[dict[str, str]]:
    """What dpkg knows of each package that is there, in order."""
    for paragraph in sorted((tree / "var/lib/dpkg/status").read_text().strip().split("\n\n")):
        package = dict(email.message_from_string(paragraph).items())
        if package.get("Status", "").split()[-1:] in (["installed"], ["unpacked"]):
            yield package


def licences(tree: Path, package: str) -> list[dict[str, Any]]:
    """The licences of a package, as CycloneDX has them: by name, or where to read if machines cannot."""
    text = (tree / copyright_of(package)).read_text(errors="replace")
    names = sorted({name.strip() for name in re.findall(r"^License:[ \t]*(\S[^\n]*)", text, re.M)})
    if not text.startswith("Format:") or not names:
        return [{"license": {"name": f"as in {copyright_of(package)}"}}]
    known = {name: _SPDX.get(name) for name in names}
    return [
        {"license": {"id": known[name]} if known[name] else {"name": name}} for name in names if _first(name, known)
    ]


def _first(name: str, known: dict[str, str | None]) -> bool:
    """Debian has more than one name for some: each licence is told once."""
    return known[name] is None or next(other for other in known if known[other] == known[name]) == name


def of_deb(package: Path) -> Iterator[Component]:
    """What a Debian package demands, and what it carries."""
    fields = email.message_from_string(run(["dpkg-deb", "-f", package]))
    for relation, scope in (("Depends", "required"), ("Recommends", "optional"), ("Suggests", "optional")):
        for words in re.split(r",\s*", fields.get(relation, "")):
            found = _NAME.match(words)
            if found:
                yield _debian(found[1], "", "") | {"scope": scope, "properties": _demand(relation, words)}
    yield from carried(fields["Architecture"])


def carried(arch: str) -> Iterator[Component]:
    """What our package for an architecture has in itself; so has every image for it."""
    if arch == "armhf":
        yield _python("msgspec", wheel.pinned_version("msgspec")) | {
            "licenses": [{"license": {"id": "BSD-3-Clause"}}],
            "scope": "required",
            "properties": [{"name": "edge-router:carried", "value": "compiled from PyPI's source"}],
        }


def of_wheel(made: Path) -> Iterator[Component]:
    """What our own Python demands, by its metadata."""
    with zipfile.ZipFile(made) as archive:
        (place,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = email.message_from_string(archive.read(place).decode())
    for words in metadata.get_all("Requires-Dist", []):
        extra = re.search(r"""extra == ["']([^"']+)""", words)
        name = re.split(r"[^A-Za-z0-9._-]", words, maxsplit=1)[0]
        if not (extra and (extra[1] == "dev" or name == "edge-router")):
            scope = "optional" if extra else "required"
            yield _python(name, "") | {"scope": scope, "properties": _demand("Requires-Dist", words)}


def _debian(name: str, version: str, arch: str) -> Component:
    if name == "edge-router":  # the one that is not Debian's
        purl = f"pkg:generic/{name}@{version}?arch={arch}"
        return {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}
    what = f"{quote(name, safe='')}@{quote(version, safe=':')}" if version else quote(name, safe="")
    qualifiers = f"?arch={arch}&distro={_DISTRIBUTION}" if arch else f"?distro={_DISTRIBUTION}"
    purl = f"pkg:deb/debian/{what}{qualifiers}"
    return {"type": "library", "bom-ref": purl, "name": name, **({"version": version} if version else {}), "purl": purl}


def _python(name: str, version: str) -> Component:
    purl = f"pkg:pypi/{re.sub('[._-]+', '-', name.lower())}" + (f"@{version}" if version else "")
    return {"type": "library", "bom-ref": purl, "name": name, **({"version": version} if version else {}), "purl": purl}


def _demand(relation: str, words: str) -> list[dict[str, str]]:
    return [{"name": f"edge-router:{relation}", "value": words}]


def versions(tree: Path) -> dict[str, str]:
    """Package -> version of what a root file system has."""
    return {package["Package"]: package["Version"] for package in installed(tree)}
