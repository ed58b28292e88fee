"""The Modbus bridge: values in registers and coils of slaves become topics, and are written by procedures.

The way of a value: polling -> planning (which registers in one request) -> bus (one request at a time) -> framing (rtu
or tcp) -> link (serial port or socket), and back: registers -> formats -> the pipeline of every bridge -> the session.
"""
