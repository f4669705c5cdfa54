"""Teacher-student training of a linear network with one hidden layer (Eqs. 13 to 28).

The student W learns the teacher W_t through a fixed second layer Z. With the mini-batch average of the inputs replaced
by its mean (Eq. 16) an update is

    W ← W + α ZᵀZ (W_t − W − η),    η_ij ~ N(0, noise²/|B|) anew at every step,                               (Eq. 28)

where noise is the standard deviation of one sample's gradient noise. Each mode of ZᵀZ, eigenvalue λ_i, is an AR(1)
process with coefficient 1 − αλ_i, from which :func:`widths` and :func:`relaxation_times` follow.

Conventions: W is N×N, the eigenvalues x of X = WᵀW flow to the teacher's κ_i (squared singular values of W_t).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key
from numpy.typing import ArrayLike

from simulators.training import Trajectory, ensemble, positive, whole

__all__ = ["Z_EQ26", "Z_EQ27", "relaxation_times", "simulate", "steps_to_stationarity", "widths"]

Z_EQ26 = np.array([[-0.1727, -0.8341], [-0.0106, -0.7750]])
"""Second layer of Eq. 26; the eigenvalues of ZᵀZ are 1.31440 and 0.01189."""

Z_EQ27 = np.array([[-1.8198, 0.5861], [-0.6574, 0.0473]])
"""Second layer of Eq. 27; the eigenvalues of ZᵀZ are 4.06759 and 0.02201."""

# A start is forgotten when it adds less than this fraction to the stationary variance; without noise, to unity.
FORGOTTEN = 0.01


class Student(NamedTuple):
    """State of one run: the student's weights, shape (N, N)."""

    weights: Float[Array, "n n"]


def simulate(
    *,
    Z: ArrayLike | None = None,
    kappa: ArrayLike = 4.0,
    learning_rate: float = 0.1,
    noise: float = 0.1,
    batch_size: int = 1,
    runs: int = 1000,
    steps: int = 8000,
    save_every: int | None = None,
    seed: int = 0,
    dtype: str = "float64",
    progress: bool | None = None,
) -> Trajectory:
    """Train an ensemble of students from W_ij ~ N(0, 1) by Eq. 28.

    :param Z: second layer, shape (K, N); identity where not given.
    :param kappa: teacher eigenvalues, shape (N,), or one number for a degenerate teacher.
    :param learning_rate: α.
    :param noise: standard deviation of one sample's gradient noise.
    :param batch_size: \\|B\\|, the number of samples the noise is averaged over at each step.
    :param runs: number of independent students.
    :param steps: number of updates.
    :param save_every: keep the spectrum at steps 0, save_every, 2 save_every, …; None keeps the last one only.
    :param seed: the same seed gives the same runs, in whatever ensemble.
    :param dtype: "float32" or "float64".
    :param progress: show progress on stderr; by default where it is a terminal.
    :raises ValueError: for an argument outside its range, or α beyond the stable range 0 < α < 2/λ_max.
    :warns UserWarning: where the run is shorter than :func:`steps_to_stationarity`.
    """
    z, teacher = _layers(Z, kappa)
    _check_noise(noise, batch_size)
    needed = steps_to_stationarity(Z=z, kappa=teacher, learning_rate=learning_rate, noise=noise, batch_size=batch_size)
    if steps < needed:
        warnings.warn(
            f"steps = {steps}: the slowest mode needs {needed:.0f} steps to forget its start, "
            "so centres and widths of these spectra are not yet stationary",
            UserWarning,
            stacklevel=2,
        )
    dynamics = _dynamics(_hashable(z), tuple(teacher.tolist()), float(learning_rate), noise / float(batch_size) ** 0.5)
    eigenvalues, saved = ensemble(
        *dynamics, runs=runs, steps=steps, save_every=save_every, seed=seed, dtype=dtype, progress=progress
    )
    parameters = {
        "simulator": "teacher-student",
        "Z": z.tolist(),
        "kappa": teacher.tolist(),
        "learning_rate": float(learning_rate),
        "noise": float(noise),
        "batch_size": int(batch_size),
        "runs": int(runs),
        "steps": int(steps),
        "seed": int(seed),
        "dtype": dtype,
    }
    return Trajectory(eigenvalues, saved, parameters)


def widths(
    *,
    Z: ArrayLike | None = None,
    kappa: float = 4.0,
    learning_rate: float = 0.1,
    noise: float = 0.1,
    batch_size: int = 1,
) -> Float[np.ndarray, " mode"]:
    """Linear-response widths σ_i of a degenerate teacher's level, one a mode of ZᵀZ, descending, in units of x.

    The stationary variance of a weight in mode i is v_i = αλ_i s²/(2 − αλ_i) with s² = noise²/\\|B\\|, exact for any
    stable α; to first order in the noise σ_i² = 4κv_i.
    """
    positive(kappa=kappa)
    z, _ = _layers(Z, kappa)
    _check_noise(noise, batch_size)
    rate = learning_rate * _curvatures(z)
    _refuse_unstable(rate, learning_rate)
    return np.sort(np.sqrt(4.0 * kappa * _stationary_variance(rate, noise, batch_size)))[::-1]


