"""What every simulator is asked besides its physics: how many runs, how long, how precise; and how long is enough."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
from numpy.typing import ArrayLike

from simulators.engine.arguments import check_seed, require_one_of, require_whole
from simulators.engine.callers import warn

__all__ = ["RELAXATIONS", "Options", "Schedule", "relaxation_time"]

RELAXATIONS = 5.0
"""Relaxation times of the slowest level after which its start counts as forgotten."""


class Options(TypedDict, total=False):
    """For type checkers: what :class:`Schedule` takes besides ``runs`` and ``steps``."""

    save_every: int | None
    seed: int
    dtype: str
    progress: bool | None
    checkpoint: str | Path | None


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """How many runs of a simulation there are, how long and precise they are, and what is kept of them.

    Every ``simulate`` takes these as keyword arguments; each simulator has its own defaults of ``runs`` and ``steps``.

    :param runs: number of independent runs.
    :param steps: number of updates.
    :param save_every: keep the spectrum at steps 0, save_every, 2 save_every, …; None keeps the last one only.
    :param seed: the same seed gives the same runs of a setting, in whatever ensemble; another setting has others.
    :param dtype: "float64", or "float32", which is faster.
    :param progress: show progress on stderr; by default where it is a terminal.
    :param checkpoint: folder for unfinished work; the same call goes on from there, to the same bits.
    :raises ValueError: for an argument outside its range.
    """

    runs: int
    steps: int
    save_every: int | None = None
    seed: int = 0
    dtype: str = "float64"
    progress: bool | None = None
    checkpoint: str | Path | None = None

    def __post_init__(self) -> None:
        require_whole(runs=self.runs, steps=self.steps)
        check_seed(self.seed)
        require_one_of(("float32", "float64"), dtype=self.dtype)
        if self.save_every is not None:
            require_whole(save_every=self.save_every)
            if self.steps % self.save_every:
                # snapshots would not end with the last step
                raise ValueError(f"save_every: expected a divisor of steps = {self.steps}, got {self.save_every}")

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
        """Warn the caller of a simulator where it has fewer steps than it needs to become stationary.

        :param needed: steps that it needs; may be infinite.
        :param slowest: what needs them, for the message.
        :warns UserWarning: where ``needed`` is more than ``steps``.
        """
        if self.steps < needed:
            length = f"{np.ceil(needed):.0f} steps" if np.isfinite(needed) else "for ever"
            warn(
                f"steps = {self.steps}: {slowest} needs {length} to forget its start, "
                "so centres and widths of these spectra are not yet stationary"
            )


def relaxation_time(contraction: ArrayLike) -> np.ndarray:
    """Steps in which a deviation that a step multiplies by ``contraction`` is forgotten by a factor e, −1/ln\\|·\\|.

    Zero for a contraction of 0, infinite from 1 up.
    """
    with np.errstate(divide="ignore"):
        logarithm = np.log(np.abs(contraction))
        return np.where(logarithm < 0, -1.0 / np.where(logarithm < 0, logarithm, 1.0), np.inf)
