"""Types for argparse whose refusals say what would be right. Only what more than one command needs may live here."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")


def fitting(read: Callable[[str], Value], fits: Callable[[Value], bool], right: str) -> Callable[[str], Value]:
    """A type for an argument.

    read: makes a value of the text, or raises ValueError. fits: whether it is one that can be used. right: which can,
    in words. The result raises ArgumentTypeError.
    """

    def parse(text: str) -> Value:
        try:
            value = read(text)
        except ValueError:
            pass
        else:
            if fits(value):
                return value
        raise argparse.ArgumentTypeError(f"found {text!r}; {right} would be right")

    return parse


#: seconds
positive = fitting(float, lambda seconds: 0 < seconds < float("inf"), "a number of seconds above 0")
