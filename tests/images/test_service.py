"""The Debian package and its service on a Debian 13: in order, from install to purge."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from images.version import ROOT, VERSION
from tests.images.machine import Machine

UNITS = ("edge-router.service", "edge-router@.service")


def test_lintian_has_nothing_to_say(deb: Path) -> None:
    """Neither errors nor warnings; overrides have their reasons."""
    done = subprocess.run(["lintian", "--allow-root", "--fail-on", "warning", deb], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("unit", UNITS)
def test_the_unit_is_hardened(unit: str) -> None:
    """2.0 at most, of 10; mosquitto's has 9.2."""
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=20", ROOT / "systemd" / unit]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-300:]


def test_it_runs_right_after_installing(machine: Machine) -> None:
    """Nothing has to be set up. Its page is served, and programs on this machine can join."""
    said = machine.does("apt-get install -y --no-install-recommends /root/edge-router.deb")
    assert "Setting up edge-router" in said
    assert machine.shows("ActiveState") == "active"
    assert "It works" in machine.does("curl -sf http://127.0.0.1:8080/")
    assert '"state":"running"' in machine.does("curl -sf -H 'Accept: application/json' http://127.0.0.1:8080/info")
    assert VERSION in machine.does("edge-router version")


def test_nothing_is_open_to_everybody(machine: Machine) -> None:
    """The configuration may have secrets; the socket is for the group."""
    said = machine.does(
        "stat -c '%a %U:%G %n' /etc/edge-router/config.yaml /var/lib/edge-router /run/edge-router/router.sock"
    )
    assert said.splitlines() == [
        "640 root:edge-router /etc/edge-router/config.yaml",
        "750 edge-router:edge-router /var/lib/edge-router",
        "660 edge-router:edge-router /run/edge-router/router.sock",
    ]


def test_commands_find_the_service(machine: Machine) -> None:
    """From any directory; and a user who is in the group."""
    assert machine.does("cd /tmp && edge-router status").startswith("running: /var/lib/edge-router")
    machine.does("useradd -G edge-router joe")
    said = machine.does("runuser -u joe -- sh -c 'cd / && edge-router call wamp.session.count'")
    assert said.strip() == "1"
    assert machine.does("runuser -u joe -- edge-router status").startswith("running: /var/lib/edge-router")
    assert "looks good" in machine.does("cd /root && runuser -u joe -- edge-router check")


@pytest.mark.parametrize("command", ["status", "check", "sessions", "reload", "outputs", "keys"])
def test_who_is_not_in_the_group_is_told_of_it(machine: Machine, command: str) -> None:
    """It is what a new user meets first."""
    said = machine.does(f"id eve >/dev/null 2>&1 || useradd eve; cd / && runuser -u eve -- edge-router {command}", 1)
    assert "ermission denied" in said and "Traceback" not in said
    assert "adduser" in said or "as root" in said


def test_root_leaves_nothing_that_the_service_cannot_use(machine: Machine) -> None:
    """A key is the service's; a node that root runs would leave more."""
    machine.does("edge-router keys")
    assert machine.does("stat -c %U:%a /var/lib/edge-router/key.priv") == "edge-router:600\n"
    assert "systemctl start edge-router" in machine.does("edge-router start", 1)
    machine.does("cd /root && runuser -u edge-router -- edge-router keys")


def test_what_keeps_it_from_starting_is_in_its_status(machine: Machine) -> None:
    """Also while systemd waits before it tries again; in the journal it is an error."""
    config = machine.root / "etc/edge-router/config.yaml"
    before = config.read_text()
    config.write_text(before.replace("port: 8080", "prot: 8080"))
    machine.does("systemctl restart edge-router", 1)
    said = machine.does("systemctl status --no-pager edge-router; systemctl stop edge-router", None)
    config.write_text(before)
    machine.does("systemctl start edge-router")
    assert re.search(r'Status: "/etc/edge-router/config.yaml:\d+: .*did you mean \'port\'', said)
    assert machine.does("journalctl -q -o cat -u edge-router -p err").count("did you mean 'port'?") == 1


def test_the_manual_and_completion(machine: Machine) -> None:
    """Every command is in both."""
    text = machine.does("zcat /usr/share/man/man1/edge-router.1.gz")
    words = machine.does("cat /usr/share/bash-completion/completions/edge-router")
    for command in ("start", "check", "subscribe", "record"):
        assert f".SS {command}" in text and f"{command}) options=" in words
    offered = machine.does(
        "bash -c '. /usr/share/bash-completion/completions/edge-router; "
        "COMP_WORDS=(edge-router sub); COMP_CWORD=1; _edge_router; echo ${COMPREPLY[@]}'"
    )
    assert offered.strip() == "subscribe"


