"""Stationary Coulomb gas of N levels by Dyson's Langevin equation (Eq. 5), corrected to Eq. 7 at any step size.

    p(x) ∝ Π_{i<j} |x_i − x_j|^β · exp(−Σ_i (x_i − c_i)²/2σ_i²)                                                 (Eq. 7)

Level i is the particle that centre c_i and width σ_i confine; a spectrum is the particles' positions in order. A step
of Eq. 5 with time measured in each level's own relaxation time (preconditioning by σ_i²),

    x_i ← x_i + ½hσ_i² ∂_i ln p + √h σ_i ξ_i,    ξ_i ~ N(0, 1),

is accepted or refused by the rule of Metropolis and Hastings, so Eq. 7 is stationary for any h and whatever the drift,
which is bounded; a step across a collision does no harm.

The matrix form is the process behind it, for levels of one centre and width: every element of a symmetric (β = 1) or
Hermitian (β = 2) matrix decays towards c·1 and is kicked. It has no singular drift, and its step is exact for any h.
"""

from __future__ import annotations

import warnings
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key
from numpy.typing import ArrayLike
from scipy.special import roots_hermite

from simulators.arguments import check_dtype, check_save_every, check_seed, positive, whole
from simulators.training import Dynamics, ensemble
from simulators.trajectory import Trajectory, stayed

__all__ = ["coulomb_shift", "simulate"]

FORMS = ("levels", "matrix")
RELAXATIONS = 5.0
SINGLE_PRECISION = 50
"""Levels up to which rounding of ln p in float32 is negligible beside the acceptance of a step."""


class Levels(NamedTuple):
    """Levels of a chunk of runs: deviations (x_i − c_i)/σ_i, and there ln p and its gradient, bounded."""

    deviations: Float[Array, "level run"]
    log_density: Float[Array, " run"]
    drift: Float[Array, "level run"]


class Matrix(NamedTuple):
    """Matrices of a chunk of runs, about their centre and in units of the width."""

    elements: Float[Array, "level level run"]


def simulate(
    *,
    centres: ArrayLike,
    widths: ArrayLike,
    beta: int = 1,
    form: str = "levels",
    runs: int,
    steps: int,
    save_every: int | None = None,
    step_size: float | None = None,
    seed: int = 0,
    dtype: str = "float64",
    progress: bool | None = None,
    checkpoint: str | Path | None = None,
) -> Trajectory:
    """Evolve an ensemble of gases to stationarity.

    Levels of one centre and width start at rest, where force and repulsion cancel (zeros of a Hermite polynomial), plus
    noise of their width. The start is forgotten by a factor e in 2/(h · acceptance) steps: 100 steps are stationary for
    10 levels of which no more than two share centre and width, where the default step size is accepted at a rate of 0.6
    to 0.8. Ten levels of one centre take 500, and levels of one centre and unlike widths longer to change places. The
    matrix form starts at rest at c and forgets it by a factor e in 1/h steps.

    :param centres: c_i, shape (N,), descending; equal ones make a degenerate level.
    :param widths: σ_i, shape (N,), or one number for all.
    :param beta: β, 1 for real weights or 2 for complex ones.
    :param form: "levels", Eq. 5; or "matrix", for one centre and one width.
    :param runs: number of independent gases.
    :param steps: number of proposed updates.
    :param save_every: keep the spectrum at steps 0, save_every, 2 save_every, …; None keeps the last one only.
    :param step_size: h; by default 2/m · N^(−1/3), m the most levels within 2σ_i of a c_i, itself included; 1 for the
        matrix form.
    :param seed: the same seed gives the same runs, in whatever ensemble.
    :param dtype: "float32" or "float64".
    :param progress: show progress on stderr; by default where it is a terminal.
    :param checkpoint: folder for unfinished work; the same call goes on from there, to the same bits.
    :raises ValueError: for an argument outside its range.
    :warns UserWarning: where the run is shorter than 10/h steps, 5/h of the matrix form.
    """
    whole(runs=runs, steps=steps)
    check_seed(seed)
    check_save_every(save_every, steps)
    c, sigma = _potentials(centres, widths)
    if beta not in (1, 2):
        raise ValueError(f"beta: expected 1 or 2, got {beta!r}")
    check_dtype(dtype)
    if dtype == "float32" and form == "levels" and c.size > SINGLE_PRECISION:
        raise ValueError(
            f"dtype: expected 'float64' for more than {SINGLE_PRECISION} levels, whose ln p is rounded too "
            "coarsely, got 'float32'"
        )
    if form not in FORMS:
        raise ValueError(f"form: expected 'levels' or 'matrix', got {form!r}")
    if form == "matrix" and (np.ptp(c) > 0 or np.ptp(sigma) > 0):
        raise ValueError("form: expected 'levels' where centres or widths differ, got 'matrix'")
    if step_size is None:
        crowd = (np.abs(c[:, None] - c) <= 2.0 * sigma[:, None]).sum(axis=1).max()
        step_size = 2.0 / float(crowd) * c.size ** (-1.0 / 3.0) if form == "levels" else 1.0
    positive(step_size=step_size)
    h = float(step_size)
    needed = RELAXATIONS * (2.0 if form == "levels" else 1.0) / h
    if steps < needed:
        warnings.warn(
            f"steps = {steps}: at step_size = {h:.3g} levels need about {needed:.0f} steps to forget their start, "
            "so these spectra are not yet stationary",
            UserWarning,
            stacklevel=2,
        )
    make = _matrix if form == "matrix" else _levels
    parameters = {
        "simulator": "dyson",
        "centres": c.tolist(),
        "widths": sigma.tolist(),
        "beta": int(beta),
        "form": form,
        "step_size": h,
        "runs": int(runs),
        "steps": int(steps),
        "save_every": None if save_every is None else int(save_every),
        "seed": int(seed),
        "dtype": dtype,
    }
    observed, kept = ensemble(
        make(tuple(c.tolist()), tuple(sigma.tolist()), int(beta), h, dtype),
        runs=runs,
        steps=steps,
        save_every=save_every,
        seed=seed,
        dtype=dtype,
        progress=progress,
        checkpoint=checkpoint,
        setting=parameters,
    )
    return stayed(observed, kept, parameters, "levels are not finite")


