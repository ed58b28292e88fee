"""Configurations of Crossbar: what works, what is said about the rest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edge_router.config import crossbar, schema
from edge_router.config.load import from_tree
from edge_router.config.problems import ConfigErrors
from tests.config.texts import complaints, load_text, notices, transport

TCP = "endpoint: {type: tcp, port: 9000}"

#: Every option of crossbar.io's WebSocket transports, with the values its `init` writes or its defaults.
WEBSOCKET_OPTIONS: dict[str, Any] = {
    "allowed_origins": ["*"],
    "allow_null_origin": True,
    "external_port": None,
    "enable_hybi10": False,
    "enable_rfc6455": True,
    "open_handshake_timeout": 2500,
    "close_handshake_timeout": 1000,
    "enable_webstatus": True,
    "validate_utf8": True,
    "mask_server_frames": False,
    "require_masked_client_frames": True,
    "apply_mask": True,
    "max_frame_size": 1048576,
    "max_message_size": 1048576,
    "auto_fragment_size": 65536,
    "fail_by_drop": True,
    "echo_close_codereason": False,
    "tcp_nodelay": True,
    "auto_ping_interval": 10000,
    "auto_ping_timeout": 5000,
    "auto_ping_size": 12,
    "auto_ping_restart_on_any_traffic": True,
    "enable_flash_policy": False,
    "flash_policy": "",
    "require_websocket_subprotocol": True,
    "show_server_version": False,
    "compression": {
        "deflate": {
            "request_no_context_takeover": False,
            "request_max_window_bits": 13,
            "no_context_takeover": False,
            "max_window_bits": 13,
            "memory_level": 5,
        }
    },
}

OURS = frozenset(
    ("allowed_origins", "allow_null_origin", "open_handshake_timeout", "close_handshake_timeout", "max_frame_size",
     "max_message_size", "auto_ping_interval", "auto_ping_timeout", "require_websocket_subprotocol", "compression")
)  # fmt: skip


def test_every_websocket_option(tmp_path: Path) -> None:
    """Each option of Crossbar has its effect or one notice; none if it asks for what is done anyway."""
    wanted = {key: value for key, value in WEBSOCKET_OPTIONS.items() if key in OURS}
    as_here = crossbar.AS_HERE[schema.WebSocketOptions]
    quiet = load_text(transport(f"{{type: websocket, {TCP}, options: {json.dumps(wanted | as_here)}}}"), tmp_path)
    assert len(quiet.notices) == 1, "of the compression"
    others = {key: (not value if isinstance(value, bool) else 443) for key, value in as_here.items()}
    text = transport(f"{{type: websocket, {TCP}, options: {json.dumps(WEBSOCKET_OPTIONS | others)}}}")
    loaded = load_text(text, tmp_path)
    options = loaded.config.workers[0].transports[0].options  # type: ignore[attr-defined]
    at = "workers.0.transports.0.options."
    assert options.auto_ping_interval == 10000
    assert options.compression.deflate.memory_level == 5
    assert sorted(found.path.removeprefix(at) for found in loaded.notices) == sorted(
        ["compression.deflate.request_max_window_bits"]
        + [name for name in WEBSOCKET_OPTIONS if name not in OURS]
    )
    assert all(found.text.startswith("no effect here: ") for found in loaded.notices)


def test_config_of_the_getting_started_guide(tmp_path: Path) -> None:
    """The version 2 configuration of Crossbar's own first page: nothing to say about it."""
    (tmp_path / "web").mkdir()
    (tmp_path / ".crossbar").mkdir()
    permission = {
        "uri": "",
        "match": "prefix",
        "allow": {"call": True, "register": True, "publish": True, "subscribe": True},
        "disclose": {"caller": False, "publisher": False},
        "cache": True,
    }
    tree = {
        "version": 2,
        "controller": {},
        "workers": [
            {
                "type": "router",
                "realms": [{"name": "realm1", "roles": [{"name": "anonymous", "permissions": [permission]}]}],
                "transports": [
                    {
                        "type": "web",
                        "endpoint": {"type": "tcp", "port": 8080},
                        "paths": {
                            "/": {
                                "type": "static",
                                "directory": "../web",
                                "options": {"enable_directory_listing": True},
                            },
                            "info": {"type": "nodeinfo"},
                            "ws": {"type": "websocket"},
                        },
                    }
                ],
            }
        ],
    }
    loaded = load_text(json.dumps(tree), tmp_path / ".crossbar", "config.json")
    assert loaded.notices == []


