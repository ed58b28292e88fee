"""Static files: what is served, what never is, and how browsers are spared asking twice."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from edge_router.config.schema import StaticOptions, StaticPath
from edge_router.transports.listen import CannotListen
from edge_router.web.static import StaticService
from tests.transports.loop import Loop
from tests.transports.wires import MemoryNode
from tests.web.ports import WebPort, request

BIG = bytes(range(256)) * 4096


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A directory to serve, with things around it that must not be."""
    root = tmp_path / "www"
    (root / "sub" / "deep").mkdir(parents=True)
    (root / "empty").mkdir()
    (root / "index.html").write_text("<p>start</p>")
    (root / "a b+ü.txt").write_text("spaces")
    (root / "app.js").write_text("export {}")
    (root / "no-ending").write_text("?")
    (root / "sub" / "file.txt").write_text("0123456789")
    (root / "sub" / "deep" / "x.svg").write_text("<svg/>")
    (root / "<b>.txt").write_text("bold")
    (root / "big.bin").write_bytes(BIG)
    (root / ".git").mkdir()
    (root / ".git" / "config").write_text("secret")
    (root / ".htpasswd").write_text("secret")
    (root / ".well-known").mkdir()
    (root / ".well-known" / "x").write_text("known")
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "www-other").mkdir()
    (tmp_path / "www-other" / "secret.txt").write_text("secret")
    (root / "out").symlink_to(tmp_path / "secret.txt")
    (root / "outdir").symlink_to(tmp_path / "www-other")
    (root / "inside").symlink_to("sub/file.txt")
    (root / "loop").symlink_to("loop")
    os.mkfifo(root / "pipe")
    return tmp_path


def serve(tree: Path, **options: Any) -> WebPort:
    return WebPort({"/": StaticPath(directory="www", options=StaticOptions(**options))}, tree)


@pytest.mark.parametrize(
    ("path", "body", "content_type"),
    [
        ("/", b"<p>start</p>", "text/html; charset=utf-8"),
        ("/index.html", b"<p>start</p>", "text/html; charset=utf-8"),
        ("/?query=1", b"<p>start</p>", "text/html; charset=utf-8"),
        ("/a%20b+%C3%BC.txt", b"spaces", "text/plain; charset=utf-8"),
        ("/app.js", b"export {}", "text/javascript; charset=utf-8"),
        ("/sub/file.txt", b"0123456789", "text/plain; charset=utf-8"),
        ("/sub/deep/x.svg", b"<svg/>", "image/svg+xml; charset=utf-8"),
        ("/no-ending", b"?", "application/octet-stream"),
        ("/inside", b"0123456789", "text/plain; charset=utf-8"),
        ("/.well-known/x", b"known", "application/octet-stream"),
        ("http://pi.local/sub/file.txt", b"0123456789", "text/plain; charset=utf-8"),
    ],
)
def test_files_are_served_with_their_type(tree: Path, path: str, body: bytes, content_type: str) -> None:
    answer = serve(tree).ask(path)
    assert (answer.status, answer.body, answer.headers["Content-Type"]) == (200, body, content_type)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert answer.headers["Date"]
    assert "Server" not in answer.headers


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt",
        "/..%2fsecret.txt",
        "/%2e%2e/secret.txt",
        "/%2e%2e%2fsecret.txt",
        "/sub/../../secret.txt",
        "/..%5csecret.txt",
        "/....//secret.txt",
        "//secret.txt",
        "/%2fetc/passwd",
        "//etc/passwd",
        "/out",
        "/outdir/secret.txt",
        "/outdir/",
        "/../www-other/secret.txt",
        "/.git/config",
        "/.git/",
        "/.htpasswd",
        "/%2ehtpasswd",
        "/.well-known/../.htpasswd",
        "/sub/./file.txt",
        "/index.html%00.txt",
        "/index.html/",
        "/index.html/x",
        "/loop",
        "/pipe",
        "/nothing",
        "/" + "x" * 5000,
        "/%ff%fe",
        "secret.txt",
        "*",
    ],
)
def test_nothing_else_is(tree: Path, path: str) -> None:
    """Neither outside of the directory, by whatever spelling or link, nor hidden files, nor what is no file."""
    answer = serve(tree, enable_directory_listing=True).ask(path)
    assert answer.status in (400, 404)
    assert b"secret" not in answer.body.replace(b"secret.txt", b"")


def test_only_get_and_head(tree: Path) -> None:
    for method in ("POST", "PUT", "DELETE"):
        answer = serve(tree).ask("/index.html", method)
        assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")
    answer = serve(tree).ask("/index.html", "OPTIONS")
    assert (answer.status, answer.headers["Allow"], answer.body) == (204, "GET, HEAD, OPTIONS", b"")


def test_head_tells_the_length_and_no_more(tree: Path) -> None:
    answer = serve(tree).ask("/sub/file.txt", "HEAD")
    assert (answer.status, answer.headers["Content-Length"], answer.body) == (200, "10", b"")


