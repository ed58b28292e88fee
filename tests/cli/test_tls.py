"""TLS with a real node and real clients: Python's ssl, curl, autobahn; what is loaded; new certificates by SIGHUP."""

from __future__ import annotations

import hashlib
import shutil
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge_router.node.authority import Authority
from tests.cli.running import PATIENCE, Client, RunningNode, configuration, run, write
from tests.transports.tls_clients import V12, V13, client_context, make_files

pytestmark = pytest.mark.slow

Start = Callable[..., RunningNode]
TLS = {"key": "tls/node.key", "certificate": "tls/node.crt"}


def universal(**tls: Any) -> dict[str, Any]:
    """A configuration with everything on one port, under TLS, for names that resolve to IPv4 alone."""
    config = configuration()
    config["workers"][0]["transports"] = [
        {
            "type": "universal",
            "endpoint": {"type": "tcp", "port": 0, "interface": "127.0.0.1", "tls": {**TLS, **tls}},
            "rawsocket": {},
            "websocket": {"ws": {"type": "websocket"}},
            "web": {"paths": {"/": {"type": "nodeinfo"}}, "options": {"hsts": True}},
        }
    ]
    return config


class TlsClient(Client):
    """The small client over TLS."""

    def __init__(self, port: int, context: ssl.SSLContext) -> None:
        plain = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self._socket = self.tls = context.wrap_socket(plain, server_hostname="127.0.0.1")
        self._socket.sendall(b"\x7f\xf1\0\0")
        assert self._exactly(4) == b"\x7f\xb1\0\0"

    def certificate(self) -> bytes | None:
        """The node's."""
        return self.tls.getpeercert(binary_form=True)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A node directory with certificates and a configuration for TLS."""
    make_files(tmp_path)
    write(tmp_path, universal())
    return tmp_path


def maps(node: RunningNode) -> str:
    """What is mapped into the memory of a node."""
    return Path(f"/proc/{node.process.pid}/maps").read_text()


def test_pyopenssl_is_loaded_for_tls_only(directory: Path, start_node: Start) -> None:
    """9 to 12 MB that a node without TLS has no use for."""
    node = start_node()
    node.wait_until_ready()
    assert "/cryptography/" in maps(node)
    node.process.terminate()
    assert node.ended() == 0
    write(directory, configuration())
    plain = start_node()
    plain.wait_until_ready()
    assert "/cryptography/" not in maps(plain)


@pytest.mark.parametrize("version", [V12, V13])
def test_a_session_over_tls(directory: Path, start_node: Start, version: ssl.TLSVersion) -> None:
    """From HELLO to GOODBYE, and the end of the node in order."""
    node = start_node()
    client = TlsClient(node.wait_until_ready(), client_context(directory, version))
    assert client.join()[0] == 2
    node.process.terminate()
    assert client.receive() == [6, {}, "wamp.close.system_shutdown"]
    client.send(6, {}, "wamp.close.goodbye_and_out")
    assert client.receive() is None
    client.close()
    assert node.ended() == 0


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
@pytest.mark.parametrize("version", [["--tlsv1.2", "--tls-max", "1.2"], ["--tlsv1.3"]])
def test_curl(directory: Path, start_node: Start, version: list[str]) -> None:
    """A page, with the certificate checked, and HSTS as configured."""
    port = start_node().wait_until_ready()
    command = ["curl", "-sS", "-i", "--noproxy", "*", *version, "--cacert", directory / "tls/ca.crt"]
    done = subprocess.run([*command, f"https://127.0.0.1:{port}/"], capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("HTTP/1.1 200 ")
    assert "strict-transport-security: max-age=31536000" in done.stdout.lower()


@pytest.mark.parametrize("framework", ["twisted", "asyncio"])
@pytest.mark.parametrize("kind", ["websocket", "rawsocket"])
def test_autobahn(directory: Path, start_node: Start, framework: str, kind: str) -> None:
    """A call with 40 kB there and 80 kB back."""
    port = start_node().wait_until_ready()
    program = Path(__file__).with_name("autobahn_tls.py")
    command = [sys.executable, program, framework, kind, str(port), directory / "tls/ca.crt"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert "answer: 80000" in done.stdout, done.stdout + done.stderr


def test_autobahn_with_a_client_certificate(directory: Path, start_node: Start) -> None:
    """With `ca_certificates`, only who has one gets in."""
    write(directory, universal(ca_certificates=["tls/ca.crt"]))
    port = start_node().wait_until_ready()
    program = Path(__file__).with_name("autobahn_tls.py")
    command = [sys.executable, program, "asyncio", "websocket", str(port), directory / "tls/ca.crt"]
    for certificate, let_in in (([directory / "tls/client-pump"], True), ([], False)):
        done = subprocess.run([*command, *certificate], capture_output=True, text=True, timeout=PATIENCE)
        assert ("answer: 80000" in done.stdout) is let_in, done.stdout + done.stderr


def test_a_signature_is_bound_to_the_channel(directory: Path, start_node: Start) -> None:
    """cryptosign with `tls-unique`: what Python's ssl has for this TLS 1.2 connection is right, for another wrong."""
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    public = key.public_key().public_bytes_raw().hex()
    config = universal()
    login = {"cryptosign": {"principals": {"joe": {"authorized_keys": [public], "role": "anonymous"}}}}
    config["workers"][0]["transports"][0]["rawsocket"] = {"auth": login}
    write(directory, config)
    port = start_node().wait_until_ready()
    clients = [TlsClient(port, client_context(directory, V12)) for _ in range(2)]
    extra = {"pubkey": public, "channel_binding": "tls-unique"}
    details = {"roles": {"caller": {}}, "authmethods": ["cryptosign"], "authid": "joe", "authextra": extra}
    own = hashlib.sha256(clients[0].tls.get_channel_binding("tls-unique") or b"").digest()
    for client, code in zip(clients, (2, 3), strict=True):
        client.send(1, "realm1", details)
        asked = client.receive()
        assert asked[:2] == [4, "cryptosign"], asked
        signed = bytes(a ^ b for a, b in zip(bytes.fromhex(asked[2]["challenge"]), own, strict=True))
        client.send(5, key.sign(signed).hex() + signed.hex(), {})
        answer = client.receive()
        client.close()
        assert answer[0] == code, answer


