"""Files out of a ZIP file: those that are in it, whole, and nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import pytest

from edge_router.config.schema.webserve import ArchiveOptions, ArchivePath
from edge_router.transports.listen import CannotListen
from tests.web.ports import Answer, WebPort, request
from tests.web.realms import lose

OPEN: list[WebPort] = []
BIG = bytes(range(256)) * 4096


@pytest.fixture
def made(tmp_path: Path) -> Path:
    with ZipFile(tmp_path / "page.zip", "w", ZIP_DEFLATED) as archive:
        for name, data in {
            "index.html": b"<p>start</p>",
            "deep/index.html": b"<p>deep</p>",
            "deep/app.js": b"export {}",
            "start.htm": b"<p>other</p>",
            "empty": b"",
            "big.bin": BIG,
            "../evil": b"evil",
            "dist/index.html": b"<p>dist</p>",
            "a b+ü.txt": b"text",
        }.items():
            archive.writestr(name, data)
        archive.mkdir("hollow") if hasattr(archive, "mkdir") else archive.writestr("hollow/", b"")
    return tmp_path


@pytest.fixture(autouse=True)
def opened() -> Iterator[None]:
    """Archives are closed with their ports."""
    yield
    while OPEN:
        OPEN.pop().site.stop()


def port(made: Path, **options: Any) -> WebPort:
    OPEN.append(WebPort({"zip": ArchivePath(archive="page.zip", **options)}, made))
    return OPEN[-1]


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        ("/zip", 200, b"<p>start</p>"),
        ("/zip/", 200, b"<p>start</p>"),
        ("/zip/index.html", 200, b"<p>start</p>"),
        ("/zip/deep/", 200, b"<p>deep</p>"),
        ("/zip/deep/app.js?v=1", 200, b"export {}"),
        ("/zip/empty", 200, b""),
        ("/zip/big.bin", 200, BIG),
        ("/zip/a%20b+%C3%BC.txt", 200, b"text"),
        ("/zip/nothing", 404, None),
        ("/zip/hollow/", 404, None),
        ("/zip/../evil", 400, None),
        ("/zip/%2e%2e/evil", 400, None),
    ],
)
def test_what_is_in_it_is_served(made: Path, path: str, status: int, body: bytes | None) -> None:
    answer = port(made).ask(path)
    assert answer.status == status
    assert body is None or answer.body == body


def test_types_and_conditions(made: Path) -> None:
    """By ending; 304 to who has it; HEAD tells the length."""
    at = port(made, mime_types={".bin": "x/y"})
    assert at.ask("/zip/deep/app.js").headers["Content-Type"] == "text/javascript; charset=utf-8"
    answer = at.ask("/zip/big.bin")
    assert answer.headers["Content-Type"] == "x/y"
    again = at.ask("/zip/big.bin", If_None_Match=answer.headers["ETag"])
    assert (again.status, again.body) == (304, b"")
    head = at.ask("/zip/big.bin", "HEAD")
    assert (head.headers["Content-Length"], head.body) == (str(len(BIG)), b"")


def test_what_is_served_instead(made: Path) -> None:
    """`default_file` for directories, `default_object` for what is not there, `object_prefix` before all."""
    at = port(made, options=ArchiveOptions(default_file="start.htm"), default_object="index.html")
    assert at.ask("/zip/").body == b"<p>other</p>"
    assert at.ask("/zip/route/of/the/app").body == b"<p>start</p>"
    assert port(made, object_prefix="dist/").ask("/zip/").body == b"<p>dist</p>"


def test_the_hash_must_be_right(made: Path) -> None:
    """One of those given; else nothing is served at all."""
    right = hashlib.sha256((made / "page.zip").read_bytes()).hexdigest()
    assert port(made, hashes=["00" * 32, right.upper()]).ask("/zip").status == 200
    with pytest.raises(CannotListen, match=right):
        port(made, hashes=["00" * 32])


def test_what_is_no_archive_keeps_the_port_closed(made: Path) -> None:
    (made / "page.zip").write_bytes(b"no zip")
    with pytest.raises(CannotListen, match=r"page\.zip"):
        port(made)
    (made / "page.zip").unlink()
    with pytest.raises(CannotListen, match=r"page\.zip"):
        port(made)


def test_damage_is_not_taken_for_the_file(made: Path) -> None:
    """The checksum is wrong at the end, when most has been sent: the connection is cut."""
    octets = bytearray((made / "page.zip").read_bytes())
    start = octets.index(b"big.bin") + 2000
    octets[start : start + 50] = bytes(50)
    (made / "page.zip").write_bytes(octets)
    at = port(made)
    transport = at.connect()
    transport.protocol.dataReceived(request("/zip/big.bin"))
    assert transport.cut
    assert at.ask("/zip/index.html").status == 200


def test_a_client_that_does_not_read_is_waited_for(made: Path) -> None:
    """A piece at a time; who goes away leaves nothing open."""
    at = port(made)
    transport = at.connect()
    write = transport.write

    def full(data: bytes) -> None:
        write(data)
        if len(data) > 1000:
            transport.producer.pauseProducing()

    transport.write = full  # type: ignore[method-assign]
    transport.protocol.dataReceived(request("/zip/big.bin"))
    first = len(transport.value())
    assert first < 100_000
    transport.producer.resumeProducing()
    assert first < len(transport.value()) < 200_000
    while len(transport.value()) < len(BIG):
        transport.producer.resumeProducing()
    assert Answer(transport.sent()).body == BIG
    transport.protocol.dataReceived(request("/zip/big.bin"))
    lose(transport)
