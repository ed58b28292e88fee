"""Origins: which pages may connect, as a table."""

from __future__ import annotations

import pytest

from edge_router.transports.handshake import OriginPolicy

HOST = "pi.local:8080"


@pytest.mark.parametrize(
    ("origin", "host", "allowed"),
    [
        (None, HOST, True),  # no browser
        ("http://pi.local:8080", HOST, True),
        ("HTTP://PI.local:8080", "Pi.Local:8080", True),
        ("http://pi.local", "pi.local", True),
        ("http://pi.local", "pi.local:80", True),
        ("http://pi.local:80", "pi.local", True),
        ("https://pi.local", "pi.local", True),  # a proxy does TLS
        ("http://192.168.0.7:8080", "192.168.0.7:8080", True),
        ("http://localhost:8080", "127.0.0.1:8080", True),  # what an example's page has written into it
        ("http://127.0.0.1:8080", "[::1]:8080", True),
        ("http://localhost:8081", "127.0.0.1:8080", False),
        ("http://localhost:8080", "192.168.0.7:8080", False),
        ("http://127.0.0.1.evil.example:8080", "127.0.0.1:8080", False),
        ("http://[fd00::7]:8080", "[fd00::7]:8080", True),
        ("http://pi.local:8081", HOST, False),
        ("http://pi.local", HOST, False),
        ("http://evil.example", HOST, False),
        ("http://pi.local.evil.example:8080", HOST, False),
        ("http://pi.local:8080@evil.example", HOST, False),
        ("null", HOST, False),
        ("", HOST, False),
        ("file://", HOST, False),
        ("http://[::1", HOST, False),
        ("http://pi.local:99999", HOST, False),
        ("http://pi.local:8080", "", False),
        ("http://pi.local:8080", "[", False),
    ],
)
def test_without_a_list_only_pages_of_this_very_host_and_port(origin: str | None, host: str, allowed: bool) -> None:
    """The default: a page of another site, open in a browser on the LAN, must not switch actuators."""
    assert OriginPolicy(None, allow_null=False).allows(origin, host) is allowed


@pytest.mark.parametrize(
    ("patterns", "origin", "allowed"),
    [
        (["*"], "http://anything.example", True),
        (["https://app.example"], "https://app.example", True),
        (["https://app.example/"], "https://app.example", True),
        (["https://app.example:443"], "https://app.example", True),
        (["https://app.example"], "http://app.example", False),
        (["https://*.example"], "https://a.example", True),
        (["https://*.example"], "https://a.example.evil", False),
        (["https://a.example"], "https://aXexample", False),
        (["http://localhost:*"], "http://localhost:3000", True),
        (["http://localhost:*"], "http://localhost", True),
        (["http://[::1]:80"], "http://[::1]", True),
        (["http://one.example", "http://two.example"], "http://two.example", True),
        ([], "http://pi.local:8080", False),
        (["http://other.example"], "http://pi.local:8080", False),
        (["*"], None, True),
        (["*"], "null", False),
    ],
)
def test_with_a_list_only_those_that_match(patterns: list[str], origin: str | None, allowed: bool) -> None:
    """`*` stands for anything; a port may be said or, if it is the scheme's own, left out. Pages of this host count
    only if they are listed."""
    assert OriginPolicy(patterns, allow_null=False).allows(origin, HOST) is allowed


def test_null_is_a_decision_of_its_own() -> None:
    """Files and sandboxed frames say `null`; so may anybody's."""
    assert OriginPolicy(None, allow_null=True).allows("null", HOST)
    assert not OriginPolicy(["*"], allow_null=False).allows("null", HOST)


@pytest.mark.parametrize(
    ("host", "local", "allowed"),
    [
        ("127.0.0.1:8080", True, True),
        ("localhost", True, True),
        ("[::1]:8080", True, True),
        ("127.0.0.1:8080", False, False),  # says a client of the network
        ("evil.example:8080", True, False),  # resolves to 127.0.0.1 (DNS rebinding)
        ("pi.local:8080", True, False),
        ("127.0.0.1.evil.example", True, False),
        ("", True, False),
    ],
)
def test_pages_from_files_may_on_the_machine_itself(host: str, local: bool, allowed: bool) -> None:
    """Unless that is decided: whoever opens a page from a file on the router's machine is at home there."""
    assert OriginPolicy(None, allow_null=None).allows("null", host, local) is allowed
    assert OriginPolicy(["*"], allow_null=None).allows("null", host, local) is allowed
    assert not OriginPolicy(None, allow_null=False).allows("null", host, local)
