"""What must fit together: names, ports, sockets, paths, directories."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.config.texts import REALM, complaints, load_text, notices, transport

TCP = "endpoint: {type: tcp, port: 9000}"
T = "workers.0.transports"
SERIAL = "type: serial, device: /dev/ttyAMA0"


def transports(*texts: str) -> str:
    """A realm and these transports, from line 7 on."""
    return REALM + "    transports:\n" + "".join(f"      - {text}\n" for text in texts)


def raw(endpoint: str) -> str:
    return f"{{type: rawsocket, endpoint: {{{endpoint}}}}}"


def role(permissions: str, options: str = "{}") -> str:
    return (
        f"workers: [{{type: router, realms: [{{name: a, options: {options}, "
        f"roles: [{{name: b, permissions: {permissions}}}]}}]}}]"
    )


P = "workers.0.realms.0.roles.0.permissions"

H = "workers.0.realms.0.store.event-history"
Q = "workers.0.realms.0.store.call-queue"


def history(*items: str, name: str = "event-history") -> str:
    store = f"{{type: memory, {name}: [{', '.join(items)}]}}"
    return f"workers: [{{type: router, realms: [{{name: a, store: {store}}}]}}]"


WRONG: dict[str, tuple[str, list[str]]] = {
    "history of no topic": (
        history("{uri: com..x}", "{uri: com..x, match: wildcard}"),
        [f"1: {H}.0.uri: 'com..x' has an empty component; such patterns need `match: wildcard`"],
    ),
    "history twice": (
        history("{uri: com.x}", "{uri: com.x, match: prefix}", "{uri: com.x, limit: 3}"),
        [f"1: {H}.2.uri: the same pattern as event-history.0; one is enough"],
    ),
    "queue twice, and of no procedure": (
        history("{uri: com.x}", "{uri: com.x}", "{uri: com..x}", name="call-queue"),
        [
            f"1: {Q}.1.uri: the same pattern as call-queue.0; one is enough",
            f"1: {Q}.2.uri: 'com..x' has an empty component; such patterns need `match: wildcard`",
        ],
    ),
    "role of clients": (
        transport(f"{{type: rawsocket, {TCP}, auth: {{anonymous: {{role: anonymos}}}}}}"),
        [f"7: {T}.0.auth.anonymous.role: no realm has a role 'anonymos'; did you mean 'anonymous'?"],
    ),
    "role of clients, far off": (
        transport(f"{{type: rawsocket, {TCP}, auth: {{anonymous: {{role: staff}}}}}}"),
        [f"7: {T}.0.auth.anonymous.role: no realm has a role 'staff'; there are: anonymous"],
    ),
    "trusted for clients": (
        transport(f"{{type: rawsocket, {TCP}, auth: {{anonymous: {{role: trusted}}}}}}"),
        [
            f"7: {T}.0.auth.anonymous.role: the role 'trusted' is for parts of the node itself, not for clients; "
            "declare another"
        ],
    ),
    "authorizer and permissions": (
        "workers: [{type: router, realms: [{name: a, roles: [{name: b, authorizer: com.x, "
        "permissions: [{uri: com.x}], allow-by-default: true}]}]}]",
        [
            "1: workers.0.realms.0.roles.0.permissions: the `authorizer` decides; take out one of both",
            "1: workers.0.realms.0.roles.0.allow-by-default: the `authorizer` decides; take out one of both",
        ],
    ),
    "authorizer that is no URI": (
        "workers: [{type: router, realms: [{name: a, roles: [{name: b, authorizer: com..x}]}]}]",
        [
            "1: workers.0.realms.0.roles.0.authorizer: 'com..x' is no URI of a procedure; com.example.authorize would "
            "be one"
        ],
    ),
    "several roles for clients": (
        transport(f"{{type: rawsocket, {TCP}, auth: {{anonymous: {{role: 'anonymous, trusted,anonymos'}}}}}}"),
        [
            f"7: {T}.0.auth.anonymous.role: the role 'trusted' is for parts of the node itself, not for clients; "
            "declare another",
            f"7: {T}.0.auth.anonymous.role: no realm has a role 'anonymos'; did you mean 'anonymous'?",
        ],
    ),
    "bridge with several roles": (
        REALM + f"bridges:\n  - {{{SERIAL}, id: x, realm: realm1, role: 'anonymous,trusted'}}\n",
        ["7: bridges.0.role: the role 'trusted' may do everything; write it alone"],
    ),
    "comma in a role's name": (
        "workers: [{type: router, realms: [{name: a, roles: [{name: 'b,c'}]}]}]",
        [
            "1: workers.0.realms.0.roles.0.name: a comma stands between the names of several roles that a login "
            "gives; leave it out"
        ],
    ),
    "trusted declared": (
        "workers: [{type: router, realms: [{name: a, roles: [{name: trusted}]}]}]",
        [
            "1: workers.0.realms.0.roles.0.name: the role 'trusted' is the node's own and may do everything; "
            "choose another name"
        ],
    ),
    "bridge's realm": (
        REALM + f"bridges:\n  - {{{SERIAL}, id: x, realm: realm2}}\n",
        ["7: bridges.0.realm: there is no realm 'realm2'; did you mean 'realm1'?"],
    ),
    "bridge's role": (
        REALM + f"bridges:\n  - {{{SERIAL}, id: x, realm: realm1, role: kitchen}}\n",
        ["7: bridges.0.role: realm 'realm1' has no role 'kitchen'; there are: anonymous, trusted"],
    ),
    "bridge without any realm": (
        f"bridges: [{{{SERIAL}, id: x, realm: a}}]",
        ["1: bridges.0.realm: there is no realm 'a'; there are: none"],
    ),
    "one id, one device for two bridges": (
        REALM + f"bridges:\n  - {{{SERIAL}, id: x, realm: realm1}}\n  - {{{SERIAL}, id: x, realm: realm1}}\n",
        [
            "8: bridges.1.id: id 'x' given twice, first at bridges.0.id; give each its own",
            "8: bridges.1.device: device '/dev/ttyAMA0' given twice, first at bridges.0.device; give each its own",
        ],
    ),
    "realm twice": (
        "workers:\n- {type: router, realms: [{name: a, roles: [{name: b}]}]}\n"
        "- {type: router, realms: [{name: a, roles: [{name: b}]}]}\n",
        ["3: workers.1.realms.0.name: realm 'a' given twice, first at workers.0.realms.0.name; give each its own"],
    ),
    "realm that is no name": (
        "workers: [{type: router, realms: [{name: my realm}]}]",
        ["1: workers.0.realms.0.name: 'my realm' is no name: no spaces, no #"],
    ),
    "role twice": (
        "workers: [{type: router, realms: [{name: a, roles: [{name: b}, {name: b}]}]}]",
        [
            "1: workers.0.realms.0.roles.1.name: role 'b' given twice, first at workers.0.realms.0.roles.0.name; "
            "give each its own"
        ],
    ),
    "role without a name": (
        "workers: [{type: router, realms: [{name: a, roles: [{name: ''}]}]}]",
        ["1: workers.0.realms.0.roles.0.name: a role needs a name"],
    ),
    "id twice": (
        "workers: [{type: router, id: x, realms: [{name: a, id: x}]}]",
        ["1: workers.0.realms.0.id: id 'x' given twice, first at workers.0.id; give each its own"],
    ),
    "space in a URI": (
        role("[{uri: com.my topic}]"),
        [f"1: {P}.0.uri: 'com.my topic' is no URI pattern: names separated by dots, no spaces and no #"],
    ),
    "empty component": (
        role("[{uri: com..x}]"),
        [f"1: {P}.0.uri: 'com..x' has an empty component; such patterns need `match: wildcard`"],
    ),
    "dot at the end of an exact URI": (
        role("[{uri: com.example., match: exact}]"),
        [f"1: {P}.0.uri: 'com.example.' has an empty component; such patterns need `match: wildcard`"],
    ),
    "empty exact URI": (
        role("[{uri: ''}]"),
        [f"1: {P}.0.uri: empty; for every URI write `match: prefix` beside it"],
    ),
    "capitals under strict": (
        role("[{uri: com.Example}]", "{uri_check: strict}"),
        [
            f"1: {P}.0.uri: 'com.Example' is no URI pattern: names separated by dots, "
            "lower-case letters, digits and _ only (uri_check: strict)"
        ],
    ),
    "long URI": (
        role(f"[{{uri: {'x' * 1025}}}]"),
        [f"1: {P}.0.uri: 1025 characters long; a URI has at most 1024"],
    ),
    "port twice": (
        transports(raw("type: tcp, port: 80"), raw("type: tcp, port: 80")),
        [f"8: {T}.1.endpoint.port: port 80 is taken by {T}.0.endpoint; choose another"],
    ),
    "port on all addresses and on one": (
        transports(raw("type: tcp, port: 80, interface: 127.0.0.1"), raw("type: tcp, port: 80")),
        [f"8: {T}.1.endpoint.port: port 80 is taken by {T}.0.endpoint; choose another"],
    ),
    "port on one address and on all": (
        transports(raw("type: tcp, port: 80, interface: 0.0.0.0"), raw("type: tcp, port: 80, interface: 10.0.0.1")),
        [f"8: {T}.1.endpoint.port: port 80 is taken by {T}.0.endpoint; choose another"],
    ),
    "port a third time": (
        transports(*[raw("type: tcp, port: 80")] * 3),
        [
            f"8: {T}.1.endpoint.port: port 80 is taken by {T}.0.endpoint; choose another",
            f"9: {T}.2.endpoint.port: port 80 is taken by {T}.0.endpoint; choose another",
        ],
    ),
    "IPv6 address under version 4": (
        transport(raw("type: tcp, port: 80, interface: '::1'")),
        [f"7: {T}.0.endpoint.interface: '::1' is an IPv6 address; add `version: 6`"],
    ),
    "IPv4 address under version 6": (
        transport(raw("type: tcp, port: 80, version: 6, interface: 127.0.0.1")),
        [f"7: {T}.0.endpoint.interface: '127.0.0.1' is an IPv4 address; take out `version: 6`"],
    ),
    "no address": (
        transport(raw("type: tcp, port: 80, interface: ''")),
        [f"7: {T}.0.endpoint.interface: empty; leave it out to listen on all addresses"],
    ),
    "socket twice": (
        transports(raw("type: unix, path: a/../s"), raw("type: unix, path: ./s")),
        [f"8: {T}.1.endpoint.path: this socket is taken by {T}.0.endpoint; choose another path"],
    ),
    "no socket path": (
        transport(raw("type: unix, path: ''")),
        [f"7: {T}.0.endpoint.path: no path of a socket; write a file name such as router.sock"],
    ),
    "owner and group nobody knows": (
        transport(raw("type: unix, path: s, owner: nobody-by-this-name, group: no-such-group")),
        [
            f"7: {T}.0.endpoint.owner: there is no user 'nobody-by-this-name' on this machine",
            f"7: {T}.0.endpoint.group: there is no group 'no-such-group' on this machine",
        ],
    ),
    "slash before a path": (
        transport(f"{{type: web, {TCP}, paths: {{/ws: {{type: websocket}}}}}}"),
        [
            f"7: {T}.0.paths./ws: a path is one name of letters, digits, - and _, or / for the root; "
            "did you mean 'ws'?"
        ],
    ),
    "path below a path": (
        transport(f"{{type: web, {TCP}, paths: {{a/b: {{type: nodeinfo}}}}}}"),
        [
            f"7: {T}.0.paths.a/b: a path is one name of letters, digits, - and _, or / for the root; "
            "for one below another use `type: path`"
        ],
    ),
    "nested path": (
        transport(f"{{type: web, {TCP}, paths: {{a: {{type: path, paths: {{b.c: {{type: nodeinfo}}}}}}}}}}"),
        [f"7: {T}.0.paths.a.paths.b.c: a path is one name of letters, digits, - and _, or / for the root"],
    ),
    "path of universal": (
        transport(f"{{type: universal, {TCP}, websocket: {{'a b': {{type: websocket}}}}}}"),
        [f"7: {T}.0.websocket.a b: a path is one name of letters, digits, - and _, or / for the root"],
    ),
    "one path for two in universal": (
        transport(
            f"{{type: universal, {TCP}, websocket: {{ws: {{type: websocket}}}}, "
            "web: {paths: {ws: {type: nodeinfo}}}}"
        ),
        [f"7: {T}.0.web.paths.ws: path 'ws' is under `websocket` too; choose another"],
    ),
    "universal for nothing": (
        transport(f"{{type: universal, {TCP}}}"),
        [f"7: {T}.0: nothing is served here; add `rawsocket`, `websocket` or `web`"],
    ),
    "static without anything": (
        transport(f"{{type: web, {TCP}, paths: {{/: {{type: static}}}}}}"),
        [f"7: {T}.0.paths./: what is served? give `directory`, or `package` and `resource`"],
    ),
    "static twice": (
        transport(f"{{type: web, {TCP}, paths: {{/: {{type: static, directory: ., package: a, resource: b}}}}}}"),
        [f"7: {T}.0.paths./: give either `directory`, or `package` and `resource`, not both"],
    ),
    "static from no package": (
        transport(f"{{type: web, {TCP}, paths: {{/: {{type: static, package: no.such, resource: b}}}}}}"),
        [f"7: {T}.0.paths./.package: there is no Python package 'no.such'"],
    ),
    "static from a package without it": (
        transport(f"{{type: web, {TCP}, paths: {{/: {{type: static, package: edge_router, resource: b}}}}}}"),
        [f"7: {T}.0.paths./.resource: there is no directory 'b' in the package 'edge_router'"],
    ),
    "static options": (
        transport(
            f"{{type: web, {TCP}, paths: {{/: {{type: static, directory: ., "
            "options: {default_file: a/b, mime_types: {js: text/javascript}}}}}"
        ),
        [
            f"7: {T}.0.paths./.options.default_file: 'a/b' is no file name; such as index.html",
            f"7: {T}.0.paths./.options.mime_types.js: an ending begins with a dot: '.js'",
        ],
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong(case: str, tmp_path: Path) -> None:
    """Each problem says where it is, what was found and what would be right."""
    text, expected = WRONG[case]
    assert complaints(text, tmp_path) == expected


def test_stores_need_a_place_each(tmp_path: Path) -> None:
    """A file in a directory that is there, and not another realm's."""
    paths = ["none/a.db", ".", "a.db", f"../{tmp_path.name}/a.db"]
    realms = [f"{{name: r{at}, store: {{type: sqlite, path: {path}}}}}" for at, path in enumerate(paths)]
    text = f"workers: [{{type: router, realms: [{', '.join(realms)}]}}]"
    at = "1: workers.0.realms"
    assert complaints(text, tmp_path) == [
        f"{at}.0.store.path: there is no directory '{tmp_path}/none'; create it or correct the path",
        f"{at}.1.store.path: '.' is no path of a file; write a file name such as realm1.sqlite",
        f"{at}.3.store.path: store '{tmp_path}/a.db' given twice, first at workers.0.realms.2.store.path; "
        "give each its own",
    ]


