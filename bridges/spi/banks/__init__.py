"""Chips that are not there, bit by bit, for `sim:` and for tests: what their datasheets say they do."""
