"""The section `management` of `controller`."""

from __future__ import annotations

from edge_router.config.schema.section import Mode, Section, SocketPath


class Management(Section):
    """Procedures that look at the node and change it while it runs, on a Unix socket of their own, in the realm
    `crossbar`, by RawSocket; `docs/management.md` lists them. Root may use them, and the user that the node runs as.

    path: the socket, relative to the node directory. mode: its permissions, octal. owner, group: who it belongs to.
    users: others who may, by name or number; they have to be able to open the socket as well.
    """

    path: SocketPath = "management.sock"
    mode: Mode = "600"
    owner: str | None = None
    group: str | None = None
    users: list[str] = []
