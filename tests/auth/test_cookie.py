"""The method `cookie`: who is remembered, for whom, until when, and where."""

from __future__ import annotations

import json
import sqlite3
import stat
from pathlib import Path
from typing import Any

import pytest
from msgspec import convert
from twisted.internet.task import Clock

from edge_router.auth.jar import Jar, Visit
from edge_router.config.schema import Cookie, FileCookies, SqliteCookies, WebSocketPath
from edge_router.node.logins import Logins
from edge_router.router.interfaces import Remembered, TransportDetails
from edge_router.store.cookiefile import MOST_IDLE, CookieFile
from edge_router.store.cookiesqlite import CookieDatabase
from tests.auth.entrance import DENIED, Client, Entrance, refused, welcomed
from tests.auth.test_scram import NONCE, SCRAM, prove
from tests.auth.test_ticket import PRINCIPALS, TICKETS

AUTH: dict[str, Any] = {**TICKETS, "cookie": {}, "anonymous": {"role": "guest"}}
JOE = Remembered("joe", "device", "realm1", "ticket", "seal")


class Times:
    """A wall clock."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def jar(**config: Any) -> tuple[Jar, Times]:
    """A jar in memory, and its clock."""
    times = Times()
    return Jar(convert(config, Cookie), now=times), times


def connect(entrance: Entrance, visit: Visit) -> Client:
    """A fresh connection of the browser with this cookie."""
    client = entrance.client()
    client.details = TransportDetails("websocket", "tcp4:192.168.0.7:50000", cookie=visit)
    return client


def log_in(client: Client, authid: str = "joe") -> list[Any]:
    """Log in with the ticket."""
    client.challenged("ticket", authid)
    return client.answer(PRINCIPALS[authid]["ticket"])


class Browser:
    """A browser at an entrance: it shows the cookie it was given last."""

    def __init__(self, entrance: Entrance, jar: Jar) -> None:
        self.entrance = entrance
        self.jar = jar
        self.cookie: str | None = None

    def connect(self) -> Client:
        visit, fresh = self.jar.visit(self.cookie)
        self.cookie = fresh or self.cookie
        return connect(self.entrance, visit)


@pytest.fixture
def browser() -> Browser:
    return Browser(Entrance(AUTH), jar()[0])


# --- the method --------------------------------------------------------------------------------------------------


def test_who_has_logged_in_is_known(browser: Browser) -> None:
    """By another connection, as the same user in the same role and realm; HELLO need not name any of it."""
    log_in(browser.connect())
    for authid, realm in (("joe", "realm1"), (None, None), (None, "realm1")):
        answer = browser.connect().hello("cookie ticket", authid, realm)
        assert welcomed(answer) == {
            "authid": "joe", "authrole": "device", "authmethod": "cookie", "authprovider": "cookie",
        }  # fmt: skip
        assert answer[2]["realm"] == "realm1"


def test_other_methods_have_a_say(browser: Browser) -> None:
    """Where nobody is remembered, or somebody else, or for another realm, the client's next method is taken."""
    assert browser.connect().hello("cookie ticket", "joe")[:2] == [4, "ticket"]
    log_in(browser.connect())
    assert browser.connect().hello("cookie ticket", "ann")[:2] == [4, "ticket"]
    assert browser.connect().hello("cookie ticket", "joe", "realm2")[:2] == [4, "ticket"]
    assert refused(browser.connect().hello("cookie", "ann")) == DENIED


def test_only_who_offers_it(browser: Browser) -> None:
    """A client that does not list `cookie` is not logged in by it (Crossbar, PR 1434)."""
    log_in(browser.connect())
    assert welcomed(browser.connect().hello("anonymous"))["authrole"] == "guest"
    assert welcomed(browser.connect().hello(None))["authmethod"] == "anonymous"


def test_without_a_cookie(browser: Browser) -> None:
    """A client that has none, as those over RawSocket."""
    assert refused(browser.entrance.client().hello("cookie")) == DENIED
    log_in(browser.connect())
    assert refused(browser.entrance.client().hello("cookie")) == DENIED


def test_failed_logins_are_not_remembered(browser: Browser) -> None:
    """Neither are anonymous ones."""
    client = browser.connect()
    client.challenged("ticket", "joe")
    client.answer("wrong")
    browser.connect().hello("anonymous")
    assert refused(browser.connect().hello("cookie")) == DENIED


def test_anonymous_clients_keep_their_authid(browser: Browser) -> None:
    """It is not the cookie, with which others could log in."""
    first = welcomed(browser.connect().hello("anonymous"))["authid"]
    assert welcomed(browser.connect().hello("anonymous"))["authid"] == first
    assert browser.cookie is not None
    assert first not in browser.cookie
    assert browser.cookie not in first
    other = Browser(browser.entrance, browser.jar)
    assert welcomed(other.connect().hello("anonymous"))["authid"] != first


