"""What the tests of web services share."""

from __future__ import annotations

from tests.transports.conftest import loop

__all__ = ["loop"]
