"""`edge-router decode`: what a serial bridge would make of bytes, without a router.

`section` finds the bridge's part of a configuration, `sources` the bytes, `intake` runs them through the bridge's own
framing, decoder and fields, `show` tells what came of it.
"""