def relaxation_times(*, Z: ArrayLike | None = None, learning_rate: float = 0.1) -> Float[np.ndarray, " mode"]:
    """Steps in which a mode of ZᵀZ forgets its start by a factor e, ascending.

    −1/ln\\|1 − αλ_i\\|, which is 1/(αλ_i) for small α. A mode with λ_i = 0 never learns: its time is infinite.
    """
    z, _ = _layers(Z, 1.0)
    rate = learning_rate * _curvatures(z)
    _refuse_unstable(rate, learning_rate)
    return np.sort(_memory(rate))


def steps_to_stationarity(
    *,
    Z: ArrayLike | None = None,
    kappa: ArrayLike = 4.0,
    learning_rate: float = 0.1,
    noise: float = 0.1,
    batch_size: int = 1,
) -> float:
    """Steps after which the random start adds less than 1 % to the stationary variance of every weight.

    The start is W_ij ~ N(0, 1), so its second moment about W_t is at most 1 + κ and decays as (1 − αλ_i)^2t; it has to
    fall below 0.01 v_i, the stationary variance of :func:`widths`. That is more than a fixed number of relaxation
    times: the quieter the training, the longer it takes. Modes with λ_i = 0 never get there: infinite.
    """
    z, teacher = _layers(Z, kappa)
    _check_noise(noise, batch_size)
    rate = learning_rate * _curvatures(z)
    _refuse_unstable(rate, learning_rate)
    variance = _stationary_variance(rate, noise, batch_size) if noise else np.ones_like(rate)
    with np.errstate(divide="ignore"):
        steps = 0.5 * _memory(rate) * np.log((1.0 + teacher.max()) / (FORGOTTEN * variance))
    return float(steps.max())


@lru_cache(maxsize=32)
def _dynamics(
    z: tuple[tuple[float, ...], ...], kappa: tuple[float, ...], learning_rate: float, noise: float
) -> tuple[Callable[[Array], Student], Callable[[Array, Student], Student], Callable[[Student], Array]]:
    """init, step and observe of Eq. 28; cached, because JAX compiles anew for every new function."""
    teacher = np.diag(np.sqrt(kappa))
    drift = learning_rate * np.asarray(z).T @ np.asarray(z)

    def init(key: Key[Array, ""]) -> Student:
        return Student(jax.random.normal(key, teacher.shape))

    def step(key: Key[Array, ""], state: Student) -> Student:
        dtype = state.weights.dtype
        eta = noise * jax.random.normal(key, teacher.shape, dtype)
        return Student(state.weights + drift.astype(dtype) @ (teacher.astype(dtype) - state.weights - eta))

    def observe(state: Student) -> Float[Array, " n"]:
        return jnp.linalg.svd(state.weights, compute_uv=False) ** 2

    return init, step, observe


def _layers(Z: ArrayLike | None, kappa: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Second layer (K, N) and teacher eigenvalues (N,), checked."""
    teacher = np.atleast_1d(np.asarray(kappa, dtype=float))
    if teacher.ndim != 1 or not np.isfinite(teacher).all() or (teacher <= 0).any():
        raise ValueError(f"kappa: expected positive numbers, shape (N,), got {kappa!r}")
    if Z is None:
        z = np.eye(max(teacher.size, 2))
    else:
        z = np.asarray(Z, dtype=float)
        if z.ndim != 2 or not np.isfinite(z).all():
            raise ValueError(f"Z: expected a finite matrix, shape (K, N), got shape {z.shape}")
    if teacher.size == 1:
        teacher = np.repeat(teacher, z.shape[1])
    if teacher.size != z.shape[1]:
        raise ValueError(f"kappa: expected one number or {z.shape[1]}, as Z has columns, got {teacher.size}")
    return z, teacher


def _check_noise(noise: float, batch_size: int) -> None:
    whole(batch_size=batch_size)
    if not np.isfinite(noise) or noise < 0:
        raise ValueError(f"noise: expected a finite number, 0 or above, got {noise!r}")


def _memory(rate: np.ndarray) -> np.ndarray:
    """Relaxation time in steps of a mode with αλ_i = ``rate``; infinite for a rate of 0."""
    with np.errstate(divide="ignore"):
        return np.abs(1.0 / np.log(np.abs(1.0 - rate)))


def _stationary_variance(rate: np.ndarray, noise: float, batch_size: int) -> np.ndarray:
    """v_i of a weight in a mode with αλ_i = ``rate``."""
    return rate * noise**2 / batch_size / (2.0 - rate)


def _curvatures(z: np.ndarray) -> np.ndarray:
    """Eigenvalues λ_i of ZᵀZ, one a column of Z."""
    singular = np.linalg.svd(z, compute_uv=False)
    return np.pad(singular**2, (0, z.shape[1] - singular.size))


def _refuse_unstable(rate: np.ndarray, learning_rate: float) -> None:
    positive(learning_rate=learning_rate)
    if rate.max() >= 2:
        raise ValueError(
            f"learning_rate: training diverges; expected below 2/λ_max(ZᵀZ) = {2 * learning_rate / rate.max():.4g}, "
            f"got {learning_rate!r}"
        )


def _hashable(matrix: np.ndarray) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(row) for row in matrix.tolist())
