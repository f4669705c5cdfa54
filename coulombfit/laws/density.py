"""One-level spectral densities of a degenerate pair: the N = 2 Wigner "semicircles" of one and two species.

Both are the marginal law of a level picked at random from the pair, with variance, CDF and an exact sampler that draws
the pair first.
"""

from __future__ import annotations

from math import log, pi

import jax
import jax.numpy as jnp
from jax.scipy.special import erf, erfc
from jax.typing import ArrayLike
from jaxtyping import Array, Float
from numpyro.distributions import constraints

from coulombfit.laws.pair import LOG_FOUR_SQRT_PI, OneSpeciesPair, TwoSpeciesPair
from coulombfit.laws.parameters import OneWidth, TwoWidths, checked, nan_unless_valid
from coulombfit.numerics.quantile import symmetric_quantile

__all__ = ["OneSpeciesDensity", "TwoSpeciesDensity"]


@jax.custom_jvp
def repulsion(v: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """``2 exp(-v²/2) + √(2π) v erf(v/√2)``: ⟨|v − t|⟩ over a unit Gaussian t, times √(2π). Never below 2."""
    # beside 2, 1 − erfc is as good as erf, and four times as fast
    return 2.0 * jnp.exp(-0.5 * v**2) + jnp.sqrt(2.0 * pi) * v * (1.0 - erfc(v / jnp.sqrt(2.0)))


@repulsion.defjvp
def _(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    # two of the three terms of the derivative cancel
    (v,), (dv,) = primals, tangents
    slope = jnp.sqrt(2.0 * pi) * erf(v / jnp.sqrt(2.0))
    return 2.0 * jnp.exp(-0.5 * v**2) + v * slope, slope * dv


def random_level(key: jax.Array, pairs: Float[Array, "*shape 2"]) -> Float[Array, "*shape"]:
    """One level of every pair."""
    return jnp.where(jax.random.bernoulli(key, shape=pairs.shape[:-1]), pairs[..., 0], pairs[..., 1])


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