def test_reload_takes_over_a_change(machine: Machine) -> None:
    """Without another process; one that is no good changes nothing, and `systemctl` fails."""
    pid = machine.shows("MainPID")
    machine.does("sed -i 's/port: 8080/port: 8090/' /etc/edge-router/config.yaml && systemctl reload edge-router")
    assert "It works" in machine.does("curl -sf http://127.0.0.1:8090/")
    machine.does("sed -i 's/port: 8090/prot: 8090/' /etc/edge-router/config.yaml")
    machine.does("systemctl reload edge-router", 1)
    assert re.search(r"config\.yaml:\d+: .*prot", machine.journal())
    machine.does("curl -sf http://127.0.0.1:8090/ > /dev/null")
    machine.does("sed -i 's/prot: 8090/port: 8080/' /etc/edge-router/config.yaml && systemctl reload edge-router")
    assert machine.shows("MainPID") == pid and machine.shows("NRestarts") == "0"


def test_the_watchdog_ends_a_node_that_hangs(machine: Machine) -> None:
    """And another one takes its place."""
    drop_in = machine.root / "etc/systemd/system/edge-router.service.d"
    drop_in.mkdir()
    (drop_in / "quick.conf").write_text("[Service]\nWatchdogSec=3\nTimeoutAbortSec=2\n")
    machine.does("systemctl daemon-reload && systemctl restart edge-router")
    pid = machine.shows("MainPID")
    machine.does(f"kill -STOP {pid}")
    machine.until("systemctl show -P NRestarts edge-router", lambda said: said.strip() == "1")
    machine.until("systemctl is-active edge-router", lambda said: said.strip() == "active")
    assert machine.shows("MainPID") != pid
    assert "Watchdog timeout" in machine.journal()


def test_after_sigkill_it_comes_back(machine: Machine) -> None:
    """The stale pid file and socket are no obstacle."""
    machine.does("systemctl reset-failed edge-router; systemctl restart edge-router")
    machine.does(f"kill -KILL {machine.shows('MainPID')}")
    machine.until("systemctl show -P NRestarts edge-router", lambda said: said.strip() == "1")
    machine.until("curl -s http://127.0.0.1:8080/", lambda said: "It works" in said)


TICKET = """\
    transports:
      - type: rawsocket
        endpoint: {type: tcp, interface: 127.0.0.1, port: 8071}
        auth:
          ticket: {principals: {joe: {role: local, ticket: {credential: edge-router.joe}}}}
"""


def test_a_secret_that_root_alone_can_read(machine: Machine) -> None:
    """systemd hands it to the node; the configuration has its name."""
    store, config = machine.root / "etc/credstore", machine.root / "etc/edge-router/config.yaml"
    store.mkdir(mode=0o700, exist_ok=True)
    (store / "edge-router.joe").write_text("s3cret")
    (store / "edge-router.joe").chmod(0o600)
    before = config.read_text()
    config.write_text(before.replace("    transports:\n", TICKET, 1))
    machine.does("systemctl restart edge-router")
    call = "edge-router call wamp.session.count --url rs://127.0.0.1:8071 --realm realm1 --authid joe --ticket"
    assert machine.does(f"{call} s3cret").strip() == "1"
    assert "authentication_denied" in machine.does(f"{call} wrong", 1)
    assert "credential" not in machine.does("edge-router check")
    config.write_text(before)
    (store / "edge-router.joe").unlink()
    machine.does("systemctl restart edge-router")


BRIDGE = """
bridges:
  - type: gpio
    id: house
    realm: realm1
    chip: "sim:?file=pins.json"
    outputs:
      pump: {line: GPIO23, on_stop: "off"}
"""


def test_outputs_are_left_as_configured_by_whatever_the_node_ends(machine: Machine) -> None:
    """SIGKILL leaves nobody to switch off the pump but the helper that systemd runs then."""
    with (machine.root / "etc/edge-router/config.yaml").open("a") as file:
        file.write(BRIDGE)
    machine.does("systemctl restart edge-router")
    machine.does("edge-router call house.pump.set true")
    before = machine.does("cat /var/lib/edge-router/pins.json")
    machine.does(f"kill -KILL {machine.shows('MainPID')}")
    machine.until("cat /var/lib/edge-router/pins.json", lambda said: said != before)
    machine.until("systemctl is-active edge-router", lambda said: said.strip() == "active")
    assert '"args":[false]' in machine.does("edge-router call house.pump.get")


def test_the_journal_has_fields_to_search_by(machine: Machine) -> None:
    """Which bridge speaks, and how bad it is."""
    said = machine.does("journalctl --no-pager -o cat -u edge-router BRIDGE=house")
    assert "house: sim" in said and "listens on" not in said
    said = machine.does("journalctl --no-pager -o cat -u edge-router -p err")
    assert "nothing was changed" in said and "ready" not in said


def test_with_sockets_of_systemd_nobody_is_refused(machine: Machine) -> None:
    """Who connects starts the node; who connects while it restarts waits."""
    machine.does("systemctl stop edge-router && systemctl start edge-router.socket")
    assert machine.shows("ActiveState") == "inactive"
    assert "It works" in machine.does("curl -sf http://127.0.0.1:8080/")
    asks = "for _ in 1 2 3 4 5 6 7 8 9 10; do curl -sSf -m 30 http://127.0.0.1:8080/ >/dev/null; sleep 0.2; done"
    machine.does(f"set -e; systemctl restart edge-router & {asks}; wait")
    machine.does("systemctl stop edge-router.socket && systemctl restart edge-router")


