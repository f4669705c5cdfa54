"""Stationary Coulomb gas of N levels by Dyson's Langevin equation (Eq. 5), corrected to Eq. 7 at any step size.

    p(x) ∝ Π_{i<j} |x_i − x_j| · exp(−Σ_i (x_i − c_i)²/2σ_i²)                                                   (Eq. 7)

Level i is the particle that centre c_i and width σ_i confine; a spectrum is the particles' positions in order. A step
of Eq. 5 with time measured in each level's own relaxation time (preconditioning by σ_i²),

    x_i ← x_i + ½hσ_i² ∂_i ln p + √h σ_i ξ_i,    ξ_i ~ N(0, 1),

is accepted or refused by the rule of Metropolis and Hastings, so Eq. 7 is stationary for any h and whatever the drift,
which is bounded; a step across a collision does no harm.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key
from numpy.typing import ArrayLike

from simulators.training import Trajectory, ensemble, positive

__all__ = ["simulate"]


class Levels(NamedTuple):
    """State of one run: deviations (x_i − c_i)/σ_i, and there ln p and its gradient, bounded."""

    deviations: Float[Array, " level"]
    log_density: Float[Array, ""]
    drift: Float[Array, " level"]


def simulate(
    *,
    centres: ArrayLike,
    widths: ArrayLike,
    runs: int,
    steps: int,
    save_every: int | None = None,
    step_size: float | None = None,
    seed: int = 0,
    dtype: str = "float64",
    progress: bool | None = None,
) -> Trajectory:
    """Evolve an ensemble of gases from x_i ~ N(c_i, σ_i²) to stationarity.

    The start is forgotten by a factor e in 2/(h · acceptance) steps: 100 steps are stationary for 10 levels of which no
    more than two share centre and width, where the default step size is accepted at a rate of 0.6 to 0.8. Ten levels of
    one centre take 500, and levels of one centre and unlike widths longer to change places.

    :param centres: c_i, shape (N,), descending; equal ones make a degenerate level.
    :param widths: σ_i, shape (N,), or one number for all.
    :param runs: number of independent gases.
    :param steps: number of proposed updates.
    :param save_every: keep the spectrum at steps 0, save_every, 2 save_every, …; None keeps the last one only.
    :param step_size: h; by default 2/m · N^(−1/3), m the most levels within 2σ_i of a c_i, itself included.
    :param seed: the same seed gives the same runs, in whatever ensemble.
    :param dtype: "float32" or "float64".
    :param progress: show progress on stderr; by default where it is a terminal.
    :raises ValueError: for an argument outside its range.
    """
    c, sigma = _potentials(centres, widths)
    if step_size is None:
        crowd = (np.abs(c[:, None] - c) <= 2.0 * sigma[:, None]).sum(axis=1).max()
        step_size = 2.0 / float(crowd) * c.size ** (-1.0 / 3.0)
    positive(step_size=step_size)
    h = float(step_size)
    eigenvalues, saved = ensemble(
        *_dynamics(tuple(c.tolist()), tuple(sigma.tolist()), h),
        runs=runs,
        steps=steps,
        save_every=save_every,
        seed=seed,
        dtype=dtype,
        progress=progress,
    )
    parameters = {
        "simulator": "dyson",
        "centres": c.tolist(),
        "widths": sigma.tolist(),
        "step_size": h,
        "runs": int(runs),
        "steps": int(steps),
        "seed": int(seed),
        "dtype": dtype,
    }
    return Trajectory(eigenvalues, saved, parameters)


@lru_cache(maxsize=32)
def _dynamics(
    centres: tuple[float, ...], widths: tuple[float, ...], step_size: float
) -> tuple[Callable[[Array], Levels], Callable[[Array, Levels], Levels], Callable[[Levels], Array]]:
    """init, step and observe of Eq. 5; cached, because JAX compiles anew for every new function."""
    centre, width = np.asarray(centres), np.asarray(widths)
    upper = np.triu_indices(centre.size, 1)
    root = step_size**0.5

    def log_density(deviations: Array) -> Array:
        x = centre.astype(deviations.dtype) + width.astype(deviations.dtype) * deviations
        return jnp.log(jnp.abs(x[upper[0]] - x[upper[1]])).sum() - 0.5 * (deviations**2).sum()

    # levels about to collide push without bound: no further a step than the noise, ½h · 2/√h
    def at(deviations: Array) -> Levels:
        value, gradient = jax.value_and_grad(log_density)(deviations)
        return Levels(deviations, value, jnp.clip(gradient, -2.0 / root, 2.0 / root))

    def init(key: Key[Array, ""]) -> Levels:
        return at(jax.random.normal(key, centre.shape))

    def step(key: Key[Array, ""], old: Levels) -> Levels:
        key_noise, key_accept = jax.random.split(key)
        dtype = old.deviations.dtype
        noise = jax.random.normal(key_noise, centre.shape, dtype)
        new = at(old.deviations + 0.5 * step_size * old.drift + root * noise)
        back = (old.deviations - new.deviations - 0.5 * step_size * new.drift) / root
        log_ratio = new.log_density - old.log_density + 0.5 * (noise**2 - back**2).sum()
        # NaN where two levels meet to the last bit: refused
        accepted = jnp.log1p(-jax.random.uniform(key_accept, (), dtype)) < log_ratio
        return jax.tree.map(lambda a, b: jnp.where(accepted, a, b), new, old)

    def observe(state: Levels) -> Float[Array, " level"]:
        x = centre.astype(state.deviations.dtype) + width.astype(state.deviations.dtype) * state.deviations
        return jnp.sort(x)[::-1]

    return init, step, observe


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
