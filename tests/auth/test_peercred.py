"""The method `peercred`: users and groups of processes on a Unix socket."""

from __future__ import annotations

import grp
import os
import pwd
from typing import Any

import pytest

from tests.auth.entrance import DENIED, Entrance, refused, welcomed

ME = pwd.getpwuid(os.getuid())
GROUP = grp.getgrgid(ME.pw_gid).gr_name
NOBODY = 4_000_000


def peer(uid: int = ME.pw_uid, gid: int = ME.pw_gid) -> str:
    """The name of a process on a Unix socket."""
    return f"unix:pid=812,uid={uid},gid={gid}"


@pytest.mark.parametrize(
    "config",
    [
        {"users": {ME.pw_name: "device"}},
        {"users": {str(ME.pw_uid): "device"}},
        {"users": {ME.pw_name: "device"}, "groups": {GROUP: "guest"}},
        {"groups": {GROUP: "device"}},
        {"groups": {"4000000": "guest", str(ME.pw_gid): "device"}},
    ],
)
@pytest.mark.parametrize("offered", [None, "anonymous", "peercred", "ticket anonymous"])
def test_who_is_let_in(config: dict[str, Any], offered: str | None) -> None:
    """By name or number, user before group, whatever the client calls it."""
    found = welcomed(Entrance({"peercred": config}).client(peer()).hello(offered))
    method = "peercred" if offered == "peercred" else "anonymous"
    assert found == {"authid": ME.pw_name, "authrole": "device", "authmethod": method, "authprovider": "peercred"}


@pytest.mark.parametrize(
    "name", [peer(NOBODY, NOBODY), "tcp4:127.0.0.1:5", "unix:pid=1,uid=0", f"x{peer()}", f"{peer()}9x"]
)
def test_who_is_not(name: str) -> None:
    """Another user, and whoever does not come over a Unix socket."""
    for offered in ("peercred", "anonymous"):
        answer = Entrance({"peercred": {"users": {ME.pw_name: "device"}}}).client(name).hello(offered)
        assert refused(answer) == DENIED


def test_an_account_without_a_name() -> None:
    """A container's user that this machine does not know goes by its number, and has its own group alone."""
    config = {"peercred": {"groups": {str(NOBODY): "device"}}}
    assert welcomed(Entrance(config).client(peer(NOBODY, NOBODY)).hello(None))["authid"] == str(NOBODY)


def test_others_may_be_anonymous() -> None:
    """With `anonymous` beside it, that is what the others are; `peercred` itself stays refused to them."""
    entrance = Entrance({"peercred": {"users": {ME.pw_name: "device"}}, "anonymous": {"role": "guest"}})
    assert welcomed(entrance.client(peer()).hello("anonymous"))["authrole"] == "device"
    assert welcomed(entrance.client(peer(NOBODY, NOBODY)).hello("anonymous"))["authrole"] == "guest"
    assert refused(entrance.client(peer(NOBODY, NOBODY)).hello("peercred")) == DENIED
