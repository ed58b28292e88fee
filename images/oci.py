"""The container image: one index for all architectures, as an OCI layout that any registry or runtime takes.

The tree is what the Debian package depends on, unpacked and not configured, so that nothing of another architecture has
to run here; what configuring would have made (users, links, byte code) is made here. The node directory is the volume
`/node`, as with Crossbar's image: `docker run -v $PWD:/node -p 8080:8080 ...`. Without a configuration there, that of
the service is taken. (OCI Image Format Specification 1.1.)
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
import tarfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from images import deb, packages
from images.bytecode import compile_in
from images.roots import copy, extract
from images.steps import DIST, cached, key, publish, remove, run
from images.version import VERSION, epoch

#: Debian's architecture -> what OCI calls it
PLATFORMS: Final[dict[str, dict[str, str]]] = {
    "amd64": {"architecture": "amd64", "os": "linux"},
    "arm64": {"architecture": "arm64", "os": "linux", "variant": "v8"},
    "armhf": {"architecture": "arm", "os": "linux", "variant": "v7"},
}
#: of the user that the node runs as
UID: Final = 988
_USERS: Final = (
    "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"
    f"edge-router:x:{UID}:{UID}::/node:/bin/sh\n"
)
_GROUPS: Final = (
    f"root:x:0:\ndialout:x:20:edge-router\nvideo:x:44:edge-router\nnogroup:x:65534:\nedge-router:x:{UID}:\n"
)
#: what a container has no use for
_LEFT_OUT: Final = (
    "usr/share/man", "usr/share/locale", "usr/share/info", "usr/share/lintian", "usr/share/bash-completion",
    "usr/share/bug", "usr/share/doc-base", "usr/share/pixmaps", "usr/share/zoneinfo", "usr/share/perl5",
    "usr/lib/udev", "usr/lib/systemd", "usr/lib/apt", "usr/lib/dpkg", "usr/lib/locale", "usr/bin/perl*",
    "usr/lib/*/perl*", "usr/lib/*/gconv", "usr/lib/python3/dist-packages/twisted/*/test", "usr/lib/python3*/test",
    "usr/lib/python3*/idlelib", "usr/lib/python3*/ensurepip", "usr/lib/python3*/pydoc_data", "usr/bin/systemd*",
    "boot", "etc/avahi", "etc/systemd", "etc/init.d", "var/cache/*", "var/lib/apt",
    # of the machine that it was made on
    "etc/apt", "etc/resolv.conf", "etc/hostname", "etc/fstab",
)  # fmt: skip
#: of what dpkg knows: what is in here, which those who look for holes in images want to read
_LIST: Final = "var/lib/dpkg/status"
_SYSTEM: Final = ("python3", "base-files", "netbase", "ca-certificates", "libc-bin", "dash")
_CONFIG: Final[dict[str, Any]] = {
    "User": "edge-router",
    "ExposedPorts": {"8080/tcp": {}},
    "Env": ["PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8", "PYTHONDONTWRITEBYTECODE=1"],
    "Entrypoint": ["/usr/bin/edge-router"],
    "Cmd": ["start"],
    "Volumes": {"/node": {}},
    "WorkingDir": "/node",
    "StopSignal": "SIGTERM",
    "Healthcheck": {
        "Test": ["CMD", "/usr/bin/edge-router", "status", "--assert", "running"],
        "Interval": 60_000_000_000,
        "Timeout": 30_000_000_000,
        "StartPeriod": 30_000_000_000,
    },
}
_LAYER: Final = "application/vnd.oci.image.layer.v1.tar+gzip"
_IMAGE: Final = "application/vnd.oci.image.config.v1+json"
_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
_INDEX: Final = "application/vnd.oci.image.index.v1+json"


def build(*archs: str) -> Path:
    """Make the index. archs: as Debian calls them. Result: the layout, a directory. Raises BuildFailed."""
    layers = {arch: layer(arch) for arch in archs}
    return publish(DIST / name(*archs), lambda place: _lay_out(place, layers))


def _lay_out(layout: Path, layers: Mapping[str, Path]) -> None:
    (layout / "blobs" / "sha256").mkdir(parents=True)
    manifests: list[dict[str, Any]] = []
    for arch, made in layers.items():
        platform = PLATFORMS[arch]
        manifests.append(_manifest(layout, made, platform) | {"platform": platform})
    index = {"schemaVersion": 2, "mediaType": _INDEX, "manifests": manifests, "annotations": _annotations()}
    named = {**_put(layout, _json(index), _INDEX), "annotations": {"org.opencontainers.image.ref.name": VERSION}}
    (layout / "index.json").write_bytes(_json({"schemaVersion": 2, "mediaType": _INDEX, "manifests": [named]}))
    (layout / "oci-layout").write_bytes(_json({"imageLayoutVersion": "1.0.0"}))


def name(*archs: str) -> str:
    """What the layout is called: that of all architectures has no more than the version."""
    some = "" if set(archs) == set(PLATFORMS) else "_" + "-".join(archs)
    return f"edge-router_{VERSION}{some}_oci"


def layer(arch: str) -> Path:
    """The files of one architecture: a directory with `layer.tar.gz` and `diff_id`, its digest before compression."""
    source, package = tree(arch), deb.made(arch)
    parts = (Path(__file__), Path(compile_in.__code__.co_filename), package, str(epoch()), source.name)
    return cached(f"{key(*parts)}-oci-{arch}", lambda place: _layer(place, source, package))


def tree(arch: str) -> Path:
    """What the package depends on, unpacked. Nothing is run in it."""
    python = [] if arch == "armhf" else ["python3-msgspec"]
    names = [each.split()[0] for each in (*packages.DEPENDS, *packages.RECOMMENDS)]
    return extract(arch, {*_SYSTEM, *python, *names})


def _layer(place: Path, source: Path, package: Path) -> None:
    work = place.with_name(place.name + ".work")
    remove(work)
    place.mkdir()
    try:
        copy(source, work)
        run(["dpkg-deb", "-x", package, work])
        _configure(work)
        _leave_out(work)
        with (work / _LIST).open("a") as known:
            known.write(run(["dpkg-deb", "-f", package]) + "Status: install ok installed\n\n")
        compile_in(work)
        with (place / "layer.tar").open("wb") as file:
            _archive(work, file)
        plain = place / "layer.tar"
        (place / "diff_id").write_text(_digest(plain.read_bytes()))
        with gzip.GzipFile(place / "layer.tar.gz", "wb", 6, mtime=0) as packed:
            packed.write(plain.read_bytes())
        plain.unlink()
    finally:
        remove(work)


def _leave_out(work: Path) -> None:
    """What a container has no use for. Licences are kept: who has the image has to have them."""
    read = [each for each in work.glob("usr/share/doc/*/*") if each.name != "copyright"]
    known = [each for each in work.glob("var/lib/dpkg/*") if each != work / _LIST]
    for each in (*read, *known, *(each for pattern in _LEFT_OUT for each in work.glob(pattern))):
        remove(each)


def _configure(work: Path) -> None:
    """What the packages' own scripts would have done, as far as the node needs it."""
    for link in ("bin", "sbin", "lib"):
        if not (work / link).exists():
            (work / link).symlink_to(f"usr/{link}")
    for name, text in (("passwd", _USERS), ("group", _GROUPS), ("nsswitch.conf", "hosts: files dns\n")):
        (work / "etc" / name).write_text(text)
    (work / "usr/bin/sh").unlink(missing_ok=True)
    (work / "usr/bin/sh").symlink_to("dash")
    certificates = sorted((work / "usr/share/ca-certificates").rglob("*.crt"))
    (work / "etc/ssl/certs").mkdir(parents=True, exist_ok=True)
    (work / "etc/ssl/certs/ca-certificates.crt").write_bytes(b"".join(file.read_bytes() for file in certificates))
    for own in ("node", "run/edge-router", "var/lib/edge-router"):
        (work / own).mkdir(parents=True, exist_ok=True)
        os.chown(work / own, UID, UID)
    os.chown(work / "etc/edge-router/config.yaml", 0, UID)


