"""Two species: the joint law of the pair, and the density of one of its levels."""

from __future__ import annotations

from math import log, pi

import jax
import jax.numpy as jnp
from jax import lax
from jax.scipy.special import erf, erfc
from jax.typing import ArrayLike
from jaxtyping import Array
from numpyro.distributions import constraints

from coulombfit.laws.pair.common import (
    LOG_FOUR_SQRT_PI,
    descending_pair,
    from_sum_and_spacing,
    log_spacing,
    random_level,
    repeat_for_levels,
    repulsion,
)
from coulombfit.laws.pair.widths import TwoWidths
from coulombfit.laws.validity import checked, nan_unless_valid
from coulombfit.numerics.quantile import symmetric_quantile

__all__ = ["TwoSpeciesDensity", "TwoSpeciesPair"]


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
        return repeat_for_levels(
            jnp.broadcast_to((1.5 - pi / 4.0 + 0.5 * self.asymmetry**2) * self.sigma_m**2, self.batch_shape)
        )


class TwoSpeciesDensity(TwoWidths):
    r"""Density of one level of a two-species pair (Eq. 32), in a form that cannot overflow.

    .. math::
        \rho(x) = \frac{1}{8\sqrt\pi\,\sigma_1\sigma_2\sigma_m} \sum_{i=1,2} \sigma_i^2\, e^{-u_j^2/2}
        \left[2 e^{-u_i^2/2} + \sqrt{2\pi}\,u_i\,\mathrm{erf}(u_i/\sqrt2)\right],
        \qquad u_i = \frac{x - \text{centre}}{\sigma_i},\ j \ne i

    The printed form of Eq. 32 multiplies exp(−σ_m²δx²/σ₁²σ₂²) by exp(+δx²/2σ_i²), which overflows for \|δx\| ≫ σ_i;
    here every term is positive and every exponent negative. Var x = σ_m²(3/2 + r²/2).

    :param centre: any shape, units of x.
    :param sigma_1: width of one species, broadcastable, units of x.
    :param sigma_2: width of the other species, broadcastable, units of x.
    """

    support = constraints.real

    def sample(self, key: jax.Array, sample_shape: tuple[int, ...] = ()) -> Array:
        key_pair, key_level = jax.random.split(key)
        pair = TwoSpeciesPair(self.centre, self.sigma_1, self.sigma_2)
        return random_level(key_level, pair.sample(key_pair, sample_shape))

    @checked
    def log_prob(self, value: ArrayLike) -> Array:
        dx = jnp.asarray(value) - self.centre
        u1, u2 = dx / self.sigma_1, dx / self.sigma_2
        log_norm = LOG_FOUR_SQRT_PI + log(2.0) + jnp.log(self.sigma_1) + jnp.log(self.sigma_2) + jnp.log(self.sigma_m)
        # the larger exponential goes before the sum, which then cannot vanish; one logarithm is faster than three
        a, b = -0.5 * u2**2, -0.5 * u1**2
        larger = jnp.where(a > b, a, b)
        first = self.sigma_1**2 * jnp.exp(a - larger) * repulsion(u1)
        second = self.sigma_2**2 * jnp.exp(b - larger) * repulsion(u2)
        return jnp.log(first + second) + larger - log_norm

    @property
    def mean(self) -> Array:
        return jnp.broadcast_to(self.centre, self.batch_shape)

    @property
    def variance(self) -> Array:
        return jnp.broadcast_to((1.5 + 0.5 * self.asymmetry**2) * self.sigma_m**2, self.batch_shape)

    @nan_unless_valid
    def cdf(self, value: ArrayLike) -> Array:
        dx = jnp.asarray(value) - self.centre
        u1, u2 = dx / self.sigma_1, dx / self.sigma_2
        correction = self.sigma_1 * jnp.exp(-0.5 * u1**2) * erf(u2 / jnp.sqrt(2.0))
        correction += self.sigma_2 * jnp.exp(-0.5 * u2**2) * erf(u1 / jnp.sqrt(2.0))
        whole = 0.5 * erfc(-dx * self.sigma_m / (self.sigma_1 * self.sigma_2))
        return whole - jnp.sqrt(2.0) / 8.0 * correction / self.sigma_m

    @nan_unless_valid
    def icdf(self, q: ArrayLike) -> Array:
        return symmetric_quantile(self, q, jnp.maximum(self.sigma_1, self.sigma_2))
