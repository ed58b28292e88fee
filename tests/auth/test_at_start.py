"""Secrets are read once, when the node starts."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import convert
from twisted.internet.task import Clock

from edge_router.config.parts import as_part
from edge_router.config.schema import RouterWorker as Config
from edge_router.config.secret import Missing
from edge_router.node.router import RouterWorker

TICKET = {"auth": {"ticket": {"principals": {"joe": {"ticket": {"file": "secret"}, "role": "device"}}}}}
ENDPOINT = {"type": "tcp", "port": 0}
PLACES = {
    "rawsocket": {"type": "rawsocket", "endpoint": ENDPOINT, **TICKET},
    "below a path": {
        "type": "web",
        "endpoint": ENDPOINT,
        "paths": {"/": {"type": "path", "paths": {"ws": {"type": "websocket", **TICKET}}}},
    },
    "universal": {"type": "universal", "endpoint": ENDPOINT, "rawsocket": TICKET},
}


@pytest.mark.parametrize("place", PLACES)
def test_secrets_are_read_at_start(place: str, tmp_path: Path) -> None:
    """A file that is not there fails the start, wherever `auth` stands; one that goes later harms nobody."""
    config = convert({"type": "router", "transports": [PLACES[place]]}, Config, dec_hook=as_part)
    with pytest.raises(Missing, match="cannot be read"):
        RouterWorker(config, tmp_path, Clock(), dict, lambda: None)
    (tmp_path / "secret").write_text("secret\n")
    RouterWorker(config, tmp_path, Clock(), dict, lambda: None)
