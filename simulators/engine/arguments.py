"""Refusing arguments that make no sense, by name."""

from __future__ import annotations

from collections.abc import Hashable
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

__all__ = [
    "as_numbers",
    "as_tuples",
    "check_seed",
    "levels_with_widths",
    "require_not_negative",
    "require_one_of",
    "require_positive",
    "require_whole",
]


def require_whole(**arguments: int) -> None:
    """Refuse anything but whole numbers above zero, naming the argument."""
    for name, value in arguments.items():
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
            raise ValueError(f"{name}: expected a whole number above 0, got {value!r}")


def require_positive(**arguments: float) -> None:
    """Refuse anything but finite numbers above zero, naming the argument."""
    for name, value in arguments.items():
        if not isinstance(value, Real) or not np.isfinite(value) or value <= 0:
            raise ValueError(f"{name}: expected a finite number above 0, got {value!r}")


def require_not_negative(**arguments: float) -> None:
    """Refuse anything but finite numbers from zero up, naming the argument."""
    for name, value in arguments.items():
        if not isinstance(value, Real) or not np.isfinite(value) or value < 0:
            raise ValueError(f"{name}: expected a finite number, 0 or above, got {value!r}")


def require_one_of(options: tuple[Any, ...], **arguments: Any) -> None:
    """Refuse anything but the options, naming the argument."""
    for name, value in arguments.items():
        if not isinstance(value, Hashable) or value not in options:
            raise ValueError(f"{name}: expected one of {', '.join(map(str, options))}, got {value!r}")


def as_numbers(name: str, value: ArrayLike, expected: str, dimensions: tuple[int, ...]) -> np.ndarray:
    """An array of finite numbers, not empty, of one of those dimensions; otherwise refuse, naming the argument.

    :param expected: what the message says was expected.
    """
    try:
        array = np.array(value, dtype=float)  # a copy: the caller may change theirs
    except (TypeError, ValueError):
        raise ValueError(f"{name}: expected {expected}, got {value!r}") from None
    if array.ndim not in dimensions or not array.size:
        raise ValueError(f"{name}: expected {expected}, got shape {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name}: expected {expected}, got elements that are not finite")
    return array


def levels_with_widths(name: str, levels: ArrayLike, widths: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Levels, descending, and the width of each, both (N,); otherwise refuse, naming the argument.

    :param name: what the levels are called.
    """
    x = as_numbers(name, levels, "finite numbers, descending, shape (N,)", (1,))
    if (np.diff(x) > 0).any():
        raise ValueError(f"{name}: expected finite numbers, descending, shape (N,), got {levels!r}")
    sigma = as_numbers("widths", widths, f"one finite number above 0, or {x.size}, one a {name.rstrip('s')}", (0, 1))
    if (sigma <= 0).any():
        raise ValueError(f"widths: expected finite numbers above 0, got {widths!r}")
    if sigma.shape not in ((), (1,), x.shape):
        raise ValueError(f"widths: expected one number or {x.size}, one a {name.rstrip('s')}, got shape {sigma.shape}")
    return x, np.broadcast_to(sigma, x.shape)


def as_tuples(value: ArrayLike | None) -> Any:
    """An array of numbers as tuples of floats, one number as a float, None as None: nobody can change them."""

    def frozen(part: Any) -> Any:
        return tuple(frozen(each) for each in part) if isinstance(part, list) else part

    return None if value is None else frozen(np.asarray(value, dtype=float).tolist())


def check_seed(seed: int) -> None:
    """Refuse what is no seed of a JAX key."""
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= seed < 2**63:
        raise ValueError(f"seed: expected a whole number from 0 to 2**63 - 1, got {seed!r}")
