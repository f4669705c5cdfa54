"""Refusing arguments that make no sense, by name."""

from __future__ import annotations

from numbers import Real

import numpy as np

__all__ = ["check_dtype", "check_save_every", "check_seed", "not_negative", "positive", "whole"]


def whole(**arguments: int) -> None:
    """Refuse anything but whole numbers above zero, naming the argument."""
    for name, value in arguments.items():
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
            raise ValueError(f"{name}: expected a whole number above 0, got {value!r}")


def positive(**arguments: float) -> None:
    """Refuse anything but finite numbers above zero, naming the argument."""
    for name, value in arguments.items():
        if not isinstance(value, Real) or not np.isfinite(value) or value <= 0:
            raise ValueError(f"{name}: expected a finite number above 0, got {value!r}")


def not_negative(**arguments: float) -> None:
    """Refuse anything but finite numbers from zero up, naming the argument."""
    for name, value in arguments.items():
        if not isinstance(value, Real) or not np.isfinite(value) or value < 0:
            raise ValueError(f"{name}: expected a finite number, 0 or above, got {value!r}")


def check_seed(seed: int) -> None:
    """Refuse what is no seed of a JAX key."""
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= seed < 2**63:
        raise ValueError(f"seed: expected a whole number from 0 to 2**63 - 1, got {seed!r}")


def check_dtype(dtype: str) -> None:
    """Refuse what is neither precision."""
    if dtype not in ("float32", "float64"):
        raise ValueError(f"dtype: expected 'float32' or 'float64', got {dtype!r}")


def check_save_every(save_every: int | None, steps: int) -> None:
    """Refuse snapshots that would not end with the last step."""
    if save_every is not None:
        whole(save_every=save_every)
        if steps % save_every:
            raise ValueError(f"save_every: expected a divisor of steps = {steps}, got {save_every}")
