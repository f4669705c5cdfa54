"""Warnings that point at the line outside this package from which it was called, however deep inside they arise."""

from __future__ import annotations

import sys
import warnings

__all__ = ["warn"]

PASSED_OVER = ("simulators", "contextlib")
"""Packages whose lines are nobody's call: this one, and what runs its ``with`` blocks."""


def warn(message: str) -> None:
    """A UserWarning at the caller of this package."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] in PASSED_OVER:
        level, frame = level + 1, frame.f_back
    warnings.warn(message, UserWarning, stacklevel=level)
