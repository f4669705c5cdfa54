"""A pair of levels that do not repel."""

from __future__ import annotations

from math import log, pi

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array

from coulombfit.laws.pair.common import (
    descending_pair,
    from_sum_and_spacing,
    repeat_for_levels,
)
from coulombfit.laws.pair.widths import OneWidth
from coulombfit.laws.validity import checked

__all__ = ["GaussianPair"]


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
        return repeat_for_levels(jnp.broadcast_to((1.0 - 1.0 / pi) * self.sigma**2, self.batch_shape))
