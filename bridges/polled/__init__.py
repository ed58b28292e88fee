"""Bridges whose devices say nothing by themselves: sensors that are read in turn, by one thread that may be blocked.

A reading's way: `turns` (when) -> `worker` (the thread) -> a `read` -> `sensor` (fields, units) -> the session.
"""
