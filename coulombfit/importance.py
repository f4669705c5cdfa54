"""Integrals of smooth densities in a few dimensions, by importance sampling from a heavy-tailed Laplace approximation.

The proposal is a multivariate Student t of NU degrees of freedom about the mode, with the curvature there as its scale.
Where the density is even in one coordinate, so is the proposal: half of it is mirrored. Points are a scrambled Sobol
sequence, repeated with independent scrambles, whose scatter is the error of the integral. Where the weights' Pareto k̂
is above GOOD, the proposal is fitted anew to the weighted points; what k̂ is left is reported, and judged by the caller.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from arviz_stats.base import array_stats
from jaxtyping import Array, Float
from scipy import optimize, special, stats
from scipy.stats import qmc

__all__ = ["RELIABLE", "Integral", "LogDensity", "integrate", "weigh"]

LogDensity = Callable[..., Array]
"""``f(point, *data)`` of one point, shape (coordinate,); pure, and the same object for the same density."""

NU = 5.0
SCRAMBLES = 16
GOOD = 0.4
"""Pareto k̂ up to which a proposal is kept as it is."""
RELIABLE = 0.7
"""Pareto k̂ above which an integral is not to be trusted."""
ROUNDS = 4
LEAST_CURVATURE = 0.1
"""In coordinates of order one; flatter directions, as near σ₁ = σ₂, get the proposal's full width."""


@dataclass(frozen=True, eq=False)
class Integral:
    """∫ f: ``log_value``, its standard error ``se``, Pareto ``k_hat`` of the weights, and weighted points of f.

    ``log_weights`` are normalised: their exponentials sum to 1.
    """

    log_value: float
    se: float
    k_hat: float
    points: Float[np.ndarray, "point coordinate"]
    log_weights: Float[np.ndarray, " point"]

    @property
    def reliable(self) -> bool:
        """Whether k̂ is at most RELIABLE."""
        return self.k_hat <= RELIABLE

    def resample(self, draws: int, seed: int) -> Float[np.ndarray, "draw coordinate"]:
        """Equally weighted points, by systematic resampling, in random order."""
        rng = np.random.default_rng(seed)
        edges = np.cumsum(np.exp(self.log_weights))
        chosen = np.searchsorted(edges / edges[-1], (np.arange(draws) + rng.uniform()) / draws)
        return self.points[rng.permutation(chosen)]

    def mean(self, log_factor: Float[np.ndarray, " point"]) -> float:
        """Ln ⟨exp(log_factor)⟩ over f."""
        return float(special.logsumexp(self.log_weights + log_factor))


def integrate(
    density: LogDensity,
    start: Float[np.ndarray, " coordinate"],
    *data: Any,
    mirrored: int | None = None,
    points: int = 8192,
    seed: int = 0,
) -> Integral:
    """Ln ∫ exp f over all coordinates, with f = ``density(point, *data)``.

    :param start: where to begin the search for the mode; off the mirror, where there is one.
    :param data: arrays that f needs; JAX compiles once for each of their shapes.
    :param mirrored: the coordinate under whose change of sign f is even.
    :param points: evaluations of f in a round, rounded to SCRAMBLES powers of two.
    """
    value, gradient, hessian, several = _compiled(density)
    found = optimize.minimize(
        lambda z: -float(value(z, *data)),
        start,
        jac=lambda z: -np.asarray(gradient(z, *data)),
        hess=lambda z: -np.asarray(hessian(z, *data)),
        method="trust-exact",
    )
    values, vectors = np.linalg.eigh(-np.asarray(hessian(found.x, *data)))
    root = vectors / np.sqrt(np.maximum(values, LEAST_CURVATURE))
    return weigh(
        lambda z: np.asarray(several(jnp.asarray(z), *data)),
        found.x,
        root,
        mirrored=mirrored,
        points=points,
        seed=seed,
    )


def weigh(
    log_density: Callable[[Float[np.ndarray, "point coordinate"]], Float[np.ndarray, " point"]],
    centre: Float[np.ndarray, " coordinate"],
    root: Float[np.ndarray, "coordinate coordinate"],
    *,
    mirrored: int | None = None,
    points: int = 8192,
    seed: int = 0,
) -> Integral:
    """Points of a proposal, weighted by a density.

    :param log_density: of many points at once.
    :param centre: of the first proposal.
    :param root: R, with R Rᵀ the scale of the first proposal.
    """
    rng = np.random.default_rng(seed)
    for round_ in range(ROUNDS):
        z = _student(centre, root, points // SCRAMBLES, mirrored, rng)
        log_ratio = log_density(z) - _log_student(z, centre, root, mirrored)
        log_ratio = np.where(np.isfinite(log_ratio), log_ratio, -np.inf)
        log_weights = log_ratio - special.logsumexp(log_ratio)
        # ArviZ takes the negative of what it returns; weights of zero have no logarithm
        smoothed, k_hat = array_stats.psislw(-np.maximum(log_weights, -700.0), axis=0)
        if k_hat <= GOOD or round_ == ROUNDS - 1:
            break
        weights = np.exp(smoothed)
        side = z if mirrored is None else np.where(np.arange(z.shape[1]) == mirrored, np.abs(z), z)
        centre = weights @ side
        root = np.linalg.cholesky((weights[:, None] * (side - centre)).T @ (side - centre))
    parts = special.logsumexp(log_ratio.reshape(SCRAMBLES, -1), axis=1) - np.log(log_ratio.size // SCRAMBLES)
    relative = np.exp(parts - parts.max())
    se = float(relative.std(ddof=1) / np.sqrt(SCRAMBLES) / relative.mean())
    log_value = float(special.logsumexp(log_ratio) - np.log(log_ratio.size))
    return Integral(log_value, se, float(k_hat), z, np.asarray(smoothed))


@lru_cache(maxsize=32)
def _compiled(density: LogDensity) -> tuple[Callable, ...]:
    def several(points: Array, *data: Any) -> Array:
        return jax.lax.map(lambda z: density(z, *data), points, batch_size=16)

    return jax.jit(density), jax.jit(jax.grad(density)), jax.jit(jax.hessian(density)), jax.jit(several)


def _student(
    centre: Float[np.ndarray, " coordinate"],
    root: Float[np.ndarray, "coordinate coordinate"],
    count: int,
    mirrored: int | None,
    rng: np.random.Generator,
) -> Float[np.ndarray, "point coordinate"]:
    """Points of the proposal, scramble after scramble."""
    size, exponent = len(centre), max(1, int(np.log2(count)))
    uniform = np.concatenate([qmc.Sobol(size + 2, rng=rng).random_base2(exponent) for _ in range(SCRAMBLES)])
    uniform = np.clip(uniform, 1e-12, 1.0 - 1e-12)
    radius = np.sqrt(NU / stats.chi2.ppf(uniform[:, -2], NU))
    z = centre + radius[:, None] * (special.ndtri(uniform[:, :size]) @ root.T)
    if mirrored is not None:
        z[:, mirrored] *= np.where(uniform[:, -1] < 0.5, -1.0, 1.0)
    return z


def _log_student(
    z: Float[np.ndarray, "point coordinate"],
    centre: Float[np.ndarray, " coordinate"],
    root: Float[np.ndarray, "coordinate coordinate"],
    mirrored: int | None,
) -> Float[np.ndarray, " point"]:
    law = stats.multivariate_t(centre, root @ root.T, df=NU)
    direct = law.logpdf(z)
    if mirrored is None:
        return direct
    image = z.copy()
    image[:, mirrored] *= -1.0
    return np.logaddexp(direct, law.logpdf(image)) - np.log(2.0)
