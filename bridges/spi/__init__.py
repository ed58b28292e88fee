"""Chips on SPI buses, one driver a kind. A driver's way to the wire: `bus.Chip` -> a bus -> ioctl(2)."""
