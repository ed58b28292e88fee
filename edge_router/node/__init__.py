"""The node: one process that builds realms, transports and bridges from a configuration and runs them.

The only package that touches the global reactor, signals, process limits, systemd and the log's output.
"""
