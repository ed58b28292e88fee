"""The board itself as a device: its temperature, supply, memory, disks, load and radio as topics."""
