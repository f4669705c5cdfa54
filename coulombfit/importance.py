"""Integrals of smooth densities in a few dimensions, by importance sampling from a heavy-tailed Laplace approximation.

The proposal is a multivariate Student t of NU degrees of freedom about the mode, with the curvature there as its scale.
Where the density is even in one coordinate, so is the proposal: half of it is mirrored. Points are scrambled Sobol
sequences, made once and turned at random by the seed, which leaves a spherical law as it is; the scatter between
scrambles is the error of the integral. Where the weights' Pareto k̂ is above GOOD, or few points carry the weight, the
proposal is fitted anew to the weighted points; what k̂ is left is reported, and judged by the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from math import lgamma, log, pi
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from arviz_stats.base import array_stats
from jax import lax
from jaxtyping import Array, Float, Int
from scipy import special, stats
from scipy.stats import qmc

from coulombfit.cores import CORES, on_all_cores
from coulombfit.mode import LogDensity, Peak, peak_of

__all__ = ["POINTS", "RELIABLE", "Integral", "integrate", "weigh", "weigh_function", "weigh_many"]

NU = 5.0
POINTS = 4096
SCRAMBLES = 16
GOOD = 0.4
"""Pareto k̂ up to which a proposal is kept as it is."""
EFFICIENT = 0.3
"""Share of effective points from which it is."""
RELIABLE = 0.7
"""Pareto k̂ above which an integral is not to be trusted."""
ROUNDS = 4
TOGETHER = 8
"""Sets of data in one compiled call."""
BLOCK = 2**14
"""Numbers that a law is evaluated at in one go: few enough to stay in the cache."""


@dataclass(frozen=True, eq=False)
class Integral:
    """∫ f: ``log_value``, its standard error ``se``, Pareto ``k_hat`` of the weights, and weighted points of f.

    ``log_weights`` are normalised: their exponentials sum to 1. ``peak`` is the proposal that the points came from.
    """

    log_value: float
    se: float
    k_hat: float
    points: Float[np.ndarray, "point coordinate"]
    log_weights: Float[np.ndarray, " point"]
    peak: Peak

    @property
    def reliable(self) -> bool:
        """Whether k̂ is at most RELIABLE."""
        return self.k_hat <= RELIABLE

    @property
    def effective(self) -> float:
        """How many equally weighted points these are worth, 1/Σw²."""
        return float(np.exp(-special.logsumexp(2.0 * self.log_weights)))

    @property
    def efficiency(self) -> float:
        """The same as a share of all points; about 0.92 of a Gaussian."""
        return self.effective / len(self.points)

    @property
    def good(self) -> bool:
        """Whether another proposal would not be worth its time."""
        return self.k_hat <= GOOD and self.efficiency >= EFFICIENT

    def covering(self, mirrored: int | None = None) -> Peak:
        """Mean and covariance of f as a peak; of one half of it, where it is even in a coordinate."""
        weights = np.exp(self.log_weights)
        z = self.points
        side = z if mirrored is None else np.where(np.arange(z.shape[1]) == mirrored, np.abs(z), z)
        centre = weights @ side
        covariance = (weights[:, None] * (side - centre)).T @ (side - centre)
        values, vectors = np.linalg.eigh(covariance)
        # a few points that carry all the weight may span no volume
        return Peak(centre, vectors * np.sqrt(np.maximum(values, 1e-6 * values.max())))

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
    points: int = POINTS,
    seed: int = 0,
) -> Integral:
    """Ln ∫ exp f over all coordinates, with f = ``density(point, *data)``.

    :param start: where to begin the search for the mode; off the mirror, where there is one.
    :param data: arrays that f needs; JAX compiles once for each of their shapes.
    :param mirrored: the coordinate under whose change of sign f is even.
    :param points: evaluations of f in a round, rounded down to SCRAMBLES powers of two.
    """
    return weigh(density, peak_of(density)(start, *data), *data, mirrored=mirrored, points=points, seed=seed)


def weigh(
    density: LogDensity, peak: Peak, *data: Any, mirrored: int | None = None, points: int = POINTS, seed: int = 0
) -> Integral:
    """Points of proposals about a peak, weighted by a density."""
    program = _weighted(density, mirrored)

    def look(proposal: Peak, directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        parts = np.split(directions, CORES if len(directions) % CORES == 0 else 1)
        found = on_all_cores(lambda part: program(proposal, part, *data), parts)
        z, log_ratio = zip(*found, strict=True)
        return np.concatenate(z), np.concatenate(log_ratio)

    return _rounds(look, peak, mirrored, points, seed)


def weigh_many(
    density: LogDensity,
    peaks: Sequence[Peak],
    data: Sequence[tuple[Any, ...]],
    *,
    mirrored: int | None = None,
    points: int = POINTS // 2,
    seed: int = 0,
) -> list[Integral]:
    """:func:`weigh` for many sets of data of one shape, TOGETHER at a time in one compiled call.

    :param points: half as many as for one, which leaves each with an error of 2 % of an sd; fewer sets than TOGETHER
        get as many as one.
    """
    if len(peaks) < TOGETHER:
        return [
            weigh(density, peak, *some, mirrored=mirrored, points=2 * points, seed=seed + k)
            for k, (peak, some) in enumerate(zip(peaks, data, strict=True))
        ]
    directions = _spherical(len(peaks[0].centre), points, seed)
    # turned anew for each, or all would err to the same side
    turns = _turns(len(peaks[0].centre), len(peaks), seed)
    peaks = [Peak(peak.centre, np.asarray(peak.root) @ turn) for peak, turn in zip(peaks, turns, strict=True)]
    program = _mapped(density, mirrored)
    count = len(peaks)
    # filled up with the last, so that all calls are alike
    chosen = np.minimum(np.arange(-(-count // TOGETHER) * TOGETHER), count - 1).reshape(-1, TOGETHER)

    def look(some: Int[np.ndarray, " set"]) -> tuple[Array, Array]:
        stacked = jax.tree.map(lambda *each: np.stack(each), *[(peaks[k], *data[k]) for k in some])
        return program(directions, *stacked)

    found = on_all_cores(look, list(chosen))
    z, log_ratio = (np.concatenate(each)[:count] for each in zip(*found, strict=True))
    first = [_integral(*each) for each in zip(z, log_ratio, peaks, strict=True)]
    return [
        integral
        if integral.good
        else weigh(density, integral.covering(mirrored), *some, mirrored=mirrored, points=points, seed=seed)
        for integral, some in zip(first, data, strict=True)
    ]


def weigh_function(
    log_density: Callable[[Float[np.ndarray, "point coordinate"]], Float[np.ndarray, " point"]],
    peak: Peak,
    *,
    points: int = POINTS,
    seed: int = 0,
) -> Integral:
    """The same of a function of many points, of no matter what make."""

    def look(proposal: Peak, directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        centre, root = np.asarray(proposal.centre), np.asarray(proposal.root)
        z = centre + directions[:, :-1] @ root.T
        log_proposal = np.asarray(_log_student(directions[:, :-1])) - np.linalg.slogdet(root)[1]
        ratio = log_density(z) - log_proposal
        return z, np.where(np.isfinite(ratio), ratio, -np.inf)

    return _rounds(look, peak, None, points, seed)


def _rounds(
    look: Callable[[Peak, np.ndarray], tuple[np.ndarray, np.ndarray]],
    peak: Peak,
    mirrored: int | None,
    points: int,
    seed: int,
) -> Integral:
    """Proposals, each fitted to what the one before has found, until one is good."""
    directions = _spherical(len(peak.centre), points, seed)
    for _ in range(ROUNDS - 1):
        integral = _integral(*look(peak, directions), peak)
        if integral.good:
            return integral
        peak = integral.covering(mirrored)
    return _integral(*look(peak, directions), peak)


def _integral(z: Float[np.ndarray, "point coordinate"], log_ratio: Float[np.ndarray, " point"], peak: Peak) -> Integral:
    total = special.logsumexp(log_ratio)
    if not np.isfinite(total):
        return Integral(-np.inf, np.inf, np.inf, z, np.full(len(z), -log(len(z))), peak)
    # ArviZ takes the negative of what it returns; weights of zero have no logarithm
    smoothed, k_hat = array_stats.psislw(-np.maximum(log_ratio - total, -700.0), axis=0)
    parts = special.logsumexp(log_ratio.reshape(SCRAMBLES, -1), axis=1)
    relative = np.exp(parts - parts.max())
    se = float(relative.std(ddof=1) / np.sqrt(SCRAMBLES) / relative.mean())
    return Integral(float(total - log(len(z))), se, float(k_hat), z, np.asarray(smoothed), peak)


@lru_cache(maxsize=64)
def _weighted(density: LogDensity, mirrored: int | None) -> Callable[..., tuple[Array, Array]]:
    """Compiled ``f(peak, directions, *data)``: points of the proposal, and ln of the density over the proposal's."""
    return jax.jit(partial(_evaluated, density, mirrored))


