"""What `check` says about the sections of web services, and that each loads what it needs and nothing more."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from edge_router import registry
from tests.config.texts import complaints, load_text, transport

PAGE = (Path(__file__).parents[2] / "docs" / "web.md").read_text("utf-8")
TCP = "endpoint: {type: tcp, port: 9000}"
P = "7: workers.0.transports.0.paths.a"


def at(service: str) -> str:
    """A configuration with one web service, which stands on line 7."""
    return transport(f"{{type: web, {TCP}, paths: {{a: {service}}}}}")


WRONG = {
    "{type: archive, archive: no.zip, hashes: [abc], mime_types: {js: x}}": [
        f"{P}.hashes.0: found 'abc' (text); expected 64 hexadecimal digits",
        f"{P}.archive: there is no file '@/no.zip'; put it there or correct the path",
        f"{P}.mime_types.js: an ending begins with a dot: '.js'",
    ],
    "{type: resource, classname: Status}": [
        f"{P}.classname: the module is missing; such as mypackage.site.Status"
    ],
    "{type: wsgi, module: my app, object: '1', minthreads: 30}": [
        f"{P}.module: 'my app' is no name in Python, such as myapp.site",
        f"{P}.object: '1' is no name in Python, such as app",
        f"{P}.minthreads: 30 is more than `maxthreads`, 20",
    ],
    "{type: cgi, directory: nowhere, processor: no-such-program}": [
        f"{P}.directory: there is no directory '@/nowhere'; create it or correct the path",
        f"{P}.processor: there is no program 'no-such-program'; install it, or give its path",
    ],
    "{type: upload, realm: realm2, role: web, directory: nowhere, options: {file_types: [csv]}}": [
        f"{P}.realm: there is no realm 'realm2'; did you mean 'realm1'?",
        f"{P}.directory: there is no directory '@/nowhere'; create it or correct the path",
        f"{P}.options.file_types.0: an ending begins with a dot: '.csv'",
    ],
    "{type: reverseproxy, host: 'http://x', path: app}": [
        f"{P}.host: 'http://x' is no name or address of a host, such as 127.0.0.1",
        f"{P}.path: 'app' is no path of a URL, such as /app",
    ],
    "{type: redirect, url: 'a b'}": [f"{P}.url: 'a b' is no URL; what is not ASCII, and spaces, as % and two digits"],
    "{type: json}": [f"{P}.value: missing; expected anything"],
    "{type: wap}": [f"{P}.type: type 'wap': edge-router does not have it"],
    "{type: path, paths: {b: {type: wap}}}": [f"{P}.paths.b.type: type 'wap': edge-router does not have it"],
    "{type: publisher, realm: realm2, role: web}": [f"{P}.realm: there is no realm 'realm2'; did you mean 'realm1'?"],
    "{type: caller, realm: realm1, role: anonymus}": [
        f"{P}.role: realm 'realm1' has no role 'anonymus'; did you mean 'anonymous'?"
    ],
    "{type: caller, realm: realm1, role: anonymous, options: {key: a}}": [
        f"{P}.options.secret: missing; requests are signed with `key` and `secret` together"
    ],
    "{type: caller, realm: realm1, role: anonymous, options: {secret: a}}": [
        f"{P}.options.key: missing; requests are signed with `key` and `secret` together"
    ],
    "{type: caller, realm: realm1, role: anonymous, options: {key: a, secret: b, keys: {a: {secret: c}}}}": [
        f"{P}.options.keys.a: the same name as `key`; give each its own"
    ],
    "{type: caller, realm: realm1, role: anonymous, options: {keys: {a: {secret: c, role: x}}}}": [
        f"{P}.options.keys.a.role: realm 'realm1' has no role 'x'; there are: anonymous, trusted"
    ],
    "{type: caller, realm: realm1, role: anonymous, options: {keys: {a: {secret: {file: none}}}}}": [
        f"{P}.options.keys.a.secret: @/none cannot be read: No such file or directory"
    ],
    "{type: webhook, realm: realm1, role: web}": [f"{P}.options: missing; expected a mapping"],
    "{type: webhook, realm: realm1, role: web, options: {topic: com.a}}": [
        f"{P}.role: realm 'realm1' has no role 'web'; there are: anonymous, trusted"
    ],
    "{type: webhook, realm: realm1, role: anonymous, options: {topic: 'a b', github_sha1: true}}": [
        f"{P}.options.topic: 'a b' is no name: no spaces, no #",
        f"{P}.options.github_sha1: no effect without `github_secret`; give that, too",
    ],
    "{type: caller, realm: realm1, role: anonymous, options: {require_ip: [10.0.0.1/33, localhost]}}": [
        f"{P}.options.require_ip.0: '10.0.0.1/33' is no network, such as 192.168.0.0/16",
        f"{P}.options.require_ip.1: 'localhost' is no network, such as 192.168.0.0/16",
    ],
}


@pytest.mark.parametrize("service", WRONG)
def test_wrong(service: str, tmp_path: Path) -> None:
    """Each problem says where it is, what was found and what would be right."""
    assert complaints(at(service), tmp_path) == [line.replace("@", str(tmp_path)) for line in WRONG[service]]


RIGHT = [
    "{type: archive, archive: page.zip, origin: 'https://example.com/page.zip', download: true, cache: true, "
    "default_object: index.html, object_prefix: dist, mime_types: {.min.js: text/javascript}, hashes: []}",
    "{type: resource, classname: mypackage.site.Status, extra: {a: 1}}",
    "{type: wsgi, module: myapp.site, object: app, minthreads: 2, maxthreads: 4}",
    "{type: cgi, directory: ., processor: sh}",
    "{type: upload, realm: realm1, role: anonymous, directory: ., options: {max_file_size: 200000000, "
    'file_permissions: "0644", file_types: [.csv, .txt]}, form_fields: {content: file, session: session}}',
    "{type: reverseproxy, host: 127.0.0.1}",
    "{type: reverseproxy, host: '::1', port: 1880, path: /red, forwarded_port: 443, forwarded_proto: https}",
    "{type: json, value: {a: [1, 2]}, options: {prettify: true, allow_cross_origin: true, discourage_caching: true}}",
    "{type: redirect, url: ../elsewhere}",
    "{type: metrics}",
    "{type: health, bridges: true}",
    "{type: publisher, realm: realm1, role: trusted}",
    "{type: caller, realm: realm1, role: anonymous, options: {key: foobar, secret: secret, post_body_limit: 8192, "
    "timestamp_delta_limit: 10, require_ip: [192.168.1.1/255.255.255.0, 127.0.0.1], require_tls: false, debug: true}}",
    "{type: webhook, realm: realm1, role: anonymous, options: {topic: com.a, github_secret: x, post_body_limit: 0}}",
    "{type: longpoll, options: {debug: true, session_timeout: 0, queue_limit_messages: 5, debug_transport_id: x}}",
]


@pytest.mark.parametrize("service", RIGHT)
def test_right(service: str, tmp_path: Path) -> None:
    """Sections of Crossbar's examples, and ours."""
    (tmp_path / "page.zip").write_bytes(b"")
    load_text(at(service), tmp_path)


