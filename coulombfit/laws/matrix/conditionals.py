r"""One level given all others: the conditionals of a law of many levels whose normaliser nobody knows.

.. math:: p(x_1 > \dots > x_N) \propto \prod_{i<j} f(x_i - x_j) \; e^{-\sum_i (x_i - c_i)^2 / 2\sigma_i^2}

with f a factor of :mod:`coulombfit.laws.matrix.repulsion`. Given its neighbours, a level lies between them, and its
density there is a product of the terms that it is part of, normalised by one integral. The product of all conditionals
is Besag's pseudo-likelihood (J. R. Stat. Soc. B 36, 1974): it has the right maximum, and a spread to be found from the
runs.

Near neighbours enter as they are. Of those further off the product is d^p, whose logarithm is expanded about the
level's own place, Σ_j ln |x − x_j| ≈ const + Σ_m (−1)^(m+1) t^m/m Σ_j (x_i − x_j)^−m, t = x − x_i, to FAR orders.

Every conditional is an exponential-like family: with F the derivatives of its unnormalised logarithm, the score is
F(x_i) − ⟨F⟩ and the information of one run Var F, both by the same quadrature.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Int

from coulombfit.laws.matrix.repulsion import Repulsion

__all__ = ["Neighbourhood", "Potentials", "information", "log_conditionals"]

NODES = 32
"""Gauss–Legendre nodes between neighbours: a lone Gaussian level is normalised to 3e-12."""
REACH = 8.0
"""Half width of the interval of integration in σ, where neighbours are further off."""
FAR = 4
"""Orders of the expansion for neighbours far off."""

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(NODES)


class Potentials(NamedTuple):
    """Numbers of the law: ``centres`` and ``variances`` σ², (level,), units of x and x²; ``beta``."""

    centres: Float[Array, " level"]
    variances: Float[Array, " level"]
    beta: Float[Array, ""]


class Neighbourhood(NamedTuple):
    """Levels laid out level by level, with their near neighbours and what is left of those far off.

    ``near`` (level, run, 2K), those above first; ``which`` (level, 2K) their numbers and ``there`` whether there is one;
    ``between`` (level, run, 2), the next level below and above, infinite where there is none; ``far``
    (level, run, FAR), Σ_j (x_i − x_j)^−m.
    """

    x: Float[Array, "level run"]
    near: Float[Array, "level run neighbour"]
    which: Int[Array, "level neighbour"]
    there: Float[Array, "level neighbour"]
    between: Float[Array, "level run 2"]
    far: Float[Array, "level run order"]

    @classmethod
    def of(cls, x: Float[Array | np.ndarray, "run level"], near: int) -> Neighbourhood:
        """Of spectra in descending order, with the next levels above and below as near neighbours.

        :param near: how many on either side.
        """
        x = jnp.asarray(x)
        levels = x.shape[1]
        near = min(near, levels - 1)
        offsets = np.array([*range(-near, 0), *range(1, near + 1)], dtype=int)
        which = np.arange(levels)[:, None] + offsets
        there = (which >= 0) & (which < levels)
        which = np.where(there, which, np.arange(levels)[:, None])
        by_level = jnp.moveaxis(x, 1, 0)
        ends = jnp.full((1, x.shape[0]), jnp.inf)
        between = jnp.stack(
            [jnp.concatenate([by_level[1:], -ends]), jnp.concatenate([ends, by_level[:-1]])], axis=-1
        )

        def sum_far(level: Array) -> Array:
            off = jnp.abs(jnp.arange(levels) - level) > near
            inverse = jnp.where(off, 1.0 / jnp.where(off, x[:, level][:, None] - x, 1.0), 0.0)
            return jnp.stack([(inverse**m).sum(axis=1) for m in range(1, FAR + 1)], axis=-1)

        far = lax.map(sum_far, jnp.arange(levels)) if near < levels - 1 else jnp.zeros((*by_level.shape, FAR))
        return cls(by_level, jnp.moveaxis(by_level[which], 1, 2), which, there.astype(float), between, far)


def log_conditionals(
    repulsion: Repulsion, law: Potentials, data: Neighbourhood
) -> Float[Array, "level run"]:
    """Ln p(x_i | all other levels of the run), each a normalised density of x_i between its neighbours."""

    def one(each: tuple[Array, ...]) -> Array:
        *_, log_p = _conditional(repulsion, law, *each)
        return log_p

    return lax.map(one, (jnp.arange(len(data.x)), *data))


def information(
    repulsion: Repulsion, law: Potentials, data: Neighbourhood
) -> tuple[Float[Array, ""], Float[Array, "run local"], Float[Array, "local local"]]:
    """Ln of the pseudo-likelihood of all runs, the score of each run, and the information Σ Var F of all.

    Coordinates: all centres, all σ², β.
    """
    levels, runs = data.x.shape
    size = 2 * levels + 1

    def add(totals: tuple[Array, Array, Array], each: tuple[Array, ...]) -> tuple[tuple[Array, Array, Array], None]:
        log_total, scores, matrix = totals
        level, _, _, which, *_ = each
        features, at_level, weights, log_p = _conditional(repulsion, law, *each)
        place = jnp.concatenate([jnp.array([level, levels + level]), which, levels + which, jnp.array([2 * levels])])
        mean = jnp.einsum("rqf,rq->rf", features, weights)
        apart = (features - mean[:, None]) * jnp.sqrt(weights)[..., None]
        flat = apart.reshape(-1, apart.shape[-1])
        return (
            log_total + log_p.sum(),
            scores.at[:, place].add(at_level - mean),
            matrix.at[place[:, None], place].add(flat.T @ flat),
        ), None

    start = (jnp.zeros(()), jnp.zeros((runs, size)), jnp.zeros((size, size)))
    return lax.scan(add, start, (jnp.arange(levels), *data))[0]


def _conditional(
    repulsion: Repulsion,
    law: Potentials,
    level: Array,
    x: Float[Array, " run"],
    near: Float[Array, "run neighbour"],
    which: Int[Array, " neighbour"],
    there: Float[Array, " neighbour"],
    between: Float[Array, "run 2"],
    far: Float[Array, "run order"],
) -> tuple[Array, Array, Array, Float[Array, " run"]]:
    """Features F at the nodes (run, node, local) and at the level (run, local), weights of the nodes, and ln p."""
    c, v = law.centres[level], law.variances[level]
    low, high = between[:, 0], between[:, 1]
    middle, reach = jnp.clip(c, low, high), REACH * jnp.sqrt(v)
    lower, upper = jnp.maximum(low, middle - reach), jnp.minimum(high, middle + reach)
    half = 0.5 * (upper - lower)[:, None]
    nodes = 0.5 * (upper + lower)[:, None] + half * _NODES
    points = jnp.concatenate([x[:, None], nodes], axis=1)
    below = jnp.where(which > level, 1.0, -1.0)
    distance = jnp.where(there > 0, below * (points[..., None] - near[:, None]), 1.0)
    # of a level outside the order in which centres put it, as in a search, distances stay positive
    gap = below * (c - law.centres[which])
    factor = repulsion.factor(distance, gap + jnp.zeros_like(distance), v + law.variances[which], law.beta)
    u = points - c
    shift = points - x[:, None]
    orders = jnp.arange(1, FAR + 1)
    sums = far / orders * (-1.0) ** (orders + 1)
    series = jnp.zeros_like(shift)
    for m in reversed(range(FAR)):
        series = (series + sums[:, m : m + 1]) * shift
    exponent = repulsion.exponent(law.beta)
    log = -0.5 * u**2 / v + (there * factor.log).sum(axis=-1) + exponent * series
    by_gap, by_variance = there * below * factor.by_gap, there * factor.by_variance
    features = jnp.concatenate(
        [
            (u / v + by_gap.sum(axis=-1))[..., None],
            (0.5 * (u / v) ** 2 + by_variance.sum(axis=-1))[..., None],
            -by_gap,
            by_variance,
            ((there * factor.by_beta).sum(axis=-1) + series)[..., None],
        ],
        axis=-1,
    )
    log_weights = log[:, 1:] + jnp.log(_WEIGHTS) + jnp.log(half)
    log_norm = jax.nn.logsumexp(log_weights, axis=1)
    weights = jnp.exp(log_weights - log_norm[:, None])
    return features[:, 1:], features[:, 0], weights, log[:, 0] - log_norm
