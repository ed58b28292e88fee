"""The serial bridge: frames from a serial line become events, lines for the device are taken by a procedure.

The way of the bytes: port (the device) -> framing -> decoders -> bridges.fields -> the session.
"""