def test_realms_of_other_workers_are_out_of_reach(tmp_path: Path) -> None:
    """A service acts in realms of its own router."""
    text = at("{type: publisher, realm: realm2, role: web}") + "  - type: router\n    realms: [{name: realm2}]\n"
    assert complaints(text, tmp_path) == [f"{P}.realm: realm 'realm2' is of another worker; serve this there"]


BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS, ids=[block.split()[0] for block in BLOCKS])
def test_what_the_documentation_shows(block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each piece of configuration in docs/web.md is right."""
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    for name in ("pump", "shop.key", "github.key", "page.zip", "php-cgi"):
        (tmp_path / name).write_text("x")
        (tmp_path / name).chmod(0o700)
    for name in ("web", "other", "uploaded", "scripts"):
        (tmp_path / name).mkdir()
    shown = yaml.safe_load(block)
    if "options" in shown:
        shown = {"publish": {"type": "publisher", "realm": "realm1", "role": "web", **shown}}
    web = {"type": "web", "endpoint": {"type": "tcp", "port": 0}, "paths": shown}
    roles = [{"name": name} for name in ("anonymous", "web", "device", "visitor")]
    worker = {"type": "router", "realms": [{"name": "realm1", "roles": roles}]}
    tree = {"workers": [{**worker, "transports": shown.get("transports", [web])}]}
    load_text(json.dumps(tree), tmp_path)


def test_every_service_is_documented() -> None:
    """With its type, in docs/web.md."""
    for name in registry.names("webservice"):
        assert f"type: {name}" in PAGE


@pytest.mark.parametrize("name", registry.names("webservice"))
def test_every_service_can_be_loaded(name: str) -> None:
    """Its section and its class."""
    part = registry.find("webservice", name)
    assert registry.config_class("webservice", name).__struct_config__.tag == name
    assert callable(registry.load(part.part))
