"""Files in chunks: complete or not at all, in their directory and nowhere else, within bounds."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import maybeDeferred

from edge_router.config.schema.webupload import UploadOptions, UploadPath
from edge_router.transports.listen import CannotListen
from edge_router.web.multipart import fields_of
from edge_router.web.threads import Threads
from edge_router.web.upload import UploadService
from tests.transports.loop import Loop
from tests.web.loopback import Front
from tests.web.ports import Answer
from tests.web.realms import RealmPort, posted

BOUNDARY = "----formdata-8731"
DATA = bytes(range(256)) * 10


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What threads do otherwise is done at once."""
    monkeypatch.setattr(UploadService, "_run", lambda _self, work: maybeDeferred(work))


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "files").mkdir()
    return tmp_path / "files"


def port(files: Path, **options: Any) -> RealmPort:
    config = UploadPath(realm="realm1", role="web", directory="files", options=UploadOptions(**options))
    return RealmPort({"up": config}, files.parent)


def form(fields: dict[str, Any], content: bytes) -> bytes:
    parts = [f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}'.encode() for name, value in fields.items()]
    parts.append(b'Content-Disposition: form-data; name="file"; filename="blob"\r\n'
                 b"Content-Type: application/octet-stream\r\n\r\n" + content)  # fmt: skip
    delimiter = f"--{BOUNDARY}".encode()
    return b"".join(delimiter + b"\r\n" + part + b"\r\n" for part in parts) + delimiter + b"--\r\n"


def fields(number: int, data: bytes = DATA, size: int = 1000, name: str = "a.bin", **more: Any) -> dict[str, Any]:
    """What Resumable.js says of a chunk."""
    return {
        "resumableChunkNumber": number,
        "resumableChunkSize": size,
        "resumableCurrentChunkSize": min(size, len(data) - (number - 1) * size),
        "resumableTotalSize": len(data),
        "resumableType": "application/octet-stream",
        "resumableIdentifier": f"{len(data)}-abin",
        "resumableFilename": name,
        "resumableRelativePath": name,
        "resumableTotalChunks": max(1, -(-len(data) // size)),
        **more,
    }


def send(at: RealmPort, said: dict[str, Any], content: bytes | None = None) -> Answer:
    size, number = int(said["resumableChunkSize"]), int(said["resumableChunkNumber"])
    piece = DATA[(number - 1) * size : number * size] if content is None else content
    return at.post("/up", form(said, piece), Content_Type=f"multipart/form-data; boundary={BOUNDARY}")


def there(at: RealmPort, said: dict[str, Any]) -> bool:
    answer = at.post(f"/up?{urlencode(said)}", method="GET")
    assert answer.status in (200, 404)
    return answer.status == 200


def left(files: Path) -> list[str]:
    return sorted(path.name for path in files.rglob("*") if path.is_file())


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 1, 2), (1, 1, 3, 3, 2)])
def test_a_file_in_chunks(files: Path, order: tuple[int, ...]) -> None:
    """[live] Crossbar refuses the service. In any order, also twice; complete it is there, and nothing else is."""
    at = port(files)
    for number in order:
        assert not (files / "a.bin").exists()
        assert send(at, fields(number)).status == 200
    assert (files / "a.bin").read_bytes() == DATA
    assert (files / "a.bin").stat().st_mode & 0o777 == 0o644
    assert left(files) == ["a.bin"]


def test_an_upload_goes_on_where_it_was(files: Path) -> None:
    """GET tells what is there; after a restart too."""
    assert send(port(files), fields(2)).status == 200
    at = port(files)
    assert [there(at, fields(number)) for number in (1, 2, 3)] == [False, True, False]
    send(at, fields(1))
    send(at, fields(3))
    assert (files / "a.bin").read_bytes() == DATA