def coulomb_shift(centres: ArrayLike, widths: ArrayLike, beta: int = 1) -> Float[np.ndarray, " level"]:
    """First-order shift of each level's mean by the levels of other centres, βσ_i² Σ_j 1/(c_i − c_j), units of x.

    The force of Eq. 5 at the centres; widths must be small beside the distances. Levels of the same centre push each
    other symmetrically, and the mean over a degenerate level is not moved by them where their widths agree.
    """
    c, sigma = _potentials(centres, widths)
    apart = c[:, None] - c
    return beta * sigma**2 * np.where(apart == 0, 0.0, 1.0 / np.where(apart == 0, 1.0, apart)).sum(axis=1)


@lru_cache(maxsize=32)
def _levels(centres: tuple[float, ...], widths: tuple[float, ...], beta: int, step_size: float, dtype: str) -> Dynamics:
    """Eq. 5, level by level; cached, because JAX compiles anew for every new function."""
    c, sigma = np.asarray(centres, dtype)[:, None], np.asarray(widths, dtype)[:, None]
    rest = _rest(np.asarray(centres), np.asarray(widths), beta).astype(dtype)[:, None]
    root = step_size**0.5

    def positions(deviations: Array) -> Array:
        return c + sigma * deviations

    def at(deviations: Array) -> Levels:
        x = positions(deviations)

        def one_level(i: Array, sums: tuple[Array, Array]) -> tuple[Array, Array]:
            energy, force = sums
            # of itself: a unit distance has no logarithm
            itself = (jnp.arange(x.shape[0]) == i)[:, None]
            apart = jnp.where(itself, 1.0, x[i] - x)
            push = jnp.where(itself, 0.0, 1.0 / apart).sum(axis=0)
            return energy + jnp.log(jnp.abs(apart)).sum(axis=0), force.at[i].set(push)

        start = (jnp.zeros(x.shape[1], x.dtype), jnp.zeros_like(x))
        twice, push = jax.lax.fori_loop(0, x.shape[0], one_level, start)
        value = 0.5 * beta * twice - 0.5 * (deviations**2).sum(axis=0)
        gradient = beta * sigma * push - deviations
        # levels about to collide push without bound: no further a step than the noise, ½h · 2/√h
        return Levels(deviations, value, jnp.clip(gradient, -2.0 / root, 2.0 / root))

    def init(key: Key[Array, ""], lanes: int) -> Levels:
        return at(jnp.asarray(rest) + jax.random.normal(key, (c.size, lanes)))

    def draw(key: Key[Array, ""], common: Key[Array, ""], lanes: int) -> tuple[Array, Array]:
        key_noise, key_accept = jax.random.split(key)
        return jax.random.normal(key_noise, (c.size, lanes)), jax.random.uniform(key_accept, (lanes,))

    def step(old: Levels, numbers: tuple[Array, Array]) -> Levels:
        noise, uniform = numbers
        new = at(old.deviations + 0.5 * step_size * old.drift + root * noise)
        back = (old.deviations - new.deviations - 0.5 * step_size * new.drift) / root
        log_ratio = new.log_density - old.log_density + 0.5 * (noise**2 - back**2).sum(axis=0)
        # NaN where two levels meet to the last bit: refused
        accepted = jnp.log1p(-uniform) < log_ratio
        return jax.tree.map(lambda a, b: jnp.where(accepted, a, b), new, old)

    def observe(state: Levels) -> dict[str, Array]:
        return {"eigenvalues": jnp.sort(positions(state.deviations), axis=0)[::-1]}

    return Dynamics(init, draw, step, observe)


