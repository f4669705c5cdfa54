"""The law of the spacing S = x₁ − x₂ of a degenerate pair."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array
from numpyro.distributions import Distribution, constraints

from coulombfit.laws.validity import checked, nan_unless_valid
from coulombfit.runtime.precision import refuse_forked

__all__ = ["WignerSurmise"]


class WignerSurmise(Distribution):
    r"""Wigner surmise, exact for a pair of one or of two species (Eq. 31).

    .. math:: P(S) = \frac{S}{2\sigma_m^2}\, e^{-S^2 / 4\sigma_m^2}, \qquad \langle S\rangle = \sqrt\pi\,\sigma_m

    For one species σ_m = σ; for two, σ_m² = (σ₁² + σ₂²)/2 (Eq. 30).

    :param sigma_m: width, any shape, units of S.
    """

    arg_constraints = {"sigma_m": constraints.positive}
    support = constraints.positive
    reparametrized_params = ["sigma_m"]

    def __init__(self, sigma_m: ArrayLike, *, validate_args: bool | None = None):
        refuse_forked()
        self.sigma_m = sigma_m
        super().__init__(jnp.shape(sigma_m), validate_args=validate_args)

    def sample(self, key: jax.Array, sample_shape: tuple[int, ...] = ()) -> Array:
        return jnp.sqrt(jax.random.exponential(key, (*sample_shape, *self.batch_shape))) * (2.0 * self.sigma_m)

    @checked
    def log_prob(self, value: ArrayLike) -> Array:
        half = jnp.asarray(value) / (2.0 * self.sigma_m)
        inside = (half > 0) & (half < jnp.inf)
        log_half = jnp.where(inside, jnp.log(jnp.where(inside, half, 1.0)), -jnp.inf)
        return log_half - half**2 - jnp.log(self.sigma_m)

    @property
    def mean(self) -> Array:
        return jnp.sqrt(jnp.pi) * self.sigma_m

    @property
    def variance(self) -> Array:
        return (4.0 - jnp.pi) * jnp.square(self.sigma_m)

    @nan_unless_valid
    def cdf(self, value: ArrayLike) -> Array:
        return -jnp.expm1(-jnp.square(jnp.maximum(value, 0.0) / (2.0 * self.sigma_m)))

    @nan_unless_valid
    def icdf(self, q: ArrayLike) -> Array:
        return jnp.sqrt(-jnp.log1p(-jnp.asarray(q))) * (2.0 * self.sigma_m)