def test_a_last_chunk_may_be_longer(files: Path) -> None:
    """Resumable.js makes it so without `forceChunkSize`."""
    at = port(files)
    said = {"resumableTotalChunks": 2}
    send(at, fields(1, **said))
    send(at, fields(2, **said), DATA[1000:])
    assert (files / "a.bin").read_bytes() == DATA


@pytest.mark.parametrize("data", [b"", b"x"])
def test_small_files(files: Path, data: bytes) -> None:
    assert send(port(files), fields(1, data), data).status == 200
    assert (files / "a.bin").read_bytes() == data


def test_a_chunk_as_the_body_itself(files: Path) -> None:
    """Resumable.js with `method: octet`, or curl: the fields are in the query."""
    at = port(files)
    for number in (1, 2, 3):
        piece = DATA[(number - 1) * 1000 : number * 1000]
        answer = at.post(f"/up?{urlencode(fields(number))}", piece, Content_Type="application/octet-stream")
        assert answer.status == 200
    assert (files / "a.bin").read_bytes() == DATA


def test_progress_is_published(files: Path) -> None:
    """To the topic that the request names, with what it wants passed on."""
    at = port(files)
    events = at.heard()
    extra = {"on_progress": "com.up", "chunk_extra": '{"a": 1}', "finish_extra": "no json"}
    for number in (1, 2, 3):
        send(at, fields(number, **extra))
    said = [event.args[0] for event in events]
    assert [(one["status"], one["chunk"], one["remaining"], one["progress"]) for one in said] == [
        ("started", 1, 1560, 0.333),
        ("progress", 2, 560, 0.667),
        ("finished", 3, 0, 1.0),
    ]
    assert len({one["id"] for one in said}) == 1
    assert all(one["name"] == "a.bin" and one["total"] == 2560 and one["chunk_extra"] == {"a": 1} for one in said)
    assert "finish_extra" not in said[0]
    assert said[2]["finish_extra"] == "no json"


def test_progress_for_one_session_alone(files: Path) -> None:
    """If the request names it; and where the role may not publish, the file is taken all the same."""
    at = port(files)
    mine, others = at.heard(), at.heard()
    first = min(at.router.realms["realm1"].sessions, key=list(at.router.realms["realm1"].sessions).index)
    send(at, fields(1, on_progress="com.up", session=first))
    assert (len(mine), len(others)) == (1, 0)
    assert send(at, fields(2, on_progress="com.denied.up")).status == 200
    assert send(at, fields(3, on_progress="not a uri")).status == 200
    assert (files / "a.bin").exists()


@pytest.mark.parametrize(
    "name",
    ["../a", "/etc/passwd", "a/b", "..", ".", "", ".hidden", "a\\b", "a\0b", "a\nb", "x" * 201, "ü" * 101, "..\\a"],
)
def test_names_lead_nowhere_else(files: Path, name: str) -> None:
    """A name is the name of a file in the directory, or refused."""
    at = port(files)
    before = sorted(path for path in files.parent.rglob("*"))
    piece = DATA[:1000]
    answer = at.post(f"/up?{urlencode(fields(1, name=name))}", piece, Content_Type="application/octet-stream")
    assert answer.status == 400
    assert sorted(path for path in files.parent.rglob("*")) == before


def test_links_in_the_directory_are_not_followed(files: Path) -> None:
    """A link that is there counts as a file of that name, and is replaced, not written through."""
    outside = files.parent / "outside"
    outside.write_text("safe")
    (files / "a.bin").symlink_to(outside)
    assert send(port(files), fields(1)).status == 409
    at = port(files, overwrite=True)
    for number in (1, 2, 3):
        assert send(at, fields(number)).status == 200
    assert outside.read_text() == "safe"
    assert (files / "a.bin").read_bytes() == DATA