def test_directory_that_is_not_there(tmp_path: Path) -> None:
    """Directories are looked for from the node directory. The rest of a node is of use without one, as in Crossbar."""
    text = transport(f"{{type: web, {TCP}, paths: {{/: {{type: static, directory: web}}}}}}")
    assert notices(text, tmp_path) == [
        f"7: {T}.0.paths./.directory: there is no directory '{tmp_path}/web'; nothing is found here until there is one"
    ]
    (tmp_path / "web").mkdir()
    assert load_text(text, tmp_path).notices == []


@pytest.mark.parametrize(("length", "fits"), [(107, True), (108, False)])
def test_socket_path_length(length: int, fits: bool, tmp_path: Path) -> None:
    """A Unix socket's whole path has at most 107 bytes, not characters (unix(7))."""
    path = "/tmp/ü" + "x" * (length - 7)
    text = transport(raw(f"type: unix, path: {path}"))
    if fits:
        load_text(text, tmp_path)
    else:
        assert complaints(text, tmp_path) == [
            f"7: {T}.0.endpoint.path: '{path}' is 108 bytes long; a Unix socket's path has at most 107"
        ]


RIGHT = {
    "port 0 twice": transports(raw("type: tcp, port: 0"), raw("type: tcp, port: 0")),
    "one port on two addresses": transports(
        raw("type: tcp, port: 80, interface: 127.0.0.1"), raw("type: tcp, port: 80, interface: 127.0.0.2")
    ),
    "one port, two versions": transports(
        raw("type: tcp, port: 80, interface: 127.0.0.1"), raw("type: tcp, port: 80, version: 6, interface: '::1'")
    ),
    "host name as interface": transport(raw("type: tcp, port: 80, interface: localhost")),
    "owner by number": transport(raw("type: unix, path: s, owner: '0', group: '0'")),
    "bridge in the trusted role": REALM + f"bridges:\n  - {{{SERIAL}, id: x, realm: realm1, role: trusted}}\n",
    "one role twice": REALM + f"bridges:\n  - {{{SERIAL}, id: x, realm: realm1, role: 'anonymous, anonymous'}}\n",
    "bridge in a role of its realm": REALM + f"bridges:\n  - {{{SERIAL}, id: x, realm: realm1, role: anonymous}}\n",
    "one role name in two realms": "workers: [{type: router, realms: "
    "[{name: a, roles: [{name: b, id: r}]}, {name: b, roles: [{name: b, id: r}]}]}]",
    "patterns": role("[{uri: ''  , match: prefix}, {uri: a.b, match: prefix}, {uri: a..b, match: wildcard}, {uri: a.b},"
                     " {uri: 'a.*'}, {uri: 'a.*.c'}]"),
    "static from a package": transport(
        f"{{type: web, {TCP}, paths: {{/: {{type: static, package: edge_router, resource: page}}}}}}"
    ),
    "nested root": transport(
        f"{{type: web, {TCP}, paths: {{a-b_C1: {{type: path, paths: {{/: {{type: nodeinfo}}}}}}}}}}"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", RIGHT)
def test_right(case: str, tmp_path: Path) -> None:
    """What fits is not complained about."""
    assert load_text(RIGHT[case], tmp_path).notices == []


@pytest.mark.parametrize(
    ("permissions", "text"),
    [
        ("{uri: a.b}, {uri: a.b}", "says the same as permissions.0"),
        ("{uri: a.*}, {uri: a., match: prefix, allow: {call: true}}", "takes the place of permissions.0"),
        ("{uri: a, cache: true}, {uri: b}, {uri: a}", "takes the place of permissions.0"),
    ],
)
def test_permission_twice(permissions: str, text: str, tmp_path: Path) -> None:
    """The last one counts, as in Crossbar, which may not be what was meant."""
    (notice,) = notices(role(f"[{permissions}]"), tmp_path)
    assert notice.endswith(f".uri: {text} of this role, which has the same pattern")


def test_nobody_can_join(tmp_path: Path) -> None:
    """Without `auth` clients are anonymous; if no realm knows that role, the operator should hear of it."""
    text = transport(f"{{type: rawsocket, {TCP}}}").replace("anonymous", "staff")
    assert notices(text, tmp_path) == [
        f"7: {T}.0: nobody can join here: without `auth` clients get the role 'anonymous', which no realm has"
    ]
