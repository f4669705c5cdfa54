"""One-step transitions as numbers that are uniform and independent where Dyson's process (Eq. 5) holds.

The probability integral transform of every step: Φ of the standardised increment of a level, or of the sum of a pair;
and the noncentral χ² law of its spacing. Steps of one trajectory are then independent, whatever its memory.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from scipy import special

__all__ = ["uniform_steps"]

LEAST = 1e-300
"""Least value of a probability, whose normal quantile is finite."""


def uniform_steps(
    x: Float[np.ndarray, "run snapshot level"],
    gaps: Float[np.ndarray, " snapshot"],
    sizes: Sequence[int],
    centres: Float[np.ndarray, " cluster"],
    widths: Float[np.ndarray, " cluster"],
    memories: Float[np.ndarray, " cluster"],
    betas: Float[np.ndarray, " pair"],
) -> dict[str, Float[np.ndarray, "run step"]]:
    """By name, such as "level 0", "sum of levels 1, 2" and "spacing of levels 1, 2", the probability of a value below
    the one that was seen given the snapshot before, of every step but the first snapshot.

    :param gaps: as of :class:`coulombfit.laws.trajectory.path.DysonPath`.
    """
    found: dict[str, np.ndarray] = {}
    level, pair = 0, 0
    for k, size in enumerate(sizes):
        left = memories[k] ** gaps[1:]
        fresh = -np.expm1(2.0 * gaps[1:] * np.log(memories[k])) * widths[k] ** 2 * size
        total = x[..., level : level + size].sum(axis=-1) - size * centres[k]
        name = f"level {level}" if size == 1 else f"sum of levels {level}, {level + 1}"
        found[name] = special.ndtr((total[:, 1:] - left * total[:, :-1]) / np.sqrt(fresh))
        if size == 2:
            spacing = x[..., level] - x[..., level + 1]
            about, square = (left * spacing[:, :-1]) ** 2 / fresh, spacing[:, 1:] ** 2 / fresh
            found[f"spacing of levels {level}, {level + 1}"] = special.chndtr(square, betas[pair] + 1.0, about)
            pair += 1
        level += size
    return {name: np.clip(values, LEAST, 1.0 - 2.0**-53) for name, values in found.items()}
