"""Requests from elsewhere as events, and GitHub's signatures."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import pytest

from edge_router.config.schema.webrealm import WebhookOptions, WebhookPath
from tests.web.realms import RealmPort

SECRET = "It's a Secret to Everybody"
#: of GitHub's documentation: "Testing the webhook payload validation"
KNOWN = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"


def port(**options: Any) -> RealmPort:
    options = {"topic": "com.hook", **options}
    return RealmPort({"hook": WebhookPath(realm="realm1", role="web", options=WebhookOptions(**options))})


def test_a_request_becomes_an_event() -> None:
    """Headers by name, each with all its values; the body as text."""
    at = port()
    events = at.heard()
    answer = at.post("/hook", "grüße".encode(), X_GitHub_Event="push", Content_Type="text/plain")
    assert (answer.status, answer.body) == (202, b"OK")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    ((event,),) = (event.args for event in events)
    assert event["body"] == "grüße"
    assert event["headers"]["X-Github-Event"] == ["push"]
    assert event["headers"]["Host"] == ["pi.local"]


@pytest.mark.parametrize("body", [b"", b"\xff\x00", b"a=1&b=2", b"[" * 10_000])
def test_any_body_is_taken(body: bytes) -> None:
    """What is no text comes as binary; forms are not taken apart."""
    at = port()
    events = at.heard()
    assert at.post("/hook", body, Content_Type="application/x-www-form-urlencoded").status == 202
    assert events[0].args[0]["body"] == (body if body.startswith(b"\xff") else body.decode())


def test_the_answers_can_be_chosen() -> None:
    """Of success, and of failure, when the role may not publish."""
    answer = port(success_response="thanks").post("/hook", b"x")
    assert (answer.status, answer.body) == (202, b"thanks")
    for response in ("NOT OK", "sorry"):
        given = {} if response == "NOT OK" else {"error_response": response}
        answer = port(topic="com.denied.hook", **given).post("/hook", b"x")
        assert (answer.status, answer.body) == (500, response.encode())


def test_only_post() -> None:
    at = port()
    events = at.heard()
    assert at.post("/hook", method="GET").headers["Allow"] == "POST, OPTIONS"
    assert at.post("/hook/more", b"x").status == 404
    assert at.post("/hook", b"x", Origin="http://evil.example").status == 403
    assert events == []


def test_githubs_signature() -> None:
    """The example of GitHub's documentation."""
    at = port(github_secret=SECRET)
    assert at.post("/hook", b"Hello, World!", X_Hub_Signature_256=KNOWN).status == 202
    assert at.post("/hook", b"Hello, World?", X_Hub_Signature_256=KNOWN).status == 401


@pytest.mark.parametrize("given", [{}, {"X_Hub_Signature_256": ""}, {"X_Hub_Signature_256": "sha256="},
                                   {"X_Hub_Signature_256": KNOWN[:-1]}, {"X_Hub_Signature_256": "ü"}])  # fmt: skip
def test_nothing_unsigned_is_taken(given: dict[str, str]) -> None:
    """[live] Crossbar checks SHA-1 only, which GitHub has replaced."""
    at = port(github_secret=SECRET)
    events = at.heard()
    assert at.post("/hook", b"Hello, World!", **given).status == 401
    assert events == []


def test_the_older_signature_only_if_configured() -> None:
    """SHA-1, for servers that know no better; it does not help where the newer one is wrong."""
    old = "sha1=" + hmac.new(SECRET.encode(), b"x", hashlib.sha1).hexdigest()
    assert port(github_secret=SECRET).post("/hook", b"x", X_Hub_Signature=old).status == 401
    at = port(github_secret=SECRET, github_sha1=True)
    assert at.post("/hook", b"x", X_Hub_Signature=old).status == 202
    assert at.post("/hook", b"y", X_Hub_Signature=old).status == 401
    assert at.post("/hook", b"x", X_Hub_Signature=old, X_Hub_Signature_256=KNOWN).status == 401


def test_the_body_has_a_limit() -> None:
    at = port(post_body_limit=10)
    assert at.post("/hook", b"x" * 10).status == 202
    assert at.post("/hook", b"x" * 11).status == 413
