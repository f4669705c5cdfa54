"""Joint laws of a (near-)degenerate pair of levels, the unit of observation.

Convention of all three laws: an event is the *ordered* pair ``(x1, x2)`` with ``x1 > x2``, shape ``(2,)``; densities
are normalised over that half-plane, so they are twice the density of an unordered pair. β = 1 (real weight matrices).
Widths are those of :mod:`coulombfit.laws.parameters`.
"""

from __future__ import annotations

from math import log, pi

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.typing import ArrayLike
from jaxtyping import Array, Float
from numpyro.distributions import biject_to, constraints, transforms

from coulombfit.laws.parameters import OneWidth, TwoWidths, checked

__all__ = ["GaussianPair", "OneSpeciesPair", "TwoSpeciesPair", "descending_pair"]

LOG_FOUR_SQRT_PI = log(4.0) + 0.5 * log(pi)


class _DescendingPair(constraints.ParameterFreeConstraint):
    """Pairs ``(x1, x2)`` with ``x1 > x2``."""

    event_dim = 1

    def __call__(self, x: Array | np.ndarray) -> Array | np.ndarray:
        return x[..., 0] > x[..., 1]

    # a class that defines equality, as NumPyro's does, has lost its hash
    def __hash__(self) -> int:
        return hash(type(self))

    def feasible_like(self, prototype: Array) -> Array:
        return jnp.broadcast_to(jnp.array([1.0, 0.0], dtype=prototype.dtype), prototype.shape)


descending_pair = _DescendingPair()
"""The support of the laws of a pair as a NumPyro constraint: real x₁ > x₂, event shape (2,)."""


class _ToDescendingPair(transforms.ComposeTransform):
    """Real vectors onto the support, which is where its last part alone would not say that it ends."""

    codomain = descending_pair


@biject_to.register(type(descending_pair))
def _from_unconstrained(constraint: constraints.Constraint) -> transforms.Transform:
    return _ToDescendingPair([transforms.OrderedTransform(), transforms.PermuteTransform(jnp.array([1, 0]))])


def log_spacing(x: Float[Array, "*batch 2"]) -> Float[Array, "*batch"]:
    """``ln(x1 - x2)``: the Vandermonde factor, minus infinity off the support without a NaN in its gradient."""
    spacing = x[..., 0] - x[..., 1]
    inside = spacing > 0
    return jnp.where(inside, jnp.log(jnp.where(inside, spacing, 1.0)), -jnp.inf)


def from_sum_and_spacing(centre: ArrayLike, total: Array, spacing: Array) -> Array:
    """Levels from ``R = x1 + x2 - 2 centre`` and ``S = x1 - x2``."""
    return jnp.stack([centre + 0.5 * (total + spacing), centre + 0.5 * (total - spacing)], axis=-1)


def alike(values: Float[Array, "*batch"]) -> Float[Array, "*batch 2"]:
    """The same for both levels."""
    return jnp.stack([values, values], axis=-1)


class GaussianPair(OneWidth):
    r"""Two levels that do not repel: the null hypothesis.

    .. math:: p(x_1 > x_2) = \frac{1}{\pi\sigma^2}\, e^{-(\delta x_1^2 + \delta x_2^2) / 2\sigma^2}

    :param centre: common centre, any shape, units of x.
    :param sigma: width, broadcastable with ``centre``, units of x.
    """

    event = (2,)
    support = descending_pair

    def sample(self, key: jax.Array, sample_shape: tuple[int, ...] = ()) -> Array:
        noise = jax.random.normal(key, (*sample_shape, *self.batch_shape, 2))
        levels = jnp.asarray(self.centre)[..., None] + jnp.asarray(self.sigma)[..., None] * noise
        return jnp.flip(jnp.sort(levels, axis=-1), axis=-1)

    @checked
    def log_prob(self, value: ArrayLike) -> Array:
        value = jnp.asarray(value)
        u1, u2 = (value[..., 0] - self.centre) / self.sigma, (value[..., 1] - self.centre) / self.sigma
        inside = value[..., 0] > value[..., 1]
        log_density = -log(pi) - 2.0 * jnp.log(self.sigma) - 0.5 * (u1**2 + u2**2)
        return jnp.where(inside, log_density, -jnp.inf)

    @property
    def mean(self) -> Array:
        return from_sum_and_spacing(self.centre, jnp.zeros_like(self.sigma), 2.0 / jnp.sqrt(pi) * self.sigma)

    @property
    def variance(self) -> Array:
        return alike(jnp.broadcast_to((1.0 - 1.0 / pi) * self.sigma**2, self.batch_shape))


