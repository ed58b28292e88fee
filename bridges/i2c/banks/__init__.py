"""Chips that are not there, register by register, for `sim:` and for tests: what their datasheets say they do."""
