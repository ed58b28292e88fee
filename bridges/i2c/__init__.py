"""Sensors on I2C buses, one driver a kind of chip. A driver's way to the wire: `bus.Chip` -> a bus -> ioctl(2)."""