def _archive(work: Path, file: Any) -> None:
    """All files, in order, as old as the commit."""
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in sorted(work.rglob("*")):
            if path.is_socket() or path.is_block_device() or path.is_char_device():
                continue
            info = archive.gettarinfo(path, str(path.relative_to(work)))
            info.mtime, info.uname, info.gname = epoch(), "", ""
            if info.isreg():
                with path.open("rb") as content:
                    archive.addfile(info, content)
            else:
                archive.addfile(info)


def _manifest(layout: Path, made: Path, platform: dict[str, str]) -> dict[str, Any]:
    layer = made / "layer.tar.gz"
    digest = hashlib.sha256(layer.read_bytes()).hexdigest()
    shutil.copy(layer, layout / "blobs" / "sha256" / digest)
    created = datetime.fromtimestamp(epoch(), UTC).isoformat().replace("+00:00", "Z")
    config: dict[str, Any] = {
        **platform,
        "created": created,
        "config": {**_CONFIG, "Labels": _annotations()},
        "rootfs": {"type": "layers", "diff_ids": [(made / "diff_id").read_text()]},
        "history": [{"created": created, "created_by": "edge-router images/oci.py"}],
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": _put(layout, _json(config), _IMAGE),
        "layers": [{"mediaType": _LAYER, "digest": f"sha256:{digest}", "size": layer.stat().st_size}],
        "annotations": _annotations(),
    }
    return _put(layout, _json(manifest), _MANIFEST)


def _annotations() -> dict[str, str]:
    return {
        "org.opencontainers.image.title": "edge-router",
        "org.opencontainers.image.description": "WAMP v2 router",
        "org.opencontainers.image.version": VERSION,
        "org.opencontainers.image.licenses": "MIT",
    }


def _put(layout: Path, octets: bytes, media_type: str) -> dict[str, Any]:
    """Store a blob. Result: its descriptor."""
    digest = _digest(octets)
    (layout / "blobs" / "sha256" / digest.removeprefix("sha256:")).write_bytes(octets)
    return {"mediaType": media_type, "digest": digest, "size": len(octets)}


def _json(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _digest(octets: bytes) -> str:
    return "sha256:" + hashlib.sha256(octets).hexdigest()


def archive(layout: Path) -> Path:
    """The layout as one file, as `podman load` and `skopeo copy oci-archive:` take it."""
    return publish(DIST / f"{layout.name}.tar", lambda place: _pack(place, layout))


def _pack(place: Path, layout: Path) -> None:
    with tarfile.open(place, "w", format=tarfile.PAX_FORMAT) as packed:
        for path in sorted(layout.rglob("*")):
            info = packed.gettarinfo(path, str(path.relative_to(layout)))
            info.mtime, info.uid, info.gid, info.uname, info.gname = epoch(), 0, 0, "", ""
            info.mode = 0o755 if info.isdir() else 0o644
            if info.isreg():
                with path.open("rb") as content:
                    packed.addfile(info, content)
            else:
                packed.addfile(info)
