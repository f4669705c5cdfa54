"""Linear response of a linear student about its teacher, and its learning curve, with nothing fitted.

With inputs replaced by their mean (Eq. 16) each mode of ZᵀZ, eigenvalue λ_i, is a linear recursion with rate αλ_i.
Noise of variance s² = noise²/|B| in every weight at every step leaves it the stationary variance

    v_i = αλ_i s² / (2 − αλ_i),        with momentum γ   v_i = αλ_i s² (1 + γ) / ((1 − γ)(2(1 + γ) − αλ_i)),

exact at any stable α, and to first order a degenerate level κ the widths σ_i² = 4κ v_i.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from simulators.arguments import not_negative, positive, whole

__all__ = [
    "Setup",
    "displacement",
    "learning_curve",
    "relaxation_times",
    "setup",
    "steps_to_stationarity",
    "widths",
]

RELAXATIONS = 5.0
# A start is forgotten when it adds less than this fraction to the stationary variance; without noise, to unity.
FORGOTTEN = 0.01


class Setup(NamedTuple):
    """Second layer ``z`` (K, M) and teacher (M, N) with ``kappa`` (min(M, N),) on its diagonal, checked."""

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
    levels = np.atleast_1d(np.asarray(kappa, dtype=float))
    if levels.ndim != 1 or not np.isfinite(levels).all() or (levels <= 0).any():
        raise ValueError(f"kappa: expected positive numbers, shape (min(M, N),), got {kappa!r}")
    z = np.eye(max(levels.size, 2)) if Z is None else np.asarray(Z, dtype=float)
    if z.ndim != 2 or not np.isfinite(z).all():
        raise ValueError(f"Z: expected a finite matrix, shape (K, M), got shape {z.shape}")
    if inputs is not None:
        whole(inputs=inputs)
    hidden, across = z.shape[1], z.shape[1] if inputs is None else int(inputs)
    count = min(hidden, across)
    if levels.size == 1:
        levels = np.repeat(levels, count)
    if levels.size != count:
        raise ValueError(f"kappa: expected one number or {count}, as W is {hidden} × {across}, got {levels.size}")
    teacher = np.zeros((hidden, across))
    np.fill_diagonal(teacher, np.sqrt(levels))
    return Setup(z, levels, teacher)


def widths(
    *,
    Z: ArrayLike | None = None,
    kappa: ArrayLike = 4.0,
    inputs: int | None = None,
    learning_rate: float = 0.1,
    noise: float = 0.1,
    batch_size: int = 1,
    momentum: float = 0.0,
) -> Float[np.ndarray, " mode"]:
    """Linear-response widths of the teacher's levels, units of x.

    For averaged inputs and a linear network. Levels in descending order of κ; of a degenerate one the widths of its
    species, descending: σ_i² = 4κ v_i, one a mode of ZᵀZ within the level. Without a hidden layer the levels of a
    symmetric noise have the same widths.
    """
    s = setup(Z, kappa, inputs)
    rate, modes = _modes(s, learning_rate, momentum)
    check_noise(noise, batch_size)
    variance = (modes * _stationary_variance(rate, noise, batch_size, momentum)) @ modes.T
    found: list[float] = []
    for level in np.unique(s.kappa)[::-1]:
        members = np.flatnonzero(s.kappa == level)
        found += np.linalg.eigvalsh(4.0 * level * variance[np.ix_(members, members)])[::-1].tolist()
    return np.sqrt(np.maximum(found, 0.0))


def displacement(
    *,
    Z: ArrayLike | None = None,
    kappa: ArrayLike = 4.0,
    inputs: int | None = None,
    learning_rate: float = 0.1,
    noise: float = 0.1,
    batch_size: int = 1,
    momentum: float = 0.0,
) -> float:
    """Shift of the mean of all levels from that of the teacher's, ⟨tr δWᵀδW⟩ over their number: v₁ + v₂ for 2×2.

    Exact for averaged inputs and η of independent elements, at any noise.
    """
    s = setup(Z, kappa, inputs)
    rate, _ = _modes(s, learning_rate, momentum)
    check_noise(noise, batch_size)
    total = _stationary_variance(rate, noise, batch_size, momentum).sum() * s.teacher.shape[1]
    return float(total / s.kappa.size)


def relaxation_times(
    *,
    Z: ArrayLike | None = None,
    learning_rate: float = 0.1,
    momentum: float = 0.0,
) -> Float[np.ndarray, " mode"]:
    """Steps in which a mode of ZᵀZ forgets its start by a factor e, ascending.

    −1/ln\\|1 − αλ_i\\| without momentum, 1/(αλ_i) for small α. A mode with λ_i = 0 never learns: its time is infinite.
    """
    rate, _ = _modes(setup(Z, 1.0, None), learning_rate, momentum)
    return np.sort(_memory(rate, momentum))


def steps_to_stationarity(
    *,
    Z: ArrayLike | None = None,
    kappa: ArrayLike = 4.0,
    inputs: int | None = None,
    learning_rate: float = 0.1,
    noise: float = 0.1,
    batch_size: int = 1,
    momentum: float = 0.0,
) -> float:
    """Steps after which the random start adds less than 1 % to the stationary variance of every weight.

    The start is W_ij ~ N(0, 1), so its second moment about W_t is at most 1 + κ and decays as e^(−2t/τ_i); it has to
    fall below 0.01 v_i. The quieter the training, the longer that takes; never less than five relaxation times. Modes
    with λ_i = 0 never get there: infinite.
    """
    s = setup(Z, kappa, inputs)
    rate, _ = _modes(s, learning_rate, momentum)
    check_noise(noise, batch_size)
    variance = _stationary_variance(rate, noise, batch_size, momentum) if noise else np.ones_like(rate)
    with np.errstate(divide="ignore"):
        forgetting = 0.5 * np.log((1.0 + s.kappa.max()) / (FORGOTTEN * variance))
    return float((_memory(rate, momentum) * np.maximum(forgetting, RELAXATIONS)).max())


def learning_curve(t: ArrayLike, *, kappa: float, start: float, rate: float) -> Float[np.ndarray, "*t"]:
    """Learning of one level without noise, x(t) = [√κ + (√x₀ − √κ) e^(−at)]² (Eq. 22).

    :param t: steps, any shape.
    :param kappa: the teacher's eigenvalue κ.
    :param start: x₀.
    :param rate: a, per step; for a level that lies in one mode of ZᵀZ, 1/:func:`relaxation_times`.
    """
    positive(kappa=kappa)
    not_negative(start=start, rate=rate)
    root = np.sqrt(kappa)
    return np.asarray((root + (np.sqrt(start) - root) * np.exp(-rate * np.asarray(t, dtype=float))) ** 2)


def check_noise(noise: float, batch_size: int) -> None:
    """Refuse what is no noise."""
    whole(batch_size=batch_size)
    not_negative(noise=noise)


def check_stable(s: Setup, learning_rate: float, momentum: float) -> None:
    """Refuse settings at which training diverges even without noise."""
    _modes(s, learning_rate, momentum)


def _modes(s: Setup, learning_rate: float, momentum: float) -> tuple[np.ndarray, np.ndarray]:
    """αλ_i, and the modes of ZᵀZ in columns."""
    positive(learning_rate=learning_rate)
    if not 0.0 <= momentum < 1.0:
        raise ValueError(f"momentum: expected a number from 0 to below 1, got {momentum!r}")
    values, modes = np.linalg.eigh(s.curvature)
    # zero stays zero: where Z has fewer rows than columns
    values = np.where(values > 1e-14 * values.max(), values, 0.0)
    rate = learning_rate * values
    if rate.max() >= 2.0 * (1.0 + momentum):
        raise ValueError(
            "learning_rate: training diverges; expected below "
            f"{'2(1 + momentum)' if momentum else '2'}/λ_max(ZᵀZ) = "
            f"{2.0 * (1.0 + momentum) * learning_rate / rate.max():.4g}, got {learning_rate!r}"
        )
    return rate, modes


def _memory(rate: np.ndarray, momentum: float) -> np.ndarray:
    """Relaxation time in steps of modes with αλ_i = ``rate``; infinite for a rate of 0.

    The slower root of z² − (1 + γ − αλ)z + γ, which is 1 − αλ without momentum.
    """
    trace = 1.0 + momentum - rate
    root = np.sqrt(trace.astype(complex) ** 2 - 4.0 * momentum)
    greatest = np.maximum(np.abs(trace + root), np.abs(trace - root)) / 2.0
    with np.errstate(divide="ignore"):
        return np.where(rate > 0, np.abs(1.0 / np.log(np.where(rate > 0, greatest, 1.0))), np.inf)


def _stationary_variance(rate: np.ndarray, noise: float, batch_size: int, momentum: float) -> np.ndarray:
    """v_i of a weight in a mode with αλ_i = ``rate``."""
    gain = (1.0 + momentum) / ((1.0 - momentum) * (2.0 * (1.0 + momentum) - rate))
    return rate * gain * noise**2 / batch_size
