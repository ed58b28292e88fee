"""What a serial bridge is told: its section of the configuration. No Twisted here."""

from __future__ import annotations

from typing import ClassVar

from bridges.config import Seconds, Uri, field_topics
from bridges.serial.exchange_config import ExchangeConfig


class SerialConfig(ExchangeConfig, tag="serial", kw_only=True):
    """A device on a serial line: each frame it sends, a line say, becomes an event, and `<topic>.write` sends frames.

    Events of `topic` have args [value] and kwargs {bridge, seq, ts, ts_quality}: the frame's number since the start,
    the time it came in as milliseconds since 1970 (UTC), and `synced` or `unsynced` for whether the clock was right.
    `<topic>.status` tells of the device: args [`open`, `away` or `stopped`], kwargs with counts and the last error;
    `<topic>.get_status` returns the same, or `opening`.

    topic: where frames are published; left out, the bridge's id. stale_after: seconds without a good frame after which
    the last one is published once more with `stale: true`, and the status has `silent: true`, until the next one.
    fields: name -> a field of the frame with a topic of its own; a name with dots goes into objects. A field changes
    the frame's value too: `scale` and the like are applied before either is published. A frame with a bad field is not
    published at all.
    """

    SIM_KINDS: ClassVar[str | None] = "bridges.serial.simkinds:SIM_KINDS"
    SIM_MACHINES: ClassVar[str | None] = "bridges.serial.simdevices:MACHINES"

    topic: Uri | None = None
    stale_after: Seconds | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for options that contradict each other."""
        super().__post_init__()
        topics = field_topics(self.base_topic, self.fields)
        if self.log and f"{self.base_topic}.log" in topics.values():
            raise ValueError("a field has the topic that log: true needs; give it a `topic` of its own")

    @property
    def base_topic(self) -> str:
        """Where frames are published; status and procedures are below it."""
        return self.topic or self.id