def test_files_are_not_overwritten(files: Path) -> None:
    """Unless `overwrite` says so; also not by one that has come in the meantime."""
    at = port(files)
    send(at, fields(1))
    send(at, fields(2))
    (files / "a.bin").write_text("other")
    assert send(at, fields(3)).status == 409
    assert (files / "a.bin").read_text() == "other"
    at = port(files, overwrite=True, file_permissions="600")
    for number in (1, 2, 3):
        assert send(at, fields(number)).status == 200
    assert (files / "a.bin").read_bytes() == DATA
    assert (files / "a.bin").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"resumableChunkNumber": 0}, 400),
        ({"resumableChunkNumber": 4}, 400),
        ({"resumableChunkNumber": "x"}, 400),
        ({"resumableChunkNumber": "-1"}, 400),
        ({"resumableChunkNumber": "²"}, 400),
        ({"resumableChunkNumber": "9" * 50}, 400),
        ({"resumableTotalChunks": 4}, 400),
        ({"resumableTotalChunks": 1}, 400),
        ({"resumableChunkSize": 0}, 400),
        ({"resumableChunkSize": 1, "resumableTotalChunks": 2560}, 400),
        ({"resumableTotalSize": 3000}, 400),
        ({"resumableTotalSize": 10**10}, 413),
        ({"resumableChunkSize": 10**9, "resumableTotalSize": 10**8, "resumableTotalChunks": 1,
          "resumableChunkNumber": 1}, 413),
        ({"resumableFilename": "a.exe"}, 415),
    ],
)
def test_numbers_have_to_fit(files: Path, changed: dict[str, Any], status: int) -> None:
    """What does not is refused before anything is written."""
    at = port(files, file_types=[".bin", ".csv"])
    answer = at.post(f"/up?{urlencode({**fields(3), **changed})}", DATA[2000:], Content_Type="application/octet-stream")
    assert answer.status == status
    assert left(files) == []


def test_missing_fields_are_named(files: Path) -> None:
    answer = port(files).post("/up?resumableFilename=a", b"x", Content_Type="application/octet-stream")
    assert answer.status == 400
    assert b"resumableTotalSize, resumableChunkSize" in answer.body


def test_a_chunk_has_a_limit(files: Path) -> None:
    """It is held in memory."""
    at = port(files, max_chunk_size=1024)
    assert at.post("/up", b"x" * 20_000, Content_Type="application/octet-stream").status == 413
    assert send(at, fields(1, size=1025, resumableTotalChunks=2)).status == 413
    assert send(at, fields(1)).status == 200


def test_uploads_are_bounded_and_forgotten(files: Path) -> None:
    """So many begun at one time; who does not go on loses what came."""
    at = port(files, max_uploads=2, expires=60)
    assert [send(at, fields(1, name=name)).status for name in ("a", "b", "c")] == [200, 200, 503]
    assert send(at, fields(2, name="a")).status == 200
    for path in (files / ".uploads").iterdir():
        os.utime(path, (1, 1))
    (files / ".uploads" / "other").write_text("not ours")
    os.utime(files / ".uploads" / "other", (1, 1))
    at.clock.advance(600)
    assert left(files) == ["other"]
    assert send(at, fields(1, name="c")).status == 200


def test_different_clients_do_not_mix(files: Path) -> None:
    """Files of one name that two send at once stay apart until one is complete."""
    from twisted.internet.address import IPv4Address

    at = port(files)
    at.peer = IPv4Address("TCP", "10.0.0.1", 1)
    send(at, fields(1))
    at.peer = IPv4Address("TCP", "10.0.0.2", 1)
    assert not there(at, fields(1))
    for number in (1, 2, 3):
        send(at, fields(number), b"y" * 1000 if number < 3 else b"y" * 560)
    assert (files / "a.bin").read_bytes() == b"y" * 2560


