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

from functools import lru_cache
from typing import NamedTuple, Unpack

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key
from numpy.typing import ArrayLike
from scipy.special import roots_hermite

from simulators.engine.arguments import levels_with_widths, require_one_of, require_positive
from simulators.engine.ensemble import Dynamics
from simulators.engine.schedule import RELAXATIONS, Options, Schedule
from simulators.engine.signatures import with_arguments
from simulators.engine.trajectory import Trajectory, evolve

__all__ = ["coulomb_shift", "matrix_shift", "simulate"]

FORMS = ("levels", "matrix")
DEGENERATE = 1e-9
"""Distance relative to the spread of centres up to which two are one."""
SINGLE_PRECISION = 50
"""Levels up to which rounding of ln p in float32 is negligible beside the acceptance of a step."""


class Levels(NamedTuple):
    """Levels of a chunk of runs: deviations (x_i − c_i)/σ_i, and there ln p and its gradient, bounded."""

    deviations: Float[Array, "level run"]
    log_density: Float[Array, " run"]
    drift: Float[Array, "level run"]


class Numbers(NamedTuple):
    """Numbers of a setting: ``centres``, ``widths`` and deviations at ``rest``, (N, 1); β and h."""

    centres: Float[Array, "level 1"]
    widths: Float[Array, "level 1"]
    rest: Float[Array, "level 1"]
    beta: Float[Array, ""]
    step_size: Float[Array, ""]


class Matrix(NamedTuple):
    """Matrices of a chunk of runs, about their centre and in units of the width."""

    elements: Float[Array, "level level run"]


@with_arguments(Options, Schedule)
def simulate(
    *,
    centres: ArrayLike,
    widths: ArrayLike,
    beta: int = 1,
    form: str = "levels",
    step_size: float | None = None,
    runs: int,
    steps: int,
    **options: Unpack[Options],
) -> Trajectory:
    """Evolve an ensemble of gases to stationarity.

    Levels of one centre and width start at rest, where force and repulsion cancel (zeros of a Hermite polynomial), plus
    noise of their width. The start is forgotten by a factor e in 2/(h · acceptance) steps; the default step size is
    accepted at a rate of 0.6 to 0.8. A hundred steps are enough for ten levels, of however many centres. Levels of one
    centre and unlike widths take longer to change places. The matrix form starts at rest at c and forgets it by a
    factor e in 1/h steps.

    :param centres: c_i, shape (N,), descending; equal ones make a degenerate level.
    :param widths: σ_i, shape (N,), or one number for all.
    :param beta: β, 1 for real weights or 2 for complex ones.
    :param form: "levels", Eq. 5; or "matrix", for one centre and one width.
    :param step_size: h; by default 2/m · N^(−1/3), m the most levels within 2σ_i of a c_i, itself included; 1 for the
        matrix form.
    :param steps: number of proposed updates.
    :raises ValueError: for an argument outside its range.
    :raises OSError: where unfinished work cannot be written, as on a full disk; what was kept before stays.
    :warns UserWarning: where the run is shorter than 10/h steps, 5/h of the matrix form.
    """
    schedule = Schedule(runs=runs, steps=steps, **options)
    c, sigma = levels_with_widths("centres", centres, widths)
    require_one_of((1, 2), beta=beta)
    require_one_of(FORMS, form=form)
    if schedule.dtype == "float32" and form == "levels" and c.size > SINGLE_PRECISION:
        raise ValueError(
            f"dtype: expected 'float64' for more than {SINGLE_PRECISION} levels, whose ln p is rounded too "
            "coarsely, got 'float32'"
        )
    if form == "matrix" and (np.ptp(c) > 0 or np.ptp(sigma) > 0):
        raise ValueError("form: expected 'levels' where centres or widths differ, got 'matrix'")
    if step_size is None:
        crowd = (np.abs(c[:, None] - c) <= 2.0 * sigma[:, None]).sum(axis=1).max()
        step_size = 2.0 / float(crowd) * c.size ** (-1.0 / 3.0) if form == "levels" else 1.0
    require_positive(step_size=step_size)
    # at the rate h/2, and h for the matrix
    needed = RELAXATIONS * (2.0 if form == "levels" else 1.0) / float(step_size)
    schedule.warn_if_short(needed, f"at step_size = {step_size:.3g} a level")
    parameters = {
        "simulator": "dyson",
        "centres": c.tolist(),
        "widths": sigma.tolist(),
        "beta": int(beta),
        "form": form,
        "step_size": float(step_size),
    }
    exact = (c[:, None], sigma[:, None], _rest(c, sigma, beta)[:, None], beta, step_size)
    setting = Numbers._make(np.asarray(value, schedule.dtype) for value in exact)
    dynamics = _matrices(int(beta)) if form == "matrix" else _levels()
    return evolve(dynamics, setting, schedule, parameters, "levels are not finite")