OPENED = "[Socket]\nListenStream=\nListenStream=/run/edge-router/router.sock\n"


def test_a_socket_file_of_systemd_is_there_while_the_node_is_not(machine: Machine) -> None:
    """For the group, and for nobody else."""
    drop_in = machine.root / "etc/systemd/system/edge-router.socket.d"
    drop_in.mkdir()
    (drop_in / "file.conf").write_text(OPENED)
    machine.does("systemctl daemon-reload; systemctl stop edge-router; systemctl start edge-router.socket edge-router")
    for _ in range(2):
        assert machine.does("stat -c '%a %G' /run/edge-router/router.sock") == "660 edge-router\n"
        assert machine.does("runuser -u joe -- edge-router call wamp.session.count").strip().isdecimal()
        machine.does("systemctl stop edge-router.service")
    machine.does("systemctl stop edge-router.socket edge-router")
    (drop_in / "file.conf").unlink()
    drop_in.rmdir()
    machine.does("systemctl daemon-reload; systemctl start edge-router")


def test_a_socket_may_be_for_another_group_of_the_node(machine: Machine) -> None:
    """`SupplementaryGroups=` in a drop-in, for a web server say; the filter of system calls must allow it."""
    config = machine.root / "etc/edge-router/config.yaml"
    before = config.read_text()
    config.write_text(before.replace('mode: "660"}', 'mode: "660", group: dialout}'))
    machine.does("systemctl restart edge-router")
    assert machine.does("stat -c %G /run/edge-router/router.sock") == "dialout\n"
    config.write_text(before)
    machine.does("systemctl restart edge-router")


def test_a_second_node(machine: Machine) -> None:
    """With a configuration of its own."""
    machine.does(
        "cd /etc/edge-router && sed 's/8080/8070/; s,/run/edge-router/,/run/edge-router-shed/,' config.yaml "
        "> shed.yaml && chgrp edge-router shed.yaml && chmod 640 shed.yaml && systemctl start edge-router@shed"
    )
    assert "It works" in machine.does("curl -sf http://127.0.0.1:8070/")
    assert "shed.yaml" in machine.does("edge-router check --cbdir /var/lib/edge-router-shed")
    machine.does("systemctl enable edge-router@shed")


def test_an_upgrade_keeps_state_and_changes(machine: Machine) -> None:
    """What the operator wrote, and what the node keeps; and it runs again by itself."""
    machine.does("runuser -u edge-router -- edge-router keys --cbdir /var/lib/edge-router")
    key = machine.does("cat /var/lib/edge-router/key.pub")
    machine.does("sed -i 's/# The configuration of the service/# changed: &/' /etc/edge-router/config.yaml")
    pid = machine.shows("MainPID")
    machine.does("dpkg --force-confold -i /root/edge-router.deb")
    machine.until("curl -s http://127.0.0.1:8080/", lambda said: "It works" in said)
    assert machine.shows("MainPID") != pid
    assert machine.does("cat /var/lib/edge-router/key.pub") == key
    assert machine.does("head -1 /etc/edge-router/config.yaml").startswith("# changed:")


def test_a_node_that_was_stopped_is_not_started_by_an_upgrade(machine: Machine) -> None:
    machine.does("systemctl stop edge-router && dpkg --force-confold -i /root/edge-router.deb")
    assert machine.shows("ActiveState") == "inactive"
    machine.does("systemctl start edge-router")


def test_remove_and_purge(machine: Machine) -> None:
    """Removing keeps what the operator has; purging leaves nothing."""
    machine.does("apt-get remove -y edge-router")
    assert machine.does("systemctl is-active edge-router edge-router@shed", None).split() == ["inactive"] * 2
    (machine.root / "etc/systemd/system/edge-router.service.d/quick.conf").unlink()
    (machine.root / "etc/systemd/system/edge-router.service.d").rmdir()
    machine.does("test -e /etc/edge-router/config.yaml -a -e /var/lib/edge-router/key.priv")
    machine.does("test ! -e /usr/lib/python3/dist-packages/edge_router")
    machine.does("apt-get install -y --no-install-recommends /root/edge-router.deb ")
    assert machine.does("systemctl is-active edge-router edge-router@shed").split() == ["active"] * 2
    machine.does("apt-get purge -y edge-router")
    left = machine.does(
        "find / -xdev -name '*edge-router*' -not -path '/root/*' -not -path '/proc/*' -not -path '/var/log/*' "
        "-not -path '/var/cache/*'; ls -d /run/edge-router*; getent passwd edge-router; getent group edge-router",
        None,
    )
    assert left == "ls: cannot access '/run/edge-router*': No such file or directory\n"
