"""What every simulator is asked besides its physics: how many runs, how long, how precise; and how long is enough."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from simulators.engine.arguments import check_seed, one_of, whole

__all__ = ["RELAXATIONS", "Schedule", "relaxation_time"]

RELAXATIONS = 5.0
"""Relaxation times of the slowest level after which its start counts as forgotten."""


class Schedule(NamedTuple):
    """Arguments that all simulators share, as they document them."""

    runs: int
    steps: int
    save_every: int | None
    seed: int
    dtype: str
    progress: bool | None = None
    checkpoint: str | Path | None = None

    def check(self) -> Schedule:
        """Itself, or ValueError for what makes no sense."""
        whole(runs=self.runs, steps=self.steps)
        check_seed(self.seed)
        one_of(("float32", "float64"), dtype=self.dtype)
        if self.save_every is not None:
            whole(save_every=self.save_every)
            if self.steps % self.save_every:
                # snapshots would not end with the last step
                raise ValueError(f"save_every: expected a divisor of steps = {self.steps}, got {self.save_every}")
        return self

    def record(self) -> dict[str, Any]:
        """What belongs into a file: all that the numbers depend on."""
        return {
            "runs": int(self.runs),
            "steps": int(self.steps),
            "save_every": None if self.save_every is None else int(self.save_every),
            "seed": int(self.seed),
            "dtype": self.dtype,
        }

    def warn_if_short(self, needed: float, slowest: str) -> None:
        """Warn the caller of a simulator where ``needed`` steps are more than there are."""
        if self.steps < needed:
            length = f"{np.ceil(needed):.0f} steps" if np.isfinite(needed) else "for ever"
            warnings.warn(
                f"steps = {self.steps}: {slowest} needs {length} to forget its start, "
                "so centres and widths of these spectra are not yet stationary",
                UserWarning,
                stacklevel=3,
            )


def relaxation_time(contraction: ArrayLike) -> np.ndarray:
    """Steps in which a deviation that a step multiplies by ``contraction`` is forgotten by a factor e, −1/ln\\|·\\|.

    Zero for a contraction of 0, infinite from 1 up.
    """
    with np.errstate(divide="ignore"):
        logarithm = np.log(np.abs(contraction))
        return np.where(logarithm < 0, -1.0 / np.where(logarithm < 0, logarithm, 1.0), np.inf)
