"""Checks of arguments that many functions take."""

from __future__ import annotations

import numpy as np

from coulombfit.runtime.errors import ArgumentError

__all__ = ["positive"]


def positive(name: str, value: object) -> float:
    """``value`` as a finite float above 0.

    :raises ArgumentError: naming the argument.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not 0 < value < np.inf:
        raise ArgumentError(f"{name}: expected a finite number above 0, got {value!r}")
    return float(value)
