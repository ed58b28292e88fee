"""Other people's code behind a path: resources of twisted.web, and WSGI applications in threads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from edge_router.config.schema.webcode import ResourcePath, WsgiPath
from edge_router.transports.listen import CannotListen
from tests.transports.loop import Loop
from tests.web.loopback import Front
from tests.web.realms import RealmPort, lose, posted


class Greeting(Resource):
    """What a user may have written."""

    def __init__(self, extra: Any = "nothing") -> None:
        super().__init__()
        self.extra = extra
        self.putChild(b"deep", Mirror())
        self.putChild(b"later", Later())

    def getChild(self, path: bytes, request: Any) -> Resource:
        return self

    def render_GET(self, request: Any) -> bytes:
        request.setHeader(b"X-Paths", repr((request.prepath, request.postpath, request.args)).encode())
        return f"hello {self.extra}".encode()


class Mirror(Resource):
    isLeaf = True  # noqa: N815 - Twisted's name

    def render_POST(self, request: Any) -> bytes:
        session = request.getSession()
        session.expire()
        return repr((request.content.read(), request.args, request.postpath)).encode()

    def render_GET(self, request: Any) -> bytes:
        raise ZeroDivisionError("inner workings")


class Later(Resource):
    waiting: list[Any] = []

    def render_GET(self, request: Any) -> int:
        self.waiting.append(request)
        request.notifyFinish().addErrback(lambda _: self.waiting.remove(request))
        return NOT_DONE_YET


class Plain(Resource):
    extra: Any = None

    def render_GET(self, request: Any) -> bytes:
        return repr(self.extra).encode()


class Wanting(Plain):
    """As those written for Crossbar, which always gives an `extra`."""

    def __init__(self, extra: Any) -> None:
        super().__init__()
        self.extra = extra


def fails() -> None:
    raise RuntimeError("cannot be made")


def resource(name: str = "Greeting", **options: Any) -> RealmPort:
    return RealmPort({"code": ResourcePath(classname=f"tests.web.test_code.{name}", **options)})


# --- resources ---------------------------------------------------------------------------------------------------


def test_a_resource_answers() -> None:
    """With all that twisted.web gives it; the safe headers are there, Twisted's version is not."""
    answer = resource().post("/code/a%20b/c?x=1", method="GET")
    assert (answer.status, answer.body) == (200, b"hello nothing")
    assert answer.headers["X-Paths"] == repr(([b"code", b"a b", b"c"], [], {b"x": [b"1"]}))
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Server"] is None


@pytest.mark.parametrize(("name", "extra", "body"), [
    ("Greeting", {"a": 1}, b"hello {'a': 1}"), ("Plain", [1], b"[1]"), ("Plain", None, b"None"),
    ("Wanting", None, b"{}"),
])  # fmt: skip
def test_extra_goes_to_the_constructor(name: str, extra: Any, body: bytes) -> None:
    """Or becomes an attribute."""
    assert resource(name, extra=extra).post("/code", method="GET").body == body


def test_bodies_and_forms_and_sessions() -> None:
    """Forms are taken apart here, as resources expect."""
    at = resource()
    answer = at.post("/code/deep/er?q=1", b"a=1&b=2", Content_Type="application/x-www-form-urlencoded")
    assert answer.body == repr((b"a=1&b=2", {b"q": [b"1"], b"a": [b"1"], b"b": [b"2"]}, [b"er"])).encode()
    assert "TWISTED_SESSION" in answer.headers["Set-Cookie"]


@pytest.mark.filterwarnings("ignore:twisted.web.resource:DeprecationWarning")  # Twisted's page, Twisted's warning
def test_methods_are_the_resources_affair() -> None:
    at = resource()
    assert at.post("/code", method="DELETE").status in (405, 501)
    answer = at.post("/code", method="HEAD")
    assert (answer.status, answer.body) == (200, b"")


def test_a_body_has_a_limit() -> None:
    at = resource(post_body_limit=5)
    assert at.post("/code/deep", b"123456").status == 413
    assert at.site._budget.used == 0