def test_two_pages_of_one_browser(browser: Browser) -> None:
    """A second page that connects before the first has logged in gets no other cookie."""
    first = browser.connect()
    browser.connect()
    log_in(first)
    assert welcomed(browser.connect().hello("cookie"))["authid"] == "joe"


def test_a_cookie_of_ones_own_choice(browser: Browser) -> None:
    """What the router has not given out is replaced, so nobody logs in with a cookie that somebody else chose."""
    browser.cookie = "chosenchosenchosenchosen"
    client = browser.connect()
    assert browser.cookie != "chosenchosenchosenchosen"
    log_in(client)
    browser.cookie = "chosenchosenchosenchosen"
    assert refused(browser.connect().hello("cookie")) == DENIED


def test_the_last_login_counts(browser: Browser) -> None:
    log_in(browser.connect())
    log_in(browser.connect(), "ann")
    assert welcomed(browser.connect().hello("cookie"))["authid"] == "ann"


def test_it_ends(browser: Browser) -> None:
    """After `max_age`, however often it was used."""
    browser.jar, times = jar(max_age=100)
    log_in(browser.connect())
    times.now += 99
    assert welcomed(browser.connect().hello("cookie"))["authid"] == "joe"
    times.now += 2
    assert refused(browser.connect().hello("cookie")) == DENIED
    assert len(browser.jar) == 0


@pytest.mark.parametrize(
    "principals",
    [{}, {"joe": {"ticket": "other", "role": "device"}}, {"joe": {"ticket": "secret1", "role": "operator"}}],
    ids=["gone", "another ticket", "another role"],
)
def test_changed_users_log_in_anew(browser: Browser, principals: dict[str, Any]) -> None:
    """What the configuration says of a user now counts, not what it said when the user logged in."""
    log_in(browser.connect())
    browser.entrance = Entrance({"ticket": {"principals": principals}, "cookie": {}})
    assert refused(browser.connect().hello("cookie")) == DENIED
    browser.entrance = Entrance(AUTH)
    assert refused(browser.connect().hello("cookie")) == DENIED


def test_a_secret_that_was_changed_elsewhere(browser: Browser, tmp_path: Path) -> None:
    """A secret in a file of its own counts like one in the configuration."""
    auth = {"ticket": {"principals": {"joe": {"ticket": {"file": "joe"}, "role": "device"}}}, "cookie": {}}
    for secret, known in (("secret1", False), ("secret1", True), ("other", False)):
        (tmp_path / "joe").write_text(secret)
        browser.entrance = Entrance(auth, tmp_path)
        answer = browser.connect().hello("cookie")
        assert (answer[0] == 2) == known
        if not known:
            client = browser.connect()
            client.challenged("ticket", "joe")
            welcomed(client.answer(secret))


def test_a_method_that_is_gone(browser: Browser) -> None:
    """Nobody is known by a method that the transport does not offer any more."""
    log_in(browser.connect())
    browser.entrance = Entrance({"anonymous": {"role": "guest"}, "cookie": {}})
    assert refused(browser.connect().hello("cookie")) == DENIED


def test_authextra_is_kept(browser: Browser) -> None:
    """What an authenticator gave for WELCOME comes with later logins, too (Crossbar, issue 895)."""
    section = {"type": "dynamic", "authenticator": "com.example.authenticate"}
    browser.entrance = entrance = Entrance({"ticket": section, "cookie": {}})
    gave = {"role": "device", "extra": {"team": 7}}
    entrance.local().register("com.example.authenticate", lambda *_: gave)
    entrance.settle()
    client = browser.connect()
    client.challenged("ticket", "joe")
    client.tell(5, "x", {})
    entrance.settle()
    assert welcomed(client.inbox[-1])["authextra"] == {"team": 7}
    answer = browser.connect().hello("cookie")
    assert welcomed(answer)["authextra"] == {"team": 7}


def test_the_proof_of_scram_is_for_one_login(browser: Browser) -> None:
    """The router's signature says nothing to a client that has not asked for it."""
    browser.entrance = Entrance({**SCRAM, "cookie": {}})
    client = browser.connect()
    proof, verifier = prove(client.challenged("wamp-scram", "joe", nonce=NONCE), "joe", "pencil")
    assert welcomed(client.answer(proof))["authextra"]["verifier"] == verifier
    assert "authextra" not in welcomed(browser.connect().hello("cookie"))


