"""What `edge-router demo` shows: a simulated sensor on a pseudo terminal, and the configuration of a node around it.

The sensor is a process of its own and imports nothing but the standard library; to the node it is a device.
"""