class OneSpeciesPair(OneWidth):
    r"""One species: the Coulomb gas of two levels in one harmonic potential (Eq. 7 with N = 2).

    .. math:: p(x_1 > x_2) = \frac{x_1 - x_2}{2\sqrt\pi\,\sigma^3}\, e^{-(\delta x_1^2 + \delta x_2^2) / 2\sigma^2}

    The spacing S is Rayleigh distributed with scale √2 σ and independent of R = δx₁ + δx₂ ~ N(0, 2σ²), which is how
    :meth:`sample` draws.

    :param centre: common centre, any shape, units of x.
    :param sigma: width, broadcastable with ``centre``, units of x.
    """

    event = (2,)
    support = descending_pair

    def sample(self, key: jax.Array, sample_shape: tuple[int, ...] = ()) -> Array:
        key_spacing, key_total = jax.random.split(key)
        shape = (*sample_shape, *self.batch_shape)
        spacing = 2.0 * self.sigma * jnp.sqrt(jax.random.exponential(key_spacing, shape))
        total = jnp.sqrt(2.0) * self.sigma * jax.random.normal(key_total, shape)
        return from_sum_and_spacing(self.centre, total, spacing)

    @checked
    def log_prob(self, value: ArrayLike) -> Array:
        value = jnp.asarray(value)
        u1, u2 = (value[..., 0] - self.centre) / self.sigma, (value[..., 1] - self.centre) / self.sigma
        log_norm = LOG_FOUR_SQRT_PI - log(2.0) + 3.0 * jnp.log(self.sigma)
        return log_spacing(value) - log_norm - 0.5 * (u1**2 + u2**2)

    @property
    def mean(self) -> Array:
        return from_sum_and_spacing(self.centre, jnp.zeros_like(self.sigma), jnp.sqrt(pi) * self.sigma)

    @property
    def variance(self) -> Array:
        return alike(jnp.broadcast_to((1.5 - pi / 4.0) * self.sigma**2, self.batch_shape))


class TwoSpeciesPair(TwoWidths):
    r"""Two species: the labelled Coulomb gas of Eq. 29, seen without its labels.

    .. math::
        p(x_1 > x_2) = \frac{x_1 - x_2}{4\sqrt\pi\,\sigma_1\sigma_2\sigma_m} \left[
            e^{-\delta x_1^2 / 2\sigma_1^2 - \delta x_2^2 / 2\sigma_2^2} +
            e^{-\delta x_1^2 / 2\sigma_2^2 - \delta x_2^2 / 2\sigma_1^2} \right],
        \qquad \sigma_m^2 = \tfrac12(\sigma_1^2 + \sigma_2^2)

    A spectrum does not say which level belongs to which species, so the two labellings are summed; the law is symmetric
    under σ₁ ↔ σ₂ and its order of arguments carries no meaning. The labelled spacing, S with a random sign, satisfies
    R | S ~ N(rS, 2σ_m²(1 − r²)) with r = (σ₁² − σ₂²)/(σ₁² + σ₂²), and \|S\| follows the Wigner surmise of σ_m (Eq. 31).

    :param centre: common centre, any shape, units of x.
    :param sigma_1: width of one species, broadcastable, units of x.
    :param sigma_2: width of the other species, broadcastable, units of x.
    """

    event = (2,)
    support = descending_pair

    def sample(self, key: jax.Array, sample_shape: tuple[int, ...] = ()) -> Array:
        key_spacing, key_label, key_total = jax.random.split(key, 3)
        shape = (*sample_shape, *self.batch_shape)
        spacing = 2.0 * self.sigma_m * jnp.sqrt(jax.random.exponential(key_spacing, shape))
        labelled = spacing * jax.random.rademacher(key_label, shape, dtype=spacing.dtype)
        # sd of R given S is √2 σ_m √(1 − r²) = √2 σ₁σ₂/σ_m, written without the cancellation at r → 1
        spread = jnp.sqrt(2.0) * self.sigma_1 * self.sigma_2 / self.sigma_m
        total = self.asymmetry * labelled + spread * jax.random.normal(key_total, shape)
        return from_sum_and_spacing(self.centre, total, spacing)

    @checked
    def log_prob(self, value: ArrayLike) -> Array:
        value = jnp.asarray(value)
        dx1, dx2 = value[..., 0] - self.centre, value[..., 1] - self.centre
        log_norm = LOG_FOUR_SQRT_PI + jnp.log(self.sigma_1) + jnp.log(self.sigma_2) + jnp.log(self.sigma_m)
        labelling_12 = -0.5 * ((dx1 / self.sigma_1) ** 2 + (dx2 / self.sigma_2) ** 2)
        labelling_21 = -0.5 * ((dx1 / self.sigma_2) ** 2 + (dx2 / self.sigma_1) ** 2)
        # half as long as jnp.logaddexp, and as exact beside the other terms
        larger = lax.stop_gradient(jnp.maximum(labelling_12, labelling_21))
        either = larger + jnp.log(jnp.exp(labelling_12 - larger) + jnp.exp(labelling_21 - larger))
        return log_spacing(value) - log_norm + either

    @property
    def mean(self) -> Array:
        return from_sum_and_spacing(self.centre, jnp.zeros_like(self.sigma_m), jnp.sqrt(pi) * self.sigma_m)

    @property
    def variance(self) -> Array:
        # ¼ (Var R + Var S): the two labellings make R and S uncorrelated
        return alike(jnp.broadcast_to((1.5 - pi / 4.0 + 0.5 * self.asymmetry**2) * self.sigma_m**2, self.batch_shape))
