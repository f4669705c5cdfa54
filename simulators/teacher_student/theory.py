"""What linear response says of a student, and its learning curve, with nothing fitted.

To first order in the noise a degenerate level κ of the teacher has the widths σ_i² = 4κ v_i, where v_i is the
stationary variance of the weights in a mode of ZᵀZ (:mod:`simulators.teacher_student.response`).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from simulators.engine.arguments import require_not_negative, require_positive
from simulators.engine.schedule import RELAXATIONS
from simulators.teacher_student.response import Response, Setup

__all__ = ["learning_curve", "level_widths", "mean_displacement", "refuse_growth", "steps_needed"]

FORGOTTEN = 0.01
"""A start is forgotten when it adds less than this fraction to the stationary variance; without noise, to unity."""
DEGENERATE = 1e-9
"""Distance relative to the greatest level up to which two levels are one."""


def level_widths(s: Setup, response: Response) -> Float[np.ndarray, " mode"]:
    """Widths of the levels of a linear student, in descending order of κ and, within a level, descending."""
    variance = (response.modes * response.variance) @ response.modes.T
    order = np.argsort(-s.kappa)
    level = np.cumsum(np.diff(s.kappa[order], prepend=np.inf) < -DEGENERATE * s.kappa.max())
    squares: list[float] = []
    for each in np.unique(level):
        members = order[level == each]
        squares += np.linalg.eigvalsh(4.0 * s.kappa[members[0]] * variance[np.ix_(members, members)])[::-1].tolist()
    return np.sqrt(np.maximum(squares, 0.0))


def mean_displacement(s: Setup, response: Response) -> float:
    """Shift of the mean of all levels of a linear student."""
    return float(response.variance.sum() * s.teacher.shape[1] / s.kappa.size)


def steps_needed(s: Setup, response: Response) -> float:
    """Steps after which the random start is forgotten."""
    if not response.stable:
        return np.inf
    variance = response.variance if response.s2 else np.ones_like(response.rate)
    with np.errstate(divide="ignore"):
        forgetting = 0.5 * np.log((1.0 + s.kappa.max()) / (FORGOTTEN * variance))
    return float((response.memory * np.maximum(forgetting, RELAXATIONS)).max())


def refuse_growth(response: Response, learning_rate: float, batch_size: int) -> None:
    """Refuse α at which mean squares of the weights grow without bound."""
    if not response.stable:
        raise ValueError(
            f"learning_rate: mean squares of the weights grow without bound at batch_size = {batch_size}; expected "
            f"below {learning_rate * response.limit / response.rate.max():.4g}, got {learning_rate!r}"
        )


def learning_curve(t: ArrayLike, *, kappa: float, start: float, rate: float) -> Float[np.ndarray, "*t"]:
    """Learning of one level without noise, x(t) = [√κ + (√x₀ − √κ) e^(−at)]² (Eq. 22).

    :param t: steps, any shape.
    :param kappa: the teacher's eigenvalue κ.
    :param start: x₀.
    :param rate: a, per step; for a level that lies in one mode of ZᵀZ, 1/:func:`relaxation_times`.
    :raises ValueError: for an argument outside its range.
    """
    require_positive(kappa=kappa)
    require_not_negative(start=start, rate=rate)
    root = np.sqrt(kappa)
    return np.asarray((root + (np.sqrt(start) - root) * np.exp(-rate * np.asarray(t, dtype=float))) ** 2)