def test_a_directory_without_its_slash_is_redirected(tree: Path) -> None:
    """Relative links of its page would be wrong; the query is kept, and no other host is named."""
    answer = serve(tree).ask("/sub?x=1")
    assert (answer.status, answer.headers["Location"]) == (302, "/sub/?x=1")
    assert serve(tree).ask("///sub").headers["Location"] is None


def test_a_directory_is_listed_only_if_configured(tree: Path) -> None:
    """Names are escaped, directories come first, hidden files are not shown."""
    assert serve(tree).ask("/sub/").status == 404
    listed = serve(tree, enable_directory_listing=True, default_file="none.html").ask("/")
    page = listed.body.decode()
    assert listed.status == 200
    assert '<a href="./sub/">sub/</a>' in page
    assert '<a href="./a%20b%2B%C3%BC.txt">a b+ü.txt</a>' in page
    assert "&lt;b&gt;.txt" in page
    assert "<b>" not in page
    assert ".git" not in page
    assert page.index("sub/") < page.index("app.js")
    assert "../" not in page
    assert "../" in serve(tree, enable_directory_listing=True).ask("/sub/").body.decode()
    assert "empty" in serve(tree, enable_directory_listing=True).ask("/empty/").body.decode()


def test_a_directory_that_is_closed_to_the_node_is_not_listed(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody fills the log by asking for it."""

    def refuse(path: Path) -> list[Path]:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "iterdir", refuse)
    assert serve(tree, enable_directory_listing=True).ask("/sub/").status == 404


def test_another_default_file(tree: Path) -> None:
    assert serve(tree, default_file="file.txt").ask("/sub/").body == b"0123456789"


def test_more_types_by_ending(tree: Path) -> None:
    """Crossbar's `mime_types`, with or without the dot."""
    port = serve(tree, mime_types={".svg": "image/x-mine", "txt": "text/x-plain"})
    assert port.ask("/sub/deep/x.svg").headers["Content-Type"] == "image/x-mine"
    assert port.ask("/sub/file.txt").headers["Content-Type"] == "text/x-plain; charset=utf-8"


@pytest.mark.parametrize(("seconds", "header"), [(43_200, "max-age=43200"), (0, "max-age=0"), (None, "no-cache")])
def test_how_long_a_browser_may_keep_it(tree: Path, seconds: int | None, header: str) -> None:
    assert serve(tree, cache_timeout=seconds).ask("/app.js").headers["Cache-Control"] == header


def test_an_unchanged_file_is_not_sent_again(tree: Path) -> None:
    """By entity tag or by date; the tag goes first; a changed file is sent."""
    port = serve(tree)
    first = port.ask("/sub/file.txt")
    tag, date = first.headers["ETag"], first.headers["Last-Modified"]
    for headers in ({"If_None_Match": tag}, {"If_Modified_Since": date}, {"If_None_Match": f'"other", {tag}'}):
        answer = port.ask("/sub/file.txt", **headers)
        assert (answer.status, answer.body, answer.headers["ETag"]) == (304, b"", tag)
    assert port.ask("/sub/file.txt", If_None_Match='"other"', If_Modified_Since=date).status == 200
    (tree / "www" / "sub" / "file.txt").write_text("changed")
    assert port.ask("/sub/file.txt", If_None_Match=tag).body == b"changed"


@pytest.mark.parametrize(
    ("asked", "status", "body", "content_range"),
    [
        ("bytes=0-3", 206, b"0123", "bytes 0-3/10"),
        ("bytes=4-", 206, b"456789", "bytes 4-9/10"),
        ("bytes=-3", 206, b"789", "bytes 7-9/10"),
        ("bytes=-30", 206, b"0123456789", "bytes 0-9/10"),
        ("bytes=8-100", 206, b"89", "bytes 8-9/10"),
        ("bytes=10-", 416, b"", "bytes */10"),
        ("bytes=-0", 416, b"", "bytes */10"),
        ("bytes=5-4", 200, b"0123456789", None),
        ("bytes=-", 200, b"0123456789", None),
        ("bytes=0-1,3-4", 200, b"0123456789", None),
        ("lines=0-1", 200, b"0123456789", None),
        ("bytes=99999999999999999999-", 200, b"0123456789", None),
    ],
)
def test_a_range_is_served(tree: Path, asked: str, status: int, body: bytes, content_range: str | None) -> None:
    """RFC 9110 section 14; what is no single byte range is passed over, as it allows."""
    answer = serve(tree).ask("/sub/file.txt", Range=asked)
    assert (answer.status, answer.body, answer.headers["Content-Range"]) == (status, body, content_range)


def test_a_range_of_a_file_that_has_changed_is_not(tree: Path) -> None:
    """`If-Range`: a download that is resumed must not be stitched from two files."""
    port = serve(tree)
    headers = port.ask("/sub/file.txt").headers
    for condition, status in ((headers["ETag"], 206), (headers["Last-Modified"], 206), ('"other"', 200)):
        assert port.ask("/sub/file.txt", Range="bytes=0-3", If_Range=condition).status == status


def test_a_big_file_goes_piece_by_piece_as_the_client_takes_it(tree: Path) -> None:
    """While the client does not read, nothing more is read from the file either."""
    transport = serve(tree).connect()
    write = transport.write
    pieces: list[bytes] = []

    def full(data: bytes) -> None:
        pieces.append(data)
        write(data)
        if len(data) > 1000:
            transport.producer.pauseProducing()

    transport.write = full  # type: ignore[method-assign]
    transport.protocol.dataReceived(request("/big.bin"))
    while sum(map(len, pieces)) < len(BIG):
        before = len(pieces)
        transport.producer.resumeProducing()
        assert len(pieces) == before + 1
    assert transport.sent().endswith(BIG)
    assert max(map(len, pieces)) <= 65_536


def test_files_are_closed_whatever_happens(tree: Path) -> None:
    """Sent, half sent and lost, not sent at all: no descriptor is left."""
    port = serve(tree)
    tag = port.ask("/big.bin").headers["ETag"]
    before = len(list(Path("/proc/self/fd").iterdir()))
    port.ask("/big.bin")
    port.ask("/big.bin", "HEAD")
    port.ask("/big.bin", If_None_Match=tag)
    port.ask("/big.bin", Range="bytes=9999999-")
    port.ask("/pipe")
    transport = port.connect()
    write = transport.write

    def full(data: bytes) -> None:
        write(data)
        transport.producer.pauseProducing()

    transport.write = full  # type: ignore[method-assign]
    transport.protocol.dataReceived(request("/big.bin"))
    transport.producer.stopProducing()
    transport.protocol.connectionLost(None)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_file_cut_short_meanwhile_ends_the_connection(tree: Path) -> None:
    """The length was announced; the client must notice that it did not get it all."""
    transport = serve(tree).connect()
    write = transport.write

    def full(data: bytes) -> None:
        write(data)
        if len(data) > 1000:
            transport.producer.pauseProducing()

    transport.write = full  # type: ignore[method-assign]
    transport.protocol.dataReceived(request("/big.bin"))
    (tree / "www" / "big.bin").write_bytes(b"")
    transport.producer.resumeProducing()
    assert transport.disconnecting


def test_an_empty_file(tree: Path) -> None:
    (tree / "www" / "nil").write_bytes(b"")
    answer = serve(tree).ask("/nil")
    assert (answer.status, answer.headers["Content-Length"], answer.body) == (200, "0", b"")


def test_a_directory_of_a_package() -> None:
    """`package` and `resource`; one that is not there is said at start."""
    port = WebPort({"/": StaticPath(package="edge_router", resource="wamp")})
    assert b"spec ids" in port.ask("/ids.py").body or port.ask("/ids.py").status == 200
    with pytest.raises(FileNotFoundError, match="the package 'edge_router' has no directory 'nothing'"):
        StaticService(StaticPath(package="edge_router", resource="nothing"), MemoryNode().host)
    with pytest.raises(CannotListen, match="web: the package 'nosuchpackage' has no directory"):
        WebPort({"/": StaticPath(package="nosuchpackage")})


def test_a_download_over_a_real_socket(loop: Loop, tree: Path) -> None:
    """Twisted's own flow control, and two requests on one connection."""
    import socket

    from edge_router.config.schema import TcpEndpoint, Web
    from edge_router.web.site import WebTransport

    node = MemoryNode(tree)
    host = node.host.__class__(loop.reactor, node.host.outbox, node.host.attach, tree, node.host.info)
    web = Web(endpoint=TcpEndpoint(port=0, interface="127.0.0.1"), paths={"/": StaticPath(directory="www")})
    transport = WebTransport(web, host)
    place = str(loop.result(transport.start()))
    with socket.create_connection(("127.0.0.1", int(place.rpartition(":")[2]))) as client:
        client.setblocking(False)
        client.sendall(request("/big.bin") + request("/sub/file.txt"))
        got = bytearray()

        def reads() -> bool:
            try:
                got.extend(client.recv(100_000))
            except BlockingIOError:
                pass
            return got.endswith(b"0123456789")

        loop.until(reads)
        assert BIG in got
    loop.result(transport.stop())
    loop.result(transport.stop())


@pytest.mark.parametrize("name", ["key.priv", "config.yaml", "config.json", "node.pid"])
def test_the_nodes_own_files_are_not_served(tree: Path, name: str) -> None:
    """A directory that holds the node directory may be served, as in some configurations of Crossbar."""
    for place in (tree, tree / "www" / "sub"):
        (place / name).write_text("secret")
    options = StaticOptions(enable_directory_listing=True)
    port = WebPort({"/": StaticPath(directory=".", options=options)}, tree)
    assert port.ask(f"/{name}").status == 404
    assert name.encode() not in port.ask("/").body
    assert port.ask(f"/www/sub/{name}").status == 200, "only the node's own are meant"