@lru_cache(maxsize=32)
def _matrix(centres: tuple[float, ...], widths: tuple[float, ...], beta: int, step_size: float, dtype: str) -> Dynamics:
    """The Ornstein-Uhlenbeck matrix; cached, because JAX compiles anew for every new function."""
    n = len(centres)
    decay = float(np.exp(-step_size))
    kick = float(np.sqrt(-np.expm1(-2.0 * step_size)))

    def draw(key: Key[Array, ""], common: Key[Array, ""], lanes: int) -> Array:
        normals = jax.random.normal(key, (beta, n, n, lanes))
        full = normals[0] if beta == 1 else (normals[0] + 1j * normals[1])
        # unit variance on the diagonal, 1/2 (β = 1) or 1/2 + 1/2 (β = 2) off it
        return (full + jnp.conj(jnp.swapaxes(full, 0, 1))) / 2.0

    def init(key: Key[Array, ""], lanes: int) -> Matrix:
        return Matrix(jnp.zeros_like(draw(key, key, lanes)))

    def step(old: Matrix, noise: Array) -> Matrix:
        return Matrix(decay * old.elements + kick * noise)

    def observe(state: Matrix) -> dict[str, Array]:
        values = jnp.linalg.eigvalsh(jnp.moveaxis(state.elements, -1, 0)).T[::-1]
        return {"eigenvalues": centres[0] + widths[0] * values}

    return Dynamics(init, draw, step, observe)


def _rest(centres: np.ndarray, widths: np.ndarray, beta: int) -> np.ndarray:
    """Deviations at which levels of one centre and width are at rest, √β times the zeros of a Hermite polynomial."""
    rest = np.zeros(centres.size)
    settings = np.stack([centres, widths], axis=1)
    for setting in np.unique(settings, axis=0):
        members = np.flatnonzero((settings == setting).all(axis=1))
        if members.size > 1:
            rest[members] = np.sqrt(beta) * roots_hermite(members.size)[0]
    return rest


def _potentials(centres: ArrayLike, widths: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Centres and widths (N,), checked."""
    c, sigma = np.asarray(centres, dtype=float), np.asarray(widths, dtype=float)
    if c.ndim != 1 or c.size == 0 or not np.isfinite(c).all() or (np.diff(c) > 0).any():
        raise ValueError(f"centres: expected finite numbers, descending, shape (N,), got {centres!r}")
    if not np.isfinite(sigma).all() or (sigma <= 0).any():
        raise ValueError(f"widths: expected finite numbers above 0, got {widths!r}")
    if sigma.shape not in ((), (1,), c.shape):
        raise ValueError(f"widths: expected one number or {c.size}, one a centre, got shape {sigma.shape}")
    return c, np.broadcast_to(sigma, c.shape)
