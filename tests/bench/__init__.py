"""The benchmarks: `make bench`, or `python -m tests.bench --help`. They print figures; they are not timed tests.

What is measured and what it should be stands in `targets.py`; who is measured in `servers.py`; the load comes from
`wampload.c`, a generator in C, so that what is measured is the router and not its clients.
"""