OLD: dict[str, tuple[str, tuple[str, str | None]]] = {
    "everything": ('uri: "*"', ("", "prefix")),
    "prefix": ("uri: com.example.*", ("com.example.", "prefix")),
    "wildcard": ("uri: com.*.state", ("com..state", "wildcard")),
    "wildcard with a star at the end": ("uri: com.*.state.*", ("com..state.", "wildcard")),
    "exact": ("uri: com.example.lamp", ("com.example.lamp", None)),
    "match given": ("uri: com.example., match: prefix", ("com.example.", "prefix")),
}


@pytest.mark.parametrize("case", OLD)
def test_permissions_of_version_1(case: str, tmp_path: Path) -> None:
    """Version 1 has the actions beside the URI, and stars for patterns."""
    written, expected = OLD[case]
    text = f"""\
controller: {{}}
workers:
  - type: router
    realms:
      - name: realm1
        roles:
          - name: anonymous
            permissions:
              - {{{written}, publish: true, subscribe: false, call: true}}
"""
    loaded = load_text(text, tmp_path)
    (permission,) = loaded.config.workers[0].realms[0].roles[0].permissions
    assert (permission.uri, permission.match) == expected
    assert permission.allow == schema.Allow(publish=True, call=True)
    (notice,) = loaded.notices
    assert (notice.line, notice.path) == (9, "workers.0.realms.0.roles.0.permissions.0")
    assert notice.text.startswith("version 1 form, read as {uri: ")


def test_version_1_is_said(tmp_path: Path) -> None:
    """`version: 1` is read as 2, and said so once."""
    assert notices("version: 1", tmp_path) == ["1: version: version 1 is read as version 2"]


def test_wrong_value_in_version_1(tmp_path: Path) -> None:
    """An action of version 1 must be true or false as one of version 2."""
    text = "workers: [{type: router, realms: [{name: a, roles: [{name: b, permissions: [{uri: c, publish: maybe}]}]}]}]"
    assert complaints(text, tmp_path) == [
        "1: workers.0.realms.0.roles.0.permissions.0.publish: found 'maybe' (text); expected true or false"
    ]


LATER: dict[str, tuple[str, str]] = {
    "controller": (
        "workers: [{type: router, options: {expose_controller: true}}]", "1: workers.0.options.expose_controller: "
    ),
}


def test_nothing_asked_for(tmp_path: Path) -> None:
    """A key that cannot be used may say that it is not."""
    worker = "{type: router, options: {expose_controller: false}, realms: [{name: a, rlinks: []}]}"
    text = f"{{uplinks: [], workers: [{worker}]}}"
    assert notices(text, tmp_path) == []


@pytest.mark.parametrize("case", LATER)
def test_later(case: str, tmp_path: Path) -> None:
    """What later releases bring is refused as that, not as a misspelling: leaving it out could open a door."""
    text, begin = LATER[case]
    (complaint,) = complaints(text, tmp_path)
    assert complaint.startswith(begin + crossbar.LATER)


def test_never_here(tmp_path: Path) -> None:
    """What has no place here is said to have none."""
    (complaint,) = complaints("workers: [{type: proxy}]", tmp_path)
    assert complaint.startswith("1: workers.0.type: type 'proxy': edge-router does not have it; ")


LEFT_OUT = {
    "worker": "workers: [{type: hostmonitor, options: {interval: 500}}]",
    "transport": transport("{type: flashpolicy, allowed_domain: '*'}"),
    "path": transport("{type: web, " + TCP + ", paths: {a: {type: none}}}"),
}


@pytest.mark.parametrize("case", LEFT_OUT)
def test_sections_without_effect(case: str, tmp_path: Path) -> None:
    """What nobody would miss is left out with one notice; what is around it works."""
    (notice,) = notices(LEFT_OUT[case], tmp_path)
    assert ": left out, as type '" in notice


def test_places_behind_what_is_left_out(tmp_path: Path) -> None:
    """Positions that are told are those of the file."""
    text = transport("{type: flashpolicy}") + "      - {type: rawsocket, endpoint: {type: unix, path: ''}}\n"
    (complaint,) = complaints(text, tmp_path)
    assert complaint.startswith("8: workers.0.transports.1.endpoint.path: no path of a socket")