def test_logging_out(browser: Browser) -> None:
    """GOODBYE with `wamp.close.logout`: forgotten, and the browser's other sessions end; nobody else's."""
    here, there = browser.connect(), browser.connect()
    log_in(here)
    welcomed(there.hello("cookie"))
    other = Browser(browser.entrance, browser.jar)
    stays = other.connect()
    log_in(stays)
    assert here.say(6, {}, "wamp.close.logout")[2] == "wamp.close.goodbye_and_out"
    assert there.inbox[-1] == [6, {}, "wamp.close.logout"]
    assert stays.inbox[-1][0] == 2
    assert refused(browser.connect().hello("cookie")) == DENIED
    assert welcomed(other.connect().hello("cookie"))["authid"] == "joe"


def test_leaving_is_no_logging_out(browser: Browser) -> None:
    client = browser.connect()
    log_in(client)
    client.say(6, {}, "wamp.close.normal")
    assert welcomed(browser.connect().hello("cookie"))["authid"] == "joe"


def test_nothing_tells_the_cookie(browser: Browser) -> None:
    """It is in no message to anybody."""
    client = browser.connect()
    answer = log_in(client)
    assert browser.cookie is not None
    assert browser.cookie not in json.dumps(answer)


# --- the jar -----------------------------------------------------------------------------------------------------


def test_bounds() -> None:
    """Of logins, and of cookies that were given out; the oldest go."""
    cookies, _ = jar(max_cookies=3)
    values = []
    for _ in range(5):
        visit, value = cookies.visit(None)
        visit.remember(JOE)
        values.append(value)
    assert len(cookies) == 3
    assert [cookies.visit(value)[1] is None for value in values] == [False, False, True, True, True]


@pytest.mark.parametrize("length", [6, 24, 64])
def test_values(length: int) -> None:
    cookies, _ = jar(length=length)
    values = {cookies.visit(None)[1] for _ in range(50)}
    assert {len(value or "") for value in values} == {length}
    assert len(values) == 50


class Stored:
    """A jar with a file, which is closed and opened again."""

    def __init__(self, directory: Path, kind: str) -> None:
        self.path = directory / "cookies"
        self.kind = kind
        self.said: list[str] = []
        self.times = Times()
        self.open()

    def open(self, purge: bool = False, **config: Any) -> None:
        """As at a start, whatever has become of the one before."""
        directory, name = self.path.parent, self.path.name
        store: Any = (
            CookieFile(FileCookies(filename=name, purge_on_startup=purge), directory, self.said.append)
            if self.kind == "file"
            else CookieDatabase(SqliteCookies(path=name, purge_on_startup=purge), directory, self.said.append)
        )
        self.jar = Jar(convert(config, Cookie), store, self.times)
        self.jar.open()

    def log_in(self, who: Remembered = JOE) -> str:
        """A fresh cookie that is logged in."""
        visit, value = self.jar.visit(None)
        visit.remember(who)
        assert value is not None
        return value

    def who(self, value: str) -> str | None:
        found = self.jar.visit(value)[0].remembered
        return None if found is None else found.authid


