"""Integrals of smooth densities in a few dimensions, by importance sampling from a heavy-tailed Laplace approximation.

The proposal is a multivariate Student t about the mode, with the curvature there as its scale; its points are those
of :mod:`coulombfit.samplers.student_points`. Where the density is even in one coordinate, so is the proposal: half is
mirrored. Where the weights' Pareto k̂ is above GOOD, or few points carry the weight, or the spread of the points is not
yet known well, the proposal is fitted anew to the weighted points; what is left is reported, and judged by the caller.

An integral depends on its own data and the seed alone: the points are turned by a stream of the two, and always
evaluated in the same portions, on however many cores and beside however many others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from math import log
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from arviz_stats.base import array_stats
from jax import lax
from jaxtyping import Array, Float
from scipy import special

from coulombfit.runtime.parallel import Call, side_by_side
from coulombfit.runtime.seeds import fingerprint_of, generator_for
from coulombfit.samplers.newton import LogDensity, Peak, peak_of
from coulombfit.samplers.student_points import SCRAMBLES, log_student, random_rotation, student_points

__all__ = ["POINTS", "RELIABLE", "Integral", "Mirror", "integrate", "weigh", "weigh_function", "weigh_many"]

POINTS = 4096
"""Points of an integral; its standard error falls as their number grows, its time grows in proportion."""
GOOD = 0.4
"""Largest Pareto k̂ with which a proposal is kept. Smaller: more proposals are refitted, which takes time."""
EFFICIENT = 0.3
"""Least share of effective points, 1/Σw² over their number, with which a proposal is kept; a Gaussian has 0.92."""
RELIABLE = 0.7
"""Pareto k̂ above which an integral is not to be trusted (Vehtari et al., arXiv:1507.02646)."""
ROUNDS = 4
"""Most proposals that are tried, the first included; what the last one leaves is reported as it is."""
PORTIONS = 4
"""Compiled calls that the points of an integral are spread over."""
BLOCK = 2**14
"""Numbers that a law is evaluated at in one go: few enough to stay in the cache."""


Mirror = int | tuple[int, ...] | None
"""The coordinate under whose change of sign a density is even, or those under whose common change; None for none."""


class _Proposal(NamedTuple):
    """The law of centre + root · u, u spherical; with the inverse of root and ln \\|det root\\|."""

    centre: Float[np.ndarray, " coordinate"]
    root: Float[np.ndarray, "coordinate coordinate"]
    inverse: Float[np.ndarray, "coordinate coordinate"]
    log_volume: np.ndarray

    @classmethod
    def about(cls, peak: Peak, turned: Float[np.ndarray, "coordinate coordinate"]) -> _Proposal:
        root = np.asarray(peak.root) @ turned
        return cls(np.asarray(peak.centre), root, np.linalg.inv(root), np.asarray(np.linalg.slogdet(root)[1]))


@dataclass(frozen=True, eq=False)
class Integral:
    """∫ f: ``log_value``, its standard error ``se``, Pareto ``k_hat`` of the weights, and weighted points of f.

    ``log_weights`` are normalised: their exponentials sum to 1. ``peak`` is the proposal that the points came from,
    ``label`` what the integral is of, which keeps its random numbers apart from others.
    """

    log_value: float
    se: float
    k_hat: float
    points: Float[np.ndarray, "point coordinate"]
    log_weights: Float[np.ndarray, " point"]
    peak: Peak
    label: str = ""

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
        """:attr:`effective` as a share of all points; about 0.92 for a Gaussian."""
        return self.effective / len(self.points)

    @property
    def good(self) -> bool:
        """Whether the proposal is kept: k̂ at most GOOD, and efficiency at least EFFICIENT."""
        return self.k_hat <= GOOD and self.efficiency >= EFFICIENT

    def covering(self, mirrored: Mirror = None) -> Peak:
        """Mean and covariance of f as a peak; of one half of it, where it is even in a coordinate."""
        weights = np.exp(self.log_weights)
        z = side = self.points
        if mirrored is not None:
            axes = np.atleast_1d(mirrored)
            # to the side on which the first of them is positive
            flip = np.isin(np.arange(z.shape[1]), axes) & (z[:, axes[:1]] < 0)
            side = np.where(flip, -z, z)
        centre = weights @ side
        covariance = (weights[:, None] * (side - centre)).T @ (side - centre)
        values, vectors = np.linalg.eigh(covariance)
        # a few points that carry all the weight may span no volume
        return Peak(centre, vectors * np.sqrt(np.maximum(values, 1e-6 * values.max())))

    def resample(self, draws: int, seed: int) -> Float[np.ndarray, "draw coordinate"]:
        """Equally weighted points, by systematic resampling, in random order."""
        rng = generator_for(seed, "resampling", self.label)
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
    mirrored: Mirror = None,
    points: int = POINTS,
    seed: int = 0,
) -> Integral:
    """Ln ∫ exp f over all coordinates, with f = ``density(point, *data)``.

    :param start: where to begin the search for the mode; off the mirror, where there is one.
    :param data: arrays that f needs; JAX compiles once for each of their shapes.
    :param mirrored: the coordinate under whose change of sign f is even, or several that change together.
    :param points: evaluations of f in a round, rounded down to SCRAMBLES powers of two.
    """
    return weigh(density, peak_of(density, start, *data), *data, mirrored=mirrored, points=points, seed=seed)


def weigh(
    density: LogDensity, peak: Peak, *data: Any, mirrored: Mirror = None, points: int = POINTS, seed: int = 0
) -> Integral:
    """Points of proposals about a peak, weighted by a density."""
    return weigh_many(density, [peak], [data], mirrored=mirrored, points=points, seed=seed)[0]


def weigh_many(
    density: LogDensity,
    peaks: Sequence[Peak],
    data: Sequence[tuple[Any, ...]],
    *,
    mirrored: Mirror = None,
    points: int = POINTS,
    seed: int = 0,
) -> list[Integral]:
    """:func:`weigh` for many sets of data, on all cores."""
    program = _weigher(density, mirrored)

    def evaluate(proposals: dict[int, _Proposal]) -> list[tuple[np.ndarray, np.ndarray]]:
        found = side_by_side(
            Call(program, (one, portion, *data[k]))
            for k, one in proposals.items()
            for portion in np.split(student_points(len(one.centre), points), PORTIONS)
        )
        return [_join_portions(found[i : i + PORTIONS]) for i in range(0, len(found), PORTIONS)]

    labels = [fingerprint_of(*jax.tree.leaves(some)) for some in data]
    return _improve_proposals(evaluate, peaks, labels, mirrored, seed)


def weigh_function(
    log_density: Callable[[Float[np.ndarray, "point coordinate"]], Float[np.ndarray, " point"]],
    peak: Peak,
    label: str,
    *,
    points: int = POINTS,
    seed: int = 0,
) -> Integral:
    """:func:`weigh` for a function of many points at once, in JAX or NumPy; ``label`` tells its data from others."""
    directions = student_points(len(peak.centre), points)[:, :-1]

    def evaluate(proposals: dict[int, _Proposal]) -> list[tuple[np.ndarray, np.ndarray]]:
        (proposal,) = proposals.values()
        z = proposal.centre + directions @ proposal.root.T
        ratio = log_density(z) - (np.asarray(log_student(directions)) - proposal.log_volume)
        return [(z, np.where(np.isfinite(ratio), ratio, -np.inf))]

    return _improve_proposals(evaluate, [peak], [label], None, seed)[0]


def _improve_proposals(
    evaluate: Callable[[dict[int, _Proposal]], list[tuple[np.ndarray, np.ndarray]]],
    peaks: Sequence[Peak],
    labels: Sequence[str],
    mirrored: Mirror,
    seed: int,
) -> list[Integral]:
    """Proposals, each fitted to what the one before has found, until one is good."""
    left = dict(enumerate(peaks))
    found: dict[int, Integral] = {}
    for attempt in range(ROUNDS):
        proposals = {
            k: _Proposal.about(peak, random_rotation(len(peak.centre), generator_for(seed, "turn", attempt, labels[k])))
            for k, peak in left.items()
        }
        for (k, peak), (z, log_ratio) in zip(left.items(), evaluate(proposals), strict=True):
            found[k] = _integral(z, log_ratio, peak, labels[k])
        left = {k: found[k].covering(mirrored) for k in left if not found[k].good}
        if not left:
            break
    return [found[k] for k in range(len(peaks))]


def _integral(
    z: Float[np.ndarray, "point coordinate"], log_ratio: Float[np.ndarray, " point"], peak: Peak, label: str
) -> Integral:
    total = special.logsumexp(log_ratio)
    if not np.isfinite(total):
        return Integral(-np.inf, np.inf, np.inf, z, np.full(len(z), -log(len(z))), peak, label)
    # ArviZ takes the negative of what it returns; weights of zero have no logarithm
    smoothed, k_hat = array_stats.psislw(-np.maximum(log_ratio - total, -700.0), axis=0)
    parts = special.logsumexp(log_ratio.reshape(SCRAMBLES, -1), axis=1)
    relative = np.exp(parts - parts.max())
    se = float(relative.std(ddof=1) / np.sqrt(SCRAMBLES) / relative.mean())
    return Integral(float(total - log(len(z))), se, float(k_hat), z, np.asarray(smoothed), peak, label)


def _join_portions(portions: Sequence[tuple[Array, Array]]) -> tuple[np.ndarray, np.ndarray]:
    z, log_ratio = zip(*portions, strict=True)
    return np.concatenate(z), np.concatenate(log_ratio)


@lru_cache(maxsize=64)
def _weigher(density: LogDensity, mirrored: Mirror) -> Callable[..., tuple[Array, Array]]:
    """Compiled ``f(proposal, directions, *data)``: its points, and ln of the density over the proposal's."""
    return jax.jit(partial(_weigh_points, density, mirrored))


def _weigh_points(
    density: LogDensity, mirrored: Mirror, proposal: _Proposal, directions: Array, *data: Any
) -> tuple[Array, Array]:
    direct = directions[:, :-1]
    z = jnp.asarray(proposal.centre) + direct @ proposal.root.T
    log_proposal = log_student(direct)
    if mirrored is not None:
        sign = jnp.where(np.isin(np.arange(z.shape[1]), np.atleast_1d(mirrored)), -1.0, 1.0)
        image = (sign * z - proposal.centre) @ proposal.inverse.T
        log_proposal = jnp.logaddexp(log_proposal, log_student(image)) - log(2.0)
        z = jnp.where(directions[:, -1:] < 0, sign * z, z)
    largest = max((leaf.size for leaf in jax.tree.leaves(data)), default=1)
    batch = int(np.clip(BLOCK // largest, 1, len(directions)))
    log_density = lax.map(lambda point: density(point, *data), z, batch_size=batch)
    ratio = log_density - (log_proposal - proposal.log_volume)
    return z, jnp.where(jnp.isfinite(ratio), ratio, -jnp.inf)