def test_a_client_is_known_by_its_certificate(directory: Path, start_node: Start) -> None:
    """The method `tls`, from the fingerprint that the command prints to WELCOME; others are refused."""
    principals = {"pump-1": {"certificate-sha256": fingerprint(directory / "tls/client-pump.crt"), "role": "anonymous"}}
    config = universal(ca_certificates=["tls/ca.crt"])
    config["workers"][0]["transports"][0]["rawsocket"] = {"auth": {"tls": {"principals": principals}}}
    write(directory, config)
    Authority(directory / "tls", "").sign_client("stranger", 30)
    port = start_node().wait_until_ready()
    for certificate, code in (("client-pump", 2), ("client-stranger", 3)):
        client = TlsClient(port, client_context(directory, certificate=certificate))
        client.send(1, "realm1", {"roles": {"caller": {}}, "authmethods": ["tls"]})
        answer = client.receive()
        client.close()
        assert answer[0] == code, answer
        if code == 2:
            assert (answer[2]["authid"], answer[2]["authmethod"]) == ("pump-1", "tls")


def fingerprint(certificate: Path) -> str:
    """As openssl shows it."""
    command = ["openssl", "x509", "-noout", "-fingerprint", "-sha256", "-in", certificate]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip().partition("=")[2]


def test_sighup_brings_new_certificates(directory: Path, start_node: Start) -> None:
    """Sessions stay; new connections see the new certificate; a bad file is reported and changes nothing."""
    node = start_node()
    port = node.wait_until_ready()
    context = client_context(directory)
    first = TlsClient(port, context)
    assert first.join()[0] == 2
    Authority(directory / "tls", "").sign_node(["127.0.0.1"], 60)
    second = reconnected(node, port, context, first.certificate())
    renewed = second.certificate()
    assert renewed == ssl.PEM_cert_to_DER_cert((directory / "tls/node.crt").read_text())
    (directory / "tls/node.crt").write_text("no certificate")
    node.process.send_signal(signal.SIGHUP)
    assert node.said("RELOADING=1")
    assert node.said("READY=1")
    first.send(48, 1, {}, "com.nobody.has.this")
    assert first.receive()[4] == "wamp.error.no_such_procedure"
    node.process.terminate()
    for client in (first, second):
        client.close()
    assert node.ended() == 0
    assert "certificate and key were read again" in node.stderr
    assert "holds no certificate in PEM form" in node.stderr
    assert "nothing was changed" in node.stderr


def reconnected(node: RunningNode, port: int, context: ssl.SSLContext, old: bytes | None) -> TlsClient:
    """A client that sees another certificate than the old one."""
    node.process.send_signal(signal.SIGHUP)
    assert node.said("RELOADING=1")
    assert node.said("READY=1")
    client = TlsClient(port, context)
    assert client.certificate() != old
    return client


def test_sighup_without_tls_ends_nothing(tmp_path: Path, start_node: Start) -> None:
    """`systemctl reload` of a node that has nothing to read again."""
    write(tmp_path, configuration())
    node = start_node()
    client = Client(node.wait_until_ready())
    node.process.send_signal(signal.SIGHUP)
    assert node.said("RELOADING=1")
    assert node.said("READY=1")
    assert client.join()[0] == 2
    node.process.terminate()
    assert client.receive()[0] == 6
    client.close()
    assert node.ended() == 0
    assert "nothing to change" in node.stderr


def test_check_and_start_say_what_is_wrong(directory: Path) -> None:
    """File, line and option; nothing is started."""
    (directory / "tls/node.key").write_text("")
    for command in ("check", "start"):
        done = run(command, "--cbdir", directory)
        assert done.returncode == 1
        assert "workers.0.transports.0.endpoint.tls.key: " in done.stderr
        assert "holds no private key" in done.stderr