def test_a_full_disk_is_told(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """507; the chunk does not count as there."""
    import errno

    def full(*_: Any) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    at = port(files)
    monkeypatch.setattr(os, "pwrite", full)
    assert send(at, fields(1)).status == 507
    monkeypatch.undo()
    assert not (files / "a.bin").exists()


def test_a_directory_that_is_missing_keeps_the_port_closed(tmp_path: Path) -> None:
    config = UploadPath(realm="realm1", role="web", directory="nowhere")
    with pytest.raises(CannotListen, match="nowhere"):
        RealmPort({"up": config}, tmp_path)


def test_a_port_that_cannot_be_opened_holds_nothing(files: Path) -> None:
    """Neither when a service cannot be made, nor when the port is busy: no timer, no thread is left."""
    from twisted.internet.error import CannotListenError
    from twisted.internet.testing import MemoryReactorClock

    from edge_router.config.schema import TcpEndpoint, Universal, UniversalWeb, Web
    from edge_router.config.schema.webserve import ArchivePath
    from edge_router.transports.host import Host
    from edge_router.transports.universal import UniversalTransport
    from edge_router.web.site import WebTransport

    class Busy(MemoryReactorClock):
        def listenTCP(self, *_: Any, **__: Any) -> Any:
            raise CannotListenError("", 80, OSError(98, "busy"))

    reactor = Busy()
    host = Host(reactor, None, None, files.parent, dict)  # type: ignore[arg-type]
    upload = UploadPath(realm="realm1", role="web", directory="files")
    endpoint = TcpEndpoint(port=80)
    for made in (
        WebTransport(Web(endpoint=endpoint, paths={"up": upload}), host),
        WebTransport(Web(endpoint=endpoint, paths={"up": upload, "a": ArchivePath(archive="no.zip")}), host),
        UniversalTransport(Universal(endpoint=endpoint, web=UniversalWeb(paths={"up": upload})), host),
    ):
        failures: list[Any] = []
        made.start().addErrback(failures.append)
        assert failures[0].check(CannotListen)
        assert reactor.getDelayedCalls() == []


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", "multipart/form-data"),
        (b"", "multipart/form-data; boundary=x"),
        (b"--x\r\n\r\n\r\n", "multipart/form-data; boundary=x"),
        (b"--x\r\n\r\nvalue\r\n--x--", "multipart/form-data; boundary=x"),
        (b"--x--", "multipart/mixed; boundary=x"),
        (b"--x" * 200 + b"--x--", "multipart/form-data; boundary=x"),
    ],
)
def test_forms_that_are_none(body: bytes, content_type: str, files: Path) -> None:
    assert port(files).post("/up", body, Content_Type=content_type).status == 400


@given(st.dictionaries(st.from_regex("[a-z]{1,9}", fullmatch=True), st.binary(max_size=99)), st.binary(max_size=999))
@settings(max_examples=50)
def test_fields_are_cut_where_they_were_joined(values: dict[str, bytes], content: bytes) -> None:
    """Whatever octets they hold."""
    texts = {name: value.decode("latin-1") for name, value in values.items() if name != "file"}
    found = fields_of(form(texts, content), f'multipart/form-data; boundary="{BOUNDARY}"')
    assert found == {**{name: text.encode() for name, text in texts.items()}, "file": content}


@given(st.binary(max_size=200))
def test_any_octets_are_a_form_or_not(octets: bytes) -> None:
    try:
        fields_of(octets, "multipart/form-data; boundary=x")
    except ValueError:
        pass


def test_in_threads(files: Path, loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is in a node: the disk is waited for elsewhere, and the end waits for what is under way."""
    monkeypatch.setattr(UploadService, "_run", lambda self, work: Threads.run(self._threads, work))
    at = Front(loop, {"up": UploadPath(realm="realm1", role="web", directory="files")}, files.parent)
    try:
        for number in (1, 2, 3):
            piece = DATA[(number - 1) * 1000 : number * 1000]
            said = {"Content_Type": "application/octet-stream", "Connection": "close"}
            client = at.connect()
            client.transport.write(posted(f"/up?{urlencode(fields(number))}", piece, **said))
            assert at.answer(client, "POST").status == 200
    finally:
        at.close()
    assert json.dumps(left(files)) == '["a.bin"]'
