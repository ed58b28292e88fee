"""Programs that take one picture and write it, JPEG, to their standard output: their words, in the order of preference.

Manuals: rpicam-still (documentation of Raspberry Pi, "Camera software"; libcamera-still is its name until Bookworm),
fswebcam(1), ffmpeg(1) with ffmpeg-devices(1), "video4linux2".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

#: milliseconds in which the exposure is found
_EXPOSURE: Final = 1000


class Tool(NamedTuple):
    """csi: whether it is for a board's own connectors, or for device files. package: that has it. words: its arguments,
    for a section of the configuration.
    """

    csi: bool
    package: str
    words: Callable[[Any], list[str]]


def _rpicam(config: Any) -> list[str]:
    size = ["--width", str(config.width), "--height", str(config.height), "--quality", str(config.quality)]
    camera = ["--camera", config.device.removeprefix("csi")]
    return ["--nopreview", "--timeout", str(_EXPOSURE), *camera, *size, "--encoding", "jpg", "--output", "-"]


def _fswebcam(config: Any) -> list[str]:
    """The first frames of a webcam are dark: they are skipped."""
    size = f"{config.width}x{config.height}"
    how = ["--resolution", size, "--skip", "10", "--no-banner", "--jpeg", str(config.quality)]
    return ["--quiet", "--device", config.device, *how, "-"]


def _ffmpeg(config: Any) -> list[str]:
    """Its scale of quality goes from 2, the best, to 31."""
    scale = str(round(31 - 29 * (config.quality - 1) / 99))
    source = ["-f", "v4l2", "-video_size", f"{config.width}x{config.height}", "-i", config.device]
    picture = ["-frames:v", "1", "-c:v", "mjpeg", "-q:v", scale, "-f", "image2pipe", "pipe:1"]
    return ["-nostdin", "-hide_banner", "-loglevel", "error", *source, *picture]


TOOLS: Final[dict[str, Tool]] = {
    "rpicam-still": Tool(True, "rpicam-apps-lite", _rpicam),
    "libcamera-still": Tool(True, "rpicam-apps-lite", _rpicam),
    "fswebcam": Tool(False, "fswebcam", _fswebcam),
    "ffmpeg": Tool(False, "ffmpeg", _ffmpeg),
}


def suits(tool: str, device: str) -> bool:
    """Whether a tool can take pictures of a device."""
    return TOOLS[tool].csi == device.startswith("csi")


class NoTool(LookupError):
    """None is installed. The text says what to do."""


def command(config: Any, which: Callable[[str], str | None]) -> list[str]:
    """The program with its words. config: a CameraConfig. which: name -> path, as shutil.which. Raises NoTool."""
    names = [name for name in TOOLS if suits(name, config.device)] if config.tool is None else [config.tool]
    for name in names:
        path = which(name)
        if path is not None:
            return [path, *TOOLS[name].words(config)]
    raise NoTool(f"none of {', '.join(names)} is installed: sudo apt install {TOOLS[names[0]].package}")
