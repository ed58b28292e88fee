"""What a camera bridge is told: its section of the configuration. No Twisted here."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta

from bridges.camera.tools import TOOLS, suits
from bridges.config import BridgeConfig, Uri
from bridges.simulated import SimOptions, is_simulated, parse

Device = Annotated[
    str,
    Meta(
        pattern="^(csi[0-9]|/dev/.+|sim:.*)$",
        max_length=4_095,
        extra={"words": "csi0, csi1, a device file as /dev/video0, or sim:camera"},
    ),
]
SIMULATORS: Final[dict[str, type[SimOptions]]] = {"camera": SimOptions, "": SimOptions}


class CameraConfig(BridgeConfig, tag="camera", kw_only=True):
    """A camera: `<topic>.snapshot` takes a picture and returns it, JPEG.

    device: `csi0` is the first camera on a Raspberry Pi's own connectors, `/dev/video0` one on USB; `sim:camera`
    simulates one. tool: the program that takes pictures; left out, the first that is installed. width, height: pixels;
    cameras that do not have this size give the next. quality: of the JPEG, 1 to 100. timeout: seconds that a picture
    may take. max_size: bytes of a picture; a larger one is an error. Clients that speak JSON get 4 bytes for 3, and
    their transport's max_message_size bounds it, too. interval: seconds from one picture to the next that are published
    to the topic; left out, none is taken by itself. publish: whether pictures that are asked for are published, too.
    topic: of pictures, and of status and procedures below it; left out, the bridge's id.
    """

    device: Device = "csi0"
    tool: Literal["rpicam-still", "libcamera-still", "fswebcam", "ffmpeg"] | None = None
    width: Annotated[int, Meta(ge=16, le=16_384)] = 1280
    height: Annotated[int, Meta(ge=16, le=16_384)] = 720
    quality: Annotated[int, Meta(ge=1, le=100)] = 80
    timeout: Annotated[float, Meta(ge=1, le=600)] = 15.0
    max_size: Annotated[int, Meta(ge=1_000, le=16_000_000)] = 700_000
    interval: Annotated[float, Meta(ge=1, le=86_400)] | None = None
    publish: bool = False
    topic: Uri | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for a tool that does not know this kind of device."""
        if is_simulated(self.device):
            parse(self.device, SIMULATORS)
        elif self.tool is not None and not suits(self.tool, self.device):
            fitting = ", ".join(name for name in TOOLS if suits(name, self.device))
            raise ValueError(f"tool {self.tool} cannot take pictures of {self.device}; there are {fitting}")

    @property
    def base_topic(self) -> str:
        """Where pictures are published; status and procedures are below it."""
        return self.topic or self.id