def coulomb_shift(centres: ArrayLike, widths: ArrayLike, beta: int = 1) -> Float[np.ndarray, " level"]:
    """First-order shift of each level's mean by the levels of other centres, βσ_i² Σ_j 1/(c_i − c_j), units of x.

    The force of Eq. 5 at the centres; widths must be small beside the distances. Levels of the same centre push each
    other symmetrically, and the mean over a degenerate level is not moved by them where their widths agree.

    :param centres: c_i, shape (N,), units of x.
    :param widths: σ_i, shape (N,), or one number for all, units of x.
    :param beta: β, 1 for real weights or 2 for complex ones.
    :raises ValueError: for an argument outside its range.
    """
    require_one_of((1, 2), beta=beta)
    c, sigma = levels_with_widths("centres", centres, widths)
    return beta * sigma**2 * _pushes(c).sum(axis=1)


def matrix_shift(levels: ArrayLike, widths: ArrayLike) -> Float[np.ndarray, " level"]:
    r"""Second-order shift of each level's mean where a matrix of those levels is perturbed by Gaussian noise.

    .. math:: \Delta_i = \sum_{j:\, c_j \ne c_i} \frac{\operatorname{Var} N_{ij}}{c_i - c_j}
        = \frac14 \sum_{j:\, c_j \ne c_i} \frac{\sigma_i^2 + \sigma_j^2}{c_i - c_j}

    The law of trained matrices, :func:`simulators.ensembles.perturbed`: for one width half of
    :func:`coulomb_shift`. Widths must be small beside the distances; not in the source.

    :param levels: c_i, shape (N,), descending, units of x.
    :param widths: σ_i, shape (N,), or one number for all, units of x.
    :raises ValueError: for an argument outside its range.
    """
    c, sigma = levels_with_widths("levels", levels, widths)
    variance = 0.25 * (sigma[:, None] ** 2 + sigma**2)
    return (variance * _pushes(c)).sum(axis=1)


def _pushes(c: np.ndarray) -> Float[np.ndarray, "level level"]:
    """1/(c_i − c_j), and 0 within a level, of which centres may differ by rounding."""
    apart = c[:, None] - c
    other = np.abs(apart) > DEGENERATE * np.ptp(c)
    return np.where(other, 1.0 / np.where(other, apart, 1.0), 0.0)


