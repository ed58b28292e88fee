"""Text that fits a regular expression: its named groups are fields.

Whether an expression can take too long is found out when the configuration is loaded: `bridges.serial.patterns`.
"""

from __future__ import annotations

from typing import Any

from bridges.serial.decoders import Decoder, plain_cell, text_fields, text_of
from bridges.serial.decodingconfig import DecodingConfig
from bridges.serial.patterns import compiled
from bridges.values import BadValue, shown


def regex(config: DecodingConfig) -> Decoder:
    """The first of the patterns that fits the whole frame counts. Digits are numbers; a group that took no part is
    null.
    """
    text, texts = text_of(config), text_fields(config)
    fits = [compiled(pattern).fullmatch for pattern in config.patterns]

    def decode(frame: bytes) -> Any:
        line = text(frame)
        for fit in fits:
            found = fit(line)
            if found is not None:
                cells = found.groupdict(default="").items()
                return {name: plain_cell(name, cell.strip(), texts) for name, cell in cells}
        raise BadValue(f"no pattern fits {shown(line)}")

    return decode