def test_a_resource_that_fails_shows_nothing() -> None:
    """500; the log says why, and the connection goes on."""
    from twisted.logger import globalLogPublisher

    events: list[Any] = []
    globalLogPublisher.addObserver(events.append)
    try:
        at = resource()
        transport = at.connect()
        transport.protocol.dataReceived(posted("/code/deep", method="GET") + posted("/code", method="GET"))
    finally:
        globalLogPublisher.removeObserver(events.append)
    said = transport.value()
    assert b" 500 " in said
    assert b"inner" not in said
    assert said.endswith(b"hello nothing")
    assert any("log_failure" in event for event in events)


def test_an_answer_may_come_later() -> None:
    """Or never, if the client goes; what it held is free then."""
    at = resource()
    transport = at.connect()
    transport.protocol.dataReceived(posted("/code/later", b"body", method="GET"))
    (request,) = Later.waiting
    request.write(b"now")
    request.finish()
    assert b"now" in transport.sent()
    transport.protocol.dataReceived(posted("/code/later", b"body", method="GET"))
    assert at.site._budget.used == 4
    lose(transport)
    assert (at.site._budget.used, Later.waiting[1:]) == (0, [])
    Later.waiting.clear()


@pytest.mark.parametrize("name", ["Nothing", "fails", "RealmPort", "threading"])
def test_what_is_no_resource_keeps_the_port_closed(name: str) -> None:
    with pytest.raises(CannotListen, match=f"tests.web.test_code.{name}"):
        resource(name)


# --- WSGI --------------------------------------------------------------------------------------------------------


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """What Flask or Django are to a server."""
    if environ["PATH_INFO"] == "/fails":
        raise ZeroDivisionError
    body = environ["wsgi.input"].read()
    start_response("201 Made", [("Content-Type", "text/plain"), ("X-Script", environ["SCRIPT_NAME"])])
    here = "main" if threading.current_thread() is threading.main_thread() else "thread"
    yield f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']} {environ['QUERY_STRING']} {here} ".encode()
    yield body


@pytest.fixture
def wsgi(loop: Loop) -> Iterator[Front]:
    front = Front(loop, {"app": WsgiPath(module="tests.web.test_code", object="application", maxthreads=2)})
    yield front
    front.close()


def test_an_application_answers_in_a_thread(wsgi: Front) -> None:
    clients = [wsgi.connect() for _ in range(5)]
    for number, client in enumerate(clients):
        client.transport.write(posted(f"/app/x%20y/{number}?q={number}", b"body", Connection="close"))
    for number, client in enumerate(clients):
        answer = wsgi.answer(client, "POST")
        assert (answer.status, answer.headers["X-Script"]) == (201, "/app")
        assert answer.body == f"POST /x y/{number} q={number} thread body".encode()


def test_an_application_that_fails(wsgi: Front) -> None:
    client = wsgi.connect()
    client.transport.write(posted("/app/fails", Connection="close"))
    assert wsgi.answer(client, "POST").status == 500


def test_an_application_that_is_not_there(loop: Loop) -> None:
    for module, name in (("tests.web.nowhere", "app"), ("tests.web.test_code", "nothing")):
        with pytest.raises(CannotListen, match=rf"{module}\.{name}"):
            Front(loop, {"app": WsgiPath(module=module, object=name)})


def test_a_hanging_application_does_not_keep_the_node(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is given a moment."""
    release = threading.Event()

    def hangs(environ: Any, start_response: Any) -> list[bytes]:
        release.wait(30)
        return []

    monkeypatch.setattr("edge_router.web.threads.PATIENCE", 0.05)
    monkeypatch.setattr("tests.web.test_code.application", hangs)
    front = Front(loop, {"app": WsgiPath(module="tests.web.test_code", object="application")})
    client = front.connect()
    client.transport.write(posted("/app"))
    loop.until(lambda: front.site._root.services["app"]._threads.pool.working)
    front.close()
    release.set()
