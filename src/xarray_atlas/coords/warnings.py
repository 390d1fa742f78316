"""Stack level of warnings, such that they point to the caller's code."""

from __future__ import annotations

import sys

__all__ = ["find_stack_level"]


def find_stack_level() -> int:
    """Return the stack level of the first caller outside the package, relative to the caller."""
    frame, level = sys._getframe(1), 1
    package = __name__.partition(".")[0]
    while frame.f_back and str(frame.f_globals.get("__name__")).partition(".")[0] == package:
        frame, level = frame.f_back, level + 1
    return level
