"""A student's sizes, and its linear response about the teacher.

Each mode of ZᵀZ, eigenvalue λ, is a linear recursion. Gradient noise of variance s² = noise²/|B| in every weight at
every step leaves it, with a = αλ and momentum γ, the stationary variance

    v = a s² (1 + γ) / [(1 − γ)(2(1 + γ) − a) − a e (1 + γ)],

without momentum a s²/(2 − a(1 + e)), exact at any stable α. Inputs replaced by their mean (Eq. 16) have e = 0; true
batches, whose second moment Σ has ⟨Σ⟩ = 1 and ⟨Σ²⟩ = 1 + e, have e = (N + 1)/|B|. An activated student has in place
of ZᵀZ the mean response H of all its weights, and no theory of its batches.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from simulators.engine.arguments import (
    as_numbers,
    require_not_negative,
    require_one_of,
    require_positive,
    require_whole,
)
from simulators.engine.schedule import relaxation_time
from simulators.teacher_student.activations import ACTIVATIONS, response

__all__ = ["Response", "Setup", "check_training", "respond", "setup"]

BATCHES = ("averaged", "independent", "shared")
ROUNDING = 1e-14
"""Eigenvalues of ZᵀZ relative to the greatest below which they are zero but for rounding, some 50 units of it."""


class Setup(NamedTuple):
    """Second layer ``z`` (K, M) and teacher (M, N) with √``kappa`` (min(M, N),) on its diagonal, checked."""

    z: Float[np.ndarray, "output hidden"]
    kappa: Float[np.ndarray, " level"]
    teacher: Float[np.ndarray, "hidden input"]

    @property
    def curvature(self) -> Float[np.ndarray, "hidden hidden"]:
        """ZᵀZ."""
        return self.z.T @ self.z


def setup(Z: ArrayLike | None, kappa: ArrayLike, inputs: int | None) -> Setup:
    """Second layer and teacher of one size.

    :raises ValueError: for a layer or teacher that is not finite, or sizes that do not match.
    """
    levels = as_numbers("kappa", kappa, "one positive number, or shape (min(M, N),)", (0, 1)).reshape(-1)
    if (levels <= 0).any():
        raise ValueError(f"kappa: expected positive numbers, got {kappa!r}")
    z = np.eye(max(levels.size, 2)) if Z is None else as_numbers("Z", Z, "a finite matrix, shape (K, M)", (2,))
    if not z.any():
        raise ValueError("Z: expected a layer that is not zero, through which nothing would be learnt")
    if inputs is not None:
        require_whole(inputs=inputs)
    hidden, across = z.shape[1], z.shape[1] if inputs is None else int(inputs)
    count = min(hidden, across)
    if levels.size == 1:
        levels = np.repeat(levels, count)
    if levels.size != count:
        raise ValueError(f"kappa: expected one number or {count}, as W is {hidden} × {across}, got {levels.size}")
    teacher = np.zeros((hidden, across))
    np.fill_diagonal(teacher, np.sqrt(levels))
    return Setup(z, levels, teacher)


class Response(NamedTuple):
    """Modes of training in columns, the rate a of each, what noise it feels beside that of a linear mode of its rate,
    and γ, e, s²."""

    modes: Float[np.ndarray, "row mode"]
    rate: Float[np.ndarray, " mode"]
    noise: Float[np.ndarray, " mode"]
    momentum: float
    excess: float
    s2: float

    @property
    def limit(self) -> float:
        """The least rate at which mean squares grow without bound."""
        g = self.momentum
        return 2.0 * (1.0 - g**2) / ((1.0 + self.excess) * (1.0 + g) - 2.0 * g)

    @property
    def stable(self) -> bool:
        """Whether mean squares stay finite."""
        return bool(self.rate.max() < self.limit)

    @property
    def variance(self) -> Float[np.ndarray, " mode"]:
        """Stationary variance v of a weight, for stable settings."""
        g = self.momentum
        below = (1.0 - g) * (2.0 * (1.0 + g) - self.rate) - self.rate * self.excess * (1.0 + g)
        return self.noise * self.rate * self.s2 * (1.0 + g) / below

    @property
    def memory(self) -> Float[np.ndarray, " mode"]:
        """Relaxation times in steps, by the slower of means and root mean squares; infinite where unstable."""
        g, a = self.momentum, self.rate
        if not self.excess:
            # the slower root of z² − (1 + γ − a)z + γ
            trace = 1.0 + g - a
            root = np.sqrt(trace.astype(complex) ** 2 - 4.0 * g)
            times = relaxation_time(np.maximum(np.abs(trace + root), np.abs(trace - root)) / 2.0)
            return np.where(a > 0, times, np.inf)
        # u ← γu − aΣw, w ← w + u: each of ⟨u²⟩, ⟨wu⟩, ⟨w²⟩ after a step in those of before, ⟨w²⟩, ⟨wu⟩, ⟨u²⟩
        one, none = np.ones_like(a), np.zeros_like(a)
        new_u2 = np.stack([a**2 * (1.0 + self.excess), -2.0 * g * a, g**2 * one])
        new_wu = new_u2 + np.stack([-a, g * one, none])
        new_w2 = new_u2 + np.stack([one - 2.0 * a, 2.0 * g * one, none])
        step = np.moveaxis(np.stack([new_w2, new_wu, new_u2]), -1, 0)
        return np.where(a > 0, 2.0 * relaxation_time(np.abs(np.linalg.eigvals(step)).max(axis=1)), np.inf)


def check_training(
    activation: str, batches: str, learning_rate: float, momentum: float, noise: float, batch_size: int
) -> None:
    """Refuse arguments outside their range."""
    require_one_of(tuple(ACTIVATIONS), activation=activation)
    require_one_of(BATCHES, batches=batches)
    require_positive(learning_rate=learning_rate)
    require_not_negative(momentum=momentum, noise=noise)
    require_whole(batch_size=batch_size)
    if momentum >= 1.0:
        raise ValueError(f"momentum: expected a number from 0 to below 1, got {momentum!r}")


def respond(
    s: Setup,
    *,
    activation: str,
    batches: str,
    learning_rate: float,
    momentum: float,
    noise: float,
    batch_size: int,
) -> Response:
    """The response of a setting, checked.

    :raises ValueError: for an argument outside its range; α at which a linear network diverges on average; an activated
        network whose response is not known.
    """
    check_training(activation, batches, learning_rate, momentum, noise, batch_size)
    linear = activation == "identity"
    if linear:
        values, modes = np.linalg.eigh(s.curvature)
        strength = values
    else:
        size = s.teacher.size
        values, modes = np.linalg.eigh(response(activation, s.curvature, s.teacher).reshape(size, size))
        kicks = np.einsum("mn,nia->mia", s.curvature, modes.reshape(*s.teacher.shape, size))
        strength = np.sqrt((kicks**2).sum(axis=(0, 1)))
    # zero stays zero: where Z has fewer rows than columns
    learns = values > ROUNDING * values.max()
    rate = np.where(learns, learning_rate * values, 0.0)
    if linear and rate.max() >= 2.0 * (1.0 + momentum):
        raise ValueError(
            "learning_rate: training diverges; expected below "
            f"{'2(1 + momentum)' if momentum else '2'}/λ_max(ZᵀZ) = "
            f"{2.0 * (1.0 + momentum) * learning_rate / rate.max():.4g}, got {learning_rate!r}"
        )
    excess = (s.teacher.shape[1] + 1) / batch_size if linear and batches != "averaged" else 0.0
    relative = np.where(learns, strength / np.where(learns, values, 1.0), 0.0) ** 2
    return Response(modes, rate, relative, float(momentum), excess, noise**2 / batch_size)
