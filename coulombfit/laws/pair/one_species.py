"""One species: the joint law of the pair, and the N = 2 Wigner "semicircle", the density of one of its levels."""

from __future__ import annotations

from math import log, pi

import jax
import jax.numpy as jnp
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
from coulombfit.laws.pair.widths import OneWidth
from coulombfit.laws.validity import checked, nan_unless_valid
from coulombfit.numerics.quantile import symmetric_quantile

__all__ = ["OneSpeciesDensity", "OneSpeciesPair"]


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
        return repeat_for_levels(jnp.broadcast_to((1.5 - pi / 4.0) * self.sigma**2, self.batch_shape))


class OneSpeciesDensity(OneWidth):
    r"""Density of one level of a one-species pair (Eq. 11).

    .. math::
        \rho(x) = \frac{e^{-u^2/2}}{4\sqrt\pi\,\sigma}
        \left[2 e^{-u^2/2} + \sqrt{2\pi}\,u\,\mathrm{erf}(u/\sqrt2)\right], \qquad u = \frac{x - \text{centre}}{\sigma}

    Var x = 3σ²/2, ⟨δx⁴⟩ = 23σ⁴/4, hence the Binder cumulant U₄ = −4/27 (Eq. 12).

    :param centre: any shape, units of x.
    :param sigma: width, broadcastable with ``centre``, units of x.
    """

    support = constraints.real

    def sample(self, key: jax.Array, sample_shape: tuple[int, ...] = ()) -> Array:
        key_pair, key_level = jax.random.split(key)
        return random_level(key_level, OneSpeciesPair(self.centre, self.sigma).sample(key_pair, sample_shape))

    @checked
    def log_prob(self, value: ArrayLike) -> Array:
        u = (jnp.asarray(value) - self.centre) / self.sigma
        return jnp.log(repulsion(u)) - 0.5 * u**2 - LOG_FOUR_SQRT_PI - jnp.log(self.sigma)

    @property
    def mean(self) -> Array:
        return jnp.broadcast_to(self.centre, self.batch_shape)

    @property
    def variance(self) -> Array:
        return jnp.broadcast_to(1.5 * jnp.square(self.sigma), self.batch_shape)

    @nan_unless_valid
    def cdf(self, value: ArrayLike) -> Array:
        u = (jnp.asarray(value) - self.centre) / self.sigma
        return 0.5 * erfc(-u) - jnp.sqrt(0.125) * jnp.exp(-0.5 * u**2) * erf(u / jnp.sqrt(2.0))

    @nan_unless_valid
    def icdf(self, q: ArrayLike) -> Array:
        return symmetric_quantile(self, q, self.sigma)