def test_worker_disabled_by_a_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in Crossbar."""
    text = "workers: [{type: router, options: {disabled: '${EDGE_TEST_OFF}'}}]"
    monkeypatch.setenv("EDGE_TEST_OFF", "true")
    assert load_text(text, tmp_path).config.workers[0].options.disabled
    monkeypatch.setenv("EDGE_TEST_OFF", "perhaps")
    assert complaints(text, tmp_path) == [
        "1: workers.0.options.disabled: the environment variable EDGE_TEST_OFF is 'perhaps'; expected true or false"
    ]


def test_worker_options(tmp_path: Path) -> None:
    """Options of a router's process have no effect in one process; where its components are has."""
    text = "workers:\n  - type: router\n    options: {pythonpath: [..], cpu_affinity: [0], title: x, disabled: false}\n"
    why = "no effect here: realms and transports run in the node's own process"
    assert notices(text, tmp_path) == [
        f"3: workers.0.options.cpu_affinity: {why}",
        f"3: workers.0.options.title: {why}",
    ]


def test_misspelt_within_a_key_without_effect(tmp_path: Path) -> None:
    """Only Crossbar's own options have no effect; others are unknown there too."""
    text = "controller: {options: {shutdown: [shutdown_on_worker_exit], tittle: x}}"
    assert complaints(text, tmp_path) == ["1: controller.options.tittle: unknown key; did you mean 'title'?"]
    assert len(notices(text.replace(", tittle: x", ""), tmp_path)) == 1


def test_endpoint_string(tmp_path: Path) -> None:
    """Twisted's endpoint strings for what has a section here are read as that."""
    text = transport('{type: rawsocket, endpoint: {type: twisted, server_string: "tcp:9000:interface=127.0.0.1"}}')
    (listening,) = load_text(text, tmp_path).config.workers[0].transports
    assert listening.endpoint == schema.TcpEndpoint(port=9000, interface="127.0.0.1")  # type: ignore[attr-defined]
    assert notices(text, tmp_path) == [
        "7: workers.0.transports.0.endpoint: read as {type: tcp, port: 9000, interface: 127.0.0.1}"
    ]
    assert complaints(text.replace("tcp:", "systemd:"), tmp_path) == [
        "7: workers.0.transports.0.endpoint.type: type 'twisted': only for tcp and unix here"
    ]


def test_schema_key(tmp_path: Path) -> None:
    """`$schema` is for editors."""
    assert load_text('{"$schema": "x.json"}', tmp_path, "a.json").notices == []


def test_other_encodings(tmp_path: Path) -> None:
    """ubjson is left out while there are others; alone it is a problem."""
    text = transport("{type: rawsocket, " + TCP + ", serializers: [ubjson, cbor]}")
    loaded = load_text(text, tmp_path)
    assert loaded.config.workers[0].transports[0].serializers == ["cbor"]  # type: ignore[attr-defined]
    assert [found.path for found in loaded.notices] == ["workers.0.transports.0.serializers"]
    assert len(complaints(text.replace(", cbor", ""), tmp_path)) == 1


def test_allow_by_default(tmp_path: Path) -> None:
    """Crossbar writes it with hyphens, unlike other keys of a role."""
    text = "workers: [{type: router, realms: [{name: a, roles: [{name: b, allow-by-default: true}]}]}]"
    loaded = load_text(text, tmp_path)
    assert loaded.config.workers[0].realms[0].roles[0].allow_by_default
    assert loaded.notices == []
    loaded = load_text(text.replace("allow-by-default", "allow_by_default"), tmp_path)
    assert loaded.config.workers[0].realms[0].roles[0].allow_by_default
    assert [str(found.path) for found in loaded.notices] == ["workers.0.realms.0.roles.0.allow_by_default"]


def test_what_was_given_is_left_alone(tmp_path: Path) -> None:
    """Older forms are rewritten in a copy."""
    permission = {"uri": "*", "publish": True}
    tree = {"workers": [{"type": "router", "options": {}, "realms": [{"name": "a", "roles": [
        {"name": "b", "permissions": [permission]}]}]}]}  # fmt: skip
    from_tree(tree, "x", tmp_path)
    assert permission == {"uri": "*", "publish": True}
    assert "options" in tree["workers"][0]


@pytest.mark.parametrize("table", [crossbar.IGNORED, crossbar.LATER_KEYS])
def test_tables_name_no_key_that_is_declared(table: dict[type, dict[str, str]]) -> None:
    """A key that gets a declaration has to leave these tables."""
    for cls, keys in table.items():
        assert not set(keys) & set(cls.__struct_encode_fields__), cls  # type: ignore[attr-defined]


def test_problem_beside_notice(tmp_path: Path) -> None:
    """Problems are raised; notices wait until the file is right."""
    text = "workers:\n  - {type: router, options: {}, x: 1}\n"
    with pytest.raises(ConfigErrors) as raised:
        load_text(text, tmp_path)
    assert [found.path for found in raised.value.findings] == ["workers.0.x"]
