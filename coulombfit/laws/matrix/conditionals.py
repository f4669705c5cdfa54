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
from jax.scipy.special import ndtri
from jaxtyping import Array, Float

from coulombfit.laws.matrix.neighbours import FAR, Neighbourhood
from coulombfit.laws.matrix.repulsion import Repulsion

__all__ = ["Potentials", "information", "log_conditionals", "normal_scores"]

NODES = 32
"""Gauss–Legendre nodes between neighbours: a lone Gaussian level is normalised to 3e-12. Where β is no whole number,
d^β at the ends costs digits: 1e-4 is left at β = 0.3, 1e-7 at 1.3."""
REACH = 8.0
"""Half width of the interval of integration in σ, where neighbours are further off."""

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(NODES)


class Potentials(NamedTuple):
    """Numbers of the law: ``centres`` and ``variances`` σ², (level,), units of x and x²; ``beta``."""

    centres: Float[Array, " level"]
    variances: Float[Array, " level"]
    beta: Float[Array, ""]


def log_conditionals(repulsion: Repulsion, law: Potentials, data: Neighbourhood) -> Float[Array, "level run"]:
    """Ln p(x_i | all other levels of the run), each a normalised density of x_i between its neighbours."""

    def one(each: tuple[Array, Neighbourhood]) -> Array:
        *_, log_p = _conditional(repulsion, law, *each)
        return log_p

    return lax.map(one, (jnp.arange(len(data.x)), data))


def information(
    repulsion: Repulsion, law: Potentials, data: Neighbourhood
) -> tuple[Float[Array, ""], Float[Array, "run local"], Float[Array, "local local"]]:
    """Ln of the pseudo-likelihood of all runs, the score of each run, and the information Σ Var F of all.

    Coordinates: all centres, all σ², β.
    """
    levels, runs = data.x.shape
    size = 2 * levels + 1

    def add(
        totals: tuple[Array, Array, Array], each: tuple[Array, Neighbourhood]
    ) -> tuple[tuple[Array, Array, Array], None]:
        (log_total, scores, matrix), (level, one) = totals, each
        features, at_level, weights, log_p = _conditional(repulsion, law, level, one)
        own, others = jnp.array([level, levels + level]), jnp.concatenate([one.which, levels + one.which])
        place = jnp.concatenate([own, others, jnp.array([2 * levels])])
        mean = jnp.einsum("rqf,rq->rf", features, weights)
        apart = (features - mean[:, None]) * jnp.sqrt(weights)[..., None]
        flat = apart.reshape(-1, apart.shape[-1])
        return (
            log_total + log_p.sum(),
            scores.at[:, place].add(at_level - mean),
            matrix.at[place[:, None], place].add(flat.T @ flat),
        ), None

    start = (jnp.zeros(()), jnp.zeros((runs, size)), jnp.zeros((size, size)))
    return lax.scan(add, start, (jnp.arange(levels), data))[0]


def normal_scores(repulsion: Repulsion, law: Potentials, data: Neighbourhood) -> Float[Array, "level run"]:
    """Φ⁻¹ of where each level lies in its conditional: standard normal over runs where the law is true."""

    def one(each: tuple[Array, Neighbourhood]) -> Array:
        level, data = each
        lower, upper = _window(law, level, data)

        def log_integral(low: Array, high: Array) -> Array:
            points, log_weights = _nodes_between(low, high)
            log, _ = _unnormalised(repulsion, law, level, data, points)
            return jax.nn.logsumexp(log + log_weights, axis=1)

        place = jnp.clip(data.x, lower, upper)
        tiny = 1e-12 * (upper - lower)
        below = log_integral(lower, jnp.maximum(place, lower + tiny))
        above = log_integral(jnp.minimum(place, upper - tiny), upper)
        # the smaller of the two tails, so that neither is lost beside the other
        share = jnp.exp(jnp.minimum(below, above) - jnp.logaddexp(below, above))
        return jnp.sign(below - above) * -ndtri(jnp.clip(share, 1e-300, 0.5))

    return lax.map(one, (jnp.arange(len(data.x)), data))


# Below, data are those of one level: of each field of a Neighbourhood what belongs to it.


def _window(law: Potentials, level: Array, data: Neighbourhood) -> tuple[Array, Array]:
    """Where a level may lie: between its neighbours, no further than REACH widths from where it is most likely."""
    low, high = data.between[:, 0], data.between[:, 1]
    middle, reach = jnp.clip(law.centres[level], low, high), REACH * jnp.sqrt(law.variances[level])
    return jnp.maximum(low, middle - reach), jnp.minimum(high, middle + reach)


def _nodes_between(
    low: Float[Array, " run"], high: Float[Array, " run"]
) -> tuple[Float[Array, "run node"], Float[Array, "run node"]]:
    """Places of the nodes, and ln of their weights."""
    half = 0.5 * (high - low)[:, None]
    return 0.5 * (high + low)[:, None] + half * _NODES, jnp.log(_WEIGHTS) + jnp.log(half)


def _unnormalised(
    repulsion: Repulsion, law: Potentials, level: Array, data: Neighbourhood, points: Float[Array, "run point"]
) -> tuple[Float[Array, "run point"], Float[Array, "run point local"]]:
    """Ln of the conditional without its normaliser, and its derivatives: in c and σ² of the level, in those of its
    neighbours, and in β."""
    c, v = law.centres[level], law.variances[level]
    below = jnp.where(data.which > level, 1.0, -1.0)
    distance = jnp.where(data.there > 0, below * (points[..., None] - data.near[:, None]), 1.0)
    gap = jnp.broadcast_to(below * (c - law.centres[data.which]), distance.shape)
    factor = repulsion.factor(distance, gap, v + law.variances[data.which], law.beta)
    # nested: t (s₁ + t (−s₂/2 + …))
    shift, orders = points - data.x[:, None], np.arange(1, FAR + 1)
    sums = data.far * (-1.0) ** (orders + 1) / orders
    series = jnp.zeros_like(shift)
    for m in reversed(range(FAR)):
        series = (series + sums[:, m : m + 1]) * shift
    u = (points - c) / v
    log = -0.5 * v * u**2 + (data.there * factor.log).sum(axis=-1) + repulsion.exponent(law.beta) * series
    by_gap, by_variance = data.there * below * factor.by_gap, data.there * factor.by_variance
    own = jnp.stack([u + by_gap.sum(axis=-1), 0.5 * u**2 + by_variance.sum(axis=-1)], axis=-1)
    by_beta = (data.there * factor.by_beta).sum(axis=-1) + repulsion.far_by_beta * series
    return log, jnp.concatenate([own, -by_gap, by_variance, by_beta[..., None]], axis=-1)


def _conditional(
    repulsion: Repulsion, law: Potentials, level: Array, data: Neighbourhood
) -> tuple[Array, Array, Array, Float[Array, " run"]]:
    """Features F at the nodes (run, node, local) and at the level (run, local), weights of the nodes, and ln p."""
    nodes, log_of_node = _nodes_between(*_window(law, level, data))
    points = jnp.concatenate([data.x[:, None], nodes], axis=1)
    log, features = _unnormalised(repulsion, law, level, data, points)
    log_weights = log[:, 1:] + log_of_node
    log_norm = jax.nn.logsumexp(log_weights, axis=1)
    weights = jnp.exp(log_weights - log_norm[:, None])
    return features[:, 1:], features[:, 0], weights, log[:, 0] - log_norm
