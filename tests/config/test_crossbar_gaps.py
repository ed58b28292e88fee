"""Where Crossbar's `check` lets pass what cannot work, and refuses what its manual has: measured with 26.10."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.config.texts import complaints, notices, transport

TCP = "endpoint: {type: tcp, port: 80}"
T = "7: workers.0.transports.0"


def realm(text: str) -> str:
    return f"workers: [{{type: router, realms: [{{name: realm1, roles: [{{name: a}}], {text}}}]}}]"


def socket(text: str) -> str:
    return transport(f"{{type: rawsocket, {TCP}, {text}}}")


#: a configuration -> how the one complaint about it begins
LETS_PASS: dict[str, tuple[str, str]] = {
    "unknown key in a realm": (realm("rols: []"), "1: workers.0.realms.0.rols: unknown key; did you mean 'roles'?"),
    "nearly a key of a realm": (realm("rlink: []"), "1: workers.0.realms.0.rlink: "),
    "rlinks": (realm("rlinks: [{nonsense: 1}]"), "1: workers.0.realms.0.rlinks"),
    "type of a store": (realm("store: {type: nonsense}"), "1: workers.0.realms.0.store.type: "),
    "key of a store": (realm("store: {type: memory, limt: 3}"), "1: workers.0.realms.0.store.limt: unknown key; "),
    "principals of tls": (
        socket("auth: {tls: {principals: {joe: {certificate-sha1: nonsense, role: anonymous}}}}"),
        f"{T}.auth.tls.principals.joe.certificate-sha1: ",
    ),
    "what cookies are": (socket("auth: {cookie: {nonsense: 1}}"), f"{T}.auth.cookie"),
    "proxy worker": ("workers: [{type: proxy, nonsense: 1}]", "1: workers.0.type: type 'proxy': "),
    "encoding of a WebSocket": (
        transport(f"{{type: websocket, {TCP}, serializers: [msgpak]}}"),
        f"{T}.serializers.0: found 'msgpak' (text); expected one of cbor, json, msgpack; did you mean 'msgpack'?",
    ),
    "role that no realm has": (socket("auth: {anonymous: {role: nobody}}"), f"{T}.auth.anonymous.role: "),
    "socket path too long": (
        transport(f"{{type: rawsocket, endpoint: {{type: unix, path: /{'x' * 200}}}}}"), f"{T}.endpoint.path: "
    ),
    "TLS files that are missing": (
        transport("{type: rawsocket, endpoint: {type: tcp, port: 80, tls: {key: no.key, certificate: /dev/null}}}"),
        f"{T}.endpoint.tls.key: ",
    ),
    "port twice": (
        f"{socket('id: a')}      - {{type: rawsocket, {TCP}}}\n", "8: workers.0.transports.1.endpoint.port: "
    ),
    "id twice": (
        f"{socket('id: a')}      - {{type: rawsocket, endpoint: {{type: tcp, port: 81}}, id: a}}\n",
        "8: workers.0.transports.1.id: id 'a' given twice",
    ),
    "option that Crossbar has no more": (
        realm("options: {call_check_timeout: 5}"), "1: workers.0.realms.0.options.call_check_timeout: unknown key; "
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", LETS_PASS)
def test_what_crossbar_lets_pass(case: str, tmp_path: Path) -> None:
    """Refused before anything starts, with the place."""
    text, begin = LETS_PASS[case]
    found = complaints(text, tmp_path)
    assert [complaint for complaint in found if complaint.startswith(begin)], found


#: a configuration -> where the one notice about it is
REFUSES: dict[str, tuple[str, list[str]]] = {
    "reactor": ("workers: [{type: router, options: {reactor: {linux: epoll}}}]", ["workers.0.options"]),
    "actions of version 1": (
        "version: 2\nworkers: [{type: router, realms: [{name: a, roles: [{name: b, permissions: "
        "[{uri: com.x, publish: true}]}]}]}]",
        ["workers.0.realms.0.roles.0.permissions.0"],
    ),
    "no version": ("workers: [{type: router}]", []),
}


@pytest.mark.parametrize("case", REFUSES)
def test_what_crossbar_refuses(case: str, tmp_path: Path) -> None:
    """Used, and what was made of it is told where it is not what it says."""
    text, places = REFUSES[case]
    found = notices(text, tmp_path)
    assert [notice.split(": ")[1].startswith(place) for notice, place in zip(found, places, strict=True)] == [
        True for _ in places
    ], found