@lru_cache(maxsize=64)
def _mapped(density: LogDensity, mirrored: int | None) -> Callable[..., tuple[Array, Array]]:
    """The same of several peaks and data, with the same directions, one after the other."""

    def program(directions: Array, peaks: Peak, *data: Any) -> tuple[Array, Array]:
        return lax.map(lambda one: _evaluated(density, mirrored, one[0], directions, *one[1]), (peaks, data))

    return jax.jit(program)


def _evaluated(
    density: LogDensity, mirrored: int | None, peak: Peak, directions: Array, *data: Any
) -> tuple[Array, Array]:
    direct = directions[:, :-1]
    z = jnp.asarray(peak.centre) + direct @ peak.root.T
    log_proposal = _log_student(direct)
    if mirrored is not None:
        sign = jnp.where(jnp.arange(z.shape[1]) == mirrored, -1.0, 1.0)
        image = jnp.linalg.solve(peak.root, (sign * z - peak.centre).T).T
        log_proposal = jnp.logaddexp(log_proposal, _log_student(image)) - log(2.0)
        z = jnp.where(directions[:, -1:] < 0, sign * z, z)
    largest = max((leaf.size for leaf in jax.tree.leaves(data)), default=1)
    batch = int(np.clip(BLOCK // largest, 1, len(directions)))
    log_density = lax.map(lambda point: density(point, *data), z, batch_size=batch)
    log_volume = jnp.log(jnp.abs(jnp.linalg.det(peak.root)))
    ratio = log_density - (log_proposal - log_volume)
    return z, jnp.where(jnp.isfinite(ratio), ratio, -jnp.inf)


def _log_student(u: Float[Array | np.ndarray, "point coordinate"]) -> Float[Array, " point"]:
    size = u.shape[1]
    constant = lgamma(0.5 * (NU + size)) - lgamma(0.5 * NU) - 0.5 * size * log(NU * pi)
    return constant - 0.5 * (NU + size) * jnp.log1p((u**2).sum(axis=1) / NU)


def _spherical(size: int, points: int, seed: int) -> Float[np.ndarray, "point coordinate_and_side"]:
    """Points of the spherical law in ``size`` dimensions, turned at random, scramble after scramble; last, a sign."""
    made = _made(size, max(1, int(np.log2(points // SCRAMBLES))))
    return np.concatenate([made[:, :-1] @ _turns(size, 1, seed)[0], made[:, -1:]], axis=1)


def _turns(size: int, count: int, seed: int) -> Float[np.ndarray, "set coordinate coordinate"]:
    """Random orthogonal matrices."""
    if size == 1:
        return np.random.default_rng(seed).choice([-1.0, 1.0], size=(count, 1, 1))
    return stats.ortho_group.rvs(size, count, random_state=seed).reshape(count, size, size)


@lru_cache(maxsize=16)
def _made(size: int, exponent: int) -> Float[np.ndarray, "point coordinate_and_side"]:
    rng = np.random.default_rng(0)
    uniform = np.concatenate([qmc.Sobol(size + 2, rng=rng).random_base2(exponent) for _ in range(SCRAMBLES)])
    uniform = np.clip(uniform, 1e-12, 1.0 - 1e-12)
    radius = np.sqrt(NU / stats.chi2.ppf(uniform[:, -2], NU))
    direct = radius[:, None] * special.ndtri(uniform[:, :size])
    return np.concatenate([direct, np.where(uniform[:, -1:] < 0.5, -1.0, 1.0)], axis=1)