@lru_cache(maxsize=1)
def _levels() -> Dynamics:
    """Eq. 5, level by level; cached, because JAX compiles anew for every new function."""

    def at(n: Numbers, deviations: Array) -> Levels:
        shifts = n.widths * deviations

        def one_level(i: Array, sums: tuple[Array, Array]) -> tuple[Array, Array]:
            energy, force = sums
            # of itself: a unit distance has no logarithm
            itself = (jnp.arange(shifts.shape[0]) == i)[:, None]
            # centres apart from shifts: levels much closer than they are large keep their distance in float32
            apart = jnp.where(itself, 1.0, (n.centres[i] - n.centres) + (shifts[i] - shifts))
            push = jnp.where(itself, 0.0, 1.0 / apart).sum(axis=0)
            return energy + jnp.log(jnp.abs(apart)).sum(axis=0), force.at[i].set(push)

        start = (jnp.zeros(shifts.shape[1], shifts.dtype), jnp.zeros_like(shifts))
        twice, push = jax.lax.fori_loop(0, shifts.shape[0], one_level, start)
        value = 0.5 * n.beta * twice - 0.5 * (deviations**2).sum(axis=0)
        gradient = n.beta * n.widths * push - deviations
        # levels about to collide push without bound: no further a step than the noise, ½h · 2/√h
        most = 2.0 / jnp.sqrt(n.step_size)
        return Levels(deviations, value, jnp.clip(gradient, -most, most))

    def init(n: Numbers, key: Key[Array, ""], lanes: int) -> Levels:
        return at(n, n.rest + jax.random.normal(key, (n.centres.shape[0], lanes)))

    def draw(n: Numbers, key: Key[Array, ""], common: Key[Array, ""], lanes: int) -> tuple[Array, Array]:
        key_noise, key_accept = jax.random.split(key)
        return jax.random.normal(key_noise, (n.centres.shape[0], lanes)), jax.random.uniform(key_accept, (lanes,))

    def step(n: Numbers, old: Levels, drawn: tuple[Array, Array]) -> Levels:
        noise, uniform = drawn
        h, root = n.step_size, jnp.sqrt(n.step_size)
        new = at(n, old.deviations + 0.5 * h * old.drift + root * noise)
        back = (old.deviations - new.deviations - 0.5 * h * new.drift) / root
        log_ratio = new.log_density - old.log_density + 0.5 * (noise**2 - back**2).sum(axis=0)
        # NaN where two levels meet to the last bit: refused
        accepted = jnp.log1p(-uniform) < log_ratio
        return jax.tree.map(lambda a, b: jnp.where(accepted, a, b), new, old)

    def observe(n: Numbers, state: Levels) -> dict[str, np.ndarray]:
        return {"eigenvalues": np.sort(np.asarray(n.centres + n.widths * state.deviations), axis=-2)[..., ::-1, :]}

    return Dynamics(init, draw, step, observe)


@lru_cache(maxsize=2)
def _matrices(beta: int) -> Dynamics:
    """The Ornstein-Uhlenbeck matrix; cached, because JAX compiles anew for every new function."""

    def draw(n: Numbers, key: Key[Array, ""], common: Key[Array, ""], lanes: int) -> Array:
        size = n.centres.shape[0]
        normals = jax.random.normal(key, (beta, size, size, lanes))
        full = normals[0] if beta == 1 else (normals[0] + 1j * normals[1])
        # unit variance on the diagonal, 1/2 (β = 1) or 1/2 + 1/2 (β = 2) off it
        return (full + jnp.conj(jnp.swapaxes(full, 0, 1))) / 2.0

    def init(n: Numbers, key: Key[Array, ""], lanes: int) -> Matrix:
        return Matrix(jnp.zeros_like(draw(n, key, key, lanes)))

    def step(n: Numbers, old: Matrix, noise: Array) -> Matrix:
        return Matrix(jnp.exp(-n.step_size) * old.elements + jnp.sqrt(-jnp.expm1(-2.0 * n.step_size)) * noise)

    def observe(n: Numbers, state: Matrix) -> dict[str, np.ndarray]:
        # not compiled: see simulators.linalg.small_matrices.squared_singular_values
        values = np.linalg.eigvalsh(np.moveaxis(np.asarray(state.elements), -1, -3))[..., ::-1]
        return {"eigenvalues": np.asarray(n.centres[0] + n.widths[0] * np.moveaxis(values, -1, -2))}

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
