"""Signed requests: Crossbar's scheme, each request once, and a role a key."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from edge_router.config.schema import SecretPlace
from edge_router.config.schema.webrealm import HttpBridgeOptions, PublisherPath, RequestKey
from edge_router.transports.listen import CannotListen
from edge_router.web.bridge import BridgeService
from edge_router.web.signature import Once, Signatures, Unsigned
from tests.web.ports import Answer
from tests.web.realms import RealmPort

NOW = 1_800_000_000.0
BODY = b'{"topic": "com.a", "args": [1]}'
_numbers = count(1)


def query(
    body: bytes = BODY, *, key: str = "foobar", secret: str = "secret", at: float = NOW, **other: str
) -> dict[str, str]:
    """What a client of Crossbar's puts behind `?` (as crossbarconnect does)."""
    timestamp = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    values = {"timestamp": timestamp, "seq": str(next(_numbers)), "nonce": "123456789", "key": key, **other}
    signer = hmac.new(secret.encode(), digestmod=hashlib.sha256)
    for part in (values["key"], values["timestamp"], values["seq"], values["nonce"]):
        signer.update(part.encode())
    signer.update(body)
    return {"signature": base64.urlsafe_b64encode(signer.digest()).decode(), **values, **other}


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> RealmPort:
    monkeypatch.setattr(BridgeService, "now", staticmethod(lambda: NOW))
    (tmp_path / "key").write_text("from a file\n")
    keys = {
        "pump": RequestKey(secret="pumped", role="other"),
        "file": RequestKey(secret=SecretPlace(file="key")),
    }
    options = HttpBridgeOptions(key="foobar", secret="secret", keys=keys)
    return RealmPort({"publish": PublisherPath(realm="realm1", role="web", options=options)}, tmp_path)


def send(port: RealmPort, values: dict[str, str], body: bytes = BODY) -> Answer:
    return port.post(f"/publish?{urlencode(values)}", body, Content_Type="application/json")


def test_a_signed_request_is_taken(port: RealmPort) -> None:
    """And known by its key in the realm."""
    assert send(port, query()).status == 200
    assert port.sessions == [("web", "foobar")]


def test_the_signature_is_crossbars() -> None:
    """A known answer, computed with openssl: `printf '%s' key timestamp seq nonce body | openssl dgst -hmac`."""
    signatures = Signatures({"foobar": "secret"}, 0, lambda: NOW)
    given = {
        b"key": [b"foobar"],
        b"timestamp": [b"2014-01-22T14:21:33.471Z"],
        b"seq": [b"1"],
        b"nonce": [b"42"],
        b"signature": [b"jSiyk1iOhFcMvpzd40ZxEnat4L0sFdGQJ3g7JBU9MVA="],
    }
    assert signatures.verify(given, b'{"topic": "com.a"}') == "foobar"


def test_without_a_signature_nothing_is_taken(port: RealmPort) -> None:
    """401, and which part is missing."""
    events = port.heard()
    assert send(port, {}).status == 401
    for name in ("key", "timestamp", "seq", "nonce", "signature"):
        values = query()
        del values[name]
        answer = send(port, values)
        assert answer.status == 401
        assert f"`{name}`" in json.loads(answer.body)["error"]
        assert answer.headers["WWW-Authenticate"]
    assert events == []


@pytest.mark.parametrize(
    "values",
    [
        query(key="nobody"),
        query(secret="wrong"),
        query(b"another body"),
        query(signature=""),
        query(signature="x"),
        query(signature="ü"),
        query(signature="A" * 43 + "="),
        {**query(), "seq": "999999"},
        {**query(), "nonce": "2"},
        {**query(), "timestamp": "2027-01-15T08:00:00.001Z"},
        query(key="pump", secret="secret"),
    ],
)
def test_what_was_not_signed_so_is_refused(port: RealmPort, values: dict[str, str]) -> None:
    """Unknown keys and wrong signatures hear the same."""
    events = port.heard()
    assert send(port, values).status == 401
    assert events == []


@pytest.mark.parametrize(
    "wrong", [{"seq": "one"}, {"nonce": "-1"}, {"timestamp": "today"}, {"timestamp": "1800000000"}]
)
def test_well_signed_nonsense_is_refused(port: RealmPort, wrong: dict[str, str]) -> None:
    assert send(port, query(**wrong)).status == 401


@pytest.mark.parametrize(("off", "status"), [(0, 200), (299, 200), (-299, 200), (301, 401), (-301, 401), (1e8, 401)])
def test_the_time_may_differ_a_little(port: RealmPort, off: float, status: int) -> None:
    """By `timestamp_delta_limit`; the answer says what time it is here."""
    answer = send(port, query(at=NOW + off))
    assert answer.status == status
    if status == 401:
        assert "2027-01-15T08:00:00" in json.loads(answer.body)["error"]


def test_a_request_is_taken_once(port: RealmPort) -> None:
    """Who has listened to it cannot send it again; also not with digits moved from `seq` to `nonce`."""
    events = port.heard()
    values = query(seq="12", nonce="3456")
    assert send(port, values).status == 200
    assert send(port, values).status == 401
    assert send(port, {**values, "seq": "1", "nonce": "23456"}).status == 401
    assert len(events) == 1
    assert send(port, query()).status == 200


def test_each_key_has_its_role_and_its_secret(port: RealmPort) -> None:
    """`keys`; a secret may stand in a file."""
    to_web, to_denied = b'{"topic": "com.web.a"}', b'{"topic": "com.denied.a"}'
    for key, secret, web, denied in (("foobar", "secret", 200, 403), ("pump", "pumped", 403, 200)):
        assert send(port, query(to_web, key=key, secret=secret), to_web).status == web
        assert send(port, query(to_denied, key=key, secret=secret), to_denied).status == denied
    assert send(port, query(key="file", secret="from a file")).status == 200
    assert port.sessions == [("other", "pump"), ("web", "file"), ("web", "foobar")]


def test_a_secret_that_is_missing_keeps_the_port_closed(tmp_path: Path) -> None:
    options = HttpBridgeOptions(key="k", secret=SecretPlace(file="nowhere"))
    with pytest.raises(CannotListen, match="nowhere"):
        RealmPort({"publish": PublisherPath(realm="realm1", role="web", options=options)}, tmp_path)


# --- memory ------------------------------------------------------------------------------------------------------


def test_memory_is_bounded_without_a_gap() -> None:
    """What had to be forgotten is refused for its time."""
    once = Once(most=3)
    for time in (10.0, 30.0, 20.0, 40.0):
        once.admit(time, b"%d" % time, 0.0)
    for time, digest in ((10.0, b"10"), (9.0, b"new"), (10.0, b"new")):
        with pytest.raises(Unsigned, match="too many"):
            once.admit(time, digest, 0.0)
    for time in (20.0, 30.0, 40.0):
        with pytest.raises(Unsigned, match="made before"):
            once.admit(time, b"%d" % time, 0.0)
    once.admit(15.0, b"15", 0.0)


def test_what_is_too_old_is_forgotten() -> None:
    """It would be refused for its time anyhow."""
    once = Once(most=3)
    for time in range(100):
        once.admit(time, b"%d" % time, time - 2.0)
    once.admit(98.5, b"x", 97.0)


def test_no_window_no_memory() -> None:
    """`timestamp_delta_limit: 0`, as in Crossbar: neither the time nor a second time is looked at."""
    signatures = Signatures({"foobar": "secret"}, 0, lambda: NOW)
    given: Any = {name.encode(): [value.encode()] for name, value in query(at=1e9).items()}
    assert signatures.verify(given, BODY) == signatures.verify(given, BODY) == "foobar"
