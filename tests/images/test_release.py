"""A release: one version in all, checksums that verify, bills that are valid, and the same octets for everybody."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from jsonschema import Draft7Validator
from packageurl import PackageURL
from referencing import Registry
from referencing.jsonschema import DRAFT7

import edge_router
from images import boards, bootpart, deb, oci, packages, plan, release, roots, sbom, sdcard, steps, version, wheel
from images.__main__ import main
from images.native import native
from images.steps import BuildFailed

CHANGELOG = """\
# Changelog

## 0.2.0 (unreleased)

- Later.

## 0.1.0 - 2026-11-21

The first.

### Added
- A thing.

## 0.0.9
"""
STATUS = """\
Package: zlib1g
Version: 1:1.3.dfsg+really1.3.1-1+b1
Architecture: arm64
Maintainer: Mark Brown <broonie@debian.org>
Status: install ok installed
Description: a library
 of which this is all

Package: gone
Version: 1
Architecture: all
Status: deinstall ok config-files

Package: edge-router
Version: 0.1.0
Architecture: arm64
Status: install ok installed

Package: linux-image-arm64
Version: 6.12-1
Architecture: arm64
Status: hold ok installed
"""
COPYRIGHT = """\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/

Files: *
License: zlib

Files: debian/*
License: GPL-2+

Files: contrib/*
License: X11 or Expat

License: zlib
 Permission is granted ...
"""

anywhere = pytest.mark.anywhere


@anywhere
def test_the_changes_of_one_version() -> None:
    """Its own, up to the next; nothing of a version that is not there or only begins like it."""
    assert release.changes("0.1.0", CHANGELOG) == ("0.1.0 - 2026-11-21", "The first.\n\n### Added\n- A thing.")
    assert release.changes("0.2.0", CHANGELOG) == ("0.2.0 (unreleased)", "- Later.")
    assert release.changes("0.0.9", CHANGELOG)[1] == release.changes("0.1", CHANGELOG)[1] == ""


@anywhere
def test_this_version_has_changes() -> None:
    """In this repository."""
    assert release.changes()[1]


@anywhere
@pytest.mark.parametrize(
    ("status", "tags", "title", "wanted"),
    [
        ("", "", "(unreleased)", []),
        ("", f"v{version.VERSION}", "- 2026-11-21", []),
        ("", "", None, ["CHANGELOG.md has nothing under"]),
        (" M README.md\n?? new.py", "", "", [r"differs from its commit \(README.md, new.py\)"]),
        ("", "v0.0.1 other", "", ["tag v0.0.1, and edge_router.__version__ is"]),
        ("", f"v{version.VERSION}", "(unreleased)", ["calls .* unreleased, and the commit has the tag"]),
    ],
)
def test_what_is_not_released(
    status: str, tags: str, title: str | None, wanted: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tree that nobody has, a version that nobody described, a tag that says something else."""
    monkeypatch.setattr(release, "git", lambda *words: {"status": status, "tag": tags}[words[0]])
    monkeypatch.setattr(release, "changes", lambda: ("", "") if title is None else (title, "- A thing."))
    found = release.problems()
    assert len(found) == len(wanted) and all(re.search(*pair) for pair in zip(wanted, found, strict=True)), found


@anywhere
def test_what_git_says_is_left_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A blank at the beginning of its answer is a column of its own."""
    (tmp_path / "git").write_text("#!/bin/sh\necho ' M README.md'\n")
    (tmp_path / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert version.git("status", "--porcelain") == " M README.md"


@anywhere
def test_nothing_is_built_of_what_is_not_released(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused before anything is done, with the way out."""
    monkeypatch.setattr(release, "problems", lambda: ["the tree differs"])
    with pytest.raises(BuildFailed, match=r"(?s)the tree differs.*--allow-dirty"):
        release.build([])


@anywhere
def test_one_version_in_all_that_is_released() -> None:
    """edge_router.__version__ is the only place."""
    project = tomllib.loads((version.ROOT / "pyproject.toml").read_text())
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "edge_router.__version__"}
    assert edge_router.__version__ == version.VERSION and re.fullmatch(r"\d+\.\d+\.\d+", version.VERSION)
    assert f"edge-router ({version.VERSION}) " in deb._changelog()
    assert oci._annotations()["org.opencontainers.image.version"] == version.VERSION
    assert version.VERSION in oci.name("arm64") and version.VERSION in release.PLACE.name


@anywhere
def test_requirements_are_pinned_to_the_octet() -> None:
    """Each has a digest, and its lines end where the next begins."""
    for name in ("setuptools", "msgspec"):
        assert re.fullmatch(rf"{name}==\S+ \\\n    --hash=sha256:[0-9a-f]{{64}}\n", wheel.pinned(name))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A root file system with what dpkg knows of it."""
    (tmp_path / "var/lib/dpkg").mkdir(parents=True)
    (tmp_path / "var/lib/dpkg/status").write_text(STATUS)
    own = "Format: x\nLicense: Expat\n"
    for name, text in (("zlib1g", COPYRIGHT), ("linux-image-arm64", "Linux is free.\n"), ("edge-router", own)):
        (tmp_path / sbom.copyright_of(name)).parent.mkdir(parents=True)
        (tmp_path / sbom.copyright_of(name)).write_text(text)
    return tmp_path


def valid(bill: dict[str, Any]) -> dict[str, Any]:
    """A bill, by the schema that CycloneDX publishes and the rules for package URLs."""
    schemas = {
        name: json.loads((resources.files("cyclonedx") / "schema/_res" / f"{name}.SNAPSHOT.schema.json").read_text())
        for name in ("bom-1.6", "spdx", "jsf-0.82")
    }
    known = [(f"http://cyclonedx.org/schema/{name}.SNAPSHOT.schema.json", each) for name, each in schemas.items()]
    registry: Registry[Any] = Registry().with_resources((url, DRAFT7.create_resource(each)) for url, each in known)
    Draft7Validator(schemas["bom-1.6"], registry=registry).validate(bill)
    for component in bill["components"]:
        assert PackageURL.from_string(component["purl"]).to_string() == component["purl"]
    return bill


@anywhere
def test_the_bill_of_an_image(tree: Path, tmp_path: Path) -> None:
    """Packages with versions, licences by their SPDX names where they have one, and the digest of the file."""
    (tmp_path / "edge.img.xz").write_bytes(b"image")
    bill = valid(sbom.bill(tmp_path / "edge.img.xz", "operating-system", sbom.of_tree(tree)))
    kernel, library, own = bill["components"]
    assert own["purl"] == "pkg:generic/edge-router@0.1.0?arch=arm64"
    assert (kernel["name"], kernel["version"]) == ("linux-image-arm64", "6.12-1")
    assert kernel["licenses"] == [{"license": {"name": "as in usr/share/doc/linux-image-arm64/copyright"}}]
    assert own["licenses"] == [{"license": {"id": "MIT"}}]
    assert library["purl"] == (
        "pkg:deb/debian/zlib1g@1:1.3.dfsg%2Breally1.3.1-1%2Bb1?arch=arm64&distro=debian-13"
    )  # fmt: skip
    assert [each["license"] for each in library["licenses"]] == [
        {"id": "GPL-2.0-or-later"},
        {"name": "X11 or Expat"},
        {"id": "Zlib"},
    ]
    digest = "6105d6cc76af400325e94d588ce511be5bfdbb73b437dc51eca43917d7a43e3d"
    assert bill["metadata"]["component"]["hashes"] == [{"alg": "SHA-256", "content": digest}]


@anywhere
def test_what_has_no_licences_is_not_given_to_others(tree: Path) -> None:
    """An image that lacks a copyright file is refused, with the names of the packages and the way out."""
    (tree / sbom.copyright_of("zlib1g")).unlink()
    with pytest.raises(BuildFailed, match=r"no licence of 1 of its 3 packages \(zlib1g\).*[Rr]emove"):
        list(sbom.of_tree(tree))


@anywhere
def test_a_root_is_named_by_what_is_left_out_of_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One that was made without the licences is not taken for one with them."""
    monkeypatch.setattr(steps, "CACHE", tmp_path)
    monkeypatch.setattr(roots, "week", lambda: 1)
    monkeypatch.setenv("DEBIAN_MIRROR", "http://mirror.example/debian")
    names = []
    monkeypatch.setattr(boards, "cached", lambda name, make: names.append(name) or tmp_path)
    boards.root("arm64")
    monkeypatch.setattr(boards, "_WITHOUT", boards._WITHOUT[:-1])
    boards.root("arm64")
    assert len(set(names)) == 2


@anywhere
def test_what_a_package_carries_is_in_the_bill_of_its_images(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """msgspec, on armhf: dpkg does not know it."""
    monkeypatch.setattr(oci, "tree", lambda arch: tree)
    monkeypatch.setattr(boards, "installed", lambda arch: tree)
    monkeypatch.setattr(bootpart, "firmware", lambda: tree)
    for item, file in (("oci amd64 armhf", "x_oci.tar"), ("image armhf", "x.img.xz")):
        ((_, _, components),) = release.bills(item, [tmp_path / file])
        assert [each["name"] for each in components].count("msgspec") == 1, item


@anywhere
def test_the_bill_of_a_wheel(tmp_path: Path) -> None:
    """What pip would install with it, and what only an extra wants; nothing of what only developers want."""
    with zipfile.ZipFile(tmp_path / "edge_router-1-py3-none-any.whl", "w") as made:
        demands = ("twisted>=24.11", 'pyopenssl>=25.0; extra == "tls"', 'ruff>=0.9; extra == "dev"')
        lines = "".join(f"Requires-Dist: {each}\n" for each in demands)
        made.writestr("edge_router-1.dist-info/METADATA", f"Name: edge-router\n{lines}\ntext")
    artifact = tmp_path / "edge_router-1-py3-none-any.whl"
    bill = valid(sbom.bill(artifact, "application", sbom.of_wheel(artifact)))
    found = [(each["purl"], each["scope"]) for each in bill["components"]]
    assert found == [("pkg:pypi/pyopenssl", "optional"), ("pkg:pypi/twisted", "required")]


@anywhere
def test_a_release_can_be_verified(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By `sha256sum -c`; every file but the list itself is in it, and every artifact has its bill."""
    place, made = tmp_path / "release", tmp_path / "edge-router_1_oci.tar"
    made.write_bytes(b"container")
    monkeypatch.setattr(release, "PLACE", place)
    monkeypatch.setattr(release, "ROOT", tmp_path)
    monkeypatch.setattr(release, "problems", list)
    monkeypatch.setattr(release, "changes", lambda: ("1 (unreleased)", "- A thing."))
    monkeypatch.setattr(release, "_TOOLS", {"cp": ("cp", "--version")})
    monkeypatch.setattr(oci, "tree", lambda arch: tree)
    monkeypatch.setattr(steps, "CACHE", tmp_path / "cache")
    monkeypatch.delenv("EDGE_ROUTER_URL", raising=False)
    monkeypatch.setenv("DEBIAN_MIRROR", "http://mirror.example/debian")
    monkeypatch.setenv("DEBIAN_SUITES", "trixie")
    release.build([plan.Item("oci arm64", lambda: [made], lambda: None)])
    address, old = capsys.readouterr().err.splitlines()
    assert address.startswith("warning: EDGE_ROUTER_URL is not set: the manifest") and "no -security" in old
    verified = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=place, capture_output=True, text=True)
    assert verified.returncode == 0, verified.stdout
    names = sorted(path.name for path in place.iterdir())
    wanted = ["RELEASE-NOTES.md", "SHA256SUMS", "build.json", made.name, f"{made.name}.cdx.json"]
    assert names == sorted(wanted) and len(verified.stdout.splitlines()) == len(wanted) - 1
    assert "# edge-router 1 (draft)\n\n- A thing." in (place / "RELEASE-NOTES.md").read_text()
    built = json.loads((place / "build.json").read_text())
    assert built["debian"]["packages"]["container arm64"]["linux-image-arm64"] == "6.12-1"
    made.write_bytes(b"the next build's")
    assert (place / made.name).read_bytes() == b"container"


@anywhere
def test_a_tree_that_changes_meanwhile_is_not_released(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What was built first would be of another commit than what is written into build.json."""
    states = iter([("commit 1",), ("commit 2",)])
    monkeypatch.setattr(release, "PLACE", tmp_path / "release")
    monkeypatch.setattr(release, "problems", list)
    monkeypatch.setattr(release, "_state", lambda: next(states))
    monkeypatch.setattr(steps, "CACHE", tmp_path / "cache")
    with pytest.raises(BuildFailed, match="has changed while it was built"):
        release.build([])
    assert not release.PLACE.exists()


@anywhere
def test_a_card_is_not_for_a_pc(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """It is said, and nothing is not taken for something built."""
    monkeypatch.setattr("sys.argv", ["images", "image", "--arch", "amd64"])
    monkeypatch.setattr("signal.signal", lambda *_: None)
    assert main() == 1 and "a card is for one of arm64, armhf" in capsys.readouterr().err


@anywhere
def test_a_plan_says_how_far_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The number of each item, what is there already, sizes and times; `--list` makes nothing."""
    monkeypatch.setattr(steps, "CACHE", tmp_path)
    monkeypatch.setattr(plan, "CACHE", tmp_path)
    monkeypatch.setattr(steps._State, "told", set())

    def part() -> Path:
        return steps.cached("0123-part", lambda place: place.touch())

    (tmp_path / "file.deb").write_bytes(b"x" * 2_000_000)
    items = [plan.Item(name, lambda: [part() and tmp_path / "file.deb"], part) for name in ("one arm64", "two")]
    plan.show(items)
    assert "[1/2] one arm64: to be made, first its part" in capsys.readouterr().out
    plan.build(items)
    said = capsys.readouterr().out
    assert "==> [1/2] one arm64 ..." in said and "==> [2/2] two ... is there" in said
    assert re.search(r"\[2/2\] two: \S+file.deb 2\.00 MB; 0 s, 0 s in all", said)
    plan.show(items)
    assert "[1/2] one arm64: is there" in capsys.readouterr().out


@anywhere
def test_what_would_fail_in_the_end_fails_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No room on the disk, and no program; but nothing is demanded for what is there."""
    monkeypatch.setattr(plan, "CACHE", tmp_path)
    monkeypatch.setattr(steps, "CACHE", tmp_path)
    made: list[str] = []

    def item(name: str, part: str, space: int) -> plan.Item:
        return plan.Item(name, lambda: made.append(name) or [], lambda: steps.cached(part, Path.touch), space)

    with pytest.raises(BuildFailed, match=r"has room for .* MB, and one may take .* MB: make room"):
        plan.build([item("one", "0-part", 10**9)])
    monkeypatch.setitem(plan.PROGRAMS, "one", ("nosuchprogram/its-package",))
    with pytest.raises(BuildFailed, match="`apt-get install its-package`"):
        plan.build([item("one", "0-part", 0)])
    (tmp_path / "0-part").touch()
    plan.build([item("one", "0-part", 10**9)])
    assert made == ["one"]


@anywhere
def test_modes_are_those_of_git(tmp_path: Path) -> None:
    """Whatever the umask of the checkout was; directories of the tree are left as they are."""
    (tmp_path / "source/etc").mkdir(parents=True, mode=0o700)
    (tmp_path / "source/etc/plain").touch(0o600)
    (tmp_path / "source/etc/program").touch(0o700)
    (tmp_path / "tree/etc").mkdir(parents=True)
    (tmp_path / "tree/etc").chmod(0o755)
    roots.lay_over(tmp_path / "source", tmp_path / "tree")
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "tree").rglob("*")}
    assert modes == {"etc": 0o755, "plain": 0o644, "program": 0o755}


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This tree in another directory, with other modes."""
    place = tmp_path_factory.mktemp("elsewhere") / "deep" / "er"
    names = ["edge_router", "bridges", "images", "systemd", "docs", "examples"]
    for name in names:
        left_out = shutil.ignore_patterns("__pycache__", "build")
        shutil.copytree(version.ROOT / name, place / name, symlinks=True, ignore=left_out)
    for file in version.ROOT.iterdir():
        if file.is_file():
            shutil.copyfile(file, place / file.name)
    for path in place.rglob("*"):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode & 0o700)
    return place


def elsewhere_does(place: Path, cache: Path, *words: str) -> str:
    """Run Python in another tree, as another person on another day would. Result: what it said last."""
    environment = {
        **{"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "PYTHONPATH": str(place)},
        **{"TZ": "Pacific/Auckland", "LC_ALL": "tr_TR.UTF-8", "HOME": str(cache), "EDGE_ROUTER_CACHE": str(cache)},
        **{"SOURCE_DATE_EPOCH": str(version.epoch())},
        **{name: value for name, value in os.environ.items() if name.startswith("DEBIAN_")},  # of the same packages
    }
    command = ["sh", "-c", 'umask 077; exec "$@"', "sh", version.ROOT / ".venv/bin/python", *words]
    done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.rstrip().rpartition("\n")[2]


def builds(place: Path, what: str, cache: Path, arch: str = "amd64") -> None:
    """Build in another tree."""
    elsewhere_does(place, cache, "-m", "images", what, "--arch", arch)


def cache_of(place: Path, *kinds: str) -> Path:
    """A cache that has Debian's packages and PyPI's, and nothing that we make of them."""
    place.mkdir()
    for kind in kinds:
        for made in steps.CACHE.glob(f"*-{kind}"):
            (place / made.name).symlink_to(made)
    return place


def test_a_package_is_the_same_for_everybody(elsewhere: Path, tmp_path: Path) -> None:
    """Another directory, umask, time zone and language: the same octets; so are wheel and source archive."""
    here = [deb.build("amd64"), *(item[0] for item in [plan.wheels(())[0].make()]), plan.wheels(())[0].make()[1]]
    cache = cache_of(tmp_path / "cache", "setuptools")
    builds(elsewhere, "deb", cache)
    builds(elsewhere, "wheel", cache)
    for file in here:
        assert sbom.sha256(elsewhere / "build/dist" / file.name) == sbom.sha256(file), file.name


@pytest.mark.parametrize("arch", ["amd64", *(pytest.param(arch, marks=pytest.mark.board) for arch in boards.KERNELS)])
def test_a_container_image_is_the_same_for_everybody(elsewhere: Path, tmp_path: Path, arch: str) -> None:
    """To the digest of its index. It has nothing of the machine that it was made on, and has the licences."""
    here = oci.archive(oci.build(arch))
    builds(elsewhere, "oci", cache_of(tmp_path / "cache", "setuptools", f"tree-{arch}", "root-amd64"), arch)
    assert sbom.sha256(elsewhere / "build/dist" / here.name) == sbom.sha256(here)
    with tarfile.open(oci.layer(arch) / "layer.tar.gz") as layer:
        names = set(layer.getnames())
        known = layer.extractfile("var/lib/dpkg/status")
        assert known is not None and b"Package: edge-router\n" in known.read()
    assert names.isdisjoint({"etc/resolv.conf", "etc/hostname", "etc/apt/sources.list"})
    assert {"usr/share/doc/libc6/copyright", "usr/share/common-licenses/GPL-2"} <= names


@pytest.mark.board
def test_a_card_is_the_same_for_everybody(elsewhere: Path, tmp_path: Path) -> None:
    """Made of the same Debian, to the last octet; and compressed by any number of processors."""
    debian = ("setuptools", "board-arm64", "kernel-arm64", "tree-arm64", "root-amd64")
    cache = cache_of(tmp_path / "cache", *debian)
    made = elsewhere_does(elsewhere, cache, "-c", "from images import sdcard; print(sdcard.made('arm64'))")
    assert sbom.sha256(Path(made)) == sbom.sha256(sdcard.made("arm64"))
    with sdcard.made("arm64").open("rb") as card:
        (tmp_path / "some").write_bytes(card.read(60 << 20))
    for processors in ("0", "0-1"):
        native(["taskset", "-c", processors, *sdcard.PACK, "some", f"{processors}.xz"], tmp_path)
    assert sbom.sha256(tmp_path / "0.xz") == sbom.sha256(tmp_path / "0-1.xz")


def test_a_wheel_runs(tmp_path: Path) -> None:
    """As pip installs it."""
    command = [version.ROOT / ".venv/bin/python", "-m", "pip", "install", "--quiet", "--no-deps", "--target", tmp_path]
    steps.run([*command, wheel.files()[0]])
    said = steps.run([version.ROOT / ".venv/bin/python", "-m", "edge_router", "version"], {"PYTHONPATH": str(tmp_path)})
    assert version.VERSION in said


class Mirror(BaseHTTPRequestHandler):
    """What lies between apt and the real mirror: has not all files, and sometimes hangs up."""

    protocol_version = "HTTP/1.1"
    real = gone = ""
    hangs_up: set[str] = set()

    def do_GET(self) -> None:
        """As it is asked for."""
        if self.gone and self.gone in self.path:
            self.send_error(404)
            return
        if any(name in self.path for name in self.hangs_up):
            self.hangs_up.clear()
            self.close_connection = True
            return
        self.send_response(302)
        self.send_header("Location", self.real + self.path.removeprefix("/debian"))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_args: Any) -> None:
        """Nothing."""


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Mirror]]:
    """One that is as the test wants it."""
    handler = type("OneMirror", (Mirror,), {"real": packages.mirror(), "hangs_up": set()})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("DEBIAN_MIRROR", f"http://127.0.0.1:{server.server_port}/debian")
    yield handler
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_package_that_is_gone_is_named(mirror: type[Mirror], tmp_path: Path) -> None:
    """By a real mmdebstrap: which file, and where it should have been."""
    mirror.gone = "/netbase_"
    wanted = rf"netbase_\S+_all\.deb is not at {packages.mirror()} \(404\).*DEBIAN_MIRROR="
    with pytest.raises(BuildFailed, match=wanted):
        roots.unpack(tmp_path / "tree", "arm64", "extract", "netbase")


def test_a_mirror_without_what_was_mended(
    mirror: type[Mirror], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is built in silence of what is months old."""
    monkeypatch.setenv("DEBIAN_SUITES", "trixie trixie-security")
    mirror.gone = "/dists/trixie-security/"
    wanted = r"no Debian trixie-security at \S+/debian-security\. .*DEBIAN_SECURITY_MIRROR=.*DEBIAN_SUITES="
    with pytest.raises(BuildFailed, match=wanted):
        roots.unpack(tmp_path / "tree", "arm64", "extract", "netbase")


def test_a_mirror_that_hangs_up_is_asked_again(mirror: type[Mirror], tmp_path: Path) -> None:
    """And the build goes on; the list of what was unpacked is kept."""
    mirror.hangs_up.add("/netbase_")
    roots.unpack(tmp_path / "tree", "arm64", "extract", "netbase", options=[roots._RECORD])
    assert not mirror.hangs_up and "netbase" in sbom.versions(tmp_path / "tree")


def test_a_mirror_that_nobody_serves_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what went wrong."""
    monkeypatch.setenv("DEBIAN_MIRROR", "http://127.0.0.1:1/debian")
    monkeypatch.setattr(roots, "_PATIENT", ())
    with pytest.raises(BuildFailed, match=r"InRelease could not be fetched from http://127.0.0.1:1/debian: .*refused"):
        roots.unpack(tmp_path / "tree", "arm64", "extract", "netbase")