@pytest.fixture(params=["file", "sqlite"])
def stored(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    found = Stored(tmp_path, request.param)
    yield found
    found.jar.close()


def test_a_restart(stored: Stored) -> None:
    """What was remembered is, what was forgotten is not; without a word, and for nobody else to read."""
    stays, goes = stored.log_in(), stored.log_in()
    stored.jar.visit(goes)[0].forget()
    assert stat.S_IMODE(stored.path.stat().st_mode) == 0o600
    assert stays.encode() not in stored.path.read_bytes()
    stored.jar.close()
    stored.open()
    assert (stored.who(stays), stored.who(goes)) == ("joe", None)
    assert stored.said == []


def test_a_kill(stored: Stored, tmp_path: Path) -> None:
    """The process ends in the middle of everything: what was logged in is."""
    values = [stored.log_in() for _ in range(20)]
    before = stored.jar
    stored.open()
    assert [stored.who(value) for value in values] == ["joe"] * 20
    before.close()


def test_what_has_ended_goes(stored: Stored) -> None:
    """At a start, from the file too."""
    value = stored.log_in()
    stored.times.now += 604_801
    stored.jar.close()
    stored.open()
    assert stored.who(value) is None
    assert len(stored.jar) == 0
    stored.jar.close()
    stored.times.now -= 604_801
    stored.open()
    assert stored.who(value) is None


def test_a_bound_that_became_smaller(stored: Stored) -> None:
    values = []
    for _ in range(5):
        stored.times.now += 1
        values.append(stored.log_in())
    stored.jar.close()
    stored.open(max_cookies=2)
    assert [stored.who(value) for value in values] == [None, None, None, "joe", "joe"]


def test_purge(stored: Stored) -> None:
    value = stored.log_in()
    stored.jar.close()
    stored.open(purge=True)
    assert stored.who(value) is None


def test_a_file_that_is_none(stored: Stored) -> None:
    """It is kept beside, the operator is told, and logins work."""
    stored.jar.close()
    for end in ("", "-wal", "-shm"):
        stored.path.with_name(stored.path.name + end).unlink(missing_ok=True)
    stored.path.write_bytes(b"what is this?\n" * 400)
    stored.open()
    assert len(stored.said) == 1
    aside = [path for path in stored.path.parent.iterdir() if path.name != stored.path.name]
    assert any(path.read_bytes().startswith(b"what is this?") for path in aside)
    value = stored.log_in()
    stored.jar.close()
    stored.open()
    assert stored.who(value) == "joe"


def test_a_place_where_nothing_can_be_written(stored: Stored) -> None:
    """Logins are remembered while the node runs, and the operator is told, once."""
    stored.jar.close()
    stored.path = stored.path.parent / "missing" / "cookies"
    stored.open()
    values = [stored.log_in() for _ in range(3)]
    assert [stored.who(value) for value in values] == ["joe"] * 3
    assert len(stored.said) == 1
    assert "while the node runs" in stored.said[0]


@pytest.mark.parametrize("store", [{"type": "file", "filename": "jar"}, {"type": "sqlite", "path": "jar"}])
def test_files_that_a_reload_leaves_alone(store: dict[str, Any], tmp_path: Path) -> None:
    """The jar of a transport that stays is the same one after a reload, and that of one that is gone is closed."""
    inquirer: Any = None
    logins = Logins(tmp_path, Clock(), inquirer)
    kept = convert({"store": store}, Cookie)
    gone = convert({"store": {**store, "filename" if store["type"] == "file" else "path": "gone"}}, Cookie)
    jars = [logins.jar(kept), logins.jar(gone)]
    logins.keep_jars([WebSocketPath(cookie=kept)])
    assert logins.jar(kept) is jars[0]
    assert logins.jar(gone) is not jars[1]
    logins.stop()


def test_the_file_does_not_grow_for_ever(tmp_path: Path) -> None:
    """One browser that logs in a thousand times costs no more than some lines (Crossbar, issue 952)."""
    stored = Stored(tmp_path, "file")
    visit, _ = stored.jar.visit(None)
    for _ in range(1000):
        visit.remember(JOE)
    assert len(stored.path.read_bytes().splitlines()) <= MOST_IDLE + 4
    for _ in range(1000):
        visit.remember(JOE)
        visit.forget()
    assert len(stored.path.read_bytes().splitlines()) <= MOST_IDLE + 4
    stored.jar.close()


@pytest.mark.parametrize("cut", [1, 40, 100])
def test_half_a_line(cut: int, tmp_path: Path) -> None:
    """A power cut in the middle of a line: that login is gone, the others are not, and what follows is whole."""
    stored = Stored(tmp_path, "file")
    first, last = stored.log_in(), stored.log_in()
    stored.jar.close()
    stored.path.write_bytes(stored.path.read_bytes()[:-cut])
    stored.open()
    assert (stored.who(first), stored.who(last)) == ("joe", None if cut > 1 else "joe")
    third = stored.log_in()
    stored.jar.close()
    stored.open()
    assert (stored.who(first), stored.who(third)) == ("joe", "joe")
    assert stored.said == []
    stored.jar.close()


def test_a_full_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that cannot be written is made good with the next that can."""
    stored = Stored(tmp_path, "file")
    rewrite = CookieFile._rewrite

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    class Full:
        write = staticmethod(full)
        close = staticmethod(lambda: None)

    stored.jar._store._file.close()  # type: ignore[union-attr]
    stored.jar._store._file = Full()  # type: ignore[union-attr]
    monkeypatch.setattr(CookieFile, "_rewrite", full)
    value = stored.log_in()
    stored.log_in()
    assert stored.said == [f"{stored.path}: No space left on device; logins are remembered while the node runs"]
    monkeypatch.setattr(CookieFile, "_rewrite", rewrite)
    stored.log_in()
    stored.jar.close()
    stored.open()
    assert stored.who(value) == "joe"
    stored.jar.close()


@pytest.mark.parametrize("damaged", [b"\0", b'{"authid":"\xff"}'])
def test_a_login_in_the_database_that_is_none(tmp_path: Path, damaged: bytes) -> None:
    """The file is set aside, as one that cannot be read."""
    stored = Stored(tmp_path, "sqlite")
    stored.log_in()
    stored.jar.close()
    database = sqlite3.connect(stored.path)
    with database:
        database.execute("UPDATE logins SET login = ?", [damaged])
    database.close()
    stored.open()
    assert "is now cookies.corrupt" in stored.said[0]
    assert stored.who(stored.log_in()) == "joe"
    stored.jar.close()
